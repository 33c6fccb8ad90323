// The colours of the world and the choice of one of four tones live here; no shapes ever will.

import { bayer, clamp } from "./hash";

/** Four tones of one material, dark to light. */
export type Ramp = readonly [number, number, number, number];

export const OUTLINE = 0x2c1d1a;
export const GRASS: Ramp = [0x3f8a45, 0x55a24a, 0x6cb64f, 0x86c957];
export const EARTH: Ramp = [0xa97c4d, 0xc69a66, 0xd9b27c, 0xe8c993];
export const WATER: Ramp = [0x2b6aa6, 0x357fbd, 0x4a9bd2, 0x6fbbe4];
export const FOAM = 0xcfeef5;
export const STONE: Ramp = [0x5d6374, 0x7b8294, 0x9ba2b1, 0xbcc2cc];
export const WOOD: Ramp = [0x4d2f1e, 0x6e452a, 0x8f5d37, 0xb17c4a];
export const LEAF: Ramp = [0x1f5136, 0x2b6b3f, 0x3d8a49, 0x5fae58];
export const FRESH: Ramp = [0x2b5e2f, 0x3f7f38, 0x5b9f42, 0x86c253];
export const PINE: Ramp = [0x173f36, 0x22573f, 0x2f7050, 0x4b9463];
export const CHAOS: Ramp = [0x3b2458, 0x553480, 0x7a4fae, 0xa77fdb];
export const GOLD: Ramp = [0x9a6512, 0xd4951f, 0xffd23f, 0xfff0a0];
export const PAVING: Ramp = [0x7d6c5e, 0xb3a088, 0xcfbda1, 0xe6d8bf];
export const PLASTER: Ramp = [0xb89a72, 0xd8bf93, 0xeddab0, 0xfaeecf];
export const LIME: Ramp = [0xa6adbb, 0xc9cfd8, 0xe2e6ea, 0xf7f8f6];
export const SAND: Ramp = [0xb59b68, 0xcdb47c, 0xe0c993, 0xeedcac];

export const TEAL: Ramp = [0x0d5f5b, 0x147c74, 0x1fa894, 0x58d3bb];
export const PURPLE: Ramp = [0x33205e, 0x47307a, 0x5f3f96, 0x8662c0];
export const RED: Ramp = [0x7a2328, 0x9c3431, 0xc4483a, 0xe8735b];
export const PINK: Ramp = [0x8e3463, 0xb3477a, 0xdc5f92, 0xf58fb4];
export const ORANGE: Ramp = [0x8a4116, 0xb05a20, 0xd9752a, 0xf3a04e];
export const BLUE: Ramp = [0x1d3369, 0x29498c, 0x3566b3, 0x5f93d8];
export const GREEN: Ramp = [0x1b5738, 0x2b754a, 0x3d9460, 0x6bbd80];
export const GREY: Ramp = [0x3f4352, 0x5a6072, 0x7b8294, 0xa9b0bd];

/** The tone for a brightness from 0 to 1: the dither breaks the border between two tones. */
export function tone(ramp: Ramp, light: number, x: number, y: number, grain = 1): number {
  return ramp[clamp(Math.floor(light * 4 + bayer(x, y) * grain), 0, 3)] ?? ramp[0];
}

/** One colour moved towards another. */
export function blend(a: number, b: number, t: number): number {
  const part = (shift: number): number => {
    const from = (a >> shift) & 255;
    return Math.round(from + (((b >> shift) & 255) - from) * t) << shift;
  };
  return part(16) | part(8) | part(0);
}

export function css(colour: number): string {
  return `#${colour.toString(16).padStart(6, "0")}`;
}
