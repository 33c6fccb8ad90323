// Everything that stands still is put in its place here, once for a seed; nothing that depends on the town's events.

import { Bitmap } from "./bitmap";
import { boulder, mainTree, plant, type Growth } from "./flora";
import { bayer, chance } from "./hash";
import type { Building } from "./houses";
import * as build from "./landmarks";
import { BRIDGE, HEIGHT, inRiver, onPlaza, placeOf, PLACES, roadDistance, WIDTH, type PlaceId } from "./plan";
import { paintBand, paintMeadow, roadField } from "./terrain";
import { bridgeDeck, bridgeRail, fireplace, jetty, lamp } from "./things";

/** Something that stands: its picture, the corner of it, and the row that decides who is in front. */
export interface Thing {
  readonly bitmap: Bitmap;
  readonly x: number;
  readonly y: number;
  readonly foot: number;
  /** Whose windows these are. */
  readonly place?: PlaceId | undefined;
  readonly panes?: Building["panes"] | undefined;
  /** Which of the five stones it is. */
  readonly stone?: number | undefined;
  /** Whether it throws a shadow, and how wide a one. */
  readonly shadow: number;
}

export interface Lamp {
  readonly x: number;
  readonly y: number;
}

/** The five stones stand in an arc below the plaza. */
export const STONES: readonly (readonly [number, number, number])[] = [
  [196, 238, 0xa9b0bd], [221, 248, 0x74c8ff], [276, 251, 0xffd23f], [300, 245, 0xffab57], [322, 234, 0x4be0b8],
];

const LAMPS: readonly (readonly [number, number])[] = [[204, 132], [300, 132], [176, 206], [326, 174], [108, 192], [396, 172], [124, 276], [398, 292], [108, 136], [474, 204]];

export class Scene {
  readonly ground = new Bitmap(WIDTH, HEIGHT);
  readonly things: Thing[] = [];
  readonly lamps: readonly Lamp[] = LAMPS.map(([x, y]) => ({ x, y: y - 20 }));

  constructor(readonly seed: number) {}

  /** The work in portions that each fit into a pause between two frames; none where it is done. */
  *build(): Generator<void> {
    if (this.things.length > 0) return;
    const roads = roadField();
    yield;
    for (let y = 0; y < HEIGHT; y = paintBand(this.ground, roads, this.seed, y)) yield;
    paintMeadow(this.ground, roads, this.seed);
    yield;
    yield* this.buildings();
    yield* this.forest();
    this.things.sort((a, b) => a.foot - b.foot);
    for (const thing of this.things) if (thing.shadow > 0) this.shade(thing);
    this.ground.stamp(bridgeDeck(), BRIDGE.left, BRIDGE.top - 10).stamp(jetty(), 398, 298);
  }

  private put(bitmap: Bitmap, x: number, foot: number, shadow = 0.5, more: Partial<Thing> = {}): void {
    this.things.push({ bitmap, x: Math.round(x - bitmap.width / 2), y: foot - bitmap.height, foot, shadow, ...more });
  }

  private *buildings(): Generator<void> {
    const raise = (id: PlaceId, building: Building): void => {
      const { x, y } = placeOf(id);
      this.put(building.bitmap, x, y, 0.5, { place: id, panes: building.panes });
    };
    raise("hall", build.hall());
    raise("library", build.library());
    raise("tower", build.tower());
    yield;
    raise("bank", build.bank());
    raise("watch", build.watchtower());
    raise("board", build.board());
    raise("studio", build.studio());
    yield;
    raise("lab", build.lab());
    raise("workshop", build.workshop());
    raise("gate", build.torii());
    raise("grove", build.shrine());
    yield;
    STONES.forEach(([x, foot, glyph], i) => this.put(build.menhir(i, glyph), x, foot, 0.5, { stone: i }));
    this.put(mainTree(), placeOf("tree").x, placeOf("tree").y, 0.42, { place: "tree" });
    this.put(fireplace(), placeOf("fire").x, placeOf("fire").y + 5, 0);
    this.things.push({ bitmap: bridgeRail(), x: BRIDGE.left, y: BRIDGE.bottom - 6, foot: BRIDGE.bottom + 8, shadow: 0 });
    for (const [x, foot] of LAMPS) this.put(lamp(), x, foot, 0.8);
  }

