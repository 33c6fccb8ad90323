// The twin of the picture for keyboards and screen readers: a button inside the canvas for everything on it; no pixels.

import { placeOf, type Point } from "./plan";
import type { Standing, WorldModel } from "./types";
import { isArrow, nearest, type Target } from "./view";
import { landmarkSentence, PLACE, sentence } from "./words";

interface Told {
  /** Something has the focus now, or nothing has. */
  readonly focused: (id: string | undefined) => void;
  readonly chosen: (id: string) => void;
}

export class Twin {
  private readonly buttons = new Map<string, HTMLButtonElement>();
  private readonly live: HTMLElement;
  private targets: readonly Target[] = [];
  private current: string | undefined;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    root: HTMLElement,
    private readonly told: Told,
  ) {
    this.live = root.ownerDocument.createElement("div");
    this.live.className = "world-live";
    this.live.setAttribute("aria-live", "polite");
    root.append(this.live);
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  /** Makes the buttons say what the frame shows. */
  update(model: WorldModel, where: ReadonlyMap<string, Standing>): void {
    const targets: Target[] = [];
    for (const resident of model.residents) {
      const at = where.get(resident.id);
      if (!at) continue;
      targets.push({ id: resident.id, x: at.x, y: at.y });
      this.say(resident.id, sentence(resident, at, model));
    }
    for (const landmark of model.landmarks) {
      const { x, y } = placeOf(landmark.id);
      targets.push({ id: PLACE + landmark.id, x, y });
      this.say(PLACE + landmark.id, landmarkSentence(landmark));
    }
    this.targets = targets;
    const known = new Set(targets.map((target) => target.id));
    for (const [id, button] of this.buttons) {
      if (known.has(id)) continue;
      button.remove();
      this.buttons.delete(id);
    }
    if (!this.current || !known.has(this.current)) this.rove(targets[0]?.id);
  }

  where(id: string | undefined): Point | undefined {
    return this.targets.find((target) => target.id === id);
  }

  announce(words: string): void {
    this.live.textContent = words;
  }

  private say(id: string, words: string): void {
    let button = this.buttons.get(id);
    if (!button) {
      button = this.canvas.ownerDocument.createElement("button");
      button.type = "button";
      button.tabIndex = -1;
      button.addEventListener("focus", () => {
        this.rove(id);
        this.told.focused(id);
      });
      button.addEventListener("blur", () => this.told.focused(undefined));
      button.addEventListener("click", () => this.told.chosen(id));
      this.buttons.set(id, button);
      this.canvas.append(button);
    }
    if (button.textContent !== words) button.textContent = words;
  }

  /** One of the buttons is in the order of the Tab key; the arrow keys reach the others. */
  private rove(id: string | undefined): void {
    const before = this.current === undefined ? undefined : this.buttons.get(this.current);
    if (before) before.tabIndex = -1;
    this.current = id;
    const button = id === undefined ? undefined : this.buttons.get(id);
    if (button) button.tabIndex = 0;
  }

  private key(event: KeyboardEvent): void {
    if (!isArrow(event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
    const from = this.where(this.current);
    if (!from) return;
    event.preventDefault();
    const next = nearest(from, event.key, this.targets.filter((target) => target.id !== this.current));
    const button = next && this.buttons.get(next.id);
    if (!button) return;
    button.focus({ preventScroll: true });
    this.announce(button.textContent ?? "");
  }
}
