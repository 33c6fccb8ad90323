// The small timeline under the map and its buttons: density by kind, the place in time, play and step; states come from app.ts.
import { useEffect, useRef } from "preact/hooks";
import type { HistoryIndex } from "../stream/history";
import * as app from "../ui/app";
import { ambient, hourOf } from "../world/sky";
import { blend, css } from "../world/palette";
import { Got, stamp } from "../ui/parts";
import { route } from "../ui/route";
import { SHAPES, TONES, toneOfNoun, type Tone } from "../ui/sentence";
import { marks, placeAt, timeAt, xOf, xOfTime } from "./axis";

const COLOURS: { [T in Tone]: string } = { run: "#74c8ff", gate: "#ffd23f", board: "#bda4ff", ledger: "#4be0b8", bad: "#ff8577", plain: "#b8b0cb" };
const ORDER: Tone[] = ["run", "gate", "board", "ledger", "bad", "plain"];
export const SPEEDS = [0.5, 1, 10, 60, 600, 3600];

export function speedName(speed: number): string {
  return speed === 3600 ? "1 h/s" : speed === 600 ? "10 m/s" : `${speed}×`;
}

/** What the sky is like at an hour: the light of the map falls on a blue, and a little of it shines through. */
function skyOf(hour: number): string {
  const light = ambient(hour);
  const lit = [16, 8, 0].reduce((sum, by) => sum | (Math.round((((light >> by) & 255) * ((0x1f4560 >> by) & 255)) / 255) << by), 0);
  return css(blend(lit, light, light === 0xffffff ? 0.02 : 0.14));
}

/** The sky of the hours behind the bars: the light that the map has at that time. */
function paintSky(pen: CanvasRenderingContext2D, index: HistoryIndex, width: number, height: number): void {
  const told = index.buckets.reduce((sum, { from, to }) => sum + Date.parse(to) - Date.parse(from), 0);
  // Over more than a few days the nights would flicker.
  const plain = !(told < 4 * 86_400_000);
  pen.fillStyle = "#191731";
  if (!plain) {
    const sky = pen.createLinearGradient(0, 0, width, 0);
    for (let i = 0; i <= 48; i++) sky.addColorStop(i / 48, skyOf(hourOf(timeAt(index, i / 48))));
    pen.fillStyle = sky;
  }
  pen.fillRect(0, 0, width, height);
}

function paintBars(pen: CanvasRenderingContext2D, index: HistoryIndex, here: number, size: [number, number], ratio: number): void {
  const [width, height] = size;
  const most = Math.max(1, ...index.buckets.map((bucket) => bucket.count));
  const step = width / Math.max(1, index.buckets.length);
  const floor = height - 5 * ratio;
  index.buckets.forEach((bucket, i) => {
    // What lies in the future of the moment that is shown is there, but pale.
    pen.globalAlpha = (i + 0.5) / index.buckets.length > here ? 0.35 : 1;
    const kinds = Object.entries(bucket.kinds).sort(([a], [b]) => ORDER.indexOf(toneOfNoun(a)) - ORDER.indexOf(toneOfNoun(b)));
    let y = floor;
    for (const [noun, count] of kinds) {
      // The root keeps an hour with one event visible beside one with thousands.
      const tall = Math.max(2 * ratio, (count / bucket.count) * Math.sqrt(bucket.count / most) * (floor - 20 * ratio));
      pen.fillStyle = COLOURS[toneOfNoun(noun)];
      pen.fillRect(i * step + step * 0.1, y - tall, Math.max(1, step * 0.8), tall - Math.min(ratio, tall / 3));
      y -= tall;
    }
  });
  pen.globalAlpha = 1;
}

/** A diamond for each merge, a cross for each rejection. */
function paintVerdicts(pen: CanvasRenderingContext2D, index: HistoryIndex, width: number, ratio: number): void {
  const r = 5 * ratio;
  for (const { state, verdict } of Object.values(app.live.town.pulls)) {
    if (!verdict) continue;
    const x = Math.min(width - r, Math.max(r, xOfTime(index, Date.parse(verdict.at)) * width));
    const y = 9 * ratio;
    pen.beginPath();
    if (state === "merged") {
      pen.fillStyle = COLOURS.gate;
      for (const [dx, dy] of [[0, -r], [r, 0], [0, r], [-r, 0]] as const) pen.lineTo(x + dx, y + dy);
      pen.fill();
    } else {
      pen.strokeStyle = COLOURS.bad;
      pen.lineWidth = 2.5 * ratio;
      for (const side of [-1, 1]) {
        pen.moveTo(x - r * 0.8, y - side * r * 0.8);
        pen.lineTo(x + r * 0.8, y + side * r * 0.8);
      }
      pen.stroke();
    }
  }
}

/** Where the moment that is shown is on the axis, from 0 to 1, or already the one that is on its way. */
function hereOn(index: HistoryIndex, seq: number): number {
  const { at, moment: next } = route.value;
  if (app.going.value && at !== null) return next === undefined ? xOf(index, at) : xOfTime(index, next);
  const moment = app.momentShown();
  return moment === undefined ? xOf(index, seq) : xOfTime(index, moment);
}

