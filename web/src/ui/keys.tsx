// Keys that work on every screen; the sheet that names them lives in sheet.tsx, keys of one screen in that screen.
import { signal } from "@preact/signals";
import type { FunctionComponent } from "preact";
import { useEffect } from "preact/hooks";
import * as app from "./app";
import { SCREENS, go } from "./route";

const shown = signal(false);
const Sheet = signal<FunctionComponent<{ onClose: () => void }> | undefined>(undefined);

/** Whether a key belongs to a field that somebody writes into; a box to tick and a slider are none. */
export function isWriting(event: KeyboardEvent): boolean {
  const { tagName, type } = event.target as HTMLInputElement;
  return event.ctrlKey || event.metaKey || event.altKey || (/^(INPUT|TEXTAREA|SELECT)$/.test(tagName) && !/^(checkbox|range)$/.test(type));
}

function act(key: string): boolean {
  const screen = SCREENS[Number(key) - 1];
  if (screen) go({ screen, selected: null });
  else if (key === "?") void show();
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

/** The list comes once somebody asks for it. */
async function show(): Promise<void> {
  try {
    Sheet.value ??= (await import("./sheet")).Sheet;
    shown.value = true;
  } catch {
    app.tell("The list of keys did not come. Press ? again when the line is back.");
  }
}

export function Keys() {
  const There = Sheet.value;
  return shown.value && There ? <There onClose={() => (shown.value = false)} /> : null;
}
