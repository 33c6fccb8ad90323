// The look of each landmark lives here, put together from parts; its place and its number do not.

import { Bitmap } from "./bitmap";
import {
  BLUE, CHAOS, GOLD, GREEN, GREY, LIME, ORANGE, OUTLINE, PINK, PLASTER, PURPLE, RED, STONE, TEAL, tone, WOOD, type Ramp,
} from "./palette";
import { chimney, column, door, pane, roof, wall, type Building, type Finish } from "./houses";

interface Shape {
  readonly w: number;
  readonly wall: number;
  readonly roof: number;
  readonly tiles: Ramp;
  readonly stuff: Ramp;
  readonly finish: Finish;
  readonly salt: number;
  /** Free rows above the roof for what sticks out. */
  readonly head: number;
}

/** A house of one shape; the foot of its wall is the lowest row. */
function house(s: Shape, extra: (b: Bitmap, top: number, foot: number, cx: number) => void, doorAt = 0.5): Building {
  const width = s.w + 13;
  const b = new Bitmap(width, s.head + s.roof + s.wall);
  const cx = Math.floor(width / 2);
  const foot = b.height - 1;
  const left = cx - s.w / 2;
  wall(b, left, foot - s.wall, s.w, s.wall, s.stuff, s.finish, s.salt);
  roof(b, cx, s.head + 1, s.w * 0.72, s.w + 9, s.roof, s.tiles, s.salt);
  const panes: (readonly [number, number, number, number])[] = [];
  if (doorAt > 0) {
    panes.push(pane(b, left + 7, foot - s.wall + 9, 10, 10), pane(b, left + s.w - 17, foot - s.wall + 9, 10, 10));
    door(b, Math.floor(left + s.w * doorAt), foot, 12, 16);
  }
  extra(b, s.head, foot, cx);
  return { bitmap: b, panes };
}

export function hall(): Building {
  return house({ w: 84, wall: 33, roof: 27, tiles: TEAL, stuff: PLASTER, finish: "stone", salt: 1, head: 15 }, (b, top, foot, cx) => {
    for (const x of [cx - 21, cx + 15]) column(b, x, foot - 33, 33, 0xfff3d6, 0xd9c39c);
    // A turret with a bell over the middle of the ridge.
    b.box(cx - 8, top - 3, 17, 15, OUTLINE, 0xf3e2bd).rect(cx - 7, top + 8, 15, 3, 0xc9ad7c);
    b.rect(cx - 4, top + 1, 9, 8, 0x3a2a26).rect(cx - 2, top + 2, 5, 5, GOLD[1]).rect(cx - 2, top + 2, 2, 4, GOLD[3]).set(cx, top + 7, GOLD[0]);
    roof(b, cx, top - 11, 3, 21, 9, TEAL, 2);
    b.box(cx - 15, top + 15, 31, 11, OUTLINE, 0xfff3d6);
    for (let i = 0; i < 3; i += 1) b.rect(cx - 12, top + 18 + i * 2, 17 - i * 3, 1, 0x9a8a78);
    b.rect(cx + 8, top + 19, 5, 4, 0xd9453a).set(cx + 9, top + 20, 0xff9d8f);
    b.box(cx - 12, foot - 3, 24, 4, OUTLINE, STONE[3]).rect(cx - 11, foot - 1, 22, 1, STONE[1]);
  });
}

export function library(): Building {
  const b = new Bitmap(81, 73);
  const [cx, top, foot] = [40, 22, 72];
  // A reading dome of glass; roof and wall are laid over its lower half.
  b.dome(cx, top + 2, 20, 19, [0x2f6d8e, 0x4a9bd2, 0x8fd0ea, 0xd6f3fa], 0.06);
  for (let i = -2; i <= 2; i += 1) b.line(cx + i * 8, top + 1, cx + i * 2, top - 16, 0x3b6f92);
  b.rect(cx - 19, top - 7, 39, 1, 0x3b6f92).rect(cx - 1, top - 20, 3, 4, GOLD[1]).outline(OUTLINE);
  wall(b, cx - 34, top + 20, 68, 30, LIME, "stone", 3);
  roof(b, cx, top + 1, 49, 77, 20, BLUE, 3);
  const panes = [pane(b, cx - 27, top + 29, 10, 10), pane(b, cx + 17, top + 29, 10, 10)];
  door(b, cx, foot, 12, 16);
  b.box(cx - 11, top + 6, 11, 9, OUTLINE, 0xfdf6e3).box(cx, top + 6, 11, 9, OUTLINE, 0xf1e3c2);
  for (let i = 0; i < 3; i += 1) b.rect(cx - 9, top + 8 + i * 2, 7, 1, 0xa08f77).rect(cx + 2, top + 8 + i * 2, 7, 1, 0xa08f77);
  return { bitmap: b, panes };
}