function paint(canvas: HTMLCanvasElement, index: HistoryIndex, here: number): void {
  const pen = canvas.getContext("2d");
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
  if (canvas.width !== Math.round(width) || canvas.height !== Math.round(height)) Object.assign(canvas, { width, height });
  if (!pen || width === 0) return;
  paintSky(pen, index, width, height);
  paintBars(pen, index, here, [width, height], ratio);
  paintVerdicts(pen, index, width, ratio);
  const x = Math.max(ratio, Math.min(width - 6 * ratio, here * width));
  pen.fillStyle = "#fff8e6";
  pen.fillRect(x - ratio, 0, 2.5 * ratio, height);
  pen.beginPath();
  for (const [dx, dy] of [[-6, 0], [6.5, 0], [0, 8]] as const) pen.lineTo(x + dx * ratio, dy * ratio);
  pen.fill();
}

/** The places of the slider, and what a key on it does: a step, a share of the axis, to the beginning, or the way back to live. */
const PLACES = 1000;
const STEPS: { [key: string]: number } = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -0.05, PageUp: 0.05, Home: -Infinity, End: Infinity };

export function Scrubber({ index, tall }: { index: HistoryIndex; tall?: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const seq = app.town().seq;
  const here = hereOn(index, seq);
  const { merged, rejected } = app.live.town.totals;
  // It is many bars, and what comes live changes none of them before the index is read again.
  useEffect(() => {
    const again = () => canvas.current && paint(canvas.current, index, here);
    again();
    const observer = new ResizeObserver(again);
    if (canvas.current) observer.observe(canvas.current);
    return () => observer.disconnect();
  }, [index, here, merged, rejected]);
  const go = (x: number) => {
    const { seq, moment } = placeAt(index, x);
    if (index.buckets.length > 0) app.rewind(seq, moment);
  };
  const to = (event: PointerEvent) => {
    const box = canvas.current?.getBoundingClientRect();
    if (box && event.buttons !== 0) go((event.clientX - box.left) / box.width);
  };
  // Where nothing else is so near it goes on by one: a short history has fewer events than the slider has places.
  const near = (x: number) => {
    const { seq: next, moment } = placeAt(index, x);
    const [from, way] = [app.past.value ? seq : (route.value.at ?? index.last), Math.sign(x - here)];
    if (moment === undefined && (next - from) * way <= 0) void app.step(way);
    else go(x);
  };
  // By arrows it goes from event to event, as a long history has more of them than a slider has places.
  const key = (event: KeyboardEvent) => {
    const by = STEPS[event.key];
    if (by === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (by === Infinity) app.goLive();
    else if (by === -Infinity) go(0);
    else if (Math.abs(by) < 1) near(here + by);
    else void app.step(by);
  };
  const spoken = `event ${seq} of ${app.head()}, ${stamp(app.shownNow())} UTC`;
  return (
    <div class={tall ? "scrubber tall" : "scrubber"}>
      <input type="range" class="sr" aria-label="Moment of the town" aria-valuetext={spoken} min={0} max={PLACES} value={here * PLACES} onKeyDown={key} onInput={(event) => near(Number(event.currentTarget.value) / PLACES)} />
      <canvas ref={canvas} onPointerDown={to} onPointerMove={to} aria-hidden="true" />
      <div class="axis" aria-hidden="true">{index.buckets.length > 0 && marks(index).map((text, i) => <span key={i}>{text}</span>)}</div>
    </div>
  );
}

/** Changes how the past is played. */
export function set(change: Partial<NonNullable<typeof app.replay>["playing"]>): void {
  if (app.replay) Object.assign(app.replay.playing, change);
  app.version.value += 1;
}

const QUICK = [1, 60, 3600];

export function Controls() {
  const { replay } = app;
  const past = app.past.value;
  const files = app.info.value?.static ?? false;
  const playing = replay?.playing.on ?? false;
  const speed = replay?.playing.speed ?? 60;
  const skip = replay?.playing.skipQuiet ?? true;
  return (
    <div class="controls" role="group" aria-label="Time">
      <button type="button" aria-label="Previous event" disabled={app.town().seq === 0 && app.recent(1).length === 0} onClick={() => void app.step(-1)}>◀◀</button>
      <button type="button" aria-label={playing ? "Pause" : "Play"} onClick={app.playOrPause}>{playing ? "❚❚" : "▶"}</button>
      <button type="button" aria-label="Next event" disabled={!past} onClick={() => void app.step(1)}>▶▶</button>
      <button type="button" class={past ? "live off" : "live"} aria-pressed={!past} onClick={app.goLive}>{past ? (files ? "To the end" : "Back to live") : files ? "END" : "LIVE"}</button>
      {QUICK.map((one) => <button type="button" key={one} class="speed" aria-pressed={speed === one} onClick={() => set({ speed: one, by: "time" })}>{speedName(one)}</button>)}
      <button type="button" class="speed" aria-pressed={skip} onClick={() => set({ skipQuiet: !skip })}>skip quiet</button>
      <span class="moment">{stamp(app.asOf())} <span>{past ? "" : files ? "the last event" : "following live"}</span></span>
      <span class="key">{TONES.map(({ tone, name }) => <span key={tone}><span class={`mark ${tone}`} aria-hidden="true">{SHAPES[tone]}</span>{name}</span>)}</span>
    </div>
  );
}

export function MiniTimeline() {
  return <footer class="mini" aria-label="Timeline"><Controls /><Got of={app.index.want()}>{(index) => <Scrubber index={index} />}</Got></footer>;
}
