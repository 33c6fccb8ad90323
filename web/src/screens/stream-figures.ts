// Figures of the line to the server, in numbers and in words; no markup lives here.

/** The value below which this share of all lies; nothing where there are none. */
export function quantile(values: number[], share: number): number | undefined {
  const sorted = values.slice().sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
}

/** Milliseconds up to which the columns count; the last one has the rest. */
export const STEPS = [5, 10, 25, 50, 100, 250, 500, 1000, 5000];

export function histogram(values: number[]): number[] {
  const counts = new Array<number>(STEPS.length + 1).fill(0);
  for (const value of values) {
    const at = STEPS.findIndex((step) => value <= step);
    counts[at < 0 ? STEPS.length : at] = (counts[at < 0 ? STEPS.length : at] ?? 0) + 1;
  }
  return counts;
}

export function millis(value: number | undefined): string {
  return value === undefined ? "–" : value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}

const UNITS = ["B", "KiB", "MiB", "GiB"];

export function bytes(value: number): string {
  const unit = value < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(value) / 10));
  const shown = value / 1024 ** unit;
  return `${unit === 0 || shown >= 100 ? Math.round(shown) : shown.toFixed(1)} ${UNITS[unit]}`;
}

export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min` : `${Math.floor(seconds / 86_400)} d`;
}
