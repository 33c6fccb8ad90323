// Playing the past: by time or by event, faster or slower, over quiet hours, in circles; the states come from machine.ts.
import { blockOf, type Machine, type Place } from "./machine";

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
    const last = Math.min(this.machine.derived(this.seq).last ?? 0, this.timeOf(this.seq + 1) ?? Infinity);
    this.now = Math.max(this.timeOf(this.seq) ?? 0, last);
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

  /** When an event happened; before the first one: when that did. */
  private timeOf(seq: number): number | undefined {
    const time = this.machine.entry(Math.max(1, seq))?.event.time;
    return time === undefined ? undefined : Date.parse(time);
  }

  /** What is shown: an event, and the moment behind it, where commits lie there. */
  get place(): Place {
    const { last } = this.machine.derived(this.seq);
    return { seq: this.seq, ...(last === undefined ? {} : { moment: Number.isFinite(this.until) ? Math.floor(this.until) : last }) };
  }

  /** Whether nothing comes after what is shown. */
  get over(): boolean {
    return this.seq >= this.head() && !this.machine.after({ seq: this.seq, moment: this.until });
  }

  /** Lets so many milliseconds pass. */
  tick(ms: number): void {
    if (!this.playing.on || this.fetching) return;
    if (this.over && !this.machine.ragged) return this.ended();
    if (this.over || (this.seq < this.head() && !this.machine.entry(this.seq + 1))) return this.fetchOn();
    if (this.playing.by === "time") this.byTime(ms);
    else if (!this.byEvent(ms)) return;
    this.changed();
  }

  /** Whether it moved: by as many events as are due, commits among them. */
  private byEvent(ms: number): boolean {
    this.owed += (ms / 1000) * this.playing.speed;
    const steps = Math.floor(this.owed);
    this.owed -= steps;
    for (let i = 0; i < steps; i++) {
      const next = this.machine.after({ seq: this.seq, moment: this.until });
      if (!next || !this.machine.move(next.seq)) break;
      this.until = next.moment ?? Infinity;
    }
    if (steps === 0) return false;
    const { until } = this;
    this.stand();
    if (until !== Infinity) this.now = this.until = until;
    return true;
  }

  private byTime(ms: number): void {
    const { speed, skipQuiet } = this.playing;
    this.now += ms * speed;
    const next = this.machine.after({ seq: this.seq, moment: this.now });
    const time = Math.min((next?.seq === this.seq ? next.moment : undefined) ?? Infinity, this.timeOf(this.seq + 1) ?? Infinity);
    const lead = PATIENCE * 1000 * speed;
    if (skipQuiet && Number.isFinite(time) && time - this.now > lead) this.now = time - lead / 3;
    while (this.seq < this.head()) {
      const entry = this.machine.entry(this.seq + 1);
      if (!entry || Date.parse(entry.event.time) > this.now || !this.machine.move(this.seq + 1)) break;
    }
    this.until = this.now;
    this.looked = undefined;
  }

  private fetchOn(): void {
    this.fetching = true;
    const next = Math.min(this.seq + 1, this.head());
    this.machine
      .load(blockOf(this.seq), this.seq)
      .then(() => this.machine.load(blockOf(next), next))
      .catch(() => undefined)
      .finally(() => {
        this.fetching = false;
        if (this.playing.on && this.over) return this.ended();
        if (this.seq < this.head() && !this.machine.entry(this.seq + 1)) this.playing.on = false;
        this.changed();
      });
  }

  private ended(): void {
    if (!this.playing.loop) {
      this.stand();
      this.playing.on = false;
      this.changed();
      return;
    }
    this.fetching = true;
    this.seek(0)
      .then(() => {
        // Years of commits before the first event are no part of the circle, unless they are all there is.
        if (this.head() === 0) this.now = this.until = (this.machine.derived(0).first ?? 0) - 1;
      })
      .catch(() => {
        this.playing.on = false;
      })
      .finally(() => {
        this.fetching = false;
      });
  }
}
