// Exports Timeline: the whole history as density, lanes of the agents around the moment, and one event looked at closely.
import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import "./screens.css";
import type { Entry } from "../stream/wire";
import * as app from "../ui/app";
import { AgentLink, Empty, Got, Mark as Sign, Said, stamp } from "../ui/parts";
import { route } from "../ui/route";
import { SHAPES, TONES, agentOf, detail, many, sentence, type Tone } from "../ui/sentence";
import { Controls, SPEEDS, Scrubber, set, speedName } from "./minitimeline";
import { Blocks, around, chosenOf, holds, lanesOf, placeOf, placesOf, type Lane, upToDate, windowOf } from "./timeline-window";

const hidden = signal<ReadonlySet<Tone>>(new Set());
const read = signal<{ of?: Blocks; from: number; to: number; entries: Entry[]; why: string }>({ from: 0, to: 0, entries: [], why: "" });
/** What the axis of the lanes is: by event, so that a busy minute can be seen beside a quiet day; or by time. */
const axis = signal<"time" | "event">("event");
let blocks: { of: typeof app.replay; blocks: Blocks } | undefined;
let wanted: [number, number] | null = null;
let busy = false;

/** Another history begins when the server says so. */
function source(): Blocks {
  if (!blocks || blocks.of !== app.replay) blocks = { of: app.replay, blocks: new Blocks(app.history) };
  return blocks.blocks;
}

/** Reads what is wanted last, and not more often than twice a second, however fast the town is. */
async function readOn(): Promise<void> {
  if (busy) return;
  busy = true;
  while (wanted) {
    const [from, to] = wanted;
    const of = source();
    wanted = null;
    try {
      read.value = { of, from, to, entries: await of.read(from, to), why: "" };
    } catch (error) {
      read.value = { ...read.peek(), why: (error as Error).message };
    }
    await new Promise((done) => setTimeout(done, 500));
  }
  busy = false;
}

/** The entries around an event, as far as they are known, and whether it is among them. What is heard needs no reading. */
function useWindow(seq: number): { entries: Entry[]; there: boolean } {
  const head = app.head();
  const { from, to } = windowOf(seq, head);
  const { of, from: first, to: last, entries: known, why } = read.value;
  const now = source();
  const own = of === now;
  const entries = !own ? [] : to < head ? known : upToDate(known, last, app.live.recent);
  const whole = own && first === from && holds(entries, from, to);
  useEffect(() => {
    if (whole) return;
    wanted = [from, to];
    void readOn();
    // What could not be read is asked for again.
  }, [whole, from, to, now, why && app.minute.value]);
  return { entries, there: own && holds(entries, first, seq) };
}

/** What the small timeline has no room for: every speed, by event, in circles, which kinds are shown. */
function More() {
  // How it is played changes in place.
  void app.version.value;
  const playing = app.replay?.playing ?? { speed: 60, by: "time", loop: false };
  const toggle = (tone: Tone) => {
    const next = new Set(hidden.value);
    if (!next.delete(tone)) next.add(tone);
    hidden.value = next;
  };
  return (
    <div class="tools">
      <label>Speed <select value={playing.speed} onChange={(event) => set({ speed: Number(event.currentTarget.value) })}>
        {SPEEDS.map((speed) => <option key={speed} value={speed}>{playing.by === "event" ? `${speed} events/s` : speedName(speed)}</option>)}
      </select></label>
      <label>Play <select value={playing.by} onChange={(event) => set({ by: event.currentTarget.value as "time" | "event" })}>
        <option value="time">by time</option><option value="event">by event</option>
      </select></label>
      <label>Lanes <select value={axis.value} onChange={(event) => (axis.value = event.currentTarget.value as "time" | "event")}>
        <option value="event">by event</option><option value="time">by time</option>
      </select></label>
      <button type="button" aria-pressed={playing.loop} onClick={() => set({ loop: !playing.loop })}>Loop</button>
      <span class="kinds" role="group" aria-label="Kinds in the lanes">
        {[...TONES, { tone: "plain" as Tone, name: "other" }].map(({ tone, name }) => (
          <button type="button" key={tone} aria-pressed={!hidden.value.has(tone)} onClick={() => toggle(tone)}><span class={`mark ${tone}`} aria-hidden="true">{SHAPES[tone]}</span>{name}</button>
        ))}
      </span>
    </div>
  );
}

