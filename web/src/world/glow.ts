// A round light, apart from other things: portraits need what makes sprites, and nothing else that is painted. No things live here.

import { Bitmap } from "./bitmap";

/** A round light that fades in steps, dithered so that it stays pixel art. */
export function glow(radius: number, colour: number): Bitmap {
  const b = new Bitmap(radius * 2, radius * 2);
  for (let y = 0; y < radius * 2; y += 1) {
    for (let x = 0; x < radius * 2; x += 1) {
      const u = (x + 0.5 - radius) / radius;
      const v = (y + 0.5 - radius) / radius;
      const near = 1 - Math.sqrt(u * u + v * v);
      if (near <= 0) continue;
      const steps = Math.floor(near * near * 4 + near * 6 + (((x & 1) ^ (y & 1)) ? 0.25 : 0.75));
      if (steps > 0) b.set(x, y, colour, Math.min(255, steps * 26));
    }
  }
  return b;
}
