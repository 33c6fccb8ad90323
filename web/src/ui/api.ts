// What the server answers besides the stream: the shapes, fetching, and the acts of a local gate; no screen lives here.
import type { Reason } from "../fold/event";
import type { Pull } from "../fold/state";
import { parse } from "../fold/json";
import { Unreachable, fetchText, type HistoryIndex } from "../stream/history";
import { signal, type Signal } from "@preact/signals";
import type { WorldLike } from "../world/types";
import { steadyClock, wallClock } from "./edge";

export interface TownInfo {
  name: string;
  description?: string;
  repository?: { branch: string; head: string; web: string | null };
  local?: boolean;
  freeze?: boolean;
  server?: string;
  built?: string;
  shards?: string[];
  static?: boolean;
  limits?: { [name: string]: unknown };
  /** With why it is the usual one, where the town's own cannot be read. */
  world?: WorldLike & { readonly trouble: string | null };
}

export interface AgentInfo {
  name: string;
  description: string;
  persona: string;
  owns: string[];
  schedule: { cron: string; timezone: string | null } | null;
  next_slot: string | null;
  model: string | null;
  tools: string[];
  limits?: { [name: string]: unknown };
  /** In town.yaml. */
  paused?: boolean;
  day?: { runs: number; cost_micros: number } | null;
  memories: { id: string; at: string; text: string; kind: string; based_on: string[]; importance: number }[];
}

export interface Risk {
  level: "info" | "warn" | "high";
  what: string;
}

export interface PullInfo extends Omit<Pull, "files"> {
  /** Where people added commits: what the branch stands at, and what a merge takes along. */
  tip?: string;
  risk: Risk[];
  /** Nothing where nobody can tell. */
  own_paths: boolean | null;
  checks: { name: string; state: string }[] | null;
  cost_micros: number;
  similar: number[];
}

export interface FileInfo {
  path: string;
  from: string | null;
  status: "added" | "modified" | "deleted" | "renamed";
  binary: boolean;
  adds: number;
  dels: number;
  patch: string;
  cut: boolean;
  invisible: { line: number; what: string }[];
}

export interface PullDetail extends PullInfo {
  files: FileInfo[];
  /** How many there are, also where they cannot be shown. */
  file_count: number;
  runs: RunInfo[];
}

export interface RunInfo {
  agent: string;
  run: string;
  /** When it ended; nothing where it cannot be told. */
  at: string | null;
  cost_micros: number;
  tokens: number;
  outcome: string;
  model: string;
  pull?: number;
}

export interface SpecInfo {
  changes: {
    name: string;
    state: string;
    tasks: { done: number; total: number };
    gates: { name: string; verdict: string; actor?: string; at?: string | null; number?: number; counts?: boolean }[];
    scenarios: { total: number; ok: number };
    next: string | null;
    archived: string | null;
    capabilities?: string[];
  }[];
  specs: { id: string; requirements: number; scenarios: number; covered?: number }[];
}

export interface LedgerInfo {
  note?: string;
  balances: { account: string; amount_m: number }[];
  totals: { [name: string]: number };
  runs: RunInfo[];
  verify?: { ok: boolean; head: string | null; seq: number };
}

export interface StreamInfo {
  ring?: { events: number; bytes: number; cap_events: number; cap_bytes: number; first: string };
  witnesses?: number;
  delivered?: number;
  lagged?: number;
  published?: number;
  relay_lag_ms?: number | null;
  uptime_s?: number;
  build?: string;
}

export type Loaded<T> = { state: "loading" } | { state: "failed"; why: string } | { state: "there"; value: T };

/** A short breath, in which the events of one moment arrive together. */
const AT_ONCE = 100;

/** A thing that is fetched when somebody looks at it, and again when events say that it changed. */
export class Resource<T> {
  readonly value: Signal<Loaded<T>> = signal<Loaded<T>>({ state: "loading" }, { watched: () => (this.seen = true), unwatched: () => (this.seen = false) });
  /** Whether something that is on the page shows it. */
  private seen = false;
  private running = false;
  private again = false;
  private wanted = false;
  private soon: ReturnType<typeof setTimeout> | undefined;
  private loaded = -Infinity;
  /** When what is there was read, by the wall clock. */
  at = 0;

