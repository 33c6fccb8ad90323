// Sums over what runs cost: by agent, by model, over time, and as CSV; nothing is drawn here.
import { agentsInOrder, type Town } from "../fold/state";
import type { RunInfo } from "../ui/api";

/** A run that has its moment. */
export type RunRow = RunInfo & { at: string };

export interface Account {
  agent: string;
  spent: number;
  /** Put aside for a run that is not over. */
  held: number;
  day: number;
  merged: number;
}

/** What each agent has spent and holds by the moment of this town, the most expensive in front. */
export function accounts(town: Town): Account[] {
  return agentsInOrder(town)
    .map(([name, agent]) => ({ agent: name, spent: Number(agent.cost_micros), held: Number(agent.active?.hold_micros ?? 0), day: agent.started_today, merged: Number(agent.merged) }))
    .sort((a, b) => b.spent - a.spent);
}

/** Runs that had ended by a moment, oldest first. */
export function runsUntil(runs: RunInfo[], until: number): RunRow[] {
  return runs.filter((run): run is RunRow => run.outcome !== "running" && run.at !== null && Date.parse(run.at) <= until).sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

export interface Sum {
  name: string;
  cost: number;
  tokens: number;
  runs: number;
}

/** Sums by whatever names a run, the most expensive in front. */
export function sumsBy(runs: RunRow[], name: (run: RunRow) => string): Sum[] {
  const sums = new Map<string, Sum>();
  for (const run of runs) {
    const sum = sums.get(name(run)) ?? { name: name(run), cost: 0, tokens: 0, runs: 0 };
    sums.set(sum.name, { ...sum, cost: sum.cost + Number(run.cost_micros), tokens: sum.tokens + Number(run.tokens), runs: sum.runs + 1 });
  }
  return [...sums.values()].sort((a, b) => b.cost - a.cost || b.runs - a.runs || (a.name < b.name ? -1 : 1));
}

export const OTHERS = "others";

/**
 * What each agent had spent after each run, in dollars. What was spent before the first run that is told is where its
 * line begins, so that every line ends at what the agent has spent in all.
 */
export function overTime(runs: RunRow[], all: Account[], lines = 7): { times: number[]; series: { name: string; values: number[] }[] } {
  const listed = new Map(sumsBy(runs, (run) => run.agent).map((sum) => [sum.name, sum.cost]));
  const named = all.length <= lines ? all : all.slice(0, lines - 1);
  const names = new Set(named.map((one) => one.agent));
  const lineOf = (agent: string) => (names.has(agent) ? agent : OTHERS);
  const level = new Map(named.map((one) => [one.agent, 0]));
  if (named.length < all.length) level.set(OTHERS, 0);
  const raise = (agent: string, by: number) => level.has(lineOf(agent)) && level.set(lineOf(agent), (level.get(lineOf(agent)) ?? 0) + by);
  for (const one of all) raise(one.agent, Math.max(0, one.spent - (listed.get(one.agent) ?? 0)));
  const series = [...level.keys()].map((name) => ({ name, values: [] as number[] }));
  const times: number[] = [];
  for (const run of runs) {
    raise(run.agent, Number(run.cost_micros));
    const at = Date.parse(run.at) / 1000;
    // Two runs of one second are one point: the axis has to rise.
    const again = times.at(-1) === at;
    if (!again) times.push(at);
    for (const one of series) one.values[times.length - 1] = (level.get(one.name) ?? 0) / 1e6;
  }
  return { times, series };
}

/** A cell that no spreadsheet takes for a formula. */
function cell(value: string | number): string {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : `${value}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Runs as RFC 4180 has it. */
export function csv(runs: RunRow[]): string {
  const rows = runs.map((run) => [run.at, run.agent, run.run, run.model, run.outcome, run.tokens, (Number(run.cost_micros) / 1e6).toFixed(6)]);
  return [["at", "agent", "run", "model", "outcome", "tokens", "cost_usd"], ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
