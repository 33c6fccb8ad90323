// The colour of the light by the hour of UTC lives here; what it falls on does not.

import { clamp, mix } from "./hash";
import { blend } from "./palette";

const HOURS: readonly (readonly [number, number])[] = [
  [0, 0x4a58a8], [6, 0xc58aa0], [7.2, 0xffd9b0], [8.5, 0xffffff], [15.5, 0xffffff], [18.4, 0xffc79b], [19.5, 0xc295b4], [20.8, 0x5f6bba], [24, 0x4a58a8],
];

/** The hour of the day in UTC, with its fraction. */
export function hourOf(now: number): number {
  return ((((now / 3_600_000) % 24) + 24) % 24);
}

/** What every colour of the scene is multiplied by. */
export function ambient(hour: number): number {
  for (let i = 0; i + 1 < HOURS.length; i += 1) {
    const [from, a] = HOURS[i] as readonly [number, number];
    const [to, b] = HOURS[i + 1] as readonly [number, number];
    if (hour <= to) return blend(a, b, (hour - from) / (to - from));
  }
  return 0x4a58a8;
}

/** How much lamps and windows show: 0 by day, 1 when it is dark. */
export function darkness(hour: number): number {
  const light = ambient(hour);
  const green = (light >> 8) & 255;
  return mix(0, 1, clamp((222 - green) / 110, 0, 1));
}
