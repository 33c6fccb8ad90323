// Trees, bushes and the great main tree are painted here as unions of lit circles; where they stand is not decided here.

import { Bitmap } from "./bitmap";
import { chance, clamp } from "./hash";
import { CHAOS, FRESH, GOLD, LEAF, OUTLINE, PINE, STONE, tone, WOOD, type Ramp } from "./palette";

interface Ball {
  readonly x: number;
  readonly y: number;
  readonly r: number;
}

/** Paints a crown: each pixel takes the light of the ball nearest to the eye, broken up by small clumps of leaves. */
function crown(bitmap: Bitmap, balls: readonly Ball[], ramp: Ramp, salt: number, clump = 5): void {
  for (let y = 0; y < bitmap.height; y += 1) {
    for (let x = 0; x < bitmap.width; x += 1) {
      let height = -1;
      let light = 0;
      for (const ball of balls) {
        const u = (x - ball.x) / ball.r;
        const v = (y - ball.y) / ball.r;
        const left = 1 - u * u - v * v;
        // Balls further down stand nearer to the eye: the crown gets folds instead of one flat shade.
        const rise = left <= 0 ? -1 : Math.sqrt(left) * ball.r + ball.y * 0.55;
        if (rise <= height) continue;
        height = rise;
        light = 0.5 - u * 0.3 - v * 0.46 + (left < 0.25 ? -0.12 : 0);
      }
      if (height >= 0) bitmap.set(x, y, tone(ramp, clamp(light + leafLight(x, y, salt, clump), 0, 0.999), x, y, 0.55));
    }
  }
}

/** One clump of leaves in each cell of a jittered grid, lit like a little ball. */
function leafLight(x: number, y: number, salt: number, size: number): number {
  const row = Math.floor(y / (size - 1));
  const shift = (row & 1) * (size >> 1);
  const column = Math.floor((x + shift) / size);
  const u = (x + shift - column * size) / size - 0.5 + (chance(column, row, salt) - 0.5) * 0.4;
  const v = (y - row * (size - 1)) / (size - 1) - 0.5;
  return u * u + v * v > 0.26 ? -0.2 : -u * 0.16 - v * 0.34;
}

function trunk(bitmap: Bitmap, x: number, top: number, foot: number, width: number): void {
  for (let y = top; y < foot; y += 1) {
    const flare = y > foot - 3 ? 1 : 0;
    for (let i = -flare; i < width + flare; i += 1) {
      bitmap.set(x + i, y, WOOD[i < width * 0.35 ? 2 : i < width * 0.7 ? 1 : 0] ?? WOOD[1]);
    }
  }
}

export type Growth = "broad" | "fresh" | "pine" | "palm" | "fruit" | "mad" | "bush" | "berry";

/** A plant of a kind; the salt makes no two of them alike. Its foot is the middle of the lowest row. */
export function plant(kind: Growth, salt: number): Bitmap {
  if (kind === "pine") return pine(salt);
  if (kind === "palm") return palm(salt);
  if (kind === "bush" || kind === "berry") return bush(salt, kind === "berry");
  return broadleaf(salt, kind === "mad" ? CHAOS : kind === "fresh" || kind === "fruit" ? FRESH : LEAF, kind === "fruit");
}

function broadleaf(salt: number, ramp: Ramp, fruit: boolean): Bitmap {
  const size = 11 + Math.floor(chance(salt, 1) * 4);
  const bitmap = new Bitmap(size * 2 + 12, size * 2 + 18);
  const cx = bitmap.width / 2;
  const foot = bitmap.height - 1;
  trunk(bitmap, Math.floor(cx) - 2, foot - 13, foot, 4);
  const balls: Ball[] = [];
  for (let i = 0; i < 8; i += 1) {
    const row = Math.floor(i / 3);
    const side = row < 2 ? (i % 3) - 1 : (i % 3) * 1.1 - 0.55;
    const r = size * (0.5 + chance(salt, i + 2) * 0.12);
    const bulge = row === 1 ? 0.6 : 0.5;
    balls.push({ x: cx + side * size * bulge + (chance(salt, i + 20) - 0.5) * 3, y: size * (0.7 + row * 0.36 + Math.abs(side) * 0.1) + 1, r });
  }
  crown(bitmap, balls, ramp, salt);
  if (fruit) {
    for (let i = 0; i < 8; i += 1) {
      const x = Math.floor(cx + (chance(salt, i, 3) - 0.5) * size * 1.6);
      const y = Math.floor(5 + chance(salt, i, 4) * size * 1.3);
      if (bitmap.filled(x - 2, y) && bitmap.filled(x + 2, y)) bitmap.rect(x, y, 2, 2, 0xe2574c).set(x, y, 0xffab8f);
    }
  }
  return bitmap.outline(OUTLINE);
}