const percent = (x: number) => `${(x * 100).toFixed(3)}%`;

function Row({ lane, places }: { lane: Lane; places: number[] }) {
  const x = (place: number) => places[place] ?? 0;
  const failed = lane.bars.filter((bar) => bar.end === "failed" || bar.end === "expired").length;
  return (
    <li class="lane">
      <span class="lane-name">{lane.agent ? <AgentLink id={lane.name} /> : lane.name}<span class="sr">{`: ${lane.bars.length} runs, ${failed} of them failed, ${lane.marks.length} other events`}</span></span>
      <div class="track">
        {lane.bars.map((bar) => (
          <a key={bar.id} class={`bar-run ${bar.end}`} href={`#/e/${encodeURIComponent(bar.id)}`} tabIndex={-1} aria-hidden="true" title={bar.words} style={{ left: percent(x(bar.from)), width: percent((bar.to === null ? 1 : x(bar.to)) - x(bar.from)) }} />
        ))}
        {lane.marks.map((mark) => (
          <a key={mark.id} class={`mark ${mark.tone}`} href={`#/e/${encodeURIComponent(mark.id)}`} tabIndex={-1} aria-hidden="true" title={mark.words} style={{ left: percent(x(mark.place)) }}>{mark.sign}</a>
        ))}
      </div>
    </li>
  );
}

function Lanes({ entries, at: moment, of }: { entries: Entry[]; at: number; of: number }) {
  const by = axis.value;
  const off = hidden.value;
  const places = useMemo(() => placesOf(entries, by), [entries[0], entries.length, by]);
  // The lanes are the same while the moment moves over them: only the line moves.
  const rows = useMemo(() => lanesOf(entries, app.live.town, off).map((lane) => <Row key={lane.name} lane={lane} places={places} />), [places, off]);
  const here = places[moment] ?? 0;
  const numbers = [entries.find((entry) => entry.seq !== null)?.seq, entries.findLast((entry) => entry.seq !== null)?.seq];
  const at = (share: number) => stamp(Date.parse(entries[Math.min(entries.length - 1, Math.max(0, places.findLastIndex((place) => place <= share)))]?.event.time ?? ""));
  return (
    <section class="panel lanes" aria-label="Lanes of the agents">
      <h2>Lanes <small>{numbers[0] ? `events ${numbers[0]} to ${numbers[1]} of ${app.head()}` : `${entries.length < of ? `${entries.length} of ` : ""}${many(of, "commit")} ${app.head() > 0 ? "before the first event" : "and no event yet"}`}</small></h2>
      <div class="lane-box">
        <ol>{rows}</ol>
        <div class="lane-line" aria-hidden="true"><i class={app.past.value ? "" : "live"} style={{ left: percent(here) }} /></div>
      </div>
      <div class="axis lane-axis" aria-hidden="true">{[0, 0.5, 1].map((share) => <span key={share}>{at(share).slice(share > 0 && at(0).slice(0, 4) === at(1).slice(0, 4) ? 5 : 0)}</span>)}</div>
    </section>
  );
}

function plain(data: unknown): string {
  const text = JSON.stringify(data, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value), 2) ?? "";
  return text.length > 20_000 ? `${text.slice(0, 20_000)}…` : text;
}

