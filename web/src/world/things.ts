// Small things (crates, lanterns, boats, lamps, the bridge, the fire's stones) are painted here; how many there are is not known here.

import { Bitmap } from "./bitmap";
import { chance } from "./hash";
import { BRIDGE, PLAZA } from "./plan";
import { FOAM, GOLD, GREY, OUTLINE, STONE, WOOD } from "./palette";

/** A crate with a seal: an open pull request. */
export function crate(): Bitmap {
  const b = new Bitmap(14, 13);
  b.box(0, 0, 14, 13, OUTLINE, WOOD[3]).rect(1, 1, 12, 1, 0xcf9a60).rect(1, 4, 12, 1, WOOD[1]).rect(1, 8, 12, 1, WOOD[1]);
  b.rect(2, 1, 1, 11, WOOD[1]).rect(11, 1, 1, 11, WOOD[1]);
  return b.box(4, 2, 6, 8, 0xb89a5a, 0xfff3d6).rect(6, 4, 2, 3, 0xd9453a).rect(6, 8, 2, 1, 0xd9453a);
}

export function lantern(colour: number, glow: number): Bitmap {
  const b = new Bitmap(7, 9);
  b.rect(3, 0, 1, 2, OUTLINE).box(1, 2, 5, 6, OUTLINE, colour).rect(2, 3, 1, 3, glow).rect(3, 3, 1, 2, 0xffffff);
  return b.rect(2, 1, 3, 1, OUTLINE).rect(2, 8, 3, 1, OUTLINE);
}

export const LANTERNS: readonly (readonly [number, number])[] = [[0xffb02e, 0xffe9a0], [0xff7a59, 0xffc9b0], [0x4be0b8, 0xc8fff0], [0xbda4ff, 0xeae0ff]];

export function blossom(): Bitmap {
  return new Bitmap(5, 5).rect(1, 0, 3, 5, 0xf58fb4).rect(0, 1, 5, 3, 0xf58fb4).rect(2, 1, 1, 3, 0xffd9e6).rect(1, 2, 3, 1, 0xffd9e6).rect(2, 2, 1, 1, GOLD[2]);
}

/** A folded paper boat: a proposal that was not taken. */
export function paperBoat(): Bitmap {
  return new Bitmap(17, 13).rows(0, 0, [
    "........k........", ".......kwk.......", "......kwwsk......", ".....kwwwssk.....", "....kwwwwsssk....", "kkkkwwwwwssskkkkk",
    "kwwwwwwwwssssssck", ".kwwwrrrrwsssssk.", "..kwwwwwwssssck..", "...kkkkkkkkkkk...", "..f..ff...f..f...",
  ], { k: OUTLINE, w: 0xfffaf0, s: 0xd9d4e0, c: 0xc2bccb, r: 0xff8577, f: FOAM });
}

export function lamp(): Bitmap {
  const b = new Bitmap(9, 25);
  b.rect(4, 8, 1, 16, OUTLINE).rect(3, 8, 1, 16, WOOD[1]).rect(5, 8, 1, 16, OUTLINE).rect(2, 22, 5, 2, OUTLINE);
  b.box(1, 1, 7, 8, OUTLINE, 0xf2e3b3).rect(2, 2, 2, 3, 0xfffbe8).rect(4, 2, 1, 6, 0xc9ad7c).rect(0, 0, 9, 2, OUTLINE).rect(2, 0, 5, 1, GREY[1]);
  return b;
}

/** Stones and logs; the flame is no part of it. */
export function fireplace(): Bitmap {
  const b = new Bitmap(30, 18);
  for (let i = 0; i < 12; i += 1) {
    const u = [0, 5, 8, 10, 8, 5, 0, -5, -8, -10, -8, -5][i] ?? 0;
    const v = [-6, -5, -3, 0, 3, 5, 6, 5, 3, 0, -3, -5][i] ?? 0;
    b.box(13 + u * 1.2, 7 + v, 5, 4, OUTLINE, STONE[1]).rect(14 + u * 1.2, 8 + v, 2, 1, STONE[3]);
  }
  b.rect(9, 6, 13, 6, 0x2a1a16).line(9, 10, 20, 6, WOOD[2]).line(9, 11, 20, 7, WOOD[1]).line(10, 6, 21, 10, WOOD[3]).line(10, 7, 21, 11, WOOD[1]);
  return b;
}

/** A note pinned to the board. */
export function note(n: number): Bitmap {
  const paper = [0xfff3d6, 0xd9ecff, 0xffe0ea, 0xe2f7d8][n % 4] ?? 0xfff3d6;
  return new Bitmap(8, 7).box(0, 0, 8, 7, 0x6b5636, paper).rect(2, 2, 4, 1, 0x8a7a6a).rect(2, 4, 3, 1, 0x8a7a6a).rect(3, 0, 2, 1, 0xd9453a);
}

