// The small timeline under the map and its buttons: density by kind, the place in time, play and step; states come from app.ts.
import { useEffect, useRef } from "preact/hooks";
import type { Bucket, HistoryIndex } from "../stream/history";
import * as app from "../ui/app";
import { Got, stamp } from "../ui/parts";
import { SHAPES, TONES, toneOfNoun, type Tone } from "../ui/sentence";

const COLOURS: { [T in Tone]: string } = { run: "#74c8ff", gate: "#ffd23f", board: "#bda4ff", ledger: "#4be0b8", bad: "#ff8577", plain: "#b8b0cb" };
export const SPEEDS = [0.5, 1, 10, 60, 600, 3600];

export function speedName(speed: number): string {
  return speed === 3600 ? "1 h/s" : speed === 600 ? "10 m/s" : `${speed}×`;
}

/** How many recorded events a bucket holds: what is derived has no number. */
function recorded(bucket: Bucket): number {
  return Math.max(0, bucket.count - (bucket.kinds["commit"] ?? 0));
}

function paint(canvas: HTMLCanvasElement, index: HistoryIndex, seq: number): void {
  const pen = canvas.getContext("2d");
  const [width, height] = [canvas.clientWidth * devicePixelRatio, canvas.clientHeight * devicePixelRatio];
  Object.assign(canvas, { width, height });
  if (!pen) return;
  const most = Math.max(1, ...index.buckets.map((bucket) => bucket.count));
  const step = width / Math.max(1, index.buckets.length);
  index.buckets.forEach((bucket, i) => {
    let y = height;
    for (const [noun, count] of Object.entries(bucket.kinds)) {
      const tall = (count / most) * (height - 6);
      pen.fillStyle = COLOURS[toneOfNoun(noun)];
      pen.fillRect(i * step, y - tall, Math.max(1, step - 1), tall);
      y -= tall;
    }
  });
  pen.fillStyle = "#f6f1e4";
  pen.fillRect(Math.min(width - 2, xOf(index, seq) * width), 0, 2, height);
}

/** Where an event is on the axis, from 0 to 1. */
export function xOf(index: HistoryIndex, seq: number): number {
  let before = index.first - 1;
  const at = index.buckets.findIndex((bucket) => {
    before += recorded(bucket);
    return before >= seq;
  });
  if (at < 0) return 1;
  const own = recorded(index.buckets[at] as Bucket);
  return (at + (own === 0 ? 0 : 1 - (before - seq) / own)) / index.buckets.length;
}

/** Which event is at a place of the axis. */
export function seqAt(index: HistoryIndex, x: number): number {
  const place = Math.max(0, Math.min(0.9999, x)) * index.buckets.length;
  const at = Math.floor(place);
  const before = index.buckets.slice(0, at).reduce((sum, bucket) => sum + recorded(bucket), 0);
  const own = index.buckets[at] ? recorded(index.buckets[at]) : 0;
  return Math.min(index.last, index.first - 1 + before + Math.round(own * (place - at)));
}

export function Scrubber({ index, tall }: { index: HistoryIndex; tall?: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const seq = app.town().seq;
  useEffect(() => {
    if (canvas.current) paint(canvas.current, index, seq);
  });
  const to = (event: PointerEvent) => {
    const box = canvas.current?.getBoundingClientRect();
    if (box && event.buttons > 0) app.rewind(seqAt(index, (event.clientX - box.left) / box.width));
  };
  return (
    <div class={tall ? "scrubber tall" : "scrubber"}>
      <canvas ref={canvas} onPointerDown={to} onPointerMove={to} aria-hidden="true" />
      <input type="range" aria-label="Moment of the town, by event" aria-valuetext={`event ${seq}, ${stamp(app.shownNow())} UTC`} min={0} max={app.head()} value={seq} onInput={(event) => app.rewind(Number(event.currentTarget.value))} />
      <div class="axis"><span>{index.from?.slice(0, 16).replace("T", " ")}</span><span>{index.to?.slice(0, 16).replace("T", " ")}</span></div>
    </div>
  );
}

export function Controls() {
  const { replay } = app;
  void app.version.value;
  const at = app.town().seq;
  const playing = replay?.playing.on ?? false;
  const start = () => {
    if (!app.past.value) app.rewind(Math.max(0, at - 50));
    app.play(!playing);
  };
  return (
    <div class="controls">
      <button type="button" aria-label="Previous event" onClick={() => app.rewind(at - 1)}>◀◀</button>
      <button type="button" aria-label={playing ? "Pause" : "Play"} onClick={start}>{playing ? "❚❚" : "▶"}</button>
      <button type="button" aria-label="Next event" disabled={!app.past.value} onClick={() => app.rewind(at + 1)}>▶▶</button>
      <button type="button" class={app.past.value ? "" : "on"} aria-pressed={!app.past.value} onClick={app.goLive}>LIVE</button>
      <label class="speed"><span class="sr">Speed</span>
        <select value={replay?.playing.speed ?? 60} onChange={(event) => replay && ((replay.playing.speed = Number(event.currentTarget.value)), (app.version.value += 1))}>
          {SPEEDS.map((speed) => <option key={speed} value={speed}>{speedName(speed)}</option>)}
        </select>
      </label>
      <button type="button" aria-pressed={replay?.playing.skipQuiet ?? true} onClick={() => replay && ((replay.playing.skipQuiet = !replay.playing.skipQuiet), (app.version.value += 1))}>skip quiet</button>
      <span class="moment">{stamp(app.shownNow())} UTC <span class="muted">{app.past.value ? `event ${at} of ${app.head()}` : "following live"}</span></span>
      <span class="key">{TONES.map(({ tone, name }) => <span key={tone}><span class={`mark ${tone}`}>{SHAPES[tone]}</span>{name}</span>)}</span>
    </div>
  );
}

export function MiniTimeline() {
  return <footer class="mini"><Controls /><Got of={app.index.want()}>{(index) => <Scrubber index={index} />}</Got></footer>;
}
