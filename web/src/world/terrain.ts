// The ground (grass, roads, plaza, river) is computed here band by band; nothing that stands on it ever is.

import { Bitmap } from "./bitmap";
import { bayer, chance, clamp, noise } from "./hash";
import { blend, EARTH, FOAM, GRASS, PAVING, SAND, STONE, tone, WATER } from "./palette";
import { BRIDGE, HEIGHT, inRiver, onPlaza, PLAZA, riverHalf, riverX, ROADS, segmentDistance, WIDTH, type Point } from "./plan";

/** Rows that are painted at once: small enough that a slow machine still answers in between. */
export const BAND = 24;

/** The distance to the nearest road for every pixel, stamped segment by segment because only few pixels are near one. */
export function roadField(): Float32Array {
  const field = new Float32Array(WIDTH * HEIGHT).fill(99);
  const reach = 13;
  for (const road of ROADS) {
    for (let i = 0; i + 1 < road.length; i += 1) {
      const a = road[i] as Point;
      const b = road[i + 1] as Point;
      const bottom = Math.min(HEIGHT - 1, Math.ceil(Math.max(a.y, b.y) + reach));
      const right = Math.min(WIDTH - 1, Math.ceil(Math.max(a.x, b.x) + reach));
      for (let y = Math.max(0, Math.floor(Math.min(a.y, b.y) - reach)); y <= bottom; y += 1) {
        for (let x = Math.max(0, Math.floor(Math.min(a.x, b.x) - reach)); x <= right; x += 1) {
          const at = y * WIDTH + x;
          field[at] = Math.min(field[at] ?? 99, segmentDistance(x, y, a, b));
        }
      }
    }
  }
  return field;
}

/** Paints the rows from `top` on; returns the first row that is still bare. */
export function paintBand(ground: Bitmap, roads: Float32Array, seed: number, top: number): number {
  const end = Math.min(HEIGHT, top + BAND);
  for (let y = top; y < end; y += 1) {
    const middle = riverX(y);
    const half = riverHalf(y);
    for (let x = 0; x < WIDTH; x += 1) {
      const fine = noise(x / 6, y / 6, seed + 1) - 0.5;
      const shore = Math.abs(x - middle) - half + fine * 4;
      let colour = -1;
      if (shore < 6) colour = riverColour(x, y, shore, seed);
      if (colour < 0) colour = plazaColour(x, y, fine);
      if (colour < 0) colour = roadColour(x, y, (roads[y * WIDTH + x] ?? 99) - 6.4 + fine * 4.5, seed);
      if (colour < 0) colour = grassColour(x, y, fine, seed);
      ground.set(x, y, colour);
    }
  }
  return end;
}

function grassColour(x: number, y: number, fine: number, seed: number): number {
  const broad = noise(x / 40, y / 34, seed + 2) * 0.62 + noise(x / 17, y / 15, seed + 3) * 0.38;
  // The clearing is bright in the middle and darkens towards the forest around it.
  const edge = Math.min(x, WIDTH - x, y + 14, HEIGHT + 6 - y) / 46;
  const light = broad * 1.25 - 0.16 + fine * 0.16 - 0.3 * (1 - clamp(edge, 0, 1));
  return tone(GRASS, clamp(light, 0, 0.999), x, y, 0.85);
}

function roadColour(x: number, y: number, depth: number, seed: number): number {
  if (depth >= 1.6) return -1;
  if (depth >= 0) return GRASS[0];
  if (depth > -1.2) return EARTH[0];
  const pebble = chance(x, y, seed + 4);
  if (pebble > 0.991) return STONE[2];
  if (pebble > 0.982) return EARTH[0];
  const worn = noise(x / 11, y / 8, seed + 5) - 0.5;
  return tone(EARTH, clamp(0.36 - depth / 13 + worn * 0.4, 0, 0.999), x, y, 0.9);
}

function riverColour(x: number, y: number, shore: number, seed: number): number {
  if (shore >= 4.6) return GRASS[0];
  if (shore >= 1.1) return tone(SAND, 0.72 - shore / 9, x, y, 1.1);
  if (shore >= 0) return 0x8f7d58;
  if (shore > -1.7) return FOAM;
  const depth = clamp(-shore / 17, 0, 1);
  // The waves are longer than high: noise stretched along the stream.
  const wave = noise(x / 4 + noise(x / 9, y / 23, seed + 6) * 3, y / 13, seed + 7) - 0.5;
  return tone(WATER, clamp(0.86 - depth * 0.86 + wave * 0.42, 0, 0.999), x, y, 0.8);
}

