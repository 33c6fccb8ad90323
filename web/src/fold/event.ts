// The vocabulary: every fact that this page understands, and the shape of its payload; what follows from one lives in fold.ts.
import { isAgent, isOid, isPattern, isRun, isSlot } from "./ids";
import { bool, checked, flat, i64, list, maybe, moment, need, or, string, struct, u32, u64, word, type Decoder, type Of } from "./shape";

const agent = need(checked(isAgent));
const run = need(checked(isRun));
const oid = checked(isOid);
const text = need(string);
const mayBeText = or(string, () => "");
const off = or(bool, () => false);
const none = <T>(decode: Decoder<T>) => or(list(decode), () => []);
const zero = or(u64, () => 0);

const offer = {
  branch: text,
  head: need(oid),
  base: need(oid),
  title: text,
  body: mayBeText,
  draft: off,
  conflicts: none(string),
  paths: none(string),
  files: or(u32, () => 0),
  adds: zero,
  dels: zero,
  content: mayBeText,
};

const tokens = struct({ input: zero, cached: zero, cache_write: zero, output: zero, reasoning: zero });

const call = struct({ tool: text, argv_hash: text, ok: need(bool), ms: need(u64), out_hash: text, truncated: off });

export const OUTCOMES = ["opened", "updated", "nothing", "asked"] as const;
export const FAILURES = [
  "gate", "brain", "tool", "no-result", "repository", "throttled", "quota", "overloaded", "unavailable", "context-too-long",
  "refused", "empty-reply", "truncated-stream", "invalid-calls", "length", "auth", "unknown-model", "money", "tokens", "other",
] as const;
export const REASONS = ["duplicate", "wrong", "out-of-scope", "too-large", "low-value", "spam", "path-violation", "other"] as const;
export const REVIEWS = ["approved", "changes-requested", "commented", "dismissed"] as const;
export type Reason = (typeof REASONS)[number];

const agentSeen = struct({ agent, owns: need(list(checked(isPattern))), charter: need(oid) });
const byReason = struct({ by: text, reason: text });
const reaction = struct({ target: text, by: text, kind: text, forge_id: need(u64) });
const masked = struct({ post: text, by: text, reason: mayBeText });
const halted = struct({ agent, by: text, reason: mayBeText });

const SHAPES = {
  "monkeytown.agent.registered.v1": agentSeen,
  "monkeytown.agent.updated.v1": agentSeen,
  "monkeytown.run.started.v1": struct({
    run,
    agent,
    slot: need(checked(isSlot)),
    trigger: need(word(["schedule", "manual"])),
    base: need(oid),
    start: need(oid),
    lease_until: need(i64),
    holder: text,
    brain: text,
    hold_micros: zero,
  }),
  "monkeytown.run.resumed.v1": struct({ run, agent, attempt: need(u32), lease_until: need(i64), holder: text }),
  "monkeytown.run.usage.metered.v1": struct({
    run,
    agent,
    brain: text,
    turns: need(u32),
    tokens: need(tokens),
    cost_micros: need(u64),
    incomplete: off,
  }),
  "monkeytown.run.proposed.v1": flat({ run, agent, replaces: maybe(oid) }, offer),
  "monkeytown.run.finished.v1": struct({
    run,
    agent,
    outcome: need(word(OUTCOMES)),
    reason: text,
    pull: maybe(u64),
    partial: off,
  }),
  "monkeytown.run.failed.v1": struct({ run, agent, kind: need(word(FAILURES, "other")), reason: text }),
  "monkeytown.run.expired.v1": struct({ run, agent }),
  "monkeytown.tool.called.v1": struct({ run, first: need(u32), calls: need(list(call)) }),
  "monkeytown.gate.passed.v1": struct({
    run,
    tree: need(oid),
    checks: need(u32),
    files: need(u32),
    warnings: need(u32),
  }),
  "monkeytown.gate.failed.v1": struct({
    run,
    nth: or(u32, () => 0),
    tree: need(oid),
    findings: need(list(string)),
    total: need(u32),
  }),
  "monkeytown.pull.opened.v1": flat({ number: need(u64), agent, run, url: maybe(string) }, offer),
  "monkeytown.pull.updated.v1": flat({ number: need(u64), run }, offer),
  "monkeytown.pull.commented.v1": struct({
    number: need(u64),
    by: text,
    text,
    place: maybe(string),
    forge_id: maybe(u64),
  }),
  "monkeytown.pull.merged.v1": struct({
    number: need(u64),
    by: text,
    commit: need(oid),
    seconds_open: need(u64),
    edited: off,
  }),
  "monkeytown.pull.rejected.v1": struct({
    number: need(u64),
    by: text,
    reason: need(word(REASONS)),
    text: mayBeText,
    seconds_open: need(u64),
  }),
  "monkeytown.pull.reviewed.v1": struct({
    number: need(u64),
    by: text,
    state: need(word(REVIEWS)),
    text: mayBeText,
    forge_id: need(u64),
  }),
  "monkeytown.pull.reopened.v1": struct({ number: need(u64), by: text }),
  "monkeytown.reaction.observed.v1": reaction,
  "monkeytown.reaction.withdrawn.v1": reaction,
  "monkeytown.post.published.v1": struct({
    post: text,
    author: text,
    audience: none(checked(isAgent)),
    title: text,
    body: mayBeText,
    tags: none(string),
  }),
  "monkeytown.post.replied.v1": struct({ post: text, author: text, body: text, forge_id: maybe(u64) }),
  "monkeytown.post.closed.v1": struct({ post: text, by: text }),
  "monkeytown.post.hidden.v1": masked,
  "monkeytown.post.restored.v1": masked,
  "monkeytown.agent.paused.v1": halted,
  "monkeytown.agent.resumed.v1": halted,
  "monkeytown.forge.synced.v1": struct({ cursor: need(moment) }),
  "monkeytown.town.frozen.v1": byReason,
  "monkeytown.town.thawed.v1": byReason,
};

export type Kind = keyof typeof SHAPES;
export type Payload<K extends Kind> = ReturnType<(typeof SHAPES)[K]>;
export type Offer = Of<typeof offer>;
export type Tokens = ReturnType<typeof tokens>;

/** An event with its meaning: one member for each type. */
export type Event = { [K in Kind]: { kind: K; data: Payload<K> } }[Kind];

/** An event as the journal has it. */
export interface Envelope {
  specversion: string;
  id: string;
  type: string;
  source: string;
  subject?: string;
  time: string;
  actor: string;
  corr?: string;
  cause?: string;
  data: unknown;
}

export const KINDS = Object.keys(SHAPES) as Kind[];

function isKind(kind: string): kind is Kind {
  return Object.hasOwn(SHAPES, kind);
}

/**
 * Reads the payload; nothing for a type that this page does not know.
 * @throws Misshapen for a payload of another shape.
 */
export function decode(kind: string, data: unknown): Event | undefined {
  if (!isKind(kind)) return undefined;
  return { kind, data: SHAPES[kind](data) } as Event;
}
