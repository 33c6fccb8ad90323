// The world in the page: mounting, the loop of frames, the pointer and the camera live here; what is shown comes in as a model.

import "./world.css";
import { steadyClock } from "../ui/edge";
import { takesTurn } from "../ui/turns";
import { Overlay } from "./overlay";
import type { Painter } from "./paint";
import { HEIGHT, PLACES, WIDTH, type Point } from "./plan";
import type { Scene } from "./scene";
import { Twin } from "./twin";
import type { Standing, WorldModel } from "./types";
import { scaleFor, startOn, viewOn, type View } from "./view";
import { standing } from "./walk";
import { PLACE } from "./words";

export interface WorldOptions {
  /** A resident's id, or `place:` and a landmark's; nothing where the ground was clicked. */
  readonly onSelect?: (id: string | undefined) => void;
}

export interface WorldHandle {
  /** Shows a model at a moment of the town, which goes on by itself at `rate` (1 follows live, 0 stands still). */
  update(model: WorldModel, now: number, rate?: number, live?: boolean): void;
  select(id: string | undefined): void;
  pause(on: boolean): void;
  destroy(): void;
}

/** The ground as it was painted last: who comes back from another screen finds it. */
let built: Scene | undefined;
/** Milliseconds until the art that did not come is asked for again. */
const AGAIN = 5_000;
/** No more than 30 frames a second; a little less than a 30th, because clocks are not exact. */
const FRAME = 31;

export function mountWorld(host: HTMLElement, options: WorldOptions = {}): WorldHandle {
  return new World(host, options);
}

class World implements WorldHandle {
  private readonly document: Document;
  private readonly root: HTMLElement;
  private readonly stage: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private readonly button: HTMLButtonElement;
  private readonly overlay: Overlay;
  private readonly twin: Twin;
  private readonly observer: ResizeObserver;
  private readonly quiet: MediaQueryList;
  private readonly ends = new AbortController();
  private painter: Painter | undefined;
  private seed: number | undefined;
  private model: WorldModel | undefined;
  private base = { now: 0, at: 0, rate: 0 };
  private live = false;
  private where: ReadonlyMap<string, Standing> = new Map();
  private view: View = { scale: 1, left: 0, top: 0, width: 0 };
  /** What somebody moved into the middle. */
  private centre: Point | undefined;
  private selected: string | undefined;
  private focused: string | undefined;
  /** Who was selected and is still to be brought into the middle: nobody knows where before the first frame. */
  private sought: string | undefined;
  private paused: { readonly now: number; readonly tick: number } | undefined;
  private request = 0;
  private last = -Infinity;
  private told = "";

  constructor(host: HTMLElement, private readonly options: WorldOptions) {
    this.document = host.ownerDocument;
    this.root = this.element("div", "world");
    this.stage = this.element("div", "world-stage");
    this.canvas = this.document.createElement("canvas");
    this.canvas.width = WIDTH;
    this.canvas.height = HEIGHT;
    this.canvas.setAttribute("role", "group");
    this.canvas.setAttribute("aria-label", "Map of the town. The arrow keys go from one resident or landmark to the next.");
    const labels = this.element("div", "world-labels");
    labels.setAttribute("aria-hidden", "true");
    this.button = this.pauseButton();
    this.stage.append(this.canvas, labels);
    this.root.append(this.stage, this.button);
    host.append(this.root);
    this.overlay = new Overlay(labels);
    this.twin = new Twin(this.canvas, this.root, { focused: (id) => this.focus(id), chosen: (id) => this.choose(id) });
    this.quiet = matchMedia("(prefers-reduced-motion: reduce)");
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(this.root);
    this.listen();
    this.fit();
  }

  update(model: WorldModel, now: number, rate = 0, live = false): void {
    this.model = model;
    // Nothing moves by itself, and yet it is another moment that is looked at; live it is the same one until somebody goes on.
    const stays = live && this.live;
    this.base = { now, at: steadyClock(), rate };
    this.live = live;
    if (this.paused && !stays) this.paused = { ...this.paused, now };
    this.prepare(model.seed);
    this.overlay.update(model);
    this.told = "";
    this.wake();
    if (this.request === 0) this.redraw();
  }