/** Stones laid in rings around the fire, with a kerb. */
function plazaColour(x: number, y: number, fine: number): number {
  const u = (x - PLAZA.x) / PLAZA.rx;
  const v = (y - PLAZA.y) / PLAZA.ry;
  const radius = Math.sqrt(u * u + v * v) * 44 + fine * 0.6;
  if (radius > 44) return radius < 45.6 ? GRASS[0] : -1;
  if (radius > 42.8) return 0x5f4f44;
  const kerb = radius > 37.6;
  const size = kerb ? 5.2 : 6.3;
  const ring = kerb ? 20 : Math.floor(radius / size);
  const within = kerb ? radius - 37.6 : radius - ring * size;
  const around = Math.max(5, kerb ? 58 : Math.round(ring * 7.4 + 4));
  const turn = ((Math.atan2(v, u) / (Math.PI * 2) + 1) * around + chance(ring, 5) * 0.7) % around;
  const stone = Math.floor(turn);
  const joint = (turn - stone) * (kerb ? 4.6 : 6);
  if (within < 0.95 || joint < 0.8) return blend(PAVING[0], 0x5f7a45, chance(stone, ring, 9) > 0.86 ? 0.55 : 0);
  const own = chance(stone, ring, 3);
  const rim = within > size - 1.3 || joint < 1.6;
  if (own > 0.93 && !kerb) return blend(PAVING[1], GRASS[1], 0.3);
  const light = (kerb ? 0.74 : 0.5) + own * 0.26 + (rim ? 0.16 : 0) - (y - PLAZA.y) / 400;
  return tone(PAVING, clamp(light, 0, 0.999), x, y, 0.42);
}

/** Tufts, flowers, pebbles: one in each cell of a coarse grid, so that they neither clump nor line up. */
export function paintMeadow(ground: Bitmap, roads: Float32Array, seed: number): void {
  const petals = [0xfff4d6, 0xffd23f, 0xff9db0, 0xcdb8ff, 0x9fd8ff];
  for (let cy = 0; cy < HEIGHT / 11; cy += 1) {
    for (let cx = 0; cx < WIDTH / 11; cx += 1) {
      const x = Math.floor((cx + chance(cx, cy, seed + 11)) * 11);
      const y = Math.floor((cy + chance(cx, cy, seed + 12)) * 11);
      if (onPlaza(x, y, 6) || inRiver(x, y, 9) || (roads[y * WIDTH + x] ?? 99) < 11) continue;
      const kind = chance(cx, cy, seed + 13);
      if (kind < 0.42) tuft(ground, x, y);
      else if (kind < 0.56) flower(ground, x, y, petals[Math.floor(chance(cx, cy, seed + 14) * 5)] ?? 0xfff4d6);
      else if (kind < 0.6) pebble(ground, x, y);
      else if (kind < 0.66) clover(ground, x, y);
    }
  }
}

function tuft(ground: Bitmap, x: number, y: number): void {
  ground.rect(x, y - 1, 1, 3, GRASS[0]).rect(x + 2, y - 2, 1, 4, GRASS[0]).rect(x + 4, y, 1, 2, GRASS[0]);
  ground.rect(x + 1, y - 2, 1, 3, GRASS[3]).rect(x + 3, y - 1, 1, 2, GRASS[3]);
}

function flower(ground: Bitmap, x: number, y: number, petal: number): void {
  ground.rect(x, y + 1, 1, 3, 0x2f7038).set(x + 1, y + 2, 0x2f7038);
  ground.rect(x - 1, y, 3, 1, petal).rect(x, y - 1, 1, 3, petal).set(x, y, 0xe58b1f);
}

function pebble(ground: Bitmap, x: number, y: number): void {
  ground.rect(x, y, 4, 2, STONE[1]).rect(x + 1, y - 1, 2, 1, STONE[2]).rect(x, y, 2, 1, STONE[3]).rect(x, y + 2, 4, 1, GRASS[0]);
}

function clover(ground: Bitmap, x: number, y: number): void {
  for (let i = 0; i < 5; i += 1) {
    const dx = Math.floor(chance(x, i, 41) * 8);
    const dy = Math.floor(chance(y, i, 42) * 5);
    ground.rect(x + dx, y + dy, 2, 1, bayer(x + i, y) > 0 ? GRASS[0] : GRASS[3]);
  }
}

/** Whether a pixel belongs to the deck of the bridge: the river is not to be seen moving there. */
export function underBridge(y: number): boolean {
  return y > BRIDGE.top - 6 && y < BRIDGE.bottom + 6;
}
