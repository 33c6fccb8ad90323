// That the past is the past: any place, in any order of visits, gives the state of a fresh fold; and that playing plays.
import { describe, expect, test } from "vitest";
import type { Envelope } from "../src/fold/event";
import { apply } from "../src/fold/fold";
import { write } from "../src/fold/json";
import { copy, emptyTown, type Town } from "../src/fold/state";
import { StaticHistory, between, readLines, type History } from "../src/stream/history";
import { BLOCK, Machine } from "../src/stream/machine";
import { Replay } from "../src/stream/replay";
import type { Entry } from "../src/stream/wire";
import { entries, journal, townAt } from "./fixture";

/** A long history: the recorded one again and again, with places of its own. */
function long(count: number): Entry[] {
  return Array.from({ length: count }, (_, i) => {
    const event = journal[i % journal.length] as Envelope;
    const time = new Date(Date.UTC(2026, 0, 1) + i * 60_000).toISOString();
    return { offset: `${i + 1}`, seq: i + 1, event: { ...event, id: `e${i}`, time } };
  });
}

class Memory implements History {
  asked = 0;
  constructor(
    private readonly all: Entry[],
    private readonly states?: Map<number, Town>,
  ) {}
  index = () => Promise.reject(new Error("not asked"));
  events = (from: number, to: number) => {
    this.asked += 1;
    return Promise.resolve(between(this.all, from, to));
  };
  state = (at: number) => Promise.resolve(this.states ? copy(this.states.get(at)) : undefined);
}

/** The states of a fresh fold after these events. */
function states(all: Entry[], wanted: number[]): Map<number, Town> {
  const town = emptyTown();
  const out = new Map<number, Town>(wanted.includes(0) ? [[0, copy(town)]] : []);
  for (const entry of all) {
    apply(town, entry.event);
    if (wanted.includes(town.seq)) out.set(town.seq, copy(town));
  }
  return out;
}

describe("the time machine", () => {
  test("any order of visits gives the state of a fresh fold", async () => {
    const machine = new Machine(new Memory(entries), () => entries.length);
    for (const seq of [102, 1, 0, 50, 51, 49, 102, 74, 0, 102]) {
      await machine.seek(seq);
      expect(write(machine.town), `at ${seq}`).toBe(write(townAt(seq)));
    }
  });

  test("folds across blocks without anybody's snapshots", async () => {
    const all = long(BLOCK * 2 + 300);
    const visits = [all.length, BLOCK, BLOCK + 1, 3, BLOCK * 2, BLOCK - 260, BLOCK + 777];
    const wanted = states(all, visits);
    const machine = new Machine(new Memory(all), () => all.length);
    for (const seq of visits) {
      await machine.seek(seq);
      expect(write(machine.town) === write(wanted.get(seq)), `at ${seq}`).toBe(true);
    }
  });

  test("finds the event of a moment and of an id", async () => {
    const all = long(BLOCK + 50);
    const machine = new Machine(new Memory(all, states(all, [BLOCK])), () => all.length);
    expect(await machine.find(Date.UTC(2026, 0, 1) + 60_000 * 6.5)).toBe(7);
    expect(await machine.find(Date.UTC(2025, 0, 1))).toBe(0);
    expect(await machine.find(Date.UTC(2036, 0, 1))).toBe(all.length);
    expect(await machine.locate("e41")).toBe(42);
    expect(await machine.locate("nobody")).toBeUndefined();
  });

  test("derived events are in their places, and a hole is an error", async () => {
    const landed: Entry = { offset: "x", seq: null, event: { ...(journal[0] as Envelope), id: "landed", type: "monkeytown.commit.landed.v1" } };
    const all = [...entries.slice(0, 5), landed, ...entries.slice(5, 9)];
    const machine = new Machine(new Memory(all), () => 9);
    await machine.seek(5);
    expect(machine.recent(3).map((entry) => entry.event.id)).toEqual([entries[3]?.event.id, entries[4]?.event.id, "landed"]);
    const broken = new Machine(new Memory([...entries.slice(0, 3), ...entries.slice(4)]), () => 9);
    await expect(broken.seek(9)).rejects.toThrow("event 9 is missing");
  });

  test("an export is read by months", async () => {
    const files: { [name: string]: string } = {
      "/t/history/index.json": JSON.stringify({ chunks: [{ name: "2026-10", first: 1, last: 60 }, { name: "2026-11", first: 61, last: 102 }] }),
      "/t/history/2026-10.ndjson": entries.slice(0, 60).map((entry) => JSON.stringify(entry)).join("\n"),
      "/t/history/2026-11.ndjson": `${entries.slice(60).map((entry) => JSON.stringify(entry)).join("\n")}\nnot json\n`,
    };
    const history = new StaticHistory("http://host/t/", (url) => Promise.resolve(new Response(files[url.pathname])));
    expect((await history.events(59, 63)).map((entry) => entry.seq)).toEqual([59, 60, 61, 62, 63]);
    const machine = new Machine(history, () => 102);
    await machine.seek(100);
    expect(write(machine.town)).toBe(write(townAt(100)));
    expect(readLines("\n{}\n[1]\n")).toEqual([]);
  });

  test("a month of nothing but commits is read with the months around it", async () => {
    const landed = (id: string): Entry => ({ offset: id, seq: null, event: { ...(journal[0] as Envelope), id, type: "monkeytown.commit.landed.v1" } });
    const months = [[landed("before")], entries.slice(0, 4), [landed("between")], entries.slice(4, 6), [landed("after")]];
    const chunks = months.map((month, nth) => ({ name: `2026-0${nth + 1}`, first: month[0]?.seq ?? 0, last: month.at(-1)?.seq ?? 0 }));
    const get = (url: URL) => {
      const nth = chunks.findIndex(({ name }) => url.pathname.endsWith(`${name}.ndjson`));
      return Promise.resolve(new Response(nth < 0 ? JSON.stringify({ chunks }) : (months[nth] ?? []).map((entry) => JSON.stringify(entry)).join("\n")));
    };
    const read = async (from: number, to: number) => (await new StaticHistory("http://host/", get).events(from, to)).map(({ seq, event }) => seq ?? event.id);
    expect(await read(0, 6)).toEqual(["before", 1, 2, 3, 4, "between", 5, 6, "after"]);
    expect(await read(1, 4)).toEqual([1, 2, 3, 4, "between"]);
    expect(await read(5, 6)).toEqual([5, 6, "after"]);
    expect(await read(7, 9)).toEqual([]);
  });
});

