// Keys that work on every screen, and the sheet that names them; keys of one screen live in that screen.
import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import * as app from "./app";
import { SCREENS, go } from "./route";

const shown = signal(false);

const HELP: [string, string][] = [
  ["1 – 8", "open a screen"],
  [", and .", "one event back, one on"],
  ["p", "play or pause the past"],
  ["l", "back to live"],
  ["Arrow keys", "on the map: to the next resident or place"],
  ["Enter", "on the map: select it"],
  ["Escape", "select nothing, close what is open"],
  ["j k", "gate: walk the queue"],
  ["m r", "gate: merge, reject with a reason"],
  ["s x", "gate: split the diff, tick the next file as seen"],
  ["?", "this list"],
];

/** Whether a key belongs to a field that somebody writes into; a box to tick and a slider are none. */
export function isWriting(event: KeyboardEvent): boolean {
  const { tagName, type } = event.target as HTMLInputElement;
  return event.ctrlKey || event.metaKey || event.altKey || (/^(INPUT|TEXTAREA|SELECT)$/.test(tagName) && !/^(checkbox|range)$/.test(type));
}

function act(key: string): boolean {
  const screen = SCREENS[Number(key) - 1];
  if (screen) go({ screen, selected: null });
  else if (key === "?") shown.value = true;
  else if (key === "l") app.goLive();
  else if (key === ",") void app.step(-1);
  else if (key === ".") void app.step(1);
  else if (key === "p") app.playOrPause();
  else return false;
  return true;
}

export function useKeys(): void {
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (!event.defaultPrevented && !isWriting(event) && act(event.key)) event.preventDefault();
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, []);
}

/** While it is there, nothing below hears a key. The browser gives the focus back to what had it. */
function Sheet() {
  const sheet = useRef<HTMLDialogElement>(null);
  const close = () => sheet.current?.close();
  useLayoutEffect(() => {
    const key = (event: KeyboardEvent) => {
      event.stopPropagation();
      if (event.key === "?") close();
    };
    sheet.current?.showModal();
    window.addEventListener("keydown", key, true);
    return () => window.removeEventListener("keydown", key, true);
  }, []);
  return (
    <dialog class="sheet-of-keys" ref={sheet} aria-label="Keys" style={{ color: "inherit" }} onClose={() => (shown.value = false)}>
      <h2>Keys</h2>
      <dl>{HELP.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}</dl>
      <button type="button" onClick={close}>Close</button>
    </dialog>
  );
}

export function Keys() {
  return shown.value ? <Sheet /> : null;
}
