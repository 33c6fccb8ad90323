// Names, places, speech and the focus ring are elements over the map, kept here; the pixels below them are not.

import { splitInvisible } from "../fold/text";
import { lookOf } from "./folk";
import { css } from "./palette";
import { placeOf, type Point } from "./plan";
import type { Landmark, Resident, Speech, Standing, WorldModel } from "./types";
import { ROOMY, type View } from "./view";

const GAP = 2;
/** Their names stay where there is room for few. */
const CHIEF: ReadonlySet<string> = new Set(["gate", "tree"]);

interface Label {
  readonly element: HTMLElement;
  width: number;
  height: number;
  shown: string;
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export class Overlay {
  private readonly labels = new Map<string, Label>();
  private readonly ring: HTMLElement;

  constructor(private readonly root: HTMLElement) {
    this.ring = root.ownerDocument.createElement("div");
    this.ring.className = "world-ring";
    this.ring.hidden = true;
    root.append(this.ring);
  }

  /** Makes the labels fit the model: what is gone goes, what is new comes. */
  update(model: WorldModel): void {
    const wanted = new Set<string>();
    for (const place of model.landmarks) wanted.add(this.place(place));
    for (const resident of model.residents) wanted.add(this.person(resident));
    for (const speech of model.speech) wanted.add(this.speech(speech));
    for (const [key, label] of this.labels) {
      if (wanted.has(key)) continue;
      label.element.remove();
      this.labels.delete(key);
    }
  }

  /** Puts every label where it belongs in this frame; those that would cover a more important one are hidden. */
  layout(model: WorldModel, where: ReadonlyMap<string, Standing>, view: View, selected: string | undefined): void {
    const taken: Box[] = [];
    const roomy = view.scale >= ROOMY;
    for (const one of model.speech) {
      const at = where.get(one.who);
      if (at) this.put(`say ${one.source}`, at.x, at.y - 31, view, taken, roomy || one.who === selected, "above");
    }
    const landmark = (one: Landmark): void => {
      const place = placeOf(one.id);
      this.put(`place ${one.id}`, place.x, place.y + place.label, view, taken, roomy || CHIEF.has(one.id), "below");
    };
    model.landmarks.filter((one) => CHIEF.has(one.id)).forEach(landmark);
    const order = [...model.residents].sort((a, b) => rank(b, where, selected) - rank(a, where, selected));
    for (const one of order) {
      const at = where.get(one.id);
      const strong = one.id === selected;
      this.labels.get(`who ${one.id}`)?.element.classList.toggle("selected", strong);
      if (at) this.put(`who ${one.id}`, at.x, at.y + 2, view, taken, roomy || strong || at.moving, strong ? "always" : "below");
    }
    model.landmarks.filter((one) => !CHIEF.has(one.id)).forEach(landmark);
  }

  focus(at: Point | undefined, tall: number, view: View): void {
    this.ring.hidden = !at;
    if (!at) return;
    const size = Math.max(44, 30 * view.scale);
    this.ring.style.width = `${size}px`;
    this.ring.style.height = `${size}px`;
    this.ring.style.transform = `translate(${Math.round(at.x * view.scale - size / 2)}px,${Math.round((at.y - tall) * view.scale - size / 2)}px)`;
  }

  private put(key: string, x: number, y: number, view: View, taken: Box[], wish: boolean, side: "above" | "below" | "always"): void {
    const label = this.labels.get(key);
    if (!label) return;
    if (label.width === 0 && wish) {
      label.width = label.element.offsetWidth;
      label.height = label.element.offsetHeight;
    }
    const middle = Math.round(x * view.scale);
    const left = side === "above" ? within(middle - label.width / 2, label.width, view) : Math.round(middle - label.width / 2);
    const top = Math.round(y * view.scale - (side === "above" ? label.height : 0));
    const box = { left, top, right: left + label.width, bottom: top + label.height };
    const free = wish && (side === "always" || !taken.some((other) => overlap(box, other)));
    if (free) taken.push(box);
    const shown = `${left} ${top} ${free}`;
    if (shown === label.shown) return;
    label.shown = shown;
    if (side === "above") label.element.style.setProperty("--tail", `${middle - left}px`);
    label.element.style.transform = `translate(${left}px,${top}px)`;
    label.element.style.visibility = free ? "visible" : "hidden";
  }

  private make(key: string, kind: string): Label {
    let label = this.labels.get(key);
    if (!label) {
      const element = this.root.ownerDocument.createElement("div");
      element.className = kind;
      this.root.append(element);
      label = { element, width: 0, height: 0, shown: "" };
      this.labels.set(key, label);
    }
    return label;
  }

  /** Sets a text where it changed, so that its size is measured again; nothing is made where it did not. */
  private write(label: Label, text: string, parts: () => (Node | string)[]): void {
    if (label.element.dataset["text"] === text) return;
    label.element.dataset["text"] = text;
    label.element.replaceChildren(...parts());
    label.width = 0;
    label.shown = "";
  }

  /** A text that somebody wrote: what nobody could see is named, as everywhere on the page. */
  private visible(text: string): (Node | string)[] {
    return splitInvisible(text).map((part) => {
      if (!part.hidden) return part.text;
      const named = this.root.ownerDocument.createElement("span");
      named.className = "hidden-char";
      named.textContent = part.text;
      return named;
    });
  }

  private place(place: Landmark): string {
    const key = `place ${place.id}`;
    const label = this.make(key, "world-place");
    this.write(label, `${place.name} ${place.count}`, () => {
      const name = this.visible(place.name);
      if (place.count === null) return name;
      const number = this.root.ownerDocument.createElement("b");
      number.textContent = `${place.count}`;
      return [...name, " ", number];
    });
    return key;
  }

  private person(resident: Resident): string {
    const key = `who ${resident.id}`;
    const label = this.make(key, "world-who");
    this.write(label, resident.name, () => {
      const mark = this.root.ownerDocument.createElement("i");
      mark.style.background = css(lookOf(resident.id).mark);
      return [mark, resident.name];
    });
    return key;
  }

  private speech(speech: Speech): string {
    const key = `say ${speech.source}`;
    const label = this.make(key, "world-say");
    this.write(label, speech.text, () => this.visible(speech.text));
    return key;
  }
}

function rank(resident: Resident, where: ReadonlyMap<string, Standing>, selected: string | undefined): number {
  const at = where.get(resident.id);
  return (resident.id === selected ? 4 : 0) + (at?.moving ? 2 : 0) + (at && at.activity !== "asleep" ? 1 : 0);
}

/** What is said stays inside the frame; its tail still points at who says it. */
function within(left: number, width: number, view: View): number {
  return Math.round(Math.max(4 - view.left, Math.min(left, view.width - view.left - width - 4)));
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right + GAP && b.left < a.right + GAP && a.top < b.bottom + GAP && b.top < a.bottom + GAP;
}