describe("playing", () => {
  async function replay(all = long(40)) {
    const machine = new Machine(new Memory(all), () => all.length);
    const one = new Replay(machine, () => all.length, () => undefined);
    await one.seek(10);
    return one;
  }

  test("by time, at the speed that was asked for", async () => {
    const one = await replay();
    one.playing = { on: true, speed: 60, by: "time", skipQuiet: false, loop: false };
    one.tick(900);
    expect(one.seq).toBe(10);
    one.tick(200);
    expect(one.seq).toBe(11);
    one.tick(3000);
    expect(one.seq).toBe(14);
  });

  test("quiet is skipped, and events alone can set the pace", async () => {
    const one = await replay();
    one.playing = { on: true, speed: 1, by: "time", skipQuiet: true, loop: false };
    one.tick(10);
    one.tick(600);
    expect(one.seq).toBe(11);
    one.playing = { on: true, speed: 4, by: "event", skipQuiet: false, loop: false };
    one.tick(1000);
    expect(one.seq).toBe(15);
  });

  test("steps both ways, and stops at the end", async () => {
    const one = await replay();
    await one.step(1);
    await one.step(-2);
    expect(one.seq).toBe(9);
    await one.step(1000);
    one.playing.on = true;
    one.tick(10);
    expect(one.playing.on).toBe(false);
    expect(one.seq).toBe(40);
  });
});

describe("between two events", () => {
  const commit = (id: string, time: string): Entry => ({ offset: id, seq: null, event: { ...(journal[0] as Envelope), id, type: "monkeytown.commit.landed.v1", time, data: { author: "ana", subject: id } } });
  const event = (seq: number, time: string): Entry => ({ offset: `${seq}`, seq, event: { ...(journal[seq - 1] as Envelope), id: `e${seq}`, time } });
  const all = [commit("a", "2020-01-01T00:00:00Z"), commit("b", "2021-01-01T00:00:00Z"), event(1, "2026-01-01T00:00:00Z"), commit("c", "2026-01-02T00:00:00Z"), event(2, "2026-01-03T00:00:00Z")];
  const history = { index: () => Promise.reject(new Error("not asked")), events: (from: number, to: number) => Promise.resolve(between(all, from, to)), state: () => Promise.resolve(undefined) };

  test("what was in git before the first event is there, up to the moment that is looked at", async () => {
    const machine = new Machine(history, () => 2);
    const replay = new Replay(machine, () => 2, () => undefined);
    const shown = () => machine.recent(9, replay.until).map((entry) => entry.event.id).join("");
    await replay.seek(0);
    expect(shown()).toBe("ab");
    replay.look(Date.parse("2020-06-01T00:00:00Z"));
    expect([shown(), replay.now]).toEqual(["a", Date.parse("2020-06-01T00:00:00Z")]);
    replay.look(Date.parse("2019-01-01T00:00:00Z"));
    expect(shown()).toBe("");
    await replay.seek(1);
    expect(shown()).toBe("abe1c");
    replay.look(Date.parse("2026-01-01T12:00:00Z"));
    expect(shown()).toBe("abe1");
    replay.look(undefined);
    expect([shown(), replay.now]).toEqual(["abe1c", Date.parse("2026-01-01T00:00:00Z")]);
  });

  test("playing by time passes commits one by one, and waits before none of them for years", async () => {
    const machine = new Machine(history, () => 2);
    const replay = new Replay(machine, () => 2, () => undefined);
    await replay.seek(0);
    replay.look(Date.parse("2019-12-31T00:00:00Z"));
    Object.assign(replay.playing, { on: true, speed: 3600 });
    const seen = new Set<string>();
    for (let i = 0; i < 400 && replay.seq < 2; i++) {
      replay.tick(100);
      seen.add(machine.recent(9, replay.until).map((entry) => entry.event.id).join(""));
    }
    expect([...seen]).toEqual(["", "a", "ab", "abe1", "abe1c", "abe1ce2"]);
  });

  test("a town where nobody has run has its commits all the same", async () => {
    const machine = new Machine({ ...history, events: (from, to) => Promise.resolve(between(all.slice(0, 2), from, to)) }, () => 0);
    await machine.seek(0);
    expect(machine.recent(9).map((entry) => entry.event.id)).toEqual(["a", "b"]);
  });
});