export function tower(): Building {
  const b = new Bitmap(45, 106);
  const panes: (readonly [number, number, number, number])[] = [];
  for (let y = 44; y < 105; y += 1) {
    const half = 15 + (y > 99 ? 2 : 0) + (y < 50 ? 2 : 0);
    for (let x = 22 - half; x <= 22 + half; x += 1) {
      const row = Math.floor(y / 6);
      const joint = y % 6 === 0 || (x + (row & 1) * 5) % 10 === 0;
      b.set(x, y, tone(STONE_WARM, 0.72 - ((x - 22) / half) * 0.36 - (joint ? 0.24 : 0), x, y, 0.55));
    }
  }
  for (let y = 4; y < 46; y += 1) {
    const half = 1 + ((y - 4) / 42) * 20;
    for (let x = Math.ceil(22 - half); x <= 22 + half; x += 1) {
      const course = y % 5 === 4 || ((x + (Math.floor(y / 5) & 1) * 3) % 6 === 0 && y % 5 > 1);
      b.set(x, y, tone(PURPLE, course ? 0.1 : 0.72 - ((x - 22) / half) * 0.4, x, y, 0.4));
    }
  }
  b.outline(OUTLINE).rect(2, 46, 41, 1, OUTLINE);
  b.rows(18, 20, ["....y....", "...yYy...", "yyyYYYyyy", ".yYYYYYy.", "..yYYYy..", ".yYyyyYy.", ".yy...yy."], { y: GOLD[1], Y: GOLD[2] });
  b.rect(21, 0, 3, 5, OUTLINE).set(22, 0, GOLD[2]);
  b.set(22, 1, GOLD[2]);
  panes.push(pane(b, 18, 56, 9, 10), pane(b, 18, 73, 9, 8));
  door(b, 22, 105, 10, 15);
  return { bitmap: b, panes };
}

const STONE_WARM: Ramp = [0x6b6480, 0x8f88a3, 0xb3adc2, 0xd6d2de];

export function bank(): Building {
  return house({ w: 68, wall: 33, roof: 23, tiles: PURPLE, stuff: LIME, finish: "brick", salt: 5, head: 3 }, (b, top, foot, cx) => {
    for (const x of [cx - 16, cx + 10]) column(b, x, foot - 33, 33, 0xffffff, 0xcfd3e0);
    // A gable with a banana in it.
    for (let i = 0; i < 17; i += 1) b.rect(cx - 2 - i, top + 5 + i, 5 + i * 2, 1, OUTLINE).rect(cx - 1 - i, top + 5 + i, 3 + i * 2, 1, i > 14 ? 0xd9d2ea : 0x2b1c46);
    b.rows(cx - 5, top + 10, ["........gy", "........yY", ".......yyY", "......yyY.", "....yyyY..", "yyyyyYY...", ".YYYY....."], { y: GOLD[2], Y: GOLD[1], g: 0x7a4a1e });
    b.box(cx - 11, foot - 3, 22, 4, OUTLINE, STONE[3]);
  });
}

export function studio(): Building {
  return house({ w: 64, wall: 31, roof: 22, tiles: PINK, stuff: PLASTER, finish: "plaster", salt: 7, head: 6 }, (b, top, foot, cx) => {
    // A skylight and blots of paint on the wall.
    b.box(cx - 15, top + 6, 30, 12, OUTLINE, 0xa9def0).rect(cx - 14, top + 7, 10, 4, 0xe2f7fc).rect(cx - 5, top + 7, 1, 10, WOOD[2]).rect(cx + 4, top + 7, 1, 10, WOOD[2]);
    const blots: readonly (readonly [number, number, number])[] = [[-28, -8, 0x74c8ff], [-13, -26, 0xffd23f], [12, -9, 0x4be0b8], [26, -7, 0xbda4ff]];
    for (const [dx, dy, c] of blots) b.rect(cx + dx, foot + dy, 4, 3, c).rect(cx + dx + 1, foot + dy - 1, 2, 6, c);
  });
}

