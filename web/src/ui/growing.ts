// How much goes into the page at once, and how soon again: what a frame has time for, and the rest when it is calm; no list lives here.
import { useEffect, useRef, useState } from "preact/hooks";

/** What one frame has time for. */
export const AT_ONCE = 8;
/** Nobody reads faster than this. */
const BREATH = 100;
/** Nor a list that is another one each time: what comes in a flood is shown less often, so that the map goes on without a halt. */
const FLOOD = 400;
/** A little longer than the page waits while a flood lasts. */
const CALM = 450;

/** Milliseconds until what comes next is shown, after so many events at once; the first one after a quiet moment waits for nothing. */
export function breath(fresh: number): number {
  return fresh > AT_ONCE ? FLOOD : BREATH;
}

/** How many of a list's newest are shown, of which `shown` were: what is new, and of more than one frame's worth no more than that. */
export function portion<T>(before: readonly T[], now: readonly T[], shown: number): number {
  const last = before.at(-1);
  const fresh = last === undefined ? 0 : now.length - 1 - now.lastIndexOf(last);
  return Math.min(now.length, fresh > AT_ONCE ? AT_ONCE : shown + fresh);
}

/** The newest of a list, oldest first: all of it as soon as nothing new has come for a moment. */
export function useGrowing<T>(list: T[]): T[] {
  const last = useRef({ list, shown: Infinity });
  const [, grow] = useState(0);
  if (last.current.list !== list) last.current = { list, shown: portion(last.current.list, list, last.current.shown) };
  const { shown } = last.current;
  useEffect(() => {
    if (shown >= list.length) return undefined;
    const timer = setTimeout(() => grow((last.current.shown += AT_ONCE)), CALM);
    return () => clearTimeout(timer);
  });
  return list.slice(-shown);
}
