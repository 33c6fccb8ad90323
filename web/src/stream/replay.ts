// Playing the past: by time or by event, faster or slower, over quiet hours, in circles; the states come from machine.ts.
import { blockOf, type Machine } from "./machine";

export interface Playing {
  on: boolean;
  /** Seconds of the town for a second here; or events a second. */
  speed: number;
  by: "time" | "event";
  skipQuiet: boolean;
  loop: boolean;
}

/** Seconds of waiting that are too long while quiet is skipped. */
const PATIENCE = 1.5;

export class Replay {
  /** The moment that is shown, in milliseconds since 1970. */
  now = 0;
  playing: Playing = { on: false, speed: 60, by: "time", skipQuiet: true, loop: false };
  /** Up to when commits between two events are shown. */
  until = Infinity;
  private looked: number | undefined;
  private owed = 0;
  private fetching = false;

  constructor(
    readonly machine: Machine,
    private readonly head: () => number,
    private readonly changed: () => void,
  ) {}

  get seq(): number {
    return this.machine.town.seq;
  }

  async seek(seq: number): Promise<void> {
    await this.machine.seek(seq);
    this.stand();
    this.owed = 0;
    this.changed();
  }

  /** Stands at the event itself, with all that lies before the next. */
  private stand(): void {
    this.now = this.timeOf(this.seq);
    this.until = Infinity;
    this.looked = undefined;
  }

  /** Looks at a moment between this event and the next; at the event itself where none is given. */
  look(moment: number | undefined): void {
    if (moment === this.looked) return;
    this.stand();
    this.looked = moment;
    if (moment !== undefined) this.now = this.until = moment;
    this.changed();
  }

  timeOf(seq: number): number {
    const entry = this.machine.entry(Math.max(1, seq));
    return entry ? Date.parse(entry.event.time) : 0;
  }

  /** Lets so many milliseconds pass. */
  tick(ms: number): void {
    if (!this.playing.on || this.fetching) return;
    if (this.seq >= this.head()) return this.ended();
    if (!this.machine.entry(this.seq + 1)) return this.fetchOn();
    const before = this.seq;
    if (this.playing.by === "event") this.byEvent(ms);
    else this.byTime(ms);
    if (this.playing.by === "event" && this.seq === before) return;
    this.changed();
  }

  private byEvent(ms: number): void {
    this.owed += (ms / 1000) * this.playing.speed;
    const steps = Math.floor(this.owed);
    this.owed -= steps;
    for (let i = 0; i < steps; i++) if (!this.forward()) break;
    if (steps > 0) this.stand();
  }

  private byTime(ms: number): void {
    const { speed, skipQuiet } = this.playing;
    this.now += ms * speed;
    const next = Math.min(this.timeOf(this.seq + 1), this.machine.nextDerived(this.now));
    const lead = PATIENCE * 1000 * speed;
    if (skipQuiet && next - this.now > lead) this.now = next - lead / 3;
    while (this.seq < this.head()) {
      const entry = this.machine.entry(this.seq + 1);
      if (!entry || Date.parse(entry.event.time) > this.now || !this.forward()) break;
    }
    this.until = this.now;
    this.looked = undefined;
  }

  private forward(): boolean {
    return this.machine.entry(this.seq + 1) !== undefined && this.machine.move(this.seq + 1);
  }

  private fetchOn(): void {
    this.fetching = true;
    this.machine
      .load(blockOf(this.seq + 1), this.seq + 1)
      .then(() => {
        if (!this.machine.entry(this.seq + 1)) this.playing.on = false;
      })
      .catch(() => {
        this.playing.on = false;
      })
      .finally(() => {
        this.fetching = false;
        this.changed();
      });
  }

  private ended(): void {
    if (!this.playing.loop) {
      this.playing.on = false;
      this.changed();
      return;
    }
    this.fetching = true;
    this.seek(0)
      .then(() => {
        this.now = this.timeOf(1);
      })
      .catch(() => {
        this.playing.on = false;
      })
      .finally(() => {
        this.fetching = false;
      });
  }
}
