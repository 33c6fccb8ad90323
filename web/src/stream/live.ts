// The town as it is now: frames go in, the fold goes on, and at most once a frame somebody is told; no DOM lives here.
import type { Envelope } from "../fold/event";
import { apply } from "../fold/fold";
import { adopt, emptyTown, type Town } from "../fold/state";
import { isAfter, type Entry, type Frame } from "./wire";

/** Events that are kept to be shown. */
const RECENT_KEPT = 500;
/** Events that may wait for a frame; in a hidden tab no frame comes, and the fold must not fall behind without bound. */
const WAITING_MOST = 2_000;

export interface Misfit {
  seq: number;
  type: string;
  why: string;
}

export class Live {
  town: Town = emptyTown();
  /** The last events, oldest first, derived and passing ones among them. */
  recent: Entry[] = [];
  misfits: Misfit[] = [];
  ready = false;
  /** Milliseconds from the event to here, for those that came while we listened. */
  delays: number[] = [];
  received = 0;
  /** An event is missing before the last one that came: the state is not to be believed until a snapshot comes. */
  hole = false;
  private waiting: Entry[] = [];
  private fresh: Entry[] = [];
  /** What was heard before the state was read anew: between it and what comes now is a hole, and it may be of a history that is gone. */
  private before = new Set<Entry>();
  private asked = false;
  private last = "0";

  /** `schedule` runs a thing before the next frame is painted; `told` hears that there is something new. */
  constructor(
    private readonly schedule: (run: () => void) => void,
    private readonly told: (fresh: Entry[]) => void,
    private readonly wallClock: () => number,
  ) {}

  take(frame: Frame): void {
    if (frame.kind === "snapshot") return this.startOver(frame);
    if (frame.kind !== "event") return;
    // A resumed stream may begin with what we have.
    if (!isAfter(frame.offset, this.last) && this.last !== "0") return;
    this.last = frame.offset;
    this.received += 1;
    this.waiting.push({ offset: frame.offset, seq: frame.seq, event: frame.event });
    this.measure(frame.event);
    if (this.waiting.length >= WAITING_MOST) this.settle();
    this.ask();
  }

  private startOver(frame: Extract<Frame, { kind: "snapshot" }>): void {
    this.waiting = [];
    this.town = adopt(frame.state);
    this.town.seq = frame.seq;
    this.last = frame.offset;
    this.ready = true;
    this.hole = false;
    this.before = new Set(this.recent);
    this.ask();
  }

  private measure(event: Envelope): void {
    const delay = this.wallClock() - Date.parse(event.time);
    if (delay >= 0 && delay < 60_000) this.delays.push(delay);
    if (this.delays.length > 1000) this.delays.splice(0, 500);
  }

  /** Folds what waits. */
  private settle(): void {
    for (const entry of this.waiting) {
      if (entry.seq !== null) this.fold(entry);
      this.recent.push(entry);
      this.fresh.push(entry);
    }
    this.waiting = [];
    if (this.recent.length > RECENT_KEPT * 2) this.recent = this.recent.slice(-RECENT_KEPT);
    if (this.fresh.length > RECENT_KEPT) this.fresh = this.fresh.slice(-RECENT_KEPT);
  }

  private fold(entry: Entry): void {
    if (entry.seq === null || entry.seq <= this.town.seq || this.hole) return;
    if (entry.seq > this.town.seq + 1 && this.ready) {
      this.hole = true;
      return;
    }
    const why = apply(this.town, entry.event);
    if (why === undefined) return;
    this.misfits = [...this.misfits.slice(-49), { seq: this.town.seq, type: entry.event.type, why }];
  }

  private ask(): void {
    if (this.asked) return;
    this.asked = true;
    this.schedule(() => {
      this.asked = false;
      this.settle();
      const fresh = this.fresh;
      this.fresh = [];
      this.told(fresh);
    });
  }

  /** Puts events from before in front of those that were heard since the state was read, so that there is something to tell and no hole. */
  remember(entries: Entry[]): void {
    const since = this.recent.filter((entry) => !this.before.has(entry));
    const known = new Set(since.map((entry) => entry.event.id));
    const older = entries.filter((entry) => !known.has(entry.event.id) && (entry.seq ?? 0) <= this.town.seq);
    this.recent = [...older, ...since].slice(-RECENT_KEPT);
    this.ask();
  }
}
