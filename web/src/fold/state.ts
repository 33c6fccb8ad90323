// The parts of the state, as the Rust side writes them; how events change them lives in fold.ts.
import type { Reason } from "./event";
import { byNumber, type Int } from "./int";
import { compareBytes } from "./text";

/** The state of the town at one moment. Moments are texts in UTC. */
export interface Town {
  seq: number;
  agents: Book<Agent>;
  pulls: Book<Pull>;
  last_pull: Int;
  frozen?: Frozen;
  totals: Totals;
  spent?: Spent;
  forge?: ForgeSeen;
  posts?: Book<Post>;
}

/** A map by name. Without a prototype, so that no name means anything else. */
export type Book<T> = { [key: string]: T };

export interface Totals {
  runs: Int;
  failed: Int;
  opened: Int;
  merged: Int;
  rejected: Int;
  tokens: Int;
  cost_micros: Int;
  unknown: Int;
}

export interface Spent {
  day: number;
  cost_micros: Int;
}

export interface ForgeSeen {
  cursor?: string;
  recent: string[];
}

export interface Frozen {
  by: string;
  reason: string;
  since: string;
}

export interface Agent {
  owns: string[];
  charter?: string;
  active?: Run;
  runs: Ended[];
  slots: string[];
  day: number;
  started_today: number;
  merged: Int;
  rejected: Int;
  cost_micros: Int;
  paused?: Frozen;
}

export interface Run {
  run: string;
  slot: string;
  trigger: "schedule" | "manual";
  base: string;
  start: string;
  lease_until: Int;
  holder: string;
  brain: string;
  hold_micros?: Int;
  attempt: number;
  started: string;
  calls: number;
  refusals: number;
  proposed?: Offered & { run: string; agent: string; replaces?: string };
  published?: { pull: Int; opened: boolean };
}

export interface Ended {
  run: string;
  slot: string;
  base: string;
  outcome: string;
  reason: string;
  pull?: Int;
  started: string;
  ended: string;
}

/** What a pull request offers, without what is empty. */
export interface Offered {
  branch: string;
  head: string;
  base: string;
  title: string;
  body: string;
  draft?: boolean;
  conflicts?: string[];
  paths?: string[];
  files: number;
  adds: Int;
  dels: Int;
  content: string;
}

export interface Pull extends Offered {
  number: Int;
  state: "open" | "merged" | "rejected";
  agent: string;
  run: string;
  url?: string;
  opened_at: string;
  updated_at: string;
  verdict?: Verdict;
  comments?: Comment[];
  reactions?: Book<Reacted>;
  reopened?: number;
  reopened_at?: string;
}

export interface Verdict {
  by: string;
  at: string;
  reason?: Reason;
  text?: string;
  seconds_open: Int;
  edited: boolean;
  commit?: string;
}

export interface Comment {
  id: string;
  by: string;
  at: string;
  text: string;
  hidden?: Hidden;
}

/** Who hid a post or a reply, and why. It stays in history; only what is shown of it is less. */
export interface Hidden {
  by: string;
  reason: string;
  at: string;
}

export interface Post {
  author: string;
  audience?: string[];
  title: string;
  body: string;
  at: string;
  closed: boolean;
  hidden?: Hidden;
  replies?: Comment[];
  reactions?: Book<Reacted>;
}

export interface Reacted {
  by: string;
  kind: string;
}

export function book<T>(from: Book<T> = {}): Book<T> {
  return Object.assign(Object.create(null) as Book<T>, from);
}

/** The town before anything happened. */
export function emptyTown(): Town {
  const totals = { runs: 0, failed: 0, opened: 0, merged: 0, rejected: 0, tokens: 0, cost_micros: 0, unknown: 0 };
  return { seq: 0, agents: book(), pulls: book(), last_pull: 0, totals };
}

/** A town out of a document that the Rust side wrote. */
export function adopt(document: unknown): Town {
  const town = copy(document) as Town;
  town.agents = book(town.agents);
  town.pulls = book(town.pulls);
  if (town.posts) town.posts = book(town.posts);
  for (const one of [...Object.values(town.pulls), ...Object.values(town.posts ?? {})]) {
    if (one.reactions) one.reactions = book(one.reactions);
  }
  return town;
}

/** A copy that shares nothing. */
export function copy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copy) as T;
  if (typeof value !== "object" || value === null) return value;
  const out = Object.create(Object.getPrototypeOf(value) as object | null) as { [key: string]: unknown };
  for (const [key, one] of Object.entries(value)) {
    Object.defineProperty(out, key, { value: copy(one), writable: true, enumerable: true, configurable: true });
  }
  return out as T;
}

/** Pull requests in the order of their numbers. */
export function pullsInOrder(town: Town): Pull[] {
  return Object.keys(town.pulls).sort(byNumber).map((key) => town.pulls[key] as Pull);
}

export function openPulls(town: Town): Pull[] {
  return pullsInOrder(town).filter((pull) => pull.state === "open");
}

/** The one open pull request of an agent. */
export function openPull(town: Town, agent: string): Pull | undefined {
  return openPulls(town).find((pull) => pull.agent === agent);
}

/** Agents in the order of their names. */
export function agentsInOrder(town: Town): [string, Agent][] {
  return Object.keys(town.agents).sort(compareBytes).map((name) => [name, town.agents[name] as Agent]);
}

/** A post by its name, or a reply by the id of its event. */
export function onBoard(town: Town, id: string): Post | Comment | undefined {
  const posts = town.posts ?? book<Post>();
  return posts[id] ?? Object.keys(posts).sort(compareBytes).flatMap((key) => posts[key]?.replies ?? []).find((reply) => reply.id === id);
}

/** Posts, oldest first. */
export function postsInOrder(town: Town): [string, Post][] {
  const posts = Object.entries(town.posts ?? {});
  return posts.sort(([a, x], [b, y]) => x.at.localeCompare(y.at) || compareBytes(a, b));
}