  /** Trees stand thick at the border and thin out towards the clearing; the grove is purple. */
  private *forest(): Generator<void> {
    const grove = placeOf("grove");
    for (const [dx, dy] of [[-34, -10], [37, -6], [-42, 16], [31, 17], [55, 10]] as const) {
      this.put(plant("mad", dx + 60), grove.x + dx, grove.y + dy, 0.4);
    }
    const kinds: readonly Growth[] = ["broad", "fresh", "broad", "pine", "fruit", "palm", "broad", "pine"];
    for (let cy = 0; cy < 15; cy += 1) {
      yield;
      for (let cx = 0; cx < 20; cx += 1) {
        const x = Math.round(cx * 27 + 6 + chance(cx, cy, this.seed + 31) * 18);
        const foot = Math.round(cy * 23 + 14 + chance(cx, cy, this.seed + 32) * 14);
        const border = Math.min(x, WIDTH - x, foot - 8, HEIGHT + 8 - foot);
        const wish = chance(cx, cy, this.seed + 33);
        if (taken(x, foot)) continue;
        const kind = kinds[Math.floor(chance(cx, cy, this.seed + 34) * kinds.length)] ?? "broad";
        if (wish < (border < 34 ? 0.92 : border < 70 ? 0.3 : 0.08) && !hides(x, foot)) this.put(plant(foot < 60 && kind === "palm" ? "pine" : kind, cx * 31 + cy), x, foot, 0.4);
        else if (wish > 0.86) this.put(plant(wish > 0.93 ? "bush" : "berry", cx + cy), x, foot, 0.42);
        else if (wish > 0.84) this.put(boulder(cx + cy), x, foot, 0.45);
      }
    }
  }

  /** A soft shadow to the lower right, dithered at its edge. */
  private shade(thing: Thing): void {
    const rx = thing.bitmap.width * thing.shadow + 3;
    const ry = Math.min(8, 3 + rx * 0.16);
    const cx = thing.x + thing.bitmap.width / 2 + 4;
    for (let y = -ry; y <= ry; y += 1) {
      for (let x = -rx; x <= rx; x += 1) {
        const far = (x * x) / (rx * rx) + (y * y) / (ry * ry);
        const px = Math.round(cx + x);
        const py = Math.round(thing.foot - 1 + y);
        if (far < 1 && far + bayer(px, py) * 0.5 < 0.86) darken(this.ground, px, py);
      }
    }
  }
}

/** One pixel in the colour of shade. */
function darken(ground: Bitmap, x: number, y: number): void {
  if (!ground.filled(x, y)) return;
  const at = y * ground.width + x;
  const value = ground.data[at] ?? 0;
  const part = (shift: number, keep: number): number => Math.round(((value >>> shift) & 255) * keep) << shift;
  ground.data[at] = (0xff000000 | part(16, 0.8) | part(8, 0.7) | part(0, 0.66)) >>> 0;
}

/** Where no plant may stand: on ways, in water, on buildings and where residents sit, stand in line or read. */
function taken(x: number, foot: number): boolean {
  if (roadDistance(x, foot) < 15 || onPlaza(x, foot, 16) || inRiver(x, foot, 14)) return true;
  if (x > 284 && x < 412 && foot > 160 && foot < 226) return true;
  if (x > 180 && x < 336 && foot > 222 && foot < 276) return true;
  if (x > 452 && foot > 40 && foot < 212) return true;
  return PLACES.some((p) => {
    const side = p.half + (p.half > 15 ? 40 : 26);
    return Math.abs(x - p.x) < side && foot > p.y - p.deep - 16 && foot < p.y + (p.id === "library" ? 56 : 34);
  });
}

/** Whether a tree would stand before a building, or before somebody who sits at one. */
function hides(x: number, foot: number): boolean {
  if (x > 380 && x < 470 && foot > 280) return true;
  return PLACES.some((p) => p.deep > 0 && foot > p.y && foot < p.y + 78 && Math.abs(x - p.x) < p.half + (p.half > 15 ? 52 : 66));
}
