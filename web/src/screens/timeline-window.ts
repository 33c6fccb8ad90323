// Which events the lanes show, and what the lanes are made of; fetched by blocks, never drawn here.
import type { Envelope } from "../fold/event";
import { agentsInOrder, type Town } from "../fold/state";
import type { History } from "../stream/history";
import type { Entry } from "../stream/wire";
import { agentOf, field, nounOf, passes, sentence, toneOf, type Tone } from "../ui/sentence";

/** Events that are fetched at once; the lanes show the block of the moment and its neighbours. */
export const BLOCK = 250;
const BLOCKS_KEPT = 12;
/** Entries on each side of the moment that the lanes draw, and by how many the moment moves before they draw others. */
const DRAWN = 500;
const STEP = 200;

/** The numbers that are shown around an event. They stay the same while it moves inside its block. */
export function windowOf(seq: number, head: number): { from: number; to: number } {
  const block = Math.max(0, Math.floor((Math.min(seq, head) - 1) / BLOCK));
  return { from: Math.max(0, block - 1) * BLOCK + 1, to: Math.min(head, (block + 2) * BLOCK) };
}

/** Blocks of history, each fetched once, and again only where it had not ended. */
export class Blocks {
  private readonly kept = new Map<number, { to: number; entries: Promise<Entry[]> }>();

  constructor(private readonly history: Pick<History, "events">) {}

  async read(from: number, to: number): Promise<Entry[]> {
    const parts: Promise<Entry[]>[] = [];
    for (let first = from; first <= Math.max(from, to); first += BLOCK) parts.push(this.block(first, Math.min(to, first + BLOCK - 1)));
    const ids = new Set<string>();
    // What is derived may come with both of its neighbours.
    return (await Promise.all(parts)).flat().filter(({ event }) => !ids.has(event.id) && ids.add(event.id));
  }

  private block(first: number, last: number): Promise<Entry[]> {
    const known = this.kept.get(first);
    if (known && known.to >= last) return known.entries;
    const entries = this.history.events(first === 1 ? 0 : first, last);
    this.kept.delete(first);
    this.kept.set(first, { to: last, entries });
    // A failure is not for ever.
    entries.catch(() => this.kept.delete(first));
    const oldest = this.kept.keys().next().value;
    if (this.kept.size > BLOCKS_KEPT && oldest !== undefined) this.kept.delete(oldest);
    return entries;
  }
}

export type End = "running" | "finished" | "failed" | "expired";

/** A run in its lane. */
export interface Bar {
  id: string;
  from: number;
  /** Nothing while it runs. */
  to: number | null;
  end: End;
  words: string;
}

export interface Mark {
  id: string;
  place: number;
  tone: Tone;
  /** One sign for each meaning, so that colour is never alone. */
  sign: string;
  words: string;
}

export interface Lane {
  name: string;
  agent: boolean;
  bars: Bar[];
  marks: Mark[];
}

const ENDS: { [verb: string]: End } = { finished: "finished", failed: "failed", expired: "expired" };
const SIGNS: { [T in Tone]: string } = { run: "•", gate: "◇", board: "■", ledger: "▲", bad: "✕", plain: "·" };
export const MAIN = "main branch";
export const OTHERS = "people and town";

/** Whose lane an event belongs to. */
function laneOf(event: Envelope, runs: Map<string, string>, town: Town): string {
  const noun = nounOf(event.type);
  if (noun === "commit") return MAIN;
  const pull = noun === "pull" ? town.pulls[field(event, "number")]?.agent : undefined;
  const run = runs.get(field(event, "run"));
  const agent = pull ?? run ?? agentOf(event);
  return agent in town.agents ? agent : OTHERS;
}

function runsOf(entries: Entry[], town: Town): Map<string, string> {
  const runs = new Map<string, string>();
  for (const [name, agent] of agentsInOrder(town)) {
    for (const run of agent.runs) runs.set(run.run, name);
    if (agent.active) runs.set(agent.active.run, name);
  }
  for (const { event } of entries) if (event.type.endsWith("run.started.v1")) runs.set(field(event, "run"), field(event, "agent"));
  return runs;
}

function signOf(event: Envelope, tone: Tone): string {
  if (event.type.includes("pull.merged")) return "◆";
  return nounOf(event.type) === "commit" ? "▮" : SIGNS[tone];
}

