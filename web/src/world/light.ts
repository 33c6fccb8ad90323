// The light is laid over a painted scene here: the colour of the hour, lamps, windows, what glows; no shapes of its own.

import { chance } from "./hash";
import type { Frame } from "./paint";
import { css } from "./palette";
import { HEIGHT, placeOf, WIDTH } from "./plan";
import type { Scene } from "./scene";
import { ambient, darkness, hourOf } from "./sky";
import type { Sprites } from "./sprites";
import { FLAME, LANTERNS } from "./things";

const MINUTE = 60_000;
const LAMP_COLOURS = LANTERNS.map(([colour]) => css(colour));

export class Light {
  private readonly map: CanvasRenderingContext2D | null;
  private readonly fixed: CanvasRenderingContext2D | null;
  private minute = NaN;
  private homes = "";

  constructor(
    private readonly scene: Scene,
    private readonly sprites: Sprites,
    private readonly mapCanvas: HTMLCanvasElement,
    private readonly fixedCanvas: HTMLCanvasElement,
  ) {
    this.map = mapCanvas.getContext("2d");
    this.fixed = fixedCanvas.getContext("2d");
  }

  /** Multiplies the light on the scene, then draws what shines by itself. */
  draw(g: CanvasRenderingContext2D, frame: Frame): void {
    const minute = Math.floor(frame.now / MINUTE);
    const hour = hourOf(minute * MINUTE);
    const dark = darkness(hour);
    if (ambient(hour) !== 0xffffff) {
      const lit = frame.model.landmarks.filter((one) => one.lit).map((one) => one.id);
      this.prepare(minute, hour, dark, lit);
      if (dark > 0) this.compose(frame, dark);
      g.globalCompositeOperation = "multiply";
      g.drawImage(dark > 0 ? this.mapCanvas : this.fixedCanvas, 0, 0);
      g.globalCompositeOperation = "source-over";
      if (dark > 0) this.shine(g, frame, dark, lit);
    }
    if (frame.model.frozen) {
      g.globalAlpha = 0.2;
      g.fillStyle = "#cfe6ff";
      g.fillRect(0, 0, WIDTH, HEIGHT);
      g.globalAlpha = 1;
    }
  }

  /** Lamps and windows change with the minute only. */
  private prepare(minute: number, hour: number, dark: number, lit: readonly string[]): void {
    const homes = lit.join();
    if (minute === this.minute && homes === this.homes) return;
    this.minute = minute;
    this.homes = homes;
    const { fixed } = this;
    if (!fixed) return;
    fixed.globalCompositeOperation = "source-over";
    fixed.globalAlpha = 1;
    fixed.fillStyle = css(ambient(hour));
    fixed.fillRect(0, 0, WIDTH, HEIGHT);
    if (dark <= 0) return;
    // Warm light takes the blue of the night away first, and only then makes it brighter: adding alone turns it pink.
    fixed.globalAlpha = dark * 0.8;
    for (const lamp of this.scene.lamps) this.spot(fixed, lamp.x, lamp.y + 8, 46, 0xf2d08c);
    fixed.globalCompositeOperation = "lighter";
    for (const lamp of this.scene.lamps) this.spot(fixed, lamp.x, lamp.y + 6, 26, 0x805020);
    for (const thing of this.scene.things) {
      if (!thing.place || !lit.includes(thing.place)) continue;
      for (const [x, y, w, h] of thing.panes ?? []) this.spot(fixed, thing.x + x + w / 2, thing.y + y + h / 2 + 5, 26, 0xc98a48);
    }
  }