export function coins(count: number): Bitmap {
  const b = new Bitmap(30, 22);
  for (let i = 0; i < count; i += 1) {
    const [column, level] = i < 5 ? [i, 0] : i < 9 ? [i - 4.5, 1] : i < 12 ? [i - 8, 2] : [i - 10.5, 3];
    const x = 2 + column * 5;
    const y = 16 - level * 4;
    b.box(x, y, 7, 5, OUTLINE, GOLD[1]).rect(x + 1, y + 1, 5, 1, GOLD[3]).rect(x + 1, y + 2, 4, 1, GOLD[2]);
  }
  return b;
}

export function flag(frame: number, raised: boolean): Bitmap {
  const b = new Bitmap(14, 8);
  const [light, dark] = raised ? [0xff8577, 0xc9503f] : [0x9fb6d8, 0x6b83ab];
  for (let x = 0; x < 12; x += 1) {
    const dip = ((x + frame) >> 2) & 1;
    b.rect(x + 1, 1 + dip, 1, 6, (x + frame) % 8 < 4 ? light : dark);
  }
  return b.outline(OUTLINE);
}

/** Deck and far rail of the bridge; the near rail stands before those who cross. */
export function bridgeDeck(): Bitmap {
  const width = BRIDGE.right - BRIDGE.left;
  const b = new Bitmap(width, 40);
  b.rect(0, 10, width, 25, OUTLINE);
  for (let x = 1; x < width - 1; x += 1) {
    const plank = Math.floor(x / 6);
    for (let y = 11; y < 32; y += 1) {
      const seam = x % 6 === 0;
      b.set(x, y, seam ? WOOD[0] : (WOOD[chance(plank, 3) > 0.5 ? 2 : 3] ?? WOOD[2]));
      if (!seam && (y === 11 || chance(x, y, 8) > 0.95)) b.set(x, y, WOOD[1]);
    }
    b.set(x, 32, WOOD[1]);
    b.set(x, 33, WOOD[0]);
  }
  return rail(b, 3);
}

export function bridgeRail(): Bitmap {
  return rail(new Bitmap(BRIDGE.right - BRIDGE.left, 18), 4);
}

function rail(b: Bitmap, top: number): Bitmap {
  b.rect(0, top, b.width, 4, OUTLINE).rect(0, top + 1, b.width, 2, WOOD[2]).rect(0, top + 1, b.width, 1, WOOD[3]);
  for (let x = 1; x < b.width; x += 12) b.box(x, top - 2, 5, 13, OUTLINE, WOOD[2]).rect(x + 1, top - 1, 1, 11, WOOD[3]);
  return b;
}

export function jetty(): Bitmap {
  const b = new Bitmap(58, 26);
  for (const x of [4, 26, 50]) b.box(x, 2, 5, 23, OUTLINE, WOOD[1]);
  b.rect(0, 6, 58, 13, OUTLINE);
  for (let x = 1; x < 57; x += 1) b.rect(x, 7, 1, 9, x % 6 === 0 ? WOOD[0] : (WOOD[chance(Math.floor(x / 6), 9) > 0.5 ? 2 : 3] ?? WOOD[2])).rect(x, 16, 1, 2, WOOD[0]);
  for (const x of [4, 26, 50]) b.box(x, 0, 5, 8, OUTLINE, WOOD[2]).rect(x + 1, 1, 2, 2, WOOD[3]);
  return b;
}

/** A sign of what somebody does, above the head. */
export type Sign = "asleep" | "reading" | "thinking" | "working" | "halted";

export function sign(kind: Sign): Bitmap {
  const rows: Record<Sign, readonly string[]> = {
    asleep: ["..kkkk...", ".kwwwwk..", ".kwwwwk..", "..kkkk.k.", ".......wk", "........."],
    reading: ["kkkkkkkkk", "kwwwkwwwk", "kwbwkwbwk", "kwwwkwwwk", "kkkkkkkkk", "........."],
    thinking: [".kkkkkkk.", "kwwwwwwwk", "kwbwbwbwk", "kwwwwwwwk", ".kkkkkkk.", "..kw....."],
    working: ["..kkkkk..", "..kyyyk..", "..kkykk..", "...kyk...", "...kyk...", "...kkk..."],
    halted: ["...kkk...", ".kkbwbkk.", ".kwbwbwk.", ".kkbwbkk.", "...kkk...", "........."],
  };
  return new Bitmap(9, 6).rows(0, 0, rows[kind], { k: OUTLINE, w: 0xfffaf0, b: 0x74c8ff, y: GOLD[2] });
}

/** The middle of the flame. */
export const FLAME = { x: PLAZA.x, y: PLAZA.y + 2 };
