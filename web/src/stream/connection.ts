// Keeping in touch: which way to listen, when to try again, where to go on; what the frames mean lives in live.ts.
import { backoff } from "./backoff";
import { openEvents, openPoll, openSocket, type Open } from "./transport";
import type { Frame } from "./wire";

export type Way = "websocket" | "sse" | "polling";
export type Status = "connecting" | "live" | "waiting" | "off";

/** What a witness may know of the line. */
export interface Line {
  status: Status;
  way: Way;
  epoch: string;
  offset: string;
  server: string;
  /** Why the line is not open, in words; empty while it is. */
  why: string;
  reconnects: number;
  gaps: { at: number; reason: string; from: string; to: string }[];
  /** When the next try is, on the steady clock. */
  retryAt: number | null;
  shard: string;
}

/** The world outside, handed in so that tests own the clock and chance. */
export interface Outside {
  ways: { way: Way; open: Open }[];
  chance(): number;
  clock(): number;
  later(run: () => void, ms: number): () => void;
}

export const WAYS: Outside["ways"] = [
  { way: "websocket", open: openSocket },
  { way: "sse", open: openEvents },
  { way: "polling", open: openPoll },
];

/** Quiet for longer than two heartbeats and a half means that nobody is there. */
const SILENCE = 40_000;
/** Tries that a way gets to say hello at each server before the next one has its turn. */
const TRIES = 2;
/** Reconnects by a lesser way before the best one is tried again. */
const PATIENCE = 5;
/** So long a lesser way is kept before the best one gets a single try; twice as long each time that this fails. */
const DETOUR = 300_000;
const GAPS_KEPT = 50;
/** A line that was up for so long is well: what failed before it is forgotten. One that greets and falls is not. */
const WELL = 10_000;
/** Two gaps within this time are no accident: the page does not ask for a third snapshot at once. */
const CALM = 2_000;

const CLOSED: { [code: number]: string } = {
  0: "the server was silent for too long",
  1001: "the server is going down",
  1006: "the line broke",
  1008: "the server does not allow it",
  1009: "a message was too large",
  4008: "this page was too slow",
  4013: "the server is full",
  4029: "the server asks for fewer tries",
};

export class Connection {
  readonly line: Line;
  private failures = 0;
  private tries = 0;
  private rung = 0;
  private detours = 0;
  private detour = DETOUR;
  private shard = 0;
  private resume = false;
  private hello = false;
  private greetedAt = Infinity;
  private heardAt = 0;
  private close: (() => void) | undefined;
  private cancelRetry: (() => void) | undefined;
  private cancelWatch: (() => void) | undefined;
  private cancelClimb: (() => void) | undefined;

  constructor(
    private readonly bases: string[],
    private readonly outside: Outside,
    private readonly heard: (frame: Frame) => void,
    private readonly changed: () => void,
  ) {
    this.line = {
      status: "off",
      way: "websocket",
      epoch: "",
      offset: "0",
      server: "",
      why: "",
      reconnects: 0,
      gaps: [],
      retryAt: null,
      shard: bases[this.shard] ?? "",
    };
  }

  start(): void {
    if (this.line.status === "off") this.connect();
  }

  /** Does not wait any longer for the next try. */
  retryNow(): void {
    if (this.line.status === "waiting") this.connect();
  }

  /** Starts over from a snapshot, because what came does not fit together. */
  startOver(reason: string): void {
    if (this.line.status === "live") this.lost({ kind: "gap", from: this.line.offset, to: this.line.offset, reason });
  }

  private become(status: Status): void {
    this.line.status = status;
    if (status === "live") this.line.why = "";
    if (status !== "waiting") this.line.retryAt = null;
    this.changed();
  }

  private hangUp(): void {
    if (this.outside.clock() - this.greetedAt >= WELL) this.failures = 0;
    this.greetedAt = Infinity;
    this.cancelRetry?.();
    this.cancelWatch?.();
    this.cancelClimb?.();
    this.close?.();
    this.close = undefined;
  }

