// Events in a few words, with a colour and a shape of their meaning; what follows from them lives in the fold.
import { decode, type Envelope } from "../fold/event";
import type { Hidden, Town } from "../fold/state";

export type Tone = "run" | "gate" | "board" | "ledger" | "bad" | "plain";

/** One meaning each, always with a shape as well. */
export const SHAPES: { [T in Tone]: string } = { run: "●", gate: "◆", board: "■", ledger: "▲", bad: "✕", plain: "·" };
export const TONES: { tone: Tone; name: string }[] = [
  { tone: "run", name: "runs" },
  { tone: "gate", name: "gate" },
  { tone: "board", name: "board" },
  { tone: "ledger", name: "ledger, specs" },
  { tone: "bad", name: "rejected, failed" },
];

export function nounOf(type: string): string {
  return type.split(".")[1] ?? "";
}

/** Whether an event passes by, and leaves no trace. */
export function passes(type: string): boolean {
  return type.includes(".step.");
}

/** What these events are about. What passes by changes nothing that could be fetched again. */
export function touched(fresh: { event: Envelope }[]): Set<string> {
  return new Set(fresh.filter(({ event }) => !passes(event.type)).map(({ event }) => nounOf(event.type)));
}

export function toneOf(type: string): Tone {
  if (/\.(failed|rejected|expired)\./.test(type)) return "bad";
  const noun = nounOf(type);
  if (type.includes(".usage.") || noun === "ledger" || noun === "change" || noun === "economy") return "ledger";
  if (noun === "pull" || noun === "gate" || noun === "commit") return "gate";
  if (noun === "post" || noun === "reaction") return "board";
  return noun === "run" || noun === "tool" ? "run" : "plain";
}

/** The tone of a whole noun, for counts that know no more. */
export function toneOfNoun(noun: string): Tone {
  return toneOf(`monkeytown.${noun}.x`);
}

/** The towns in which more is known of an event: the one that is shown, and the one that is live. */
let towns: () => Town[] = () => [];
export function knowing(of: typeof towns): void {
  towns = of;
}

/** Who hid a post, and why: its words are told to nobody who does not ask for them. */
export function hiddenBy(post: string): Hidden | undefined {
  return towns().map((town) => town.posts?.[post]?.hidden).find(Boolean);
}

/** Whose run it was, where that is known still. */
function runnerOf(run: string): string | undefined {
  for (const { agents } of towns()) {
    for (const name in agents) if (agents[name]?.active?.run === run || agents[name]?.runs.some((one) => one.run === run)) return name;
  }
  return undefined;
}

/** What lies in a payload whatever its shape is, as text that is only ever shown. */
export function field(event: Envelope, name: string): string {
  const value = (event.data as { [key: string]: unknown } | null)?.[name];
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint" ? `${value}` : "";
}

/** Who it was, without the word that says what kind of somebody. */
export function personOf(actor: string): string {
  return actor.replace(/^(agent|human|system):/, "");
}

/** Which tools an agent called, each once. */
function toolsOf(event: Envelope): string {
  const { calls } = (event.data ?? {}) as { calls?: unknown };
  const names = Array.isArray(calls) ? calls.map((call) => (call as { tool?: unknown } | null)?.tool).filter((name) => typeof name === "string") : [];
  const who = agentOf(event) || (runnerOf(field(event, "run")) ?? "a run");
  return names.length > 0 ? `${who} used ${[...new Set(names)].join(", ")}` : `${who} used tools`;
}

const PEOPLE = ["by", "author"];

