// What several tests share: the recorded journal, and a world outside whose clock and chance the test owns.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Envelope } from "../src/fold/event";
import { foldOn } from "../src/fold/fold";
import { parse } from "../src/fold/json";
import { emptyTown, type Town } from "../src/fold/state";
import type { Sink } from "../src/stream/transport";
import type { Outside, Way } from "../src/stream/connection";
import type { Entry } from "../src/stream/wire";

const VECTOR = join(import.meta.dirname, "vectors", "demo.json");

export const journal: Envelope[] = (parse(readFileSync(VECTOR, "utf8")) as { events: Envelope[] }).events;

export const entries: Entry[] = journal.map((event, i) => ({ offset: `${i + 1}`, seq: i + 1, event }));

export function townAt(seq: number): Town {
  return foldOn(emptyTown(), journal.slice(0, seq));
}

/** A line that was opened: what it asked for, and the test's hand on it. */
export interface Opened {
  way: Way;
  base: string;
  after: string;
  sink: Sink;
  closed: boolean;
}

/** A world outside without a clock of its own: time passes when the test says so. */
export class FakeOutside implements Outside {
  opened: Opened[] = [];
  chances: number[] = [];
  private time = 0;
  private timers: { at: number; run: () => void }[] = [];

  ways: Outside["ways"] = (["websocket", "sse", "polling"] as const).map((way) => ({
    way,
    open: (base, after, sink) => {
      const line = { way, base, after, sink, closed: false };
      this.opened.push(line);
      return () => {
        line.closed = true;
      };
    },
  }));

  chance = () => this.chances.shift() ?? 0.5;
  clock = () => this.time;

  later = (run: () => void, ms: number) => {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((one) => one !== timer);
    };
  };

  pass(ms: number): void {
    const until = this.time + ms;
    for (;;) {
      const [next] = this.timers.filter((one) => one.at <= until).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.timers = this.timers.filter((one) => one !== next);
      this.time = next.at;
      next.run();
    }
    this.time = until;
  }

  get line(): Opened {
    return this.opened.at(-1) as Opened;
  }
}