  private connect(): void {
    this.hangUp();
    this.hello = false;
    const { way, open } = this.outside.ways[this.rung] ?? (this.outside.ways[0] as { way: Way; open: Open });
    const base = this.bases[this.shard] ?? "";
    Object.assign(this.line, { way, shard: base });
    this.become("connecting");
    this.watch();
    const after = this.resume ? this.line.offset : "snapshot";
    try {
      this.close = open(base, after, { frame: (frame) => this.take(frame), down: (code) => this.fell(code) });
    } catch {
      // A browser that has no such way, or does not allow it, says so at once.
      this.fell(1006);
    }
  }

  /** Half-open lines never close by themselves: whoever is silent for too long is gone. */
  private watch(): void {
    this.cancelWatch?.();
    this.heardAt = this.outside.clock();
    const look = (): void => {
      const left = this.heardAt + SILENCE - this.outside.clock();
      if (left > 0) this.cancelWatch = this.outside.later(look, left);
      else this.fell(0);
    };
    this.cancelWatch = this.outside.later(look, SILENCE);
  }

  private take(frame: Frame): void {
    // A timer for each of a thousand events a second would be most of what they cost.
    this.heardAt = this.outside.clock();
    if (frame.kind === "hello") return this.greeted(frame);
    if (frame.kind === "gap") return this.lost(frame);
    if ("offset" in frame) this.line.offset = frame.offset;
    if (frame.kind !== "heartbeat") this.resume = true;
    this.heard(frame);
  }

  private greeted(frame: Extract<Frame, { kind: "hello" }>): void {
    // A second greeting on the same line announces a gap that tells the reason itself.
    const another = !this.hello && this.resume && this.line.epoch !== "" && frame.epoch !== this.line.epoch;
    if (!this.hello) this.greetedAt = this.outside.clock();
    this.hello = true;
    this.tries = 0;
    const was = this.line.offset;
    this.line.epoch = frame.epoch;
    this.line.server = frame.server || this.line.server;
    this.heard(frame);
    // Offsets of another epoch mean nothing here.
    if (another) return this.lost({ kind: "gap", from: was, to: frame.offset, reason: "restarted" });
    this.cancelClimb?.();
    if (this.rung === 0) this.detour = DETOUR;
    else this.cancelClimb = this.outside.later(() => this.climb(), this.detour);
    this.become("live");
  }

  /** A line that is well leaves its way for one try of the best: what closed that one may be over. */
  private climb(): void {
    this.detour *= 2;
    this.detours = 0;
    this.rung = 0;
    this.tries = TRIES * this.bases.length - 1;
    this.connect();
  }

  /** Something was lost: say so, and start over from a snapshot, which holds it all. */
  private lost(frame: Extract<Frame, { kind: "gap" }>): void {
    const { from, to, reason } = frame;
    const now = this.outside.clock();
    const again = now - (this.line.gaps.at(-1)?.at ?? -CALM) < CALM;
    this.line.gaps = [...this.line.gaps, { at: now, reason, from, to }].slice(-GAPS_KEPT);
    const fresh = !this.resume;
    this.heard(frame);
    this.resume = false;
    // A gap in front of a snapshot that is on its way anyway is only worth telling.
    if (fresh) return this.changed();
    if (!again) return this.connect();
    this.hangUp();
    this.failures = Math.max(this.failures + 1, 4);
    this.line.why = "events were lost again and again";
    this.wait();
  }

  private fell(code: number): void {
    this.hangUp();
    this.line.reconnects += 1;
    this.line.why = CLOSED[code] ?? `the line was closed with ${code}`;
    this.failures += 1;
    if (code === 4029) this.failures = Math.max(this.failures, 5);
    if (!this.hello) this.stepDown();
    else this.stepUp();
    this.wait();
  }

  private wait(): void {
    const wait = backoff(this.failures - 1, this.outside.chance());
    this.line.retryAt = this.outside.clock() + wait;
    this.become("waiting");
    this.cancelRetry = this.outside.later(() => this.connect(), wait);
  }

  /** Another server may be better off than this one; where none of them can be heard this way, the next way has its turn. */
  private stepDown(): void {
    this.tries += 1;
    if (this.tries < TRIES * this.bases.length) {
      this.shard = (this.shard + 1) % this.bases.length;
      return;
    }
    this.tries = 0;
    this.rung = (this.rung + 1) % this.outside.ways.length;
  }

  private stepUp(): void {
    if (this.rung === 0) return;
    this.detours += 1;
    if (this.detours < PATIENCE) return;
    this.detours = 0;
    this.rung = 0;
  }
}