function Closely({ entry, related, linked }: { entry: Entry | undefined; related: Entry[]; linked: boolean }) {
  const card = useRef<HTMLElement>(null);
  const above = app.index.want().state;
  // Who follows a link to an event wants to see it, however many lanes are above it.
  useEffect(() => {
    if (linked) card.current?.scrollIntoView({ block: "nearest" });
  }, [linked && entry?.event.id, above]);
  if (!entry) return <section class="panel"><Empty title="Before the first event">Step forward, or press play.</Empty></section>;
  const { event, seq } = entry;
  const who = agentOf(event);
  return (
    <section class="panel event" aria-label="The event" ref={card}>
      <h2><Sign type={event.type} /> <Said text={sentence(event)} /></h2>
      {detail(event) && <p class="muted"><Said text={detail(event).slice(0, 400)} /></p>}
      <dl class="pairs">
        <div><dt>number</dt><dd>{seq ?? (event.type.includes(".step.") ? "none, it passed by" : "none, derived from git")}</dd></div>
        <div><dt>when</dt><dd>{event.time}</dd></div>
        <div><dt>type</dt><dd><Said text={event.type} /></dd></div>
        <div><dt>actor</dt><dd>{who && who in app.live.town.agents ? <AgentLink id={who} /> : <Said text={event.actor} />}</dd></div>
        {event.subject && <div><dt>about</dt><dd><Said text={event.subject} /></dd></div>}
        <div><dt>id</dt><dd><a href={`#/e/${encodeURIComponent(event.id)}`}>{event.id}</a></dd></div>
      </dl>
      {related.length > 0 && (
        <details><summary>{related.length} more of the same run</summary>
          <ul class="plain">{related.map((one) => <li key={one.event.id}><a href={`#/e/${encodeURIComponent(one.event.id)}`}><Said text={sentence(one.event)} /></a></li>)}</ul>
        </details>
      )}
      <details><summary>What it carries</summary><pre tabIndex={0}>{plain(event.data)}</pre></details>
    </section>
  );
}

const AROUND = 12;

function Around({ entries, at }: { entries: Entry[]; at: number }) {
  const list = useRef<HTMLOListElement>(null);
  const from = Math.max(0, at - AROUND);
  return (
    <section class="panel" aria-label="Events around the moment">
      <h2>Around this moment</h2>
      <ol class="events" ref={list}>
        {entries.slice(from, at + AROUND).map(({ event, seq }, i) => (
          <li key={event.id} class={from + i > at ? "later" : ""} aria-current={from + i === at ? "true" : undefined}>
            <Sign type={event.type} /><a href={`#/e/${encodeURIComponent(event.id)}`}><Said text={sentence(event)} /></a><span class="muted">{seq ?? "·"}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

export function Timeline() {
  const { seq } = app.town();
  const { entries: all, there } = useWindow(seq);
  const { why } = read.value;
  const moment = app.momentShown();
  const { selected } = route.value;
  const entries = there ? around(all, chosenOf(all, placeOf(all, seq, moment), selected)) : [];
  const last = placeOf(entries, seq, moment);
  const at = chosenOf(entries, last, selected);
  const entry = entries[at];
  const related = entry?.event.corr ? entries.filter((one) => one.event.corr === entry.event.corr && one !== entry) : [];
  return (
    <div class="page timeline">
      <section class="panel" aria-label="All of history">
        <Controls />
        <More />
        <Got of={app.index.want()}>{(index) => (index.buckets.length === 0 ? <Empty title="Nothing has happened yet">The first run of an agent writes the first line of this history.</Empty> : <Scrubber index={index} tall />)}</Got>
      </section>
      {!there && (why ? <Empty title="The lanes could not be read">{why}.</Empty> : <p class="empty" role="status">Reading the lanes…</p>)}
      {entries.length > 0 && <Lanes entries={entries} at={last} of={all.length} />}
      {entries.length > 0 && <div class="halves"><Closely entry={entry} related={related} linked={entry?.event.id === selected} /><Around entries={entries} at={at} /></div>}
    </div>
  );
}

export default Timeline;