function pine(salt: number): Bitmap {
  const tall = 34 + Math.floor(chance(salt, 1) * 9);
  const bitmap = new Bitmap(25, tall + 5);
  const cx = 12;
  trunk(bitmap, cx - 1, tall - 3, tall + 4, 3);
  for (let y = 1; y < tall; y += 1) {
    // Four skirts, each wider than the one above.
    const skirt = (y / tall) * 4;
    const within = skirt - Math.floor(skirt);
    const half = 1.2 + Math.floor(skirt) * 1.9 + within * 4.6;
    for (let x = Math.ceil(cx - half); x <= cx + half; x += 1) {
      const u = (x - cx) / half;
      const ragged = within > 0.86 && (x + salt) % 3 === 0;
      if (!ragged) bitmap.set(x, y, tone(PINE, clamp(0.66 - u * 0.34 - within * 0.42, 0, 0.999), x, y, 0.6));
    }
  }
  return bitmap.outline(OUTLINE);
}

function palm(salt: number): Bitmap {
  const bitmap = new Bitmap(40, 44);
  const lean = chance(salt, 1) < 0.5 ? 1 : -1;
  for (let i = 0; i < 26; i += 1) {
    const x = 20 + Math.round((lean * i * i) / 150) - lean * 3;
    bitmap.rect(x - 1, 42 - i, 3, 1, i % 4 === 0 ? WOOD[1] : WOOD[3]).set(x + 1, 42 - i, WOOD[1]);
  }
  const hx = 20 + lean;
  const fronds: readonly (readonly [number, number])[] = [[-16, 5], [-13, -5], [-6, -10], [6, -10], [13, -5], [16, 5], [-8, 9], [9, 9]];
  for (const [dx, dy] of fronds) {
    for (let i = 0; i <= 16; i += 1) {
      const t = i / 16;
      const x = hx + dx * t;
      const y = 16 + dy * t + t * t * 7 - t * 4;
      const thick = Math.round(3.4 * (1 - t));
      bitmap.rect(x, y - thick / 2, 2, thick + 1, i % 3 === 0 ? FRESH[1] : FRESH[2]).set(x, y - thick / 2, FRESH[3]);
    }
  }
  bitmap.rect(hx - 3, 17, 3, 4, GOLD[2]).rect(hx + 1, 18, 3, 3, GOLD[1]).set(hx - 3, 17, GOLD[3]);
  return bitmap.outline(OUTLINE);
}

function bush(salt: number, berries: boolean): Bitmap {
  const bitmap = new Bitmap(22, 15);
  crown(bitmap, [{ x: 7, y: 8, r: 5 }, { x: 14, y: 8.5, r: 5 }, { x: 10.5, y: 6.5, r: 5 }], LEAF, salt, 4);
  if (berries) for (let i = 0; i < 6; i += 1) bitmap.rect(5 + ((i * 7) % 12), 4 + ((i * 5) % 7), 2, 1, 0xff8fa3);
  return bitmap.outline(OUTLINE);
}

/** The one tree that every merge lands in, with a lit hollow. */
export function mainTree(): Bitmap {
  const bitmap = new Bitmap(104, 136);
  greatTrunk(bitmap);
  const balls: Ball[] = [];
  const rings: readonly (readonly [number, number, number, number])[] = [[52, 22, 15, 3], [52, 38, 19, 5], [52, 56, 20, 6], [52, 70, 17, 5]];
  rings.forEach(([cx, cy, r, count], ring) => {
    for (let i = 0; i < count; i += 1) {
      const spread = count === 1 ? 0 : (i / (count - 1) - 0.5) * 2;
      const reach = [20, 32, 34, 31][ring] ?? 30;
      balls.push({ x: cx + spread * reach, y: cy + spread * spread * 5 - (i & 1) * 4, r: r * (0.9 + chance(i, ring, 77) * 0.14) });
    }
  });
  crown(bitmap, balls, LEAF, 99, 6);
  return bitmap.outline(OUTLINE);
}

function greatTrunk(bitmap: Bitmap): void {
  for (let y = 78; y < 135; y += 1) {
    const root = Math.max(0, y - 118);
    const half = 11 + (root * root) / 16 + Math.max(0, 86 - y) * 0.6;
    for (let x = Math.ceil(52 - half); x <= 52 + half; x += 1) {
      const u = (x - 52) / half;
      const groove = chance(Math.floor(x * 0.8 + Math.floor(y / 17)), 3) < 0.34 ? -0.2 : 0;
      bitmap.set(x, y, tone(WOOD, clamp(0.62 - u * 0.42 + groove, 0, 0.999), x, y, 0.7));
    }
  }
  for (let y = 104; y < 128; y += 1) {
    for (let x = 45; x < 60; x += 1) {
      const v = Math.max(0, 112 - y) / 8;
      const u = Math.abs(x - 52) / 7;
      if (u * u + v * v > 1) continue;
      bitmap.set(x, y, u > 0.72 || v > 0.75 ? WOOD[0] : y > 124 ? 0x7a3f16 : 0x3a2415);
    }
  }
}

/** A boulder with moss. */
export function boulder(salt: number): Bitmap {
  const bitmap = new Bitmap(16, 12);
  bitmap.dome(7.5, 6, 6 + chance(salt, 1), 4.6, STONE);
  for (let x = 3; x < 10; x += 1) if (chance(x, salt, 5) > 0.4) bitmap.rect(x, 2 + (chance(x, salt) > 0.5 ? 1 : 0), 1, 1, FRESH[2]);
  return bitmap.outline(OUTLINE);
}