  select(id: string | undefined): void {
    if (id === this.selected) return;
    this.selected = id;
    this.sought = id;
    this.redraw();
  }

  pause(on: boolean): void {
    const tick = steadyClock();
    this.paused = on ? { now: this.clock(tick), tick } : undefined;
    this.button.setAttribute("aria-pressed", String(on));
    this.button.textContent = on ? "Play" : "Pause";
    this.wake();
    this.redraw();
  }

  destroy(): void {
    this.ends.abort();
    this.observer.disconnect();
    cancelAnimationFrame(this.request);
    this.root.remove();
    this.model = undefined;
  }

  private element(name: "div", kind: string): HTMLElement {
    const element = this.document.createElement(name);
    element.className = kind;
    return element;
  }

  private pauseButton(): HTMLButtonElement {
    const button = this.document.createElement("button");
    button.type = "button";
    button.className = "world-pause";
    button.textContent = "Pause";
    button.setAttribute("aria-pressed", "false");
    button.setAttribute("aria-label", "Pause the motion of the map");
    button.addEventListener("click", () => this.pause(!this.paused));
    return button;
  }

  private listen(): void {
    const { signal } = this.ends;
    this.document.addEventListener("visibilitychange", () => {
      this.wake();
      this.redraw();
    }, { signal });
    this.quiet.addEventListener("change", () => this.wake(), { signal });
    let from: { readonly x: number; readonly y: number; readonly centre: Point; moved: boolean } | undefined;
    this.canvas.addEventListener("pointerdown", (event) => {
      from = { x: event.clientX, y: event.clientY, centre: this.middle(), moved: false };
    }, { signal });
    this.document.addEventListener("pointermove", (event) => {
      if (!from) return;
      const dx = event.clientX - from.x;
      const dy = event.clientY - from.y;
      if (!from.moved && Math.abs(dx) + Math.abs(dy) < 6) return;
      from.moved = true;
      this.look({ x: from.centre.x - dx / this.view.scale, y: from.centre.y - dy / this.view.scale });
    }, { signal });
    this.document.addEventListener("pointerup", (event) => {
      if (from && !from.moved) this.click(event);
      from = undefined;
    }, { signal });
    this.document.addEventListener("pointercancel", () => (from = undefined), { signal });
  }

  /** The art comes after the words of the page, and the ground is painted in its pauses, once for a seed. */
  private prepare(seed: number): void {
    if (seed === this.seed) return;
    this.seed = seed;
    this.painter = undefined;
    import("./art").then(
      (art) => this.paint(seed, art),
      () => this.missed(seed),
    );
  }

  /** Without its art the map is names and nothing else; it says so, and asks again. */
  private missed(seed: number): void {
    this.root.classList.add("failed");
    setTimeout(() => {
      if (this.ends.signal.aborted || this.seed !== seed) return;
      this.seed = undefined;
      this.prepare(seed);
    }, AGAIN);
  }

  private paint(seed: number, art: { Scene: typeof Scene; Painter: typeof Painter }): void {
    this.root.classList.remove("failed");
    const scene = built?.seed === seed ? built : new art.Scene(seed);
    const work = scene.build();
    const later = (run: () => void): void => {
      if ("requestIdleCallback" in globalThis) requestIdleCallback(run, { timeout: 60 });
      else setTimeout(run, 0);
    };
    const step = (): void => {
      if (this.ends.signal.aborted || this.seed !== seed) return;
      if (!work.next().done) return later(step);
      built = scene;
      const context = this.canvas.getContext("2d", { alpha: false });
      if (!context) return;
      context.imageSmoothingEnabled = false;
      this.painter = new art.Painter(context, scene, (width, height) => Object.assign(this.document.createElement("canvas"), { width, height }));
      this.root.classList.add("ready");
      this.redraw();
    };
    if (scene === built) step();
    else later(step);
  }

  /** Whether there is anything to animate: an empty town costs nothing, and neither does a tab that nobody sees. */
  private get runs(): boolean {
    const { model } = this;
    return !!model && !this.quiet.matches && !this.paused && !this.document.hidden && (model.residents.length > 0 || model.motes.length > 0);
  }

