// What only the server knows of the moment that is shown: asked for once the moment rests, one question at a time; what it is lives in app.ts.
import { signal } from "@preact/signals";
import { parse } from "../fold/json";
import { fetchText } from "../stream/history";
import type { Loaded } from "./api";

/** A moment rests when it has been the same for so long, in milliseconds. */
const REST = 300;
const KEPT = 4;

export class Then<T> {
  private kept = new Map<string, T>();
  private readonly changed = signal(0);
  private wish: string | undefined;
  private trouble: Loaded<T> | undefined;
  private running = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly url: (at: string) => URL) {}

  /** What was at an offset, never what was at another; where it is not here, it is asked for unless somebody goes on elsewhere. */
  at(offset: string): Loaded<T> {
    void this.changed.value;
    if (offset !== this.wish) {
      this.wish = offset;
      this.trouble = undefined;
      this.soon();
    }
    const value = this.kept.get(offset);
    return value === undefined ? (this.trouble ?? { state: "loading" }) : { state: "there", value };
  }

  /** Another history has other moments. */
  forget(): void {
    this.kept = new Map();
    this.wish = undefined;
  }

  /** What could not be read is asked for again. */
  retry(): void {
    if (this.trouble) this.soon();
  }

  private soon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.load(), REST);
  }

  private async load(): Promise<void> {
    const { wish, kept } = this;
    if (this.running || wish === undefined || kept.has(wish)) return;
    this.running = true;
    let value: T | undefined;
    let why = "";
    try {
      value = parse(await fetchText(fetch, this.url(wish))) as T;
    } catch (error) {
      why = (error as Error).message;
    }
    this.running = false;
    // Somebody went on, or another history began.
    if (this.wish !== wish || this.kept !== kept) return this.soon();
    if (value === undefined) this.trouble = { state: "failed", why };
    else kept.set(wish, value);
    const oldest = kept.keys().next().value;
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
    this.changed.value += 1;
  }
}
