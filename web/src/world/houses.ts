// Parametric parts of buildings (walls, roofs, doors, windows) live here; which landmark has which of them does not.

import { Bitmap } from "./bitmap";
import { chance, clamp } from "./hash";
import { blend, GOLD, OUTLINE, STONE, tone, WOOD, type Ramp } from "./palette";

/** A painted thing with the places in it that shine at night. */
export interface Building {
  readonly bitmap: Bitmap;
  /** Left upper corners and sizes of window panes: x, y, width, height. */
  readonly panes: readonly (readonly [number, number, number, number])[];
}

export type Finish = "plaster" | "brick" | "boards" | "stone";

/** A wall with its material, a stone foot and the shadow that the eaves throw. */
export function wall(b: Bitmap, x: number, y: number, w: number, h: number, ramp: Ramp, finish: Finish, salt: number): void {
  for (let j = 0; j < h; j += 1) {
    for (let i = 0; i < w; i += 1) {
      let light = 0.66 - (i / w) * 0.2;
      if (finish === "brick" || finish === "stone") {
        const high = finish === "stone" ? 6 : 4;
        const long = finish === "stone" ? 10 : 8;
        const row = Math.floor(j / high);
        const at = i + (row & 1) * (long >> 1);
        const joint = j % high === 0 || at % long === 0;
        light += joint ? -0.3 : (chance(Math.floor(at / long), row, salt) - 0.5) * 0.3;
      } else if (finish === "boards") {
        light += i % 7 === 0 ? -0.34 : (chance(Math.floor(i / 7), 2, salt) - 0.5) * 0.22 + (chance(i, j >> 2, salt) > 0.93 ? -0.2 : 0);
      } else if (chance(i >> 1, j >> 1, salt) > 0.95) light -= 0.22;
      if (j < 4) light -= 0.34 - j * 0.05;
      b.set(x + i, y + j, tone(ramp, clamp(light, 0, 0.999), x + i, y + j, 0.5));
    }
  }
  for (let i = 0; i < w; i += 1) {
    for (let j = 0; j < 4; j += 1) {
      const block = Math.floor((i + (j > 1 ? 4 : 0)) / 7);
      const joint = j === 2 || (i + (j > 1 ? 4 : 0)) % 7 === 0;
      b.set(x + i, y + h - 4 + j, joint ? STONE[0] : (STONE[1 + Math.floor(chance(block, j >> 1, salt) * 2)] ?? STONE[1]));
    }
  }
  b.rect(x, y, 1, h, OUTLINE).rect(x + w - 1, y, 1, h, OUTLINE).rect(x, y + h, w, 1, OUTLINE);
}

/** A roof of scalloped shingles between a ridge and wider eaves. */
export function roof(b: Bitmap, cx: number, y: number, top: number, foot: number, h: number, ramp: Ramp, salt: number): void {
  for (let j = 0; j < h; j += 1) {
    const half = (top + ((foot - top) * j) / (h - 1)) / 2;
    const course = Math.floor(j / 4);
    for (let x = Math.ceil(cx - half); x < cx + half; x += 1) {
      const at = x + (course & 1) * 3 + 60;
      const scallop = j % 4 === 3 || (at % 6 === 0 && j % 4 > 0);
      const own = (chance(Math.floor(at / 6), course, salt) - 0.5) * 0.22;
      const light = scallop ? 0.16 : 0.7 - (j / h) * 0.3 - ((x - cx) / foot) * 0.3 + own + (j % 4 === 0 ? 0.14 : 0);
      b.set(x, y + j, tone(ramp, clamp(light, 0, 0.999), x, y + j, 0.4));
    }
    b.set(Math.ceil(cx - half) - 1, y + j, OUTLINE);
    b.set(Math.ceil(cx + half), y + j, OUTLINE);
  }
  b.rect(cx - top / 2, y - 1, top, 1, OUTLINE).rect(cx - top / 2 + 1, y, top - 2, 1, ramp[3]);
  b.rect(cx - foot / 2, y + h, foot + 1, 1, OUTLINE).rect(cx - foot / 2, y + h - 1, foot, 1, blend(ramp[0], OUTLINE, 0.3));
}

/** A door with a frame and a knob; its foot is `y`. */
export function door(b: Bitmap, cx: number, y: number, w: number, h: number): void {
  b.rect(cx - w / 2 - 2, y - h - 2, w + 4, h + 2, OUTLINE).rect(cx - w / 2 - 1, y - h - 1, w + 2, h + 1, WOOD[3]);
  for (let i = 0; i < w; i += 1) b.rect(cx - w / 2 + i, y - h, 1, h, i % 4 === 0 ? WOOD[0] : (WOOD[1 + (i & 1)] ?? WOOD[1]));
  b.rect(cx - w / 2, y - h, w, 1, WOOD[0]).rect(cx + w / 2 - 3, y - h / 2, 2, 2, GOLD[2]);
}

/** A window by day; the pane is kept so that it can be lit when somebody is at home. */
export function pane(b: Bitmap, x: number, y: number, w: number, h: number): readonly [number, number, number, number] {
  b.rect(x - 2, y - 2, w + 4, h + 5, OUTLINE).rect(x - 1, y - 1, w + 2, h + 2, WOOD[3]);
  for (let j = 0; j < h; j += 1) {
    for (let i = 0; i < w; i += 1) b.set(x + i, y + j, i + j < w * 0.7 ? 0xbfe6f5 : i + j < w * 1.1 ? 0x6fb4d8 : 0x3f7fa8);
  }
  b.rect(x + w / 2 - 1, y, 2, h, WOOD[2]).rect(x, y + h / 2 - 1, w, 1, WOOD[2]).rect(x - 2, y + h + 1, w + 4, 2, WOOD[3]);
  b.rect(x - 2, y + h + 3, w + 4, 1, OUTLINE);
  return [x, y, w, h];
}

/** A chimney of stone: smoke leaves from its top. */
export function chimney(b: Bitmap, x: number, y: number, h: number): void {
  b.box(x, y + 2, 8, h, OUTLINE, STONE[1]).rect(x + 1, y + 3, 2, h - 2, STONE[2]);
  for (let j = 5; j < h; j += 4) b.rect(x + 1, y + j, 6, 1, STONE[0]);
  b.box(x - 1, y, 10, 4, OUTLINE, STONE[2]).rect(x, y + 1, 4, 1, STONE[3]);
}

export function column(b: Bitmap, x: number, y: number, h: number, light: number, shade: number): void {
  b.box(x, y, 6, h, OUTLINE, light).rect(x + 4, y + 1, 1, h - 2, shade).rect(x - 1, y, 8, 3, OUTLINE).rect(x, y + 1, 6, 1, light);
  b.rect(x - 1, y + h - 3, 8, 3, OUTLINE).rect(x, y + h - 2, 6, 1, shade);
}