  private wake(): void {
    if (this.runs === this.request > 0) return;
    cancelAnimationFrame(this.request);
    this.request = this.runs ? requestAnimationFrame((at) => this.loop(at)) : 0;
  }

  private loop(at: number): void {
    if (!this.runs) {
      this.request = 0;
      return;
    }
    this.request = requestAnimationFrame((next) => this.loop(next));
    if (at - this.last < FRAME || !takesTurn(at)) return;
    this.last = at;
    this.draw(at);
  }

  private redraw(): void {
    if (this.model && !this.document.hidden) this.draw(steadyClock());
  }

  private clock(at: number): number {
    return this.base.now + Math.max(0, at - this.base.at) * this.base.rate;
  }

  private draw(at: number): void {
    const { model } = this;
    const still = this.quiet.matches;
    if (!model) return;
    const now = this.paused?.now ?? this.clock(at);
    const tick = this.paused?.tick ?? (still ? 0 : at);
    this.where = new Map(model.residents.map((resident) => [resident.id, standing(resident, now, still)]));
    this.painter?.frame({ model, now, tick, still, where: this.where, selected: this.selected });
    this.overlay.layout(model, this.where, this.view, this.selected);
    this.tell(model);
    const sought = this.twin.where(this.sought);
    if (sought) {
      this.sought = undefined;
      this.look(sought);
    }
    const focused = this.twin.where(this.focused);
    this.overlay.focus(focused, this.focused?.startsWith(PLACE) ? 14 : 10, this.view);
  }

  /** The buttons change only when somebody begins to do something else or has walked on to another tile. */
  private tell(model: WorldModel): void {
    const now = [...this.where.values()].map((at) => `${at.activity}${at.moving}${at.x >> 4},${at.y >> 4}`).join();
    if (now === this.told && now !== "") return;
    this.told = now;
    this.twin.update(model, this.where);
  }

  private fit(): void {
    const { clientWidth, clientHeight } = this.root;
    if (clientWidth === 0 || clientHeight === 0) return;
    const scale = scaleFor(clientWidth, clientHeight, devicePixelRatio || 1);
    this.canvas.style.width = `${WIDTH * scale}px`;
    this.canvas.style.height = `${HEIGHT * scale}px`;
    this.view = { ...this.view, scale };
    this.show(this.centre ?? startOn(clientWidth, scale));
    this.redraw();
  }

  private middle(): Point {
    const { scale, left, top } = this.view;
    return { x: (this.root.clientWidth / 2 - left) / scale, y: (this.root.clientHeight / 2 - top) / scale };
  }

  /** Moves the map so that a point is as near to the middle as the border allows. */
  private look(at: Point): void {
    this.centre = at;
    this.show(at);
  }

  private show(at: Point): void {
    this.view = viewOn(at, this.root.clientWidth, this.root.clientHeight, this.view.scale);
    this.stage.style.transform = `translate(${this.view.left}px,${this.view.top}px)`;
  }

  private focus(id: string | undefined): void {
    this.focused = id;
    const at = this.twin.where(id);
    if (at) this.look(at);
    this.redraw();
  }

  private choose(id: string | undefined): void {
    this.selected = id;
    this.options.onSelect?.(id);
    this.redraw();
  }

  /** Fingers are broad: the nearest resident within 22 pixels of the page counts, then the building below. */
  private click(event: PointerEvent): void {
    const box = this.canvas.getBoundingClientRect();
    const x = (event.clientX - box.left) / this.view.scale;
    const y = (event.clientY - box.top) / this.view.scale;
    if (x < 0 || y < 0 || x > WIDTH || y > HEIGHT) return;
    let best: string | undefined;
    let least = Math.max(13, 22 / this.view.scale);
    for (const [id, at] of this.where) {
      const far = Math.hypot(at.x - x, at.y - 11 - y);
      if (far < least) {
        least = far;
        best = id;
      }
    }
    const house = PLACES.find((place) => Math.abs(place.x - x) < Math.max(22, place.half) && y < place.y + 8 && y > place.y - Math.max(28, place.deep * 1.7));
    this.choose(best ?? (house && PLACE + house.id));
  }
}
