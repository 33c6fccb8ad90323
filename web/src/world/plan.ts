// The ground plan lives here: places, roads, river, where residents stand; nothing of it knows who is alive, how it looks or is called.

import { clamp, ease, mix } from "./hash";

export const TILE = 16;
export const COLUMNS = 33;
export const ROWS = 21;
export const WIDTH = COLUMNS * TILE;
export const HEIGHT = ROWS * TILE;

export interface Point {
  readonly x: number;
  readonly y: number;
}

export type PlaceId =
  | "hall" | "library" | "tower" | "stones" | "bank" | "studio" | "lab" | "grove"
  | "workshop" | "watch" | "gate" | "tree" | "board" | "fire" | "dock";

export interface Place {
  readonly id: PlaceId;
  /** The middle of its foot, in pixels of the world. */
  readonly x: number;
  readonly y: number;
  /** Half of the width that nobody walks through, and how far that reaches up from the foot. */
  readonly half: number;
  readonly deep: number;
  /** Where its name stands, below the foot. */
  readonly label: number;
}

export const PLAZA = { x: 252, y: 186, rx: 61, ry: 39 };

const place = (id: PlaceId, x: number, y: number, half: number, deep: number, label = 3): Place => ({ id, x, y, half, deep, label });

export const PLACES: readonly Place[] = [
  place("hall", 252, 104, 42, 40),
  place("library", 66, 100, 34, 36),
  place("tower", 152, 106, 17, 40),
  place("bank", 348, 104, 34, 36),
  place("watch", 408, 124, 13, 24),
  place("board", 146, 170, 20, 8),
  place("studio", 62, 206, 32, 34),
  place("stones", 262, 252, 0, 0),
  place("lab", 72, 302, 32, 34),
  place("grove", 182, 304, 18, 10),
  place("workshop", 354, 302, 34, 34),
  place("dock", 424, 312, 0, 0, 8),
  place("gate", 420, 196, 0, 0, 5),
  place("tree", 494, 176, 16, 12),
  place("fire", 252, 190, 8, 4, 6),
];

const BY_ID = new Map(PLACES.map((p) => [p.id, p]));

export function placeOf(id: PlaceId): Place {
  return BY_ID.get(id) ?? (PLACES[0] as Place);
}

/** Roads as lines through the middles of tiles; people walk on them and the ground shows them. */
const ROAD_TILES: readonly (readonly (readonly [number, number])[])[] = [
  [[15, 11], [15, 7]],
  [[15, 11], [12, 9], [9, 7], [4, 7]],
  [[15, 11], [19, 8], [22, 7]],
  [[15, 11], [20, 11], [26, 11], [31, 11]],
  [[23, 11], [25, 8]],
  [[15, 11], [10, 12], [4, 13]],
  [[15, 11], [11, 15], [8, 17], [5, 19]],
  [[15, 11], [15, 15], [13, 17], [11, 19]],
  [[15, 11], [18, 15], [21, 19], [25, 19], [27, 19]],
];

export function middle(tileX: number, tileY: number): Point {
  return { x: tileX * TILE + TILE / 2, y: tileY * TILE + TILE / 2 };
}

/** Corners cut twice, so that roads and walks bend instead of breaking. */
export function rounded(line: readonly Point[]): Point[] {
  let points = [...line];
  for (let pass = 0; pass < 2; pass += 1) {
    if (points.length < 3) return points;
    const next: Point[] = [points[0] as Point];
    for (let i = 0; i + 1 < points.length; i += 1) {
      const a = points[i] as Point;
      const b = points[i + 1] as Point;
      if (i > 0) next.push({ x: mix(a.x, b.x, 0.25), y: mix(a.y, b.y, 0.25) });
      if (i + 2 < points.length) next.push({ x: mix(a.x, b.x, 0.75), y: mix(a.y, b.y, 0.75) });
    }
    next.push(points[points.length - 1] as Point);
    points = next;
  }
  return points;
}

export const ROADS: readonly (readonly Point[])[] = ROAD_TILES.map((line) => rounded(line.map(([x, y]) => middle(x, y))));

const BENDS: readonly (readonly [number, number])[] = [
  [0, 452], [52, 463], [104, 450], [150, 441], [190, 446], [236, 456], [290, 470], [336, 482],
];

/** The middle of the river at a height of the map. */
export function riverX(y: number): number {
  for (let i = 0; i + 1 < BENDS.length; i += 1) {
    const [top, from] = BENDS[i] as readonly [number, number];
    const [bottom, to] = BENDS[i + 1] as readonly [number, number];
    if (y <= bottom) return mix(from, to, ease(clamp((y - top) / (bottom - top), 0, 1)));
  }
  return 482;
}

/** Half of the river's width. */
export function riverHalf(y: number): number {
  return 19 + 3 * Math.abs(((y / 70) % 2) - 1);
}

export const BRIDGE = { left: 419, right: 472, top: 172, bottom: 196 };

/** How far a point is from the nearest road, in pixels. */
export function roadDistance(x: number, y: number): number {
  let best = Infinity;
  for (const road of ROADS) {
    for (let i = 0; i + 1 < road.length; i += 1) best = Math.min(best, segmentDistance(x, y, road[i] as Point, road[i + 1] as Point));
  }
  return best;
}

export function segmentDistance(x: number, y: number, a: Point, b: Point): number {
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const t = clamp(((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy || 1), 0, 1);
  const ex = x - a.x - dx * t;
  const ey = y - a.y - dy * t;
  return Math.sqrt(ex * ex + ey * ey);
}

export function onPlaza(x: number, y: number, margin = 0): boolean {
  const u = (x - PLAZA.x) / (PLAZA.rx + margin);
  const v = (y - PLAZA.y) / (PLAZA.ry + margin);
  return u * u + v * v < 1;
}

export function inRiver(x: number, y: number, margin = 0): boolean {
  return Math.abs(x - riverX(y)) < riverHalf(y) + margin;
}
