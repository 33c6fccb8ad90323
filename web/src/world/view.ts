// How the map fits its frame, and what lies in which direction, is computed here; no elements and no drawing.

import { HEIGHT, WIDTH, type Point } from "./plan";

/** The scale in pixels of the page, and where the map's corner lies in its frame. */
export interface View {
  readonly scale: number;
  readonly left: number;
  readonly top: number;
  /** How much of the page the frame is wide. */
  readonly width: number;
}

/** At least this many pixels of the page for a pixel of the world on a narrow screen, so that faces can be told apart. */
const NARROW = 1.5;

/** Scales below this have no room for the names of everything. */
export const ROOMY = 1.6;

/**
 * A whole number of device pixels for each pixel of the world. The map may be up to a third larger than its frame,
 * because a little to drag is better than a broad margin; more than that where it would have no room for names.
 * On a narrow screen it fills the frame.
 */
export function scaleFor(width: number, height: number, ratio: number): number {
  const fit = Math.min(width / WIDTH, height / HEIGHT) * ratio;
  const cover = Math.max(width / WIDTH, height / HEIGHT) * ratio;
  if (width < 821) return Math.max(1, Math.ceil(cover), Math.ceil(NARROW * ratio)) / ratio;
  const larger = Math.ceil(fit);
  return Math.max(Math.ceil(ROOMY * ratio), larger / fit <= 1.34 ? larger : Math.floor(fit)) / ratio;
}

/** What is in the middle before anybody moves the map: the main tree and the gate, and as much of the clearing as there is room for. */
export function startOn(width: number, scale: number): Point {
  return { x: WIDTH - width / scale / 2, y: 178 };
}

/** The corner of the map when `centre` shall be in the middle: never a margin where there is map to show. */
export function viewOn(centre: Point, width: number, height: number, scale: number): View {
  const along = (at: number, frame: number, size: number): number => {
    const free = frame - size;
    return Math.round(free >= 0 ? free / 2 : Math.min(0, Math.max(free, frame / 2 - at)));
  };
  return { scale, width, left: along(centre.x * scale, width, WIDTH * scale), top: along(centre.y * scale, height, HEIGHT * scale) };
}

export interface Target extends Point {
  readonly id: string;
}

const STEPS: Readonly<Record<string, readonly [number, number]>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The nearest target in the direction of an arrow key; what lies aside counts as further away. */
export function nearest(from: Point, key: string, targets: readonly Target[]): Target | undefined {
  const step = STEPS[key];
  if (!step) return undefined;
  let best: Target | undefined;
  let least = Infinity;
  for (const target of targets) {
    const dx = target.x - from.x;
    const dy = target.y - from.y;
    const ahead = dx * step[0] + dy * step[1];
    const aside = Math.abs(dx * step[1]) + Math.abs(dy * step[0]);
    if (ahead <= 0.5 || aside > ahead * 3) continue;
    if (ahead + aside * 2 < least) {
      least = ahead + aside * 2;
      best = target;
    }
  }
  return best;
}

export function isArrow(key: string): boolean {
  return key in STEPS;
}