  /** What moves throws its light anew in every frame. */
  private compose(frame: Frame, dark: number): void {
    const { map } = this;
    if (!map) return;
    map.globalCompositeOperation = "copy";
    map.globalAlpha = 1;
    map.drawImage(this.fixedCanvas, 0, 0);
    const kinds = new Set(frame.model.motes.map((mote) => mote.kind));
    const flicker = 0.9 + 0.1 * Math.sin(frame.tick / 120) * Math.sin(frame.tick / 77);
    map.globalCompositeOperation = "source-over";
    map.globalAlpha = dark * flicker * 0.92;
    if (kinds.has("fire")) this.spot(map, FLAME.x, FLAME.y - 4, 100, 0xffc98c);
    map.globalCompositeOperation = "lighter";
    map.globalAlpha = dark * flicker;
    if (kinds.has("fire")) this.spot(map, FLAME.x, FLAME.y - 2, 56, 0x803c08);
    if (kinds.has("forge")) this.spot(map, placeOf("workshop").x, placeOf("workshop").y - 8, 40, 0xf07828);
    map.globalAlpha = dark * 0.75;
    for (const one of frame.model.lanterns) this.spot(map, one.x, one.y, 15, 0xc88a50);
    map.globalAlpha = dark * 0.5;
    for (const at of frame.where.values()) this.spot(map, Math.round(at.x), Math.round(at.y) - 10, 22, 0xc8a078);
  }

  private spot(g: CanvasRenderingContext2D, x: number, y: number, radius: number, colour: number): void {
    g.drawImage(this.sprites.light(radius, colour), Math.round(x) - radius, Math.round(y) - radius);
  }

  private shine(g: CanvasRenderingContext2D, frame: Frame, dark: number, lit: readonly string[]): void {
    g.globalAlpha = dark;
    for (const thing of this.scene.things) {
      if (!thing.place || !lit.includes(thing.place)) continue;
      for (const pane of thing.panes ?? []) shinePane(g, thing.x, thing.y, pane);
    }
    for (const lamp of this.scene.lamps) {
      g.fillStyle = "#fff6cf";
      g.fillRect(lamp.x - 2, lamp.y - 3, 5, 6);
    }
    if (frame.model.residents.length > 0) this.hollow(g);
    for (const one of frame.model.lanterns) {
      g.fillStyle = LAMP_COLOURS[one.pull % LAMP_COLOURS.length] ?? "#ffe9a0";
      g.fillRect(one.x - 1, one.y - 1, 3, 4);
      g.fillStyle = "#fffbe8";
      g.fillRect(one.x, one.y - 1, 1, 2);
    }
    this.fireflies(g, frame, dark);
    g.globalAlpha = 1;
  }

  private hollow(g: CanvasRenderingContext2D): void {
    const { x, y } = placeOf("tree");
    g.fillStyle = "#e8963f";
    g.fillRect(x - 5, y - 25, 10, 17);
    g.fillStyle = "#ffd27a";
    g.fillRect(x - 3, y - 22, 6, 14);
  }

  /** A firefly for each of the last events. */
  private fireflies(g: CanvasRenderingContext2D, frame: Frame, dark: number): void {
    const flies = frame.model.motes.filter((mote) => mote.kind === "firefly");
    flies.forEach((_, i) => {
      if ((Math.floor(frame.tick / 700) + i) % 4 === 0) return;
      const x = Math.round(chance(i, 81) * WIDTH + Math.sin(frame.tick / 1900 + i) * 9);
      const y = Math.round(chance(i, 82) * HEIGHT + Math.cos(frame.tick / 1500 + i * 2) * 7);
      g.fillStyle = "#e2ff9a";
      g.globalAlpha = dark;
      g.fillRect(x, y, 1, 1);
      g.globalAlpha = dark * 0.35;
      g.fillRect(x - 1, y, 3, 1);
      g.fillRect(x, y - 1, 1, 3);
    });
  }
}

function shinePane(g: CanvasRenderingContext2D, left: number, top: number, [x, y, w, h]: readonly [number, number, number, number]): void {
  g.fillStyle = "#ffc964";
  g.fillRect(left + x, top + y, w, h);
  g.fillStyle = "#fff0b8";
  g.fillRect(left + x, top + y, w, h >> 1);
  g.fillStyle = "#7a4b26";
  g.fillRect(left + x + (w >> 1) - 1, top + y, 2, h);
  g.fillRect(left + x, top + y + (h >> 1) - 1, w, 1);
}