function known(event: Envelope): string | undefined {
  const of = (name: string) => (PEOPLE.includes(name) ? personOf(field(event, name)) : field(event, name));
  const verb = event.type.replace(/^monkeytown\./, "").replace(/\.v\d+$/, "");
  switch (verb) {
    case "agent.registered": return `${of("agent")} joined the town`;
    case "agent.updated": return `${of("agent")} has a new charter`;
    case "run.started": return `${of("agent")} started a run ${of("slot").startsWith("manual-") ? "by hand" : `for slot ${of("slot")}`}`;
    case "run.resumed": return `${of("agent")} took up a run again`;
    case "run.usage.metered": return `${of("agent")} took ${many(of("turns"), "turn")} of ${of("brain")}`;
    case "run.proposed": return `${of("agent")} proposes “${of("title")}”`;
    case "run.finished": return `${of("agent")} finished: ${of("reason")}`;
    case "run.failed": return `${of("agent")} failed: ${of("reason")}`;
    case "run.expired": return `a run of ${of("agent")} expired`;
    case "run.step": return `${of("agent")}: ${of("phase")} ${of("tool")} ${of("text")}`;
    case "tool.called": return toolsOf(event);
    case "gate.passed": return `the gate let ${many(of("files"), "file")} of ${runnerOf(of("run")) ?? "a run"} through`;
    case "gate.failed": return `the gate refused ${runnerOf(of("run")) ?? "a run"}, ${many(of("total"), "finding")}`;
    case "pull.opened": return `${of("agent")} opened #${of("number")} “${of("title")}”`;
    case "pull.updated": return `#${of("number")} was updated, “${of("title")}”`;
    case "pull.commented": return `${of("by")} commented on #${of("number")}`;
    case "pull.merged": return `${of("by")} merged #${of("number")}`;
    case "pull.rejected": return `${of("by")} rejected #${of("number")} as ${of("reason")}`;
    case "pull.reviewed": return `${of("by")} reviewed #${of("number")}: ${of("state")}`;
    case "pull.reopened": return `${of("by")} opened #${of("number")} again`;
    case "reaction.observed": return `${of("by")} reacted to ${of("target")} with ${of("kind")}`;
    case "reaction.withdrawn": return `${of("by")} took back ${of("kind")} from ${of("target")}`;
    case "post.published": {
      const hidden = hiddenBy(of("post"));
      return hidden ? `${of("author")} posted what ${personOf(hidden.by)} hid${hidden.reason && ` because ${hidden.reason}`}` : `${of("author")} posted “${of("title")}”`;
    }
    case "post.replied": return `${of("author")} replied to ${of("post")}`;
    case "post.hidden": return `${of("by") || personOf(event.actor)} hid ${of("post")}`;
    case "post.restored": return `${of("by") || personOf(event.actor)} showed ${of("post")} again`;
    case "post.closed": return `${of("by")} closed ${of("post")}`;
    case "agent.paused": return `${of("by")} paused ${of("agent")}: ${of("reason")}`;
    case "agent.resumed": return `${of("by")} let ${of("agent")} go on`;
    case "forge.synced": return "what the forge says is recorded";
    case "town.frozen": return `${of("by")} froze the town: ${of("reason")}`;
    case "town.thawed": return `${of("by")} thawed the town: ${of("reason")}`;
    case "commit.landed": return `${of("author")} landed “${of("subject")}”`;
    default: return undefined;
  }
}

export function sentence(event: Envelope): string {
  return known(event) ?? event.type;
}

/** A number with its noun, one or many. */
export function many(count: number | bigint | string, noun: string): string {
  return `${count} ${noun}${`${count}` === "1" ? "" : "s"}`;
}

/** More about an event in a few words, where there is more. */
export function detail(event: Envelope): string {
  const of = (name: string) => field(event, name);
  const verb = event.type.replace(/^monkeytown\./, "").replace(/\.v\d+$/, "");
  switch (verb) {
    case "pull.opened":
    case "pull.updated":
    case "run.proposed": return `${many(of("files") || 0, "file")}, +${of("adds") || 0} −${of("dels") || 0}`;
    case "post.hidden": return of("reason");
    case "pull.rejected":
    case "pull.commented": return of("text");
    case "pull.merged": return `${Math.round(Number(of("seconds_open")) / 60)} min in the queue`;
    case "run.usage.metered": return `$${(Number(of("cost_micros")) / 1e6).toFixed(4)}`;
    case "gate.passed": return `${many(of("checks"), "check")}, ${many(of("warnings"), "warning")}`;
    case "post.published": return hiddenBy(of("post")) ? "" : of("body").slice(0, 200);
    default: return "";
  }
}

/** Whose event it is: the agent that it names, or that acted. */
export function agentOf(event: Envelope): string {
  return field(event, "agent") || (event.actor.startsWith("agent:") ? event.actor.slice(6) : "");
}

/** Whether the payload is what its type promises; one that is not never changed the town. */
export function isWhole(event: Envelope): boolean {
  try {
    decode(event.type, event.data);
    return true;
  } catch {
    return false;
  }
}