export function lab(): Building {
  return house({ w: 64, wall: 31, roof: 18, tiles: GREEN, stuff: LIME, finish: "plaster", salt: 9, head: 13 }, (b, top, _foot, cx) => {
    chimney(b, cx + 19, top - 12, 20);
    b.box(cx - 11, top + 1, 22, 17, OUTLINE, 0x173f36);
    b.rows(cx - 5, top + 3, ["..wwwwww..", "...w..w...", "...w..w...", "...w..w...", "..w....w..", "..wggggw..", ".wgGggggw.", "wgggggGggw", "wggGgggggw", ".wwwwwwww.", ".........."], { w: 0xe9f7f2, g: 0x4be08a, G: 0xc6ffd9 });
    b.rect(cx - 30, top + 26, 3, 18, STONE[2]).rect(cx - 30, top + 26, 1, 18, STONE[3]);
  });
}

export function workshop(): Building {
  return house({ w: 70, wall: 31, roof: 25, tiles: ORANGE, stuff: [0x5b3a22, 0x7a5030, 0x9a6a40, 0xb98655], finish: "boards", salt: 11, head: 9 }, (b, top, foot, cx) => {
    chimney(b, cx + 19, top - 7, 18);
    // The front stands open: anvil and hearth.
    b.rect(cx - 10, foot - 22, 38, 22, OUTLINE).rect(cx - 9, foot - 21, 36, 21, 0x2a1a16).rect(cx - 9, foot - 21, 36, 3, 0x1d1210);
    b.box(cx - 8, foot - 16, 12, 16, OUTLINE, STONE[1]).rect(cx - 7, foot - 15, 10, 3, STONE[2]).rect(cx - 5, foot - 9, 6, 8, 0x1d1210);
    b.rect(cx + 8, foot - 9, 15, 3, GREY[3]).rect(cx + 6, foot - 9, 3, 1, GREY[2]).rect(cx + 11, foot - 6, 8, 3, GREY[1]).rect(cx + 9, foot - 3, 12, 3, GREY[0]);
    pane(b, cx - 28, foot - 20, 10, 9);
  }, 0);
}

/** Where the hearth of the workshop glows, from the middle of its foot. */
export const HEARTH = { x: -5, y: -9, width: 6, height: 8 };
/** Where smoke leaves a chimney, from the middle of the foot. */
export const CHIMNEY = { workshop: { x: 23, y: -64 }, lab: { x: 23, y: -62 } };

export function watchtower(): Building {
  const b = new Bitmap(45, 82);
  for (const [x, lean] of [[10, 1], [31, -1]] as const) {
    for (let y = 40; y < 81; y += 1) b.rect(x + Math.round(((40 - y) * lean) / 16), y, 4, 1, OUTLINE).rect(x + 1 + Math.round(((40 - y) * lean) / 16), y, 2, 1, WOOD[2]);
  }
  b.line(11, 74, 32, 46, WOOD[0]).line(12, 74, 33, 46, WOOD[1]).line(33, 74, 12, 46, WOOD[0]).line(32, 74, 11, 46, WOOD[1]);
  wall(b, 10, 22, 25, 15, BLUE_WALL, "boards", 13);
  b.box(6, 36, 33, 6, OUTLINE, WOOD[2]).rect(7, 37, 31, 1, WOOD[3]);
  for (let x = 7; x < 38; x += 5) b.rect(x, 30, 1, 7, OUTLINE);
  b.rect(6, 30, 33, 1, WOOD[3]);
  roof(b, 22, 7, 6, 35, 15, BLUE, 13);
  const panes = [pane(b, 18, 25, 9, 7)];
  b.rect(22, 0, 1, 8, OUTLINE);
  return { bitmap: b, panes };
}

