// What follows from each event, branch by branch as on the Rust side; pure, total, without DOM. What is allowed lives in Rust.
import { decode, type Envelope, type Event, type Offer, type Payload, type Tokens } from "./event";
import { U32_MAX, add, byNumber, most, type Int } from "./int";
import { evolveObserved, saw, type Happened } from "./observed";
import { Misshapen } from "./shape";
import { agentsInOrder, openPull, type Agent, type Offered, type Pull, type Run, type Town, type Verdict } from "./state";
import { dayOf, parseMoment, writeMoment, type Moment } from "./time";

const RUNS_KEPT = 20;
const SLOTS_KEPT = 64;
const CLOSED_KEPT = 100;
export const COMMENTS_KEPT = 50;

/** Applies an event to the state, in place. Answers why it does not fit, where it does not; the place advances in any case. */
export function apply(town: Town, envelope: Envelope): string | undefined {
  town.seq += 1;
  const moment = parseMoment(envelope.time);
  if (!moment) return "its time is no moment";
  let event: Event | undefined;
  try {
    event = decode(envelope.type, envelope.data);
  } catch (error) {
    if (error instanceof Misshapen) return `payload of ${envelope.type} does not have its shape: ${error.message}`;
    throw error;
  }
  if (!event) {
    town.totals.unknown = add(town.totals.unknown, 1);
    return undefined;
  }
  return evolve(town, event, { id: envelope.id, moment, at: writeMoment(moment) });
}

type Rule<K extends Event["kind"]> = (town: Town, e: Payload<K>, happened: Happened) => string | undefined;

function evolve(town: Town, event: Event, happened: Happened): string | undefined {
  const rule = RULES[event.kind] as ((town: Town, e: unknown, happened: Happened) => string | undefined) | undefined;
  return rule ? rule(town, event.data, happened) : evolveObserved(town, event, happened);
}

const RULES: { [K in Event["kind"]]?: Rule<K> } = {
  "monkeytown.agent.registered.v1": agentSeen,
  "monkeytown.agent.updated.v1": agentSeen,
  "monkeytown.run.started.v1": runStarted,
  "monkeytown.run.resumed.v1": runResumed,
  "monkeytown.run.usage.metered.v1": metered,
  "monkeytown.run.proposed.v1": runProposed,
  "monkeytown.run.finished.v1": (town, e, { at }) => end(town, e.agent, e.run, e.outcome, e.reason, e.pull, at),
  "monkeytown.run.failed.v1": (town, e, { at }) => {
    const why = end(town, e.agent, e.run, "failed", e.reason, undefined, at);
    if (why === undefined) town.totals.failed = add(town.totals.failed, 1);
    return why;
  },
  "monkeytown.run.expired.v1": runExpired,
  "monkeytown.tool.called.v1": (town, e) =>
    ofRun(town, e.run, (run) => (run.calls = Math.max(run.calls, Math.min(e.first + e.calls.length, U32_MAX)))),
  "monkeytown.gate.passed.v1": () => undefined,
  "monkeytown.gate.failed.v1": (town, e) => ofRun(town, e.run, (run) => (run.refusals = Math.max(run.refusals, e.nth))),
  "monkeytown.pull.opened.v1": pullOpened,
  "monkeytown.pull.updated.v1": pullUpdated,
  "monkeytown.pull.commented.v1": pullCommented,
  "monkeytown.pull.merged.v1": (town, e, { at }) => close(town, e.number, "merged", verdictOf(e, at, { commit: e.commit, edited: e.edited })),
  "monkeytown.pull.rejected.v1": (town, e, { at }) =>
    close(town, e.number, "rejected", verdictOf(e, at, { reason: e.reason, text: e.text || undefined, edited: false })),
  "monkeytown.town.frozen.v1": (town, e, { at }) => {
    town.frozen = { by: e.by, reason: e.reason, since: at };
    return undefined;
  },
  "monkeytown.town.thawed.v1": (town) => {
    delete town.frozen;
    return undefined;
  },
};

/** The agent of this name, made where it is new. */
export function agentOf(town: Town, name: string): Agent {
  return (town.agents[name] ??= {
    owns: [],
    runs: [],
    slots: [],
    day: 0,
    started_today: 0,
    merged: 0,
    rejected: 0,
    cost_micros: 0,
  });
}