  /** However many events come, it is fetched again only so often: `every` is in milliseconds. */
  constructor(
    private readonly url: () => URL | null,
    private readonly every = 2_000,
  ) {}

  /** Fetches it where it is not there, or not any more; a page that nobody sees asks for nothing. */
  want(): Loaded<T> {
    if (!this.wanted && !document.hidden) {
      this.wanted = true;
      queueMicrotask(() => void this.load());
    }
    return this.value.value;
  }

  /** Fetches it again, at once where it was quiet, later where events come one after the other; where nobody sees it, when somebody does. */
  stale(): void {
    if (!this.seen || document.hidden) this.wanted = false;
    else this.soon ??= setTimeout(() => void this.load(), Math.max(AT_ONCE, this.loaded + this.every - steadyClock()));
  }

  /** Fetches what was left while nobody looked. */
  catchUp(): void {
    if (this.seen) this.want();
  }

  async load(): Promise<void> {
    this.wanted = true;
    clearTimeout(this.soon);
    this.soon = undefined;
    this.again = this.running;
    if (this.running) return;
    this.running = true;
    this.loaded = steadyClock();
    try {
      const url = this.url();
      if (!url) throw new Unreachable("an exported page does not have this");
      const value = parse(await fetchText(fetch, url)) as T;
      this.at = wallClock();
      this.value.value = { state: "there", value };
    } catch (error) {
      // What was there stays: old and true is better than nothing.
      if (this.value.value.state !== "there") this.value.value = { state: "failed", why: (error as Error).message };
    }
    this.running = false;
    if (this.again) this.stale();
  }
}

/** What a server says where it did not do as it was asked (RFC 9457). */
interface Problem {
  code?: string;
  title?: string;
  detail?: string;
  /** Of `head-moved`: what the branch stands at now. */
  head?: string;
}

export class Refused extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly head?: string,
  ) {
    super(message);
  }
}

/** The acts of a person at the local binary, in a session that the token of the printed address opened. */
export class Acts {
  /** Whose session it is, as git says; an empty name where git does not know. Nothing: this page may not decide. */
  readonly by: Signal<string | null>;

  /** `keep` holds the session for as long as the tab is open, so that a page that is loaded again may still decide. */
  constructor(
    private readonly base: string,
    private session: Session | null,
    private readonly keep: (session: Session | null) => void = () => undefined,
  ) {
    this.by = signal(session && (session.by ?? ""));
  }

  /** Gives the token away for a session; it is good for nothing after that. */
  async open(token: string): Promise<void> {
    const { session, by } = (await this.post("api/session", { token })) as { session: string; by: string | null };
    this.hold({ id: session, by });
  }

  merge = (number: string, head: string, draft: boolean) => this.post(`api/pulls/${number}/merge`, { head, draft });
  reject = (number: string, head: string, reason: Reason, text: string) => this.post(`api/pulls/${number}/reject`, { head, reason, text });
  freeze = (on: boolean, reason: string) => this.post(on ? "api/freeze" : "api/thaw", { reason });

  private hold(session: Session | null): void {
    this.session = session;
    this.by.value = session && (session.by ?? "");
    this.keep(session);
  }

  private async post(path: string, body: unknown): Promise<unknown> {
    const headers: { [name: string]: string } = { "content-type": "application/json" };
    if (this.session) headers["authorization"] = `Bearer ${this.session.id}`;
    let response: Response;
    try {
      response = await fetch(new URL(path, this.base), { method: "POST", headers, body: JSON.stringify(body) });
    } catch {
      throw new Refused("unreachable", "the server cannot be reached");
    }
    const answer = (await response.json().catch(() => ({}))) as Problem;
    if (response.ok) return answer;
    // A server that was started again knows nothing of who decided before.
    if (answer.code === "no-session") this.hold(null);
    throw new Refused(answer.code ?? `${response.status}`, answer.detail ?? answer.title ?? `the server answered ${response.status}`, answer.head);
  }
}

export interface Session {
  id: string;
  by: string | null;
}

export type { HistoryIndex };
