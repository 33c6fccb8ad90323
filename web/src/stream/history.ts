// Where the past comes from: a server's history, or the files of an export, behind one face; folding it lives in machine.ts.
import { parse } from "../fold/json";
import { adopt, type Town } from "../fold/state";
import { isEnvelope, type Entry } from "./wire";

export interface Bucket {
  from: string;
  to: string;
  count: number;
  kinds: { [noun: string]: number };
}

export interface HistoryIndex {
  first: number;
  last: number;
  from: string | null;
  to: string | null;
  buckets: Bucket[];
  chunks: { name: string; first: number; last: number; events: number }[];
}

export interface History {
  index(): Promise<HistoryIndex>;
  /** Recorded events of these numbers, with the derived ones in their places; from 0: with what was in git before the first. */
  events(from: number, to: number): Promise<Entry[]>;
  /** The state after an event that ends a block of the time machine. */
  state(at: number): Promise<Town>;
}

/** An answer that was none, with words for a person. */
export class Unreachable extends Error {}

export type Fetch = (url: URL) => Promise<Response>;

async function fetched(get: Fetch, url: URL): Promise<Response> {
  let response: Response;
  try {
    response = await get(url);
  } catch {
    throw new Unreachable("the server cannot be reached");
  }
  if (!response.ok) throw new Unreachable(`the server answered ${response.status} for ${url.pathname}`);
  return response;
}

export async function fetchText(get: Fetch, url: URL): Promise<string> {
  return (await fetched(get, url)).text();
}

async function stateAt(get: Fetch, url: URL): Promise<Town> {
  return adopt((parse(await fetchText(get, url)) as { state: unknown }).state);
}

/** The most that a server hands out at once. */
const PAGE = 5000;

/** Reads lines of history. A line that is none is left out: the fold notices the hole by its number. */
export function readLines(text: string): Entry[] {
  const entries: Entry[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    try {
      const entry = parse(line) as Entry;
      if (isEnvelope(entry.event)) entries.push({ offset: entry.offset, seq: entry.seq ?? null, event: entry.event });
    } catch {
      continue;
    }
  }
  return entries;
}

/** Those of these numbers, and what is derived between them. */
export function between(entries: Entry[], from: number, to: number): Entry[] {
  let at = from - 1;
  let begun = entries[0]?.seq === null && from === 0;
  return entries.filter((entry) => {
    if (entry.seq !== null) {
      at = entry.seq;
      begun = at >= from;
    }
    return begun && at <= to;
  });
}

export class ServedHistory implements History {
  constructor(
    private readonly base: string,
    private readonly get: Fetch,
  ) {}

  async index(): Promise<HistoryIndex> {
    return JSON.parse(await fetchText(this.get, new URL("api/history/index", this.base))) as HistoryIndex;
  }

  async events(from: number, to: number): Promise<Entry[]> {
    const entries: Entry[] = from === 0 ? await this.part(0, 0) : [];
    for (let start = Math.max(1, from); start <= to; start += PAGE) {
      entries.push(...(await this.part(start, Math.min(to, start + PAGE - 1))));
    }
    return entries;
  }

  /** One question of history, and those that follow where many commits lie between its events. */
  private async part(from: number, to: number): Promise<Entry[]> {
    const url = new URL("api/history", this.base);
    url.searchParams.set("from", `${from}`);
    url.searchParams.set("to", `${to}`);
    const entries: Entry[] = [];
    for (;;) {
      const response = await fetched(this.get, url);
      entries.push(...readLines(await response.text()));
      const next = response.headers.get("x-next-offset");
      if (next === null) return entries;
      url.searchParams.delete("from");
      url.searchParams.set("after", next);
    }
  }

  state(at: number): Promise<Town> {
    return stateAt(this.get, new URL(`api/state?at=${at}`, this.base));
  }
}

export class StaticHistory implements History {
  private indexed: Promise<HistoryIndex> | undefined;
  private readonly files = new Map<string, Promise<Entry[]>>();

  constructor(
    private readonly base: string,
    private readonly get: Fetch,
  ) {}

  index(): Promise<HistoryIndex> {
    this.indexed ??= fetchText(this.get, new URL("history/index.json", this.base)).then((text) => JSON.parse(text) as HistoryIndex);
    return this.indexed;
  }

  async events(from: number, to: number): Promise<Entry[]> {
    const { chunks } = await this.index();
    // A month in which nothing was recorded has commits that belong to the event before it.
    const first = from === 0 ? 0 : chunks.findIndex((chunk) => chunk.last >= from);
    // What is derived behind the last of them may be at the beginning of the next file.
    const beyond = chunks.findIndex(({ first, last, events }) => first > (events > last - first + 1 ? to + 1 : to));
    const needed = first < 0 ? [] : chunks.slice(first, beyond < 0 ? chunks.length : beyond);
    const parts = await Promise.all(needed.map((chunk) => this.file(chunk.name)));
    return between(parts.flat(), from, to);
  }

  private file(name: string): Promise<Entry[]> {
    const known = this.files.get(name);
    if (known) return known;
    const file = fetchText(this.get, new URL(`history/${name}.ndjson`, this.base)).then(readLines);
    this.files.set(name, file);
    // A failure is not for ever, and a long history is not kept whole.
    file.catch(() => this.files.delete(name));
    const oldest = this.files.keys().next().value;
    if (this.files.size > 6 && oldest !== undefined) this.files.delete(oldest);
    return file;
  }

  state(at: number): Promise<Town> {
    return stateAt(this.get, new URL(`states/${at}.json`, this.base));
  }
}