const BLUE_WALL: Ramp = [0x243f78, 0x32549a, 0x4670b8, 0x6f97d6];
/** Where the flag of the watchtower is tied, from the middle of its foot. */
export const FLAG = { x: 1, y: -81 };

export function board(): Building {
  const b = new Bitmap(47, 42);
  b.box(6, 12, 4, 29, OUTLINE, WOOD[2]).box(37, 12, 4, 29, OUTLINE, WOOD[1]);
  b.box(3, 11, 41, 23, OUTLINE, WOOD[1]);
  for (let y = 13; y < 33; y += 5) b.rect(4, y, 39, 1, WOOD[0]).rect(4, y + 1, 39, 1, WOOD[2]);
  roof(b, 23, 2, 30, 45, 9, [WOOD[0], WOOD[1], WOOD[2], WOOD[3]], 15);
  return { bitmap: b, panes: [] };
}

/** The gate itself: red beams over the road to the bridge. */
export function torii(): Building {
  const b = new Bitmap(54, 66);
  for (const x of [9, 38]) b.box(x, 12, 7, 52, OUTLINE, RED[2]).rect(x + 1, 13, 2, 50, RED[3]).rect(x + 5, 13, 1, 50, RED[1]).box(x - 1, 59, 9, 6, OUTLINE, GREY[0]).rect(x, 60, 7, 1, GREY[2]);
  b.box(4, 20, 46, 6, OUTLINE, RED[2]).rect(5, 21, 44, 1, RED[3]);
  for (let x = 0; x < 54; x += 1) {
    const lift = Math.round(((x - 26.5) * (x - 26.5)) / 190);
    b.rect(x, 8 - lift, 1, 8, OUTLINE).rect(x, 9 - lift, 1, 2, GREY[1]).rect(x, 11 - lift, 1, 4, x % 9 === 0 ? RED[1] : RED[2]).set(x, 11 - lift, RED[3]);
  }
  b.rect(0, 4, 1, 8, OUTLINE).rect(53, 4, 1, 8, OUTLINE);
  b.box(21, 13, 12, 14, OUTLINE, 0xfff3d6).rows(24, 15, [".rrrr.", "r....r", "r.rr.r", "r.rr.r", "r....r", ".rrrr.", "..rr..", "..rr.."], { r: 0x5a2020 });
  return { bitmap: b, panes: [] };
}

/** One of the five stones; its glyph has the colour of its state. */
export function menhir(salt: number, glyph: number): Bitmap {
  const b = new Bitmap(17, 27);
  for (let y = 1; y < 25; y += 1) {
    const half = y < 7 ? 3.4 + Math.sqrt(y) * 1.3 : 6.8;
    for (let x = Math.ceil(8 - half); x <= 8 + half; x += 1) b.set(x, y, tone(STONE, 0.66 - ((x - 8) / half) * 0.34 - (y / 25) * 0.14 + (((x * 7 + y * 5 + salt) % 11) === 0 ? -0.2 : 0), x, y, 0.7));
  }
  b.outline(OUTLINE);
  const marks = [[".#.", "#.#", ".#."], ["##.", ".##", "##."], [".#.", "###", ".#."], ["#.#", ".#.", "#.#"], ["###", "#.#", "###"]];
  return b.rows(7, 5, marks[salt % 5] ?? [], { "#": glyph });
}

/** A crooked shrine of the grove with a door that leads nowhere. */
export function shrine(): Building {
  const b = new Bitmap(40, 44);
  for (let y = 4; y < 43; y += 1) {
    const lean = Math.round((43 - y) / 9);
    const half = y < 16 ? 3 + (y - 4) * 1.05 : 12;
    for (let x = Math.ceil(18 + lean - half); x <= 18 + lean + half; x += 1) b.set(x, y, tone(y < 17 ? PURPLE : CHAOS, 0.6 - ((x - 18 - lean) / half) * 0.4 - (y % 5 === 4 ? 0.25 : 0), x, y, 0.8));
  }
  b.outline(OUTLINE);
  b.dome(20, 34, 6, 8, [0x14081f, 0x1d0d2e, 0x2a1440, 0x3b2458]).rect(13, 42, 14, 2, OUTLINE);
  return { bitmap: b, panes: [[17, 21, 6, 5]] };
}
