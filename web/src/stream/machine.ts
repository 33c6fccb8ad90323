// The time machine: the town after any event, from snapshots and the events between them; what plays it lives in replay.ts.
import { apply } from "../fold/fold";
import { copy, emptyTown, type Town } from "../fold/state";
import type { History } from "./history";
import type { Entry } from "./wire";

/** Events between two snapshots. */
export const BLOCK = 5000;
/** Events between two small snapshots inside the block that is looked at. */
const STRIDE = 250;
const BLOCKS_KEPT = 4;
const BASES_KEPT = 200;

interface Block {
  first: number;
  /** Recorded and derived events in their order. */
  entries: Entry[];
  /** When each of them happened, in milliseconds; what is derived never before what stands in front of it between two events. */
  times: number[];
  /** The place in `entries` of each recorded event. */
  places: number[];
  /** The ids of the derived ones. */
  derived: Set<string>;
  strides: Town[];
  /** Whether it ended with the last event there was when it was read: more may have been derived behind that since. */
  open: boolean;
}

/** A place in history: after an event, and up to a moment of what is derived before the next; with all of it where none is given. */
export interface Place {
  seq: number;
  moment?: number;
}

export class Machine {
  /** The town at `town.seq`. It changes in place when the machine moves. */
  town: Town = emptyTown();
  private readonly blocks = new Map<number, Block>();
  private readonly bases = new Map<number, Town>([[0, emptyTown()]]);

  /** `head` is the number of the last event that there is. */
  constructor(
    private readonly history: History,
    private readonly head: () => number,
  ) {}

  /** Moves to the state after this event, fetching what is missing. */
  async seek(seq: number): Promise<void> {
    const at = Math.max(0, Math.min(seq, this.head()));
    const index = blockOf(at);
    await this.load(index, at);
    if (!this.move(at)) throw new Error(`event ${at} is missing in the history`);
  }

  /** Moves without fetching; answers whether it could. */
  move(seq: number): boolean {
    const block = this.blocks.get(blockOf(seq));
    if (!block || seq > block.first + block.places.length - 1) return seq === 0 && this.reset();
    const start = this.town.seq <= seq && this.town.seq >= block.first - 1 && this.own ? this.town : this.stride(block, seq);
    this.own = true;
    this.town = start;
    while (this.town.seq < seq) {
      const entry = this.entry(this.town.seq + 1);
      if (!entry) return false;
      apply(this.town, entry.event);
      this.keepStride(block);
    }
    return true;
  }

  /** Whether `town` is ours to change; after a start from elsewhere it is a copy. */
  private own = false;

  private reset(): boolean {
    this.town = emptyTown();
    this.own = true;
    return true;
  }

  private stride(block: Block, seq: number): Town {
    const wanted = Math.floor((seq - block.first + 1) / STRIDE);
    const nearest = block.strides.slice(0, wanted + 1).findLast((town) => town !== undefined);
    return copy(nearest ?? (block.strides[0] as Town));
  }

  private keepStride(block: Block): void {
    const done = this.town.seq - block.first + 1;
    if (done % STRIDE === 0) block.strides[done / STRIDE] ??= copy(this.town);
  }

  /** A recorded event, where it is here already. */
  entry(seq: number): Entry | undefined {
    const block = this.blocks.get(blockOf(seq));
    return block?.entries[block.places[seq - block.first] ?? -1];
  }

  /** Where what is derived between an event and the next lies in its block. */
  private beside(block: Block, seq: number): [number, number] {
    const nth = seq - block.first;
    return [(block.places[nth] ?? -1) + 1, block.places[nth + 1] ?? block.entries.length];
  }

