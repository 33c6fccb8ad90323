// Where events and moments are on the axis of all of history, and what stands below it; painting is not done here.
import type { Bucket, HistoryIndex } from "../stream/history";

/** How many recorded events a bucket holds: what is derived has no number. */
function recorded(bucket: Bucket): number {
  return Math.max(0, bucket.count - (bucket.kinds["commit"] ?? 0));
}

/** Where a moment is on the axis, from 0 to 1. */
export function xOfTime(index: HistoryIndex, ms: number): number {
  const at = index.buckets.findIndex((bucket) => ms <= Date.parse(bucket.to));
  const bucket = index.buckets[at];
  if (!bucket) return 1;
  const [from, to] = [Date.parse(bucket.from), Date.parse(bucket.to)];
  return (at + Math.max(0, Math.min(1, (ms - from) / Math.max(1, to - from)))) / index.buckets.length;
}

/** The moment at a place of the axis, in milliseconds. */
export function timeAt(index: HistoryIndex, x: number): number {
  const place = Math.max(0, Math.min(0.9999, x)) * index.buckets.length;
  const bucket = index.buckets[Math.floor(place)];
  if (!bucket) return 0;
  const [from, to] = [Date.parse(bucket.from), Date.parse(bucket.to)];
  return from + (to - from) * (place - Math.floor(place));
}

/** What stands below the axis: of each time what is another than before it, down to seconds within a minute. */
export function marks(index: HistoryIndex): string[] {
  let before = index.to ?? "";
  const words = [0, 1, 2, 3, 4, 5].map((i) => {
    const text = new Date(timeAt(index, i / 6) || 0).toISOString();
    const same = (length: number) => text.slice(0, length) === before.slice(0, length);
    const word = !same(4) ? text.slice(0, 10) : !same(10) ? text.slice(5, 10) : text.slice(11, i > 0 && same(16) ? 19 : 16);
    before = text;
    return word;
  });
  return [...words, "now"];
}

/** Where an event is on the axis, from 0 to 1. */
export function xOf(index: HistoryIndex, seq: number): number {
  let before = Math.max(0, index.first - 1);
  const at = index.buckets.findIndex((bucket) => {
    before += recorded(bucket);
    return before >= seq;
  });
  if (at < 0) return 1;
  const own = recorded(index.buckets[at] as Bucket);
  return (at + (own === 0 ? 0 : 1 - (before - seq) / own)) / index.buckets.length;
}

/** Which event is at a place of the axis; and the moment, where only commits are. */
export function placeAt(index: HistoryIndex, x: number): { seq: number; moment?: number } {
  const place = Math.max(0, Math.min(0.9999, x)) * index.buckets.length;
  const at = Math.floor(place);
  const before = index.buckets.slice(0, at).reduce((sum, bucket) => sum + recorded(bucket), 0);
  const own = index.buckets[at] ? recorded(index.buckets[at]) : 0;
  const seq = Math.min(index.last, Math.max(0, index.first - 1) + before + Math.round(own * (place - at)));
  return own > 0 ? { seq } : { seq, moment: Math.round(timeAt(index, x)) };
}
