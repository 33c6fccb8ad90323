// Integer hashes and the noise made of them live here; no clock, no Math.random and no drawing ever will.

/** A 32-bit hash of three integers: the only dice that the art may throw. */
export function hash(x: number, y: number, salt = 0): number {
  let n = Math.imul(x | 0, 0x27d4eb2d) ^ Math.imul(y | 0, 0x165667b1) ^ Math.imul(salt | 0, 0x9e3779b1);
  n = Math.imul(n ^ (n >>> 15), 0x85ebca6b);
  n = Math.imul(n ^ (n >>> 13), 0xc2b2ae35);
  return (n ^ (n >>> 16)) >>> 0;
}

/** The hash as a fraction of 1, never 1 itself. */
export function chance(x: number, y: number, salt = 0): number {
  return hash(x, y, salt) / 4294967296;
}

/** A seed from a name, so that the same town looks the same to everybody. */
export function seedOf(text: string): number {
  let n = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) n = Math.imul(n ^ text.charCodeAt(i), 0x01000193);
  return n >>> 0;
}

/** Smooth noise between 0 and 1: hashes at whole numbers, eased in between. */
export function noise(x: number, y: number, salt: number): number {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const u = ease(x - left);
  const v = ease(y - top);
  const above = mix(chance(left, top, salt), chance(left + 1, top, salt), u);
  const below = mix(chance(left, top + 1, salt), chance(left + 1, top + 1, salt), u);
  return mix(above, below, v);
}

export function mix(a: number, b: number, t: number): number {
  return a + (b - a) * t;
}

export function ease(t: number): number {
  return t * t * (3 - 2 * t);
}

export function clamp(value: number, low: number, high: number): number {
  return value < low ? low : value > high ? high : value;
}

const MATRIX = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];

/** The ordered-dither threshold of a pixel, from -0.5 to 0.5. */
export function bayer(x: number, y: number): number {
  return ((MATRIX[((y & 3) << 2) | (x & 3)] ?? 0) + 0.5) / 16 - 0.5;
}
