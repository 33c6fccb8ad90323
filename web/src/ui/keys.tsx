// Keys that work on every screen, and the sheet that names them; keys of one screen live in that screen.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
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

/** Whether a key belongs to a field that somebody writes into. */
export function isWriting(event: KeyboardEvent): boolean {
  const { tagName } = event.target as HTMLElement;
  return event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(tagName);
}

function act(key: string): boolean {
  const screen = SCREENS[Number(key) - 1];
  const { seq } = app.town();
  if (screen) go({ screen, selected: null });
  else if (key === "?") shown.value = !shown.value;
  else if (key === "l") app.goLive();
  else if (key === ",") app.rewind(seq - 1);
  else if (key === "." && app.past.value) app.rewind(seq + 1);
  else if (key === "p") app.playOrPause();
  else if (key === "Escape" && shown.value) shown.value = false;
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

export function Keys() {
  if (!shown.value) return null;
  return (
    <div class="sheet-of-keys" role="dialog" aria-modal="true" aria-label="Keys">
      <h2>Keys</h2>
      <dl>{HELP.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}</dl>
      <button type="button" ref={(button) => button?.focus()} onClick={() => (shown.value = false)}>Close</button>
    </div>
  );
}
