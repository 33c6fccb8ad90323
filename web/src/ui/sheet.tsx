// The list of all keys, fetched when somebody asks for it; what a key does is not decided here.
import { useLayoutEffect, useRef } from "preact/hooks";

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

/** While it is there, nothing below hears a key. The browser gives the focus back to what had it. */
export function Sheet({ onClose }: { onClose: () => void }) {
  const own = useRef<HTMLDialogElement>(null);
  const close = () => own.current?.close();
  useLayoutEffect(() => {
    const key = (event: KeyboardEvent) => {
      event.stopPropagation();
      if (event.key === "?") close();
    };
    own.current?.showModal();
    window.addEventListener("keydown", key, true);
    return () => window.removeEventListener("keydown", key, true);
  }, []);
  return (
    <dialog class="sheet-of-keys" ref={own} aria-label="Keys" style={{ color: "inherit" }} onClose={onClose}>
      <h2>Keys</h2>
      <dl>{HELP.map(([key, what]) => <div key={key}><dt><kbd>{key}</kbd></dt><dd>{what}</dd></div>)}</dl>
      <button type="button" onClick={close}>Close</button>
    </dialog>
  );
}
