// What happened to a resident becomes a list of places to be here; how it gets there does not.

import type { PlaceId } from "./plan";
import type { AgentLike, CharterLike, EventLike, PullLike, Stop, TownLike } from "./types";

/** Runs and pull requests that still matter for where somebody is now. */
const KEPT = 6;
const DAY = 86_400_000;

export interface Person {
  readonly id: string;
  readonly home: PlaceId;
  readonly agent: AgentLike;
  readonly charter: CharterLike | undefined;
  readonly kept: string | undefined;
}

export function moment(time: string): number {
  return Date.parse(time) || 0;
}

function field(data: unknown, name: string): unknown {
  return typeof data === "object" && data !== null ? (data as Record<string, unknown>)[name] : undefined;
}

export function text(data: unknown, name: string): string {
  const value = field(data, name);
  return typeof value === "string" ? value : "";
}

export function count(data: unknown, name: string): number {
  const value = field(data, name);
  return typeof value === "number" ? value : 0;
}

/** All stops of a resident in the order of time, the bed it begins in first. */
export function stopsOf(person: Person, town: TownLike, recent: readonly EventLike[]): Stop[] {
  const { id, agent } = person;
  const pulls = Object.values(town.pulls).filter((pull) => pull.agent === id).slice(-KEPT);
  const stops: Stop[] = [];
  const runs = new Set<string>();
  for (const run of agent.runs.slice(-KEPT)) {
    runs.add(run.run);
    stops.push(reading(run.run, run.started), ended(person, run, pulls));
  }
  if (agent.active) {
    runs.add(agent.active.run);
    stops.push(reading(agent.active.run, agent.active.started));
  }
  for (const pull of pulls) stops.push(...ofPull(person, pull));
  const seen = new Set<string>();
  for (const event of recent) {
    const run = text(event.data, "run");
    if (!runs.has(run)) continue;
    const stop = ofEvent(person, event);
    if (stop) {
      seen.add(run);
      stops.push(stop);
    }
  }
  // The calls of a long run may have left the window of recent events; the state still says that there were some.
  const active = agent.active;
  if (active && active.calls > 0 && !seen.has(active.run)) stops.push(working(person, active.run, moment(active.started), `has called ${active.calls} tools`));
  // The order of the sort decides between events of one millisecond, so it has to be stable: it is, since 2019.
  stops.sort((a, b) => a.at - b.at);
  return [bed(person), ...stops];
}

function bed(person: Person): Stop {
  return { at: -Infinity, place: person.home, activity: "asleep", reason: waits(person), source: `agent/${person.id}` };
}

/** Why it may begin no run at this moment: people, the settings, or a day that is used up. What runs in flight may spend yet is not counted. */
export function keptBy(agent: AgentLike, charter: CharterLike | undefined, spent: TownLike["spent"], now: number): string | undefined {
  const today = Math.floor(now / DAY);
  const caps = charter?.day;
  if (agent.paused) return `is paused by ${agent.paused.by}: ${agent.paused.reason}`;
  if (charter?.paused) return "is paused in town.yaml";
  if (!caps) return undefined;
  if (agent.day === today && agent.started_today >= caps.runs) return "has had its runs of today";
  // Who never cost anything needs no money.
  return spent?.day === today && agent.cost_micros > 0 && spent.cost_micros > caps.cost_micros ? "has no money left today" : undefined;
}

/** Why somebody sleeps. */
export function waits(person: Person): string {
  if (person.kept) return person.kept;
  const slot = person.charter?.next_slot;
  return slot ? `waits for its slot at ${clock(moment(slot))}` : "waits to be called";
}

export function clock(ms: number): string {
  const at = new Date(ms).toISOString();
  return `${at.slice(11, 16)} UTC on ${at.slice(0, 10)}`;
}

function reading(run: string, started: string): Stop {
  return { at: moment(started), place: "library", activity: "reading", reason: "reads what happened since its last run", source: `run/${run}` };
}

function working(person: Person, run: string, at: number, reason: string, source = `run/${run}`): Stop {
  return { at, place: person.home, activity: "working", reason, source };
}

const BROKEN = new Set(["failed", "expired"]);

function ended(person: Person, run: AgentLike["runs"][number], pulls: readonly PullLike[]): Stop {
  const at = moment(run.ended);
  const source = `run/${run.run}`;
  const open = pulls.find((pull) => moment(pull.opened_at) <= at && !(pull.verdict && moment(pull.verdict.at) <= at));
  if (open) return waiting(open, at, source);
  const before = run.outcome === "nothing" ? "found nothing to do; " : BROKEN.has(run.outcome) ? `could not finish: ${run.reason}; ` : "";
  return { at, place: person.home, activity: "asleep", reason: before + waits(person), source };
}

function waiting(pull: PullLike, at: number, source: string): Stop {
  return { at, place: "gate", activity: "waiting", reason: `waits for a human to decide on #${pull.number}`, source };
}

function ofPull(person: Person, pull: PullLike): Stop[] {
  const source = `pull/${pull.number}`;
  const stops: Stop[] = [{ ...waiting(pull, moment(pull.opened_at), source), carry: source }];
  // A pull request that is open again is waited for again.
  if (pull.reopened_at) stops.push(waiting(pull, moment(pull.reopened_at), source));
  if (pull.verdict) {
    const merged = pull.state === "merged";
    const { by, at, reason } = pull.verdict;
    const how = merged ? `#${pull.number} was merged by ${by}` : `#${pull.number} was rejected by ${by}${reason ? ` as ${reason}` : ""}`;
    stops.push({ at: moment(at), place: person.home, activity: "asleep", reason: `${how}; ${waits(person)}`, source });
  }
  return stops;
}

/** What a single event of a run adds to its start and its end. */
function ofEvent(person: Person, event: EventLike): Stop | undefined {
  const at = moment(event.time);
  const run = text(event.data, "run");
  const source = event.id;
  switch (event.type) {
    case "monkeytown.run.step.v1":
      return ofStep(person, event);
    case "monkeytown.tool.called.v1":
      return working(person, run, at, "works with its tools", source);
    case "monkeytown.gate.failed.v1":
      return working(person, run, at, `mends what the gate refused (${count(event.data, "total")} findings)`, source);
    case "monkeytown.gate.passed.v1":
      return working(person, run, at, "packs what the gate let through", source);
    case "monkeytown.run.proposed.v1":
      return { at, place: "gate", activity: "waiting", reason: "brings its proposal", source, carry: `run/${run}` };
    default:
      return undefined;
  }
}

function ofStep(person: Person, event: EventLike): Stop | undefined {
  const at = moment(event.time);
  const run = text(event.data, "run");
  const tool = text(event.data, "tool").slice(0, 40);
  switch (text(event.data, "phase")) {
    case "perceive":
      return { at, place: "library", activity: "reading", reason: "reads what happened since its last run", source: event.id };
    case "decide":
      return { at, place: "fire", activity: "thinking", reason: "thinks about what to do", source: event.id };
    case "act":
      return working(person, run, at, tool ? `works with ${tool}` : "works", event.id);
    case "reflect":
      return { at, place: "fire", activity: "thinking", reason: "thinks about what it has learned", source: event.id };
    default:
      return undefined;
  }
}