/** Lanes of agents in the order of their names, then what belongs to nobody. A place is the index of the event in `entries`. */
export function lanesOf(entries: Entry[], town: Town, hidden: ReadonlySet<Tone> = new Set()): Lane[] {
  const lanes = new Map<string, Lane>();
  const make = (name: string, agent: boolean) => lanes.set(name, { name, agent, bars: [], marks: [] });
  make(MAIN, false);
  for (const [name] of agentsInOrder(town)) make(name, true);
  make(OTHERS, false);
  const runs = runsOf(entries, town);
  const open = new Map<string, Bar>();
  entries.forEach(({ event }, place) => {
    const lane = lanes.get(laneOf(event, runs, town)) as Lane;
    const [, noun, verb = ""] = event.type.split(".");
    const run = field(event, "run");
    if (noun === "run" && verb === "started") {
      const bar: Bar = { id: event.id, from: place, to: null, end: "running", words: sentence(event) };
      open.set(run, bar);
      if (!hidden.has("run")) lane.bars.push(bar);
    } else if (noun === "run" && ENDS[verb]) {
      const bar = open.get(run);
      if (bar) Object.assign(bar, { to: place, end: ENDS[verb], words: sentence(event) });
      // It began before what is shown.
      else if (!hidden.has("run")) lane.bars.push({ id: event.id, from: 0, to: place, end: ENDS[verb] as End, words: sentence(event) });
    }
    const tone = toneOf(event.type);
    if (!hidden.has(tone) && (noun !== "run" || tone !== "run")) lane.marks.push({ id: event.id, place, tone, sign: signOf(event, tone), words: sentence(event) });
  });
  return [...lanes.values()].filter((lane) => lane.bars.length + lane.marks.length > 0);
}

/** Where each event stands on the axis, from 0 to 1: by its time, or each as wide as the other. */
export function placesOf(entries: Entry[], by: "time" | "event"): number[] {
  const times = entries.map(({ event }) => Date.parse(event.time));
  const known = times.filter(Number.isFinite);
  const [from, to] = [Math.min(...known), Math.max(...known)];
  if (by === "event" || !(to > from)) return entries.map((_, i) => (i + 0.5) / entries.length);
  return times.map((time) => (Number.isFinite(time) ? (time - from) / (to - from) : 0));
}

/** The index of the last entry at or before a moment of the town: an event, and what is derived behind it up to a time. */
export function placeOf(entries: Entry[], seq: number, until = Infinity): number {
  const at = entries.findLastIndex((entry) => entry.seq !== null && entry.seq <= seq);
  const next = entries.findIndex((entry) => entry.seq !== null && entry.seq > seq);
  const derived = entries.slice(at + 1, next < 0 ? undefined : next);
  // What stands behind another did not happen before it, whatever its clock said.
  let latest = -Infinity;
  const later = derived.findIndex(({ event }) => (latest = Math.max(latest, Date.parse(event.time) || 0)) > until);
  return at + (later < 0 ? derived.length : later);
}

/** Where the chosen one stands, if it is of the moment: the event, or something that is derived between it and the next. */
export function chosenOf(entries: Entry[], last: number, id: string | null): number {
  const chosen = entries.findIndex(({ event }) => event.id === id);
  const [from, to] = chosen < last ? [chosen, last] : [last, chosen];
  return chosen >= 0 && entries.slice(from + 1, to + 1).every((entry) => entry.seq === null) ? chosen : last;
}

/** With what was heard since they were read up to an event; without it where something lies between, which has to be read. */
export function upToDate(entries: Entry[], to: number, recent: Entry[]): Entry[] {
  const since = recent.slice(recent.findLastIndex(({ seq }) => seq !== null && seq <= to) + 1);
  if ((since.find(({ seq }) => seq !== null)?.seq ?? to + 1) !== to + 1) return entries;
  const ids = new Set(entries.map(({ event }) => event.id));
  return entries.concat(since.filter(({ event }) => !passes(event.type) && !ids.has(event.id)));
}

/** Whether an event is among these; before the first one, whether they begin at the beginning. */
export function holds(entries: Entry[], from: number, seq: number): boolean {
  return seq === 0 ? from === 1 : entries.some((entry) => entry.seq === seq);
}

/** No more entries than can be drawn, around a place; the same ones while the place moves a little. */
export function around(entries: Entry[], place: number): Entry[] {
  if (entries.length <= 2 * DRAWN) return entries;
  const from = Math.max(0, Math.min(entries.length, Math.round(place / STEP) * STEP) - DRAWN);
  return entries.slice(from, from + 2 * DRAWN);
}
