// How long to wait before the next try: full jitter, so that a thousand pages do not come back at once. No timers live here.

const FIRST = 500;
const LONGEST = 30_000;

/** Milliseconds before the try after `failures` of them, for a number from 0 up to 1. */
export function backoff(failures: number, chance: number): number {
  return Math.round(chance * Math.min(LONGEST, FIRST * 2 ** Math.min(failures, 16)));
}