export function keepLast(list: unknown[], count: number): void {
  if (list.length > count) list.splice(0, list.length - count);
}

function agentSeen(town: Town, e: Payload<"monkeytown.agent.registered.v1">): undefined {
  const agent = agentOf(town, e.agent);
  agent.owns = e.owns;
  agent.charter = e.charter;
}

function total(tokens: Tokens): Int {
  return [tokens.cached, tokens.cache_write, tokens.output, tokens.reasoning].reduce(add, tokens.input);
}

function metered(town: Town, e: Payload<"monkeytown.run.usage.metered.v1">, { moment }: Happened): undefined {
  town.totals.tokens = add(town.totals.tokens, total(e.tokens));
  town.totals.cost_micros = add(town.totals.cost_micros, e.cost_micros);
  spend(town, moment, e.cost_micros);
  const agent = agentOf(town, e.agent);
  agent.cost_micros = add(agent.cost_micros, e.cost_micros);
}

function spend(town: Town, at: Moment, amount: Int): void {
  if (amount === 0) return;
  const [day, spent] = [dayOf(at), town.spent ?? { day: 0, cost_micros: 0 }];
  // What is heard of late counts for the day that is on.
  const before = spent.day >= day ? spent.cost_micros : 0;
  town.spent = { day: Math.max(spent.day, day), cost_micros: add(before, amount) };
}

/** Changes a run in flight; one that has ended keeps what was recorded of it. */
function ofRun(town: Town, id: string, change: (run: Run) => void): undefined {
  const found = agentsInOrder(town).find(([, agent]) => agent.active?.run === id);
  if (found?.[1].active) change(found[1].active);
}

function runStarted(town: Town, e: Payload<"monkeytown.run.started.v1">, { moment, at }: Happened): string | undefined {
  const agent = agentOf(town, e.agent);
  if (agent.active) return `run ${agent.active.run} of ${e.agent} had not ended`;
  if (agent.slots.includes(e.slot)) return `slot ${e.slot} of ${e.agent} was taken`;
  agent.slots.push(e.slot);
  keepLast(agent.slots, SLOTS_KEPT);
  const day = dayOf(moment);
  agent.started_today = agent.day === day ? agent.started_today + 1 : 1;
  agent.day = day;
  agent.active = {
    run: e.run,
    slot: e.slot,
    trigger: e.trigger,
    base: e.base,
    start: e.start,
    lease_until: e.lease_until,
    holder: e.holder,
    brain: e.brain,
    hold_micros: e.hold_micros === 0 ? undefined : e.hold_micros,
    attempt: 0,
    started: at,
    calls: 0,
    refusals: 0,
  };
  town.totals.runs = add(town.totals.runs, 1);
  return undefined;
}

function active(town: Town, agent: string, run: string): Run | undefined {
  const found = town.agents[agent]?.active;
  return found?.run === run ? found : undefined;
}

function notInFlight(agent: string, run: string): string {
  return `${agent} has no run ${run} in flight`;
}

function runResumed(town: Town, e: Payload<"monkeytown.run.resumed.v1">): string | undefined {
  const run = active(town, e.agent, e.run);
  if (!run) return notInFlight(e.agent, e.run);
  run.attempt = e.attempt;
  run.lease_until = e.lease_until;
  run.holder = e.holder;
  return undefined;
}

function runProposed(town: Town, e: Payload<"monkeytown.run.proposed.v1">): string | undefined {
  const run = active(town, e.agent, e.run);
  if (!run) return notInFlight(e.agent, e.run);
  run.proposed = { run: e.run, agent: e.agent, replaces: e.replaces, ...offered(e) };
  return undefined;
}

/** The slot of a run that left nothing is free again. */
function runExpired(town: Town, e: Payload<"monkeytown.run.expired.v1">, { moment, at }: Happened): string | undefined {
  const run = active(town, e.agent, e.run);
  if (!run) return notInFlight(e.agent, e.run);
  // Nobody knows what it spent, so all that was put aside for it counts.
  spend(town, moment, run.hold_micros ?? 0);
  end(town, e.agent, e.run, "expired", "its lease ran out and nothing of it was left", undefined, at);
  town.totals.failed = add(town.totals.failed, 1);
  const agent = agentOf(town, e.agent);
  agent.slots = agent.slots.filter((taken) => taken !== run.slot);
  return undefined;
}