  /** The place in its block of the last of what is shown, and those around what is derived there. */
  private shown(block: Block, { seq, moment = Infinity }: Place): [number, number, number] {
    const [start, end] = this.beside(block, seq);
    let [low, high] = [start, end];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((block.times[middle] as number) <= moment) low = middle + 1;
      else high = middle;
    }
    return [low - 1, start, end];
  }

  /** When the first and the last of what is derived between an event and the next happened. */
  derived(seq: number): { first?: number | undefined; last?: number | undefined } {
    const block = this.blocks.get(blockOf(seq));
    if (!block) return {};
    const [start, end] = this.beside(block, seq);
    return start < end ? { first: block.times[start], last: block.times[end - 1] } : {};
  }

  /** The next place, where it is here already: an event, or a commit, which is as much of one to whoever looks. */
  after(place: Place): Place | undefined {
    const { seq } = place;
    const block = this.blocks.get(blockOf(seq));
    if (block) {
      const [at, , end] = this.shown(block, place);
      if (at + 1 < end) return { seq, moment: block.times[at + 1] as number };
    }
    return this.entry(seq + 1) && this.alone(seq + 1);
  }

  private before(place: Place): Place | undefined {
    const { seq } = place;
    const block = this.blocks.get(blockOf(seq));
    if (!block) return undefined;
    const [at, start] = this.shown(block, place);
    if (at < start) return seq > 0 ? { seq: seq - 1 } : undefined;
    const moment = (block.times[at] as number) - 1;
    const [left] = this.shown(block, { seq, moment });
    return left < start ? this.alone(seq) : { seq, moment: block.times[left] as number };
  }

  /** At an event, with nothing of what is derived behind it. */
  private alone(seq: number): Place {
    const { first } = this.derived(seq);
    return first === undefined ? { seq } : { seq, moment: Math.min(Date.parse(this.entry(seq)?.event.time ?? "") || Infinity, first - 1) };
  }

  /** So many places on or back, as far as there are any; fetches what is missing. */
  async walk(from: Place, by: number): Promise<Place> {
    let place = from;
    let block = -1;
    for (let left = Math.abs(by); left > 0; left--) {
      const { seq } = place;
      if (blockOf(seq) !== block) await this.load((block = blockOf(seq)), seq);
      let next = by > 0 ? this.after(place) : this.before(place);
      if (!next && by > 0 && seq < this.head()) {
        await this.load(blockOf(seq + 1), seq + 1);
        next = this.after(place);
      }
      if (!next) break;
      place = next;
    }
    return place;
  }

  /** The last events up to where the machine stands, oldest first; derived ones in their places, up to a moment. */
  recent(count: number, until = Infinity): Entry[] {
    const { seq } = this.town;
    const block = this.blocks.get(blockOf(seq));
    if (!block) return [];
    const end = this.shown(block, { seq, moment: until })[0] + 1;
    const here = block.entries.slice(Math.max(0, end - count), end);
    const before = this.blocks.get(blockOf(block.first - 1));
    return here.length < count && before && before !== block ? [...before.entries.slice(here.length - count), ...here] : here;
  }

  /** More was derived behind the last event: its block is read on where somebody looks there. */
  grown(): void {
    this.growth += 1;
  }

  private growth = 0;
  private seen = 0;

  /** Whether more was derived there than was read. */
  get ragged(): boolean {
    return this.growth !== this.seen;
  }

  /** Fetches the block of an event, and what the block needs before it can be folded. */
  async load(index: number, upTo: number): Promise<void> {
    const known = this.blocks.get(index);
    const first = index * BLOCK + 1;
    const last = Math.min(this.head(), first + BLOCK - 1);
    const have = known ? known.first + known.places.length - 1 : first - 1;
    const open = last === this.head();
    if (known && have >= Math.min(upTo, last)) {
      // Whoever was looked at last is the last to go.
      this.blocks.delete(index);
      this.blocks.set(index, known);
      if (!known.open || (open && !this.ragged)) return;
    }
    if (last < first && index > 0) return;
    const base = known?.strides[0] ?? (await this.base(index));
    const { growth } = this;
    let entries: Entry[];
    try {
      // Behind the last that is here, more may have been derived since.
      entries = await this.history.events(known || have === 0 ? have : have + 1, last);
    } catch (error) {
      if (known && have >= Math.min(upTo, last)) return;
      throw error;
    }
    const block = known ?? { first, entries: [], times: [], places: [], derived: new Set(), strides: [copy(base)], open };
    block.open = open;
    if (open) this.seen = growth;
    for (const entry of entries) this.add(block, entry);
    this.blocks.delete(index);
    this.blocks.set(index, block);
    const oldest = this.blocks.keys().next().value;
    if (this.blocks.size > BLOCKS_KEPT && oldest !== undefined) this.blocks.delete(oldest);
  }

  private add(block: Block, entry: Entry): void {
    const next = block.first + block.places.length;
    // What is there already, or does not follow, is left out: a state with a hole in it would be a lie.
    if (entry.seq !== null && entry.seq !== next) return;
    if (entry.seq !== null) block.places.push(block.entries.length);
    else if (block.derived.has(entry.event.id)) return;
    else block.derived.add(entry.event.id);
    const before = entry.seq === null && block.places.at(-1) !== block.entries.length - 1 ? (block.times.at(-1) ?? -Infinity) : -Infinity;
    const time = Date.parse(entry.event.time);
    block.entries.push(entry);
    block.times.push(Math.max(before, Number.isFinite(time) ? time : 0));
  }

  /** The state before a block. */
  private async base(index: number): Promise<Town> {
    const known = this.bases.get(index);
    if (known) return known;
    const base = await this.history.state(index * BLOCK);
    if (this.bases.size >= BASES_KEPT) this.bases.delete([...this.bases.keys()].at(-1) as number);
    this.bases.set(index, base);
    return base;
  }

  /** The place of an event by its id, or of a commit by its own, whole or cut short; the newest blocks first. */
  async locate(wanted: string): Promise<(Place & { id: string }) | undefined> {
    for (let index = blockOf(this.head()); index >= 0; index--) {
      await this.load(index, this.head());
      const block = this.blocks.get(index);
      const nth = block?.entries.findIndex(({ event: { id, subject } }) => id === wanted || (wanted.length > 6 && subject?.startsWith(`commit/${wanted}`))) ?? -1;
      const found = block?.entries[nth];
      if (!block || !found) continue;
      const { seq, event } = found;
      if (seq !== null) return { id: event.id, seq };
      const before = block.entries.slice(0, nth).findLast((entry) => entry.seq !== null);
      return { id: event.id, seq: before?.seq ?? block.first - 1, moment: block.times[nth] as number };
    }
    return undefined;
  }
}

export function blockOf(seq: number): number {
  return Math.max(0, Math.floor((seq - 1) / BLOCK));
}
