// That the past is the past: any place, in any order of visits, gives the state of a fresh fold; and that playing plays.
import { describe, expect, test } from "vitest";
import type { Envelope } from "../src/fold/event";
import { apply } from "../src/fold/fold";
import { write } from "../src/fold/json";
import { copy, emptyTown, type Town } from "../src/fold/state";
import { StaticHistory, between, readLines, type History } from "../src/stream/history";
import { BLOCK, Machine, type Place } from "../src/stream/machine";
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
    private readonly known: Map<number, Town> = states(all, [BLOCK, 2 * BLOCK]),
  ) {}
  index = () => Promise.reject(new Error("not asked"));
  events = (from: number, to: number) => {
    this.asked += 1;
    return Promise.resolve(between(this.all, from, to));
  };
  state = (at: number) => Promise.resolve(copy(this.known.get(at) as Town));
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

  test("folds across blocks", async () => {
    const all = long(BLOCK * 2 + 300);
    const visits = [all.length, BLOCK, BLOCK + 1, 3, BLOCK * 2, BLOCK - 260, BLOCK + 777];
    const wanted = states(all, visits);
    const machine = new Machine(new Memory(all), () => all.length);
    for (const seq of visits) {
      await machine.seek(seq);
      expect(write(machine.town) === write(wanted.get(seq)), `at ${seq}`).toBe(true);
    }
  });

  test("finds the event of an id", async () => {
    const all = long(BLOCK + 50);
    const machine = new Machine(new Memory(all, states(all, [BLOCK])), () => all.length);
    expect(await machine.locate("e41")).toEqual({ id: "e41", seq: 42 });
    expect(await machine.locate("nobody")).toBeUndefined();
  });

  test("finds a commit by its own name, whole or cut short, where it landed", async () => {
    const landed: Entry = { offset: "x", seq: null, event: { ...(journal[0] as Envelope), id: "landed", subject: `commit/${"ab".repeat(20)}`, type: "monkeytown.commit.landed.v1" } };
    const machine = new Machine(new Memory([...entries.slice(0, 5), landed, ...entries.slice(5, 9)]), () => 9);
    for (const name of ["ab".repeat(20), "abababa"]) expect(await machine.locate(name)).toEqual({ id: "landed", seq: 5, moment: Date.parse(landed.event.time) });
    for (const name of ["cd", "commit/ab", "bab", "a", "ababab"]) expect(await machine.locate(name)).toBeUndefined();
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

  describe("an export", () => {
    const landed = (id: string): Entry => ({ offset: id, seq: null, event: { ...(journal[0] as Envelope), id, type: "monkeytown.commit.landed.v1" } });
    const lines = (some: Entry[]) => some.map((entry) => JSON.stringify(entry)).join("\n");

    /** An export of these files of history, and which of them were asked for. */
    function exported(parts: { [name: string]: Entry[] }, more: { [path: string]: string } = {}) {
      const chunks = Object.entries(parts).map(([name, part]) => {
        const numbers = part.flatMap(({ seq }) => seq ?? []);
        return { name, first: numbers[0] ?? 0, last: numbers.at(-1) ?? 0, events: part.length };
      });
      const asked: string[] = [];
      const history = new StaticHistory("http://host/t/", ({ pathname }) => {
        const path = pathname.slice("/t/".length);
        const part = parts[/^history\/(.*)\.ndjson$/.exec(path)?.[1] ?? ""];
        const body = path === "history/index.json" ? JSON.stringify({ chunks }) : part ? lines(part) : more[path];
        asked.push(path);
        return Promise.resolve(new Response(body ?? "", { status: body === undefined ? 404 : 200 }));
      });
      const read = async (from: number, to: number) => (await history.events(from, to)).map(({ seq, event }) => seq ?? event.id);
      return { history, read, asked: () => asked.splice(0).filter((path) => path !== "history/index.json") };
    }

    test("is read by files, and only by those that are needed", async () => {
      const { history, read, asked } = exported({ "2026-10": entries.slice(0, 40), "2026-10.2": entries.slice(40, 60), "2026-11": entries.slice(60) });
      expect(await read(59, 63)).toEqual([59, 60, 61, 62, 63]);
      expect(asked()).toEqual(["history/2026-10.2.ndjson", "history/2026-11.ndjson"]);
      expect(await read(38, 40)).toEqual([38, 39, 40]);
      expect(asked()).toEqual(["history/2026-10.ndjson"]);
      const machine = new Machine(history, () => 102);
      await machine.seek(100);
      expect(write(machine.town)).toBe(write(townAt(100)));
      expect(asked()).toEqual([]);
      expect(readLines("\n{}\n[1]\nnot json\n")).toEqual([]);
    });

    test("has commits where they were, also where files were cut between them", async () => {
      const { read, asked } = exported({
        "2026-01": [landed("before")],
        "2026-02": entries.slice(0, 4),
        "2026-03": [landed("between")],
        "2026-03.2": [landed("late"), ...entries.slice(4, 6)],
        "2026-04": [landed("after")],
      });
      expect(await read(0, 6)).toEqual(["before", 1, 2, 3, 4, "between", "late", 5, 6, "after"]);
      expect(await read(1, 4)).toEqual([1, 2, 3, 4, "between", "late"]);
      expect(await read(5, 6)).toEqual([5, 6, "after"]);
      expect(await read(7, 9)).toEqual([]);
      asked();
      expect(await read(1, 3)).toEqual([1, 2, 3]);
      expect(asked()).toEqual([]);
    });

    test("has states, so that nothing is folded from the first event", async () => {
      const all = long(BLOCK * 3);
      const known = states(all, [BLOCK * 2, BLOCK * 2 + 7]);
      const parts = Object.fromEntries([0, 1, 2].map((nth) => [`2026-0${nth + 1}`, all.slice(nth * BLOCK, (nth + 1) * BLOCK)]));
      const { history, asked } = exported(parts, { [`states/${BLOCK * 2}.json`]: write({ seq: BLOCK * 2, state: known.get(BLOCK * 2) }) });
      const machine = new Machine(history, () => all.length);
      await machine.seek(BLOCK * 2 + 7);
      expect(write(machine.town) === write(known.get(BLOCK * 2 + 7))).toBe(true);
      expect(asked()).toEqual([`states/${BLOCK * 2}.json`, "history/2026-03.ndjson"]);
      await expect(machine.seek(BLOCK + 1)).rejects.toThrow(`answered 404 for /t/states/${BLOCK}.json`);
    });
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

  test("stops at the end", async () => {
    const one = await replay();
    await one.seek(1000);
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
  const history = { index: () => Promise.reject(new Error("not asked")), events: (from: number, to: number) => Promise.resolve(between(all, from, to)), state: () => Promise.resolve(emptyTown()) };

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
    // The clock is that of the last of what is shown.
    expect([shown(), replay.now]).toEqual(["abe1c", Date.parse("2026-01-02T00:00:00Z")]);
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

  test("a step leads to the next of what is shown, commits among them, both ways and as far as there are any", async () => {
    const machine = new Machine(history, () => 2);
    const shown = async (place: Place) => {
      await machine.seek(place.seq);
      return machine.recent(9, place.moment).map((entry) => entry.event.id).join("");
    };
    const walked = async (from: Place, by: number) => {
      const seen = [];
      for (let place = from, i = 0; i < 7; i++) {
        place = await machine.walk(place, by);
        seen.push(await shown(place));
      }
      return seen;
    };
    expect(await walked({ seq: 2 }, -1)).toEqual(["abe1c", "abe1", "ab", "a", "", "", ""]);
    expect(await walked({ seq: 0, moment: 0 }, 1)).toEqual(["a", "ab", "abe1", "abe1c", "abe1ce2", "abe1ce2", "abe1ce2"]);
    expect(await shown(await machine.walk({ seq: 2 }, -3))).toBe("ab");
    expect(await shown(await machine.walk({ seq: 0, moment: Date.parse("2020-06-01T00:00:00Z") }, 1))).toBe("ab");
    expect(await shown(await machine.walk({ seq: 0, moment: Date.parse("2020-06-01T00:00:00Z") }, -1))).toBe("");
  });

  test("a step goes from block to block, and commits of one second go together", async () => {
    const many = [...Array.from({ length: BLOCK }, (_, i) => ({ ...event(1, "2026-01-01T00:00:00Z"), seq: i + 1 })), commit("x", "2026-01-02T00:00:00Z"), commit("y", "2026-01-02T00:00:00Z"), { ...event(1, "2026-01-03T00:00:00Z"), seq: BLOCK + 1 }];
    const machine = new Machine(new Memory(many, new Map([[BLOCK, emptyTown()]])), () => BLOCK + 1);
    const second = { seq: BLOCK, moment: Date.parse("2026-01-02T00:00:00Z") };
    expect(await machine.walk({ seq: BLOCK + 1 }, -1)).toEqual({ seq: BLOCK });
    expect(await machine.walk({ seq: BLOCK }, -1)).toEqual({ seq: BLOCK, moment: Date.parse("2026-01-01T00:00:00Z") });
    expect(await machine.walk({ seq: BLOCK }, -2)).toEqual({ seq: BLOCK - 1 });
    expect(await machine.walk({ seq: BLOCK - 1 }, 2)).toEqual(second);
    expect(await machine.walk(second, 1)).toEqual({ seq: BLOCK + 1 });
  });

  test("who pauses in a quiet time stays in it, and a clock that is ahead holds back no event", async () => {
    const machine = new Machine(history, () => 2);
    const replay = new Replay(machine, () => 2, () => undefined);
    await replay.seek(1);
    replay.look(Date.parse("2026-01-02T20:00:00Z"));
    expect(replay.place).toEqual({ seq: 1, moment: Date.parse("2026-01-02T20:00:00Z") });
    const minutes = [1, 2, 3].map((nth) => event(nth, `2026-01-01T00:0${nth}:00Z`));
    const ahead = [minutes[0] as Entry, commit("ahead", "2033-01-01T00:00:00Z"), ...minutes.slice(1)];
    const other = new Machine({ ...history, events: (from, to) => Promise.resolve(between(ahead, from, to)) }, () => 3);
    const playing = new Replay(other, () => 3, () => undefined);
    await playing.seek(1);
    Object.assign(playing.playing, { on: true, speed: 10 });
    const seen = [];
    for (let i = 0; i < 100 && playing.playing.on; i++) {
      playing.tick(250);
      seen.push(playing.seq);
    }
    expect([...new Set(seen)]).toEqual([2, 3]);
    expect(playing.now).toBeLessThan(Date.parse("2026-01-02T00:00:00Z"));
  });

  test("a town of commits alone is played too: by time, by event, and in circles", async () => {
    const machine = new Machine({ ...history, events: (from, to) => Promise.resolve(between(all.slice(0, 2), from, to)) }, () => 0);
    const replay = new Replay(machine, () => 0, () => undefined);
    const shown = () => machine.recent(9, replay.until).map((entry) => entry.event.id).join("");
    const play = async (change: Partial<Replay["playing"]>, ms: number) => {
      await replay.seek(0);
      replay.look(Date.parse("2019-12-31T00:00:00Z"));
      Object.assign(replay.playing, { on: true, speed: 60, by: "time", loop: false }, change);
      const seen = new Set<string>();
      for (let i = 0; i < 100 && replay.playing.on; i++) {
        seen.add(shown());
        replay.tick(ms);
        await Promise.resolve();
      }
      return [...seen, replay.playing.on];
    };
    expect(await play({}, 250)).toEqual(["", "a", "ab", false]);
    // It ends with the last of them, not where the clock would have been a tick later.
    expect(replay.now).toBe(Date.parse("2021-01-01T00:00:00Z"));
    expect(await play({ by: "event", speed: 4 }, 250)).toEqual(["", "a", "ab", false]);
    expect(await play({ loop: true }, 250)).toEqual(["", "a", "ab", true]);
    expect([replay.over, replay.place.seq]).toEqual([false, 0]);
    // What is paused has a place that leads there again.
    const [place, was] = [replay.place, shown()];
    await replay.seek(0);
    replay.look(place.moment);
    expect(shown()).toBe(was);
  });

  test("a commit that lands behind the last event is read once somebody looks there, and lost to nobody", async () => {
    let known = all.slice(0, 3);
    let [head, up] = [1, true];
    const machine = new Machine({ ...history, events: (from, to) => (up ? Promise.resolve(between(known, from, to)) : Promise.reject(new Error("away"))) }, () => head);
    const shown = async (seq: number) => {
      await machine.seek(seq);
      return machine.recent(9).map((entry) => entry.event.id).join("");
    };
    expect(await shown(1)).toBe("abe1");
    known = all.slice(0, 4);
    machine.grown();
    // What was read before is there without a server.
    up = false;
    expect(await shown(1)).toBe("abe1");
    up = true;
    expect(await shown(1)).toBe("abe1c");
    // Also where the next event came before anybody looked.
    const other = new Machine({ ...history, events: (from, to) => Promise.resolve(between(known, from, to)) }, () => head);
    known = all.slice(0, 3);
    await other.seek(1);
    [known, head] = [all, 2];
    await other.seek(2);
    expect(other.recent(9).map((entry) => entry.event.id).join("")).toBe("abe1ce2");
  });

  test("stepping back turns the clock back, never forward", async () => {
    const machine = new Machine(history, () => 2);
    const replay = new Replay(machine, () => 2, () => undefined);
    const clock = [];
    let place: Place = { seq: 2 };
    for (let i = 0; i < 6; i++) {
      await replay.seek(place.seq);
      replay.look(place.moment);
      clock.push(replay.now);
      expect(await machine.walk(replay.place, 0)).toEqual(replay.place);
      place = await machine.walk(place, -1);
    }
    expect(clock).toEqual([...clock].sort((a, b) => b - a));
  });

  test("a time that is none, or that runs backward, hides nothing and stops nobody", async () => {
    const odd = [commit("a", "2020-01-01T00:00:00Z"), commit("b", "+12000-01-01T00:00:00Z"), commit("c", "2019-01-01T00:00:00Z"), commit("d", "2021-01-01T00:00:00Z")];
    const machine = new Machine({ ...history, events: (from, to) => Promise.resolve(between(odd, from, to)) }, () => 0);
    await machine.seek(0);
    const end = await machine.walk({ seq: 0, moment: 0 }, 9);
    expect([end, machine.recent(9, end.moment).length]).toEqual([{ seq: 0, moment: Date.parse("2021-01-01T00:00:00Z") }, 4]);
    expect(machine.recent(9, (await machine.walk(end, -1)).moment).map((entry) => entry.event.id).join("")).toBe("abc");
  });

  /** A history that the test lets grow and hold back. */
  function growing(known: Entry[], head: number) {
    const now = { known, head, asked: 0, gate: Promise.resolve() };
    const events = async (from: number, to: number) => {
      now.asked += 1;
      const answer = between(now.known, from, to);
      await now.gate;
      return answer;
    };
    return { now, machine: new Machine({ ...history, events }, () => now.head) };
  }
  const told = (machine: Machine) => machine.recent(3).map((entry) => entry.event.id).join(" ");

  test("a commit that lands while the last block is read anew is read as well", async () => {
    const { now, machine } = growing(all.slice(0, 3), 1);
    await machine.seek(1);
    now.known = all.slice(0, 4);
    machine.grown();
    let open = () => undefined as void;
    now.gate = new Promise((done) => (open = done));
    const reading = machine.seek(1);
    now.known = [...now.known, commit("late", "2026-01-02T00:00:01Z")];
    machine.grown();
    open();
    await reading;
    expect(told(machine)).toBe("b e1 c");
    await machine.seek(1);
    expect([told(machine), now.asked]).toEqual(["e1 c late", 3]);
    await machine.seek(1);
    expect(now.asked).toBe(3);
  });

  test("a commit behind the last event of a block is read, though the next event came before anybody looked", async () => {
    const recorded = Array.from({ length: BLOCK }, (_, i) => ({ ...event(1, "2026-01-01T00:00:00Z"), seq: i + 1 }));
    const { now, machine } = growing(recorded, BLOCK);
    await machine.seek(BLOCK);
    now.known = [...recorded, commit("between", "2026-01-02T00:00:00Z"), { ...event(1, "2026-01-03T00:00:00Z"), seq: BLOCK + 1 }];
    machine.grown();
    now.head = BLOCK + 1;
    const place = await machine.walk({ seq: BLOCK + 1 }, -1);
    await machine.seek(place.seq);
    expect(told(machine)).toBe("e1 e1 between");
    // It is whole now, and is not read again.
    const { asked } = now;
    await machine.seek(BLOCK);
    expect(now.asked).toBe(asked);
  });

  test("a way of many steps asks once for what cannot be read", async () => {
    const { now, machine } = growing(all, 2);
    await machine.seek(2);
    machine.grown();
    now.asked = 0;
    now.gate = Promise.reject(new Error("away"));
    now.gate.catch(() => undefined);
    expect(await machine.walk({ seq: 2 }, -50)).toEqual({ seq: 0, moment: Date.parse("2020-01-01T00:00:00Z") - 1 });
    expect(now.asked).toBe(1);
  });

  test("playing goes on to what landed behind the last event meanwhile, and no further", async () => {
    const { now, machine } = growing(all.slice(0, 3), 1);
    const replay = new Replay(machine, () => now.head, () => undefined);
    await replay.seek(1);
    now.known = all.slice(0, 4);
    machine.grown();
    Object.assign(replay.playing, { on: true, speed: 3600 });
    for (let i = 0; i < 200 && replay.playing.on; i++) {
      replay.tick(250);
      await new Promise((done) => setImmediate(done));
    }
    expect([told(machine), replay.playing.on, replay.until > Date.parse("2026-01-02T00:00:00Z")]).toEqual(["b e1 c", false, true]);
  });

  test("a town where nobody has run has its commits all the same", async () => {
    const machine = new Machine({ ...history, events: (from, to) => Promise.resolve(between(all.slice(0, 2), from, to)) }, () => 0);
    await machine.seek(0);
    expect(machine.recent(9).map((entry) => entry.event.id)).toEqual(["a", "b"]);
  });
});