function end(town: Town, name: string, id: string, outcome: string, reason: string, pull: Int | undefined, at: string): string | undefined {
  const run = active(town, name, id);
  if (!run) return notInFlight(name, id);
  const agent = agentOf(town, name);
  delete agent.active;
  agent.runs.push({ run: run.run, slot: run.slot, base: run.base, outcome, reason, pull, started: run.started, ended: at });
  keepLast(agent.runs, RUNS_KEPT);
  return undefined;
}

/** An offer without what is empty, as the state keeps it. */
function offered(e: Offer): Offered {
  return {
    branch: e.branch,
    head: e.head,
    base: e.base,
    title: e.title,
    body: e.body,
    draft: e.draft || undefined,
    conflicts: e.conflicts.length > 0 ? e.conflicts : undefined,
    paths: e.paths.length > 0 ? e.paths : undefined,
    files: e.files,
    adds: e.adds,
    dels: e.dels,
    content: e.content,
  };
}

function pullOpened(town: Town, e: Payload<"monkeytown.pull.opened.v1">, { at }: Happened): string | undefined {
  const key = `${e.number}`;
  if (e.number <= town.last_pull && town.pulls[key]) return `pull request #${key} was there already`;
  const open = openPull(town, e.agent);
  if (open) return `${e.agent} had #${open.number} open already`;
  town.pulls[key] = {
    number: e.number,
    state: "open",
    agent: e.agent,
    run: e.run,
    ...offered(e),
    url: e.url,
    opened_at: at,
    updated_at: at,
  };
  town.last_pull = most(town.last_pull, e.number);
  town.totals.opened = add(town.totals.opened, 1);
  const run = active(town, e.agent, e.run);
  if (run) run.published = { pull: e.number, opened: true };
  return undefined;
}

function opened(town: Town, number: Int): Pull | string {
  const pull = town.pulls[`${number}`];
  if (!pull) return `no open pull request #${number}`;
  return pull.state === "open" ? pull : `pull request #${number} was closed already`;
}

function pullUpdated(town: Town, e: Payload<"monkeytown.pull.updated.v1">, { at }: Happened): string | undefined {
  const pull = opened(town, e.number);
  if (typeof pull === "string") return pull;
  Object.assign(pull, offered(e));
  pull.updated_at = at;
  const run = active(town, pull.agent, e.run);
  if (run) run.published = { pull: e.number, opened: false };
  return undefined;
}

function pullCommented(town: Town, e: Payload<"monkeytown.pull.commented.v1">, happened: Happened): string | undefined {
  const pull = town.pulls[`${e.number}`];
  if (!pull) return `no pull request #${e.number}`;
  const text = e.place === undefined ? e.text : `${e.place}: ${e.text}`;
  (pull.comments ??= []).push({ id: happened.id, by: e.by, at: happened.at, text });
  keepLast(pull.comments, COMMENTS_KEPT);
  if (e.forge_id !== undefined) saw(town, happened);
  return undefined;
}

function verdictOf(e: { by: string; seconds_open: Int }, at: string, more: Pick<Verdict, "edited" | "reason" | "text" | "commit">): Verdict {
  return { by: e.by, at, seconds_open: e.seconds_open, ...more };
}

function close(town: Town, number: Int, state: "merged" | "rejected", verdict: Verdict): string | undefined {
  const pull = opened(town, number);
  if (typeof pull === "string") return pull;
  pull.state = state;
  pull.updated_at = verdict.at;
  pull.verdict = verdict;
  // The body stays in the journal; the state keeps only what a briefing shows.
  pull.body = "";
  const agent = agentOf(town, pull.agent);
  agent[state] = add(agent[state], 1);
  town.totals[state] = add(town.totals[state], 1);
  forgetClosed(town);
  return undefined;
}

function forgetClosed(town: Town): void {
  const closed = Object.keys(town.pulls).filter((key) => town.pulls[key]?.state !== "open").sort(byNumber);
  for (const key of closed.slice(0, Math.max(0, closed.length - CLOSED_KEPT))) delete town.pulls[key];
}

/** Applies a whole journal to the empty town or to the one that is handed in. */
export function foldOn(town: Town, log: Iterable<Envelope>): Town {
  for (const envelope of log) apply(town, envelope);
  return town;
}

