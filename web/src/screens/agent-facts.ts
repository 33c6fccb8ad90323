// What is worked out about an agent: why it may run or not, its tier, where its memories come from; no markup lives here.
import { openPull, pullsInOrder, type Agent, type Pull, type Town } from "../fold/state";
import type { AgentInfo, LedgerInfo } from "../ui/api";
import { writeRoute, START } from "../ui/route";
import type { Entry } from "../stream/wire";
import { field } from "../ui/sentence";
import { keptBy } from "../world/stops";

/** From how many a$ on each tier begins, where the town says nothing else. */
const TIERS = [
  { name: "root", from: 0 },
  { name: "trunk", from: 1 },
  { name: "branch", from: 12 },
  { name: "canopy", from: 25 },
];

export interface Standing {
  /** Nothing where the town keeps no account of it. */
  tier: { number: number; name: string } | null;
  reasons: string[];
  next: { name: string; at: number; missing: number } | null;
  mayRun: boolean;
  balance: number | null;
}

/** The last word of the town about an agent's tier, among these events. */
function entitled(id: string, entries: Entry[]): { tier: number; reasons: string[] } | undefined {
  const event = entries.findLast((entry) => entry.event.type === "monkeytown.agent.entitled.v1" && field(entry.event, "agent") === id)?.event;
  const tier = event ? Number(field(event, "tier")) : NaN;
  const reasons = (event?.data as { reasons?: unknown } | undefined)?.reasons;
  return Number.isInteger(tier) ? { tier, reasons: Array.isArray(reasons) ? reasons.map(String) : [] } : undefined;
}

/** Why it may run, or not. What its charter and the settings say is known of now alone. */
function reasonsOf(id: string, agent: Agent, town: Town, now: number, charter: AgentInfo | undefined): { reasons: string[]; mayRun: boolean } {
  const against: string[] = [];
  if (town.frozen) against.push(`the town is frozen by ${town.frozen.by}: ${town.frozen.reason}`);
  const kept = keptBy(agent, charter, town.spent, now);
  if (kept) against.push(`it ${kept}`);
  const pull = openPull(town, id);
  const reasons = [...against];
  if (agent.active) reasons.push(Number(agent.active.lease_until) * 1000 < now ? "its run is silent" : "it runs");
  if (pull) reasons.push(`#${pull.number} waits at the gate, so a run updates that`);
  if (reasons.length === 0) reasons.push("nothing keeps it from its next slot");
  return { reasons, mayRun: against.length === 0 };
}

export function accountOf(id: string, balances: LedgerInfo["balances"]): number | null {
  const row = balances.find((one) => one.account === `agent:${id}`);
  return row ? Number(row.amount_m) : null;
}

/** Where an agent stands at the moment of this town. */
export function standing(id: string, agent: Agent, town: Town, entries: Entry[], balanceM: number | null, now: number, charter?: AgentInfo): Standing {
  const { reasons, mayRun } = reasonsOf(id, agent, town, now, charter);
  const said = entitled(id, entries);
  const balance = balanceM === null ? null : balanceM / 1000;
  const earned = balance === null ? null : Math.max(0, TIERS.findLastIndex((tier) => balance >= tier.from));
  const number = said?.tier ?? earned;
  if (number === null) return { tier: null, reasons: [...reasons, "this town keeps no account of it, so it has no tier"], next: null, mayRun, balance };
  const above = TIERS[number + 1];
  return {
    tier: { number, name: TIERS[number]?.name ?? `${number}` },
    reasons: [...(said?.reasons ?? [`${(balance ?? 0).toFixed(2)} a$ on its account`]), ...reasons],
    next: above && balance !== null ? { name: above.name, at: above.from, missing: Math.max(0, above.from - balance) } : null,
    mayRun,
    balance,
  };
}

/** Its pull requests, newest first. */
export function pullsOf(id: string, town: Town): Pull[] {
  return pullsInOrder(town).filter((pull) => pull.agent === id).reverse();
}

/** An address of what a memory is based on, where it is a thing that can be looked at. */
export function sourceOf(text: string): string | null {
  const pull = /^(?:#|pull\/)(\d{1,15})$/.exec(text)?.[1];
  if (pull) return writeRoute({ ...START, screen: "gate", selected: pull });
  const post = /^post\/(.{1,200})$/.exec(text)?.[1];
  if (post) return writeRoute({ ...START, screen: "board", selected: post });
  // An event, or a commit, whole or cut short.
  return /^(?:[0-9a-f]{7,40}|[0-9A-HJKMNP-TV-Z]{26})$/.test(text) ? writeRoute({ ...START, screen: "timeline", event: text }) : null;
}
