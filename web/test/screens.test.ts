// The pure parts of Timeline, Board, Ledger, Specs, Agents and Stream: what they make of events and answers.
import { describe, expect, it } from "vitest";
import type { Envelope } from "../src/fold/event";
import { apply } from "../src/fold/fold";
import { emptyTown, type Post, type Run, type Town } from "../src/fold/state";
import { marks } from "../src/screens/axis";
import { accountOf, pullsOf, sourceOf, standing } from "../src/screens/agent-facts";
import { people, reactionsOf, threads } from "../src/screens/board-threads";
import { OTHERS, accounts, csv, overTime, runsUntil, sumsBy, type RunRow } from "../src/screens/ledger-sums";
import { sizeOf } from "../src/screens/patch";
import { columnOf, weight } from "../src/screens/specs-columns";
import { bytes, duration, histogram, millis, quantile } from "../src/screens/stream-figures";
import { BLOCK, Blocks, MAIN, OTHERS as PEOPLE, around, chosenOf, holds, lanesOf, placeOf, placesOf, upToDate, windowOf } from "../src/screens/timeline-window";
import type { Entry } from "../src/stream/wire";
import { detail, knowing, sentence } from "../src/ui/sentence";
import type { AgentInfo, FileInfo } from "../src/ui/api";
import { entries, townAt } from "./fixture";

function made(id: string, type: string, data: unknown, seq: number | null = null, time = "2026-01-01T00:00:00Z"): Entry {
  return { offset: id, seq, event: { specversion: "1.0", id, type: `monkeytown.${type}.v1`, source: "/towns/t", time, actor: "human:ana", data } as Envelope };
}

describe("the axis of all of history", () => {
  /** What stands below six buckets that begin at these times. */
  const below = (...times: string[]) => marks({ first: 1, last: 6, from: times[0] ?? null, to: "2026-11-27T21:43:30Z", buckets: times.map((from) => ({ from, to: from, count: 1, kinds: {} })), chunks: [] });

  it("names the year, the day, the hour and the second where that is another one than before", () => {
    expect(below("2025-10-03T08:00:00Z", "2025-11-15T08:00:00Z", "2026-01-02T08:00:00Z", "2026-11-27T21:40:00Z", "2026-11-27T21:42:00Z", "2026-11-27T21:42:48Z"))
      .toEqual(["2025-10-03", "11-15", "2026-01-02", "11-27", "21:42", "21:42:48", "now"]);
    expect(below(...[1, 2, 3, 4, 5, 6].map((second) => `2026-11-27T21:03:0${second}Z`))).toEqual(["21:03", "21:03:02", "21:03:03", "21:03:04", "21:03:05", "21:03:06", "now"]);
  });
});

describe("the window of the lanes", () => {
  it("holds the moment, and stays the same while the moment moves inside its block", () => {
    for (const [seq, head] of [[1, 1], [250, 10_000], [251, 10_000], [5_123, 10_000], [10_000, 10_000]] as const) {
      const { from, to } = windowOf(seq, head);
      expect(from).toBeLessThanOrEqual(seq);
      expect(to).toBeGreaterThanOrEqual(seq);
      expect(to).toBeLessThanOrEqual(head);
      expect(to - from).toBeLessThan(3 * BLOCK);
    }
    expect(windowOf(501, 10_000)).toEqual(windowOf(750, 10_000));
    expect(windowOf(0, 0)).toEqual({ from: 1, to: 0 });
  });

  it("fetches a block once, but one that had not ended again, and nothing twice", async () => {
    const asked: [number, number][] = [];
    const commit = made("commit", "commit.landed", {});
    const blocks = new Blocks({ events: (from, to) => (asked.push([from, to]), Promise.resolve([commit, made(`${from}`, "x.y", {}, from)])) });
    const first = await blocks.read(1, 300);
    await blocks.read(1, 300);
    await blocks.read(1, 301);
    expect(asked).toEqual([[0, 250], [251, 300], [251, 301]]);
    expect(first.map(({ event }) => event.id)).toEqual(["commit", "0", "251"]);
  });

  it("tries again after a failure", async () => {
    let calls = 0;
    const blocks = new Blocks({ events: () => ((calls += 1) === 1 ? Promise.reject(new Error("gone")) : Promise.resolve([])) });
    await expect(blocks.read(1, 2)).rejects.toThrow("gone");
    await expect(blocks.read(1, 2)).resolves.toEqual([]);
  });
});

describe("lanes", () => {
  const town = townAt(entries.length);

  it("have a bar for each run and a mark for what else happened, each in its agent's lane", () => {
    const lanes = lanesOf(entries, town);
    const started = entries.filter(({ event }) => event.type.includes("run.started"));
    expect(lanes.flatMap((lane) => lane.bars)).toHaveLength(started.length);
    expect(lanes.every((lane) => lane.bars.every((bar) => bar.to !== null && bar.to > bar.from && bar.end === "finished"))).toBe(true);
    const merged = lanes.flatMap((lane) => lane.marks.filter((mark) => mark.sign === "◆").map(() => lane.name)).sort();
    expect(merged).toEqual(Object.values(town.pulls).filter((pull) => pull.state === "merged").map((pull) => pull.agent).sort());
    expect(lanes.map((lane) => lane.name)).not.toContain(PEOPLE);
  });

  it("show a run that began before, one that goes on, one that failed, and commits in a lane of their own", () => {
    const agent = Object.keys(town.agents)[0] as string;
    const lanes = lanesOf([
      made("a", "run.finished", { run: "before", agent, outcome: "nothing", reason: "r" }, 1),
      made("c", "commit.landed", { author: "ana", subject: "s" }),
      made("b", "run.started", { run: "fails", agent }, 2),
      made("d", "run.failed", { run: "fails", agent, reason: "r" }, 3),
      made("e", "run.started", { run: "open", agent }, 4),
      made("f", "town.frozen", { by: "ana", reason: "r" }, 5),
    ], town);
    expect(lanes.map((lane) => lane.name)).toEqual([MAIN, agent, PEOPLE]);
    expect(lanes[1]?.bars.map(({ from, to, end }) => [from, to, end])).toEqual([[0, 0, "finished"], [2, 3, "failed"], [4, null, "running"]]);
  });

  it("leave out the kinds that are switched off", () => {
    const lanes = lanesOf(entries, town, new Set(["gate", "run"]));
    expect(lanes.flatMap((lane) => lane.bars)).toEqual([]);
    expect(lanes.flatMap((lane) => lane.marks).some((mark) => mark.tone === "gate")).toBe(false);
    expect(lanes.flatMap((lane) => lane.marks).length).toBeGreaterThan(0);
  });

  it("do not stumble over an agent that is named like a part of every object", () => {
    const lanes = lanesOf([made("a", "run.started", { run: "r", agent: "constructor" }, 1)], town);
    expect(lanes.map((lane) => lane.name)).toEqual([PEOPLE]);
  });

  it("stand by time from one end to the other, by event each as wide, and together where nothing passes", () => {
    const at = (second: number) => made(`${second}`, "x.y", {}, second + 1, `2026-01-01T00:00:0${second}Z`);
    expect(placesOf([at(0), at(1), at(4)], "time")).toEqual([0, 0.25, 1]);
    expect(placesOf([at(0), at(4)], "event")).toEqual([0.25, 0.75]);
    expect(placesOf([at(2)], "time")).toEqual([0.5]);
    const three = [at(0), made("c", "commit.landed", {}, null, "2026-01-01T00:00:02Z"), at(4)];
    expect([placeOf(three, 3), placeOf(three, 3, Date.parse("2026-01-01T00:00:02Z")), placeOf(three, 3, 0), placeOf(three.slice(1), 0), placeOf(three.slice(1), 0, 0)]).toEqual([1, 1, 0, 0, -1]);
    const back = [at(3), made("d", "commit.landed", {}, null, "2026-01-01T00:00:09Z"), made("e", "commit.landed", {}, null, "2026-01-01T00:00:05Z")];
    expect([8, 9].map((second) => placeOf(back, 4, Date.parse(`2026-01-01T00:00:0${second}Z`)))).toEqual([0, 2]);
    // Who follows a link to one of the moment looks at that, and not at the last of it.
    expect([chosenOf(three, 1, "0"), chosenOf(three, 1, "c"), chosenOf(three, 0, "c"), chosenOf(three, 1, "4"), chosenOf(three, 2, "0")]).toEqual([0, 1, 1, 1, 2]);
  });

  it("have what was heard since they were read, once, and not what passed by", () => {
    const [one, two, three] = [1, 2, 3].map((seq) => made(`${seq}`, "x.y", {}, seq)) as [Entry, Entry, Entry];
    const [landed, passing] = [made("c", "commit.landed", {}), made("d", "run.step", {})];
    expect(upToDate([one], 1, [one, landed, passing, two, three])).toEqual([one, landed, two, three]);
    expect(upToDate([one, landed], 1, [one, landed, two])).toEqual([one, landed, two]);
    expect(upToDate([one, landed], 1, [landed])).toEqual([one, landed]);
    // What was heard begins after what was read.
    expect(upToDate([one], 1, [three])).toEqual([one]);
    expect(upToDate([], 0, [landed])).toEqual([landed]);
  });

  it("tell whether a moment is among them: what is around another one says nothing of it", () => {
    const some = [made("c", "commit.landed", {}), made("7", "x.y", {}, 7)];
    expect([holds(some, 1, 7), holds(some, 1, 8), holds(some, 1, 0), holds(some, 251, 0), holds([], 1, 0)]).toEqual([true, false, true, false, true]);
  });

  it("are drawn around the moment where there are many, and are the same ones while it moves a little", () => {
    const many = Array.from({ length: 5000 }, (_, i) => made(`${i}`, "x.y", {}, i + 1));
    expect(around(many, 2510)).toEqual(around(many, 2590));
    expect(around(many, 2510)).toContain(many[2510]);
    expect([around(many, 0).length, around(many.slice(0, 900), 3).length]).toEqual([1000, 900]);
    expect(around(many, 4999).at(-1)).toBe(many[4999]);
    // A commit from long before the first event is what is looked at, and not the oldest ones.
    const old = many.map((entry) => ({ ...entry, seq: null }));
    const place = chosenOf(old, placeOf(old, 0), `${many[4200]?.event.id}`);
    expect([place, around(old, chosenOf(old, -1, `${many[4200]?.event.id}`)).includes(old[4200] as (typeof old)[0])]).toEqual([4200, true]);
    expect([chosenOf(many, -1, `${many[7]?.event.id}`), chosenOf(many, 3, null)]).toEqual([-1, 3]);
  });
});

describe("the board", () => {
  const post = (change: Partial<Post>): Post => ({ author: "ana", title: "t", body: "b", at: "2026-01-01T00:00:00Z", closed: false, ...change });
  const town: Town = {
    ...emptyTown(),
    posts: {
      old: post({ replies: [{ id: "r", by: "tomas", at: "2026-01-09T00:00:00Z", text: "Needle" }] }),
      young: post({ at: "2026-01-05T00:00:00Z", author: "bea", audience: ["founderai"] }),
      shut: post({ at: "2026-01-10T00:00:00Z", closed: true }),
    },
  };
  const ids = (filter: Partial<Parameters<typeof threads>[1]>, of: Town = town) => threads(of, { state: "all", who: "", text: "", ...filter }, (_, own) => own).map(({ id }) => id);

  it("has open threads in front, those in which something was said last before others", () => {
    expect(ids({})).toEqual(["old", "young", "shut"]);
  });

  it("filters by state, by who takes part, and by words in replies too", () => {
    expect(ids({ state: "closed" })).toEqual(["shut"]);
    expect(ids({ who: "founderai" })).toEqual(["young"]);
    expect(ids({ who: "tomas" })).toEqual(["old"]);
    expect(ids({ text: " needle " })).toEqual(["old"]);
    expect(people(town)).toEqual(["ana", "bea", "founderai", "tomas"]);
  });

  it("masks what was hidden until it is restored, and does not find it by what it says", () => {
    const now = emptyTown();
    const tell = (type: string, data: object, id = type) => apply(now, made(id, `post.${type}`, data).event);
    tell("published", { post: "a", author: "ana", title: "Straw", body: "needle" });
    tell("replied", { post: "a", author: "bea", body: "pin" }, "r1");
    for (const post of ["a", "r1"]) tell("hidden", { post, by: "bea", reason: "rude" });
    // What comes after it does not bring it back, however much that is.
    for (let nth = 0; nth < 600; nth++) tell("replied", { post: "b", author: "bea", body: "x" });
    expect(now.posts?.["a"]?.hidden).toMatchObject({ by: "bea", reason: "rude" });
    expect([ids({ text: "needle" }, now), ids({ text: "straw" }, now), ids({ text: "pin" }, now), ids({}, now)]).toEqual([[], [], [], ["a"]]);
    knowing(() => [now]);
    const published = made("published", "post.published", { post: "a", author: "ana", title: "Straw", body: "needle" }).event;
    expect([sentence(published), detail(published)]).toEqual(["ana posted what bea hid because rude", ""]);
    for (const post of ["a", "r1"]) tell("restored", { post, by: "bea" });
    expect([ids({ text: "needle" }, now), ids({ text: "pin" }, now)]).toEqual([["a"], ["a"]]);
    expect([sentence(published), detail(published)]).toEqual(["ana posted “Straw”", "needle"]);
    knowing(() => []);
  });

  it("counts reactions by kind, and takes any name for a kind", () => {
    const all = reactionsOf({ a: { kind: "toString", by: "ana" }, b: { kind: "+1", by: "bea" }, c: { kind: "+1", by: "ana" } });
    expect(all).toEqual([{ kind: "+1", face: "👍", by: ["bea", "ana"] }, { kind: "toString", face: "toString", by: ["ana"] }]);
  });
});

describe("the ledger", () => {
  const run = (agent: string, at: string, cost: number, model = "m"): RunRow => ({ agent, run: `${agent}-${at}`, at, cost_micros: cost, tokens: 10, outcome: "opened", model });
  const runs = [run("a", "2026-01-01T00:00:02Z", 2_000_000), run("b", "2026-01-01T00:00:01Z", 1_000_000, "n"), run("a", "2026-01-01T00:00:02Z", 500_000)];
  const account = (agent: string, spent: number) => ({ agent, spent, held: 0, day: 0, merged: 0 });

  it("knows only runs that had ended, oldest first", () => {
    expect(runsUntil(runs, Date.parse("2026-01-01T00:00:01Z")).map((one) => one.agent)).toEqual(["b"]);
    expect(runsUntil(runs, Infinity).map((one) => one.agent)).toEqual(["b", "a", "a"]);
  });

  it("draws lines that end at what was spent, and begin at what no run tells of", () => {
    const { times, series } = overTime(runsUntil(runs, Infinity), [account("a", 3_500_000), account("b", 1_000_000)]);
    expect(times).toHaveLength(2);
    expect(series).toEqual([{ name: "a", values: [1, 3.5] }, { name: "b", values: [1, 1] }]);
  });

  it("puts those beyond the last line together", () => {
    const { series } = overTime(runsUntil(runs, Infinity), [account("a", 2_500_000), account("b", 1_000_000), account("c", 7_000_000)], 2);
    expect(series.map((one) => [one.name, one.values.at(-1)])).toEqual([["a", 2.5], [OTHERS, 8]]);
  });

  it("sums by model", () => {
    expect(sumsBy(runs, (one) => one.model)).toEqual([{ name: "m", cost: 2_500_000, tokens: 20, runs: 2 }, { name: "n", cost: 1_000_000, tokens: 10, runs: 1 }]);
  });

  it("agrees with the fold at every moment", () => {
    const town = townAt(entries.length);
    expect(accounts(town).reduce((sum, one) => sum + one.spent, 0)).toBe(Number(town.totals.cost_micros));
    expect(accounts(townAt(0))).toEqual([]);
  });

  it("writes CSV that keeps its columns and that no spreadsheet runs", () => {
    const text = csv([{ ...run("=cmd|' /C calc'!A0", "2026-01-01T00:00:01Z", 1), outcome: 'a "b",\nc' }]);
    expect(text.split("\r\n")[0]).toBe("at,agent,run,model,outcome,tokens,cost_usd");
    expect(text).toContain(",'=cmd|' /C calc'!A0,");
    expect(text).toContain(',"a ""b"",\nc",10,0.000001\r\n');
  });
});

describe("specs", () => {
  it("stand in a column whatever their state is called", () => {
    expect(["Draft", "Blocked", "Needs Revision", "Withdrawn", "constructor"].map(columnOf)).toEqual(["Draft", "In Progress", "Draft", "Archived", "Draft"]);
    expect(["pass", "needs-revision", "superseded"].map(weight)).toEqual(["good", "bad", "open"]);
  });
});

describe("an agent", () => {
  const town = townAt(entries.length);
  const [id, agent] = Object.entries(town.agents)[0] as [string, Town["agents"][string]];
  const now = Date.parse(entries.at(-1)?.event.time ?? "");
  const today = Math.floor(now / 86_400_000);

  it("has no tier where nobody keeps an account of it", () => {
    expect(standing(id, agent, town, [], null, now)).toMatchObject({ tier: null, next: null, mayRun: true });
  });

  it("stands in the tier of its account, so far from the next", () => {
    expect(accountOf(id, [{ account: `agent:${id}`, amount_m: 10_500 }])).toBe(10_500);
    expect(accountOf(id, [{ account: "treasury", amount_m: 1 }])).toBeNull();
    expect(standing(id, agent, town, [], 10_500, now)).toMatchObject({ tier: { number: 1 }, next: { name: "branch", at: 12, missing: 1.5 } });
    expect(standing(id, agent, town, [], -3_000, now).tier?.number).toBe(0);
    expect(standing(id, agent, town, [], 99_000, now).next).toBeNull();
  });

  it("believes the town's own word before the sum", () => {
    const said = made("1", "agent.entitled", { agent: id, tier: 3, reasons: ["kept"] });
    expect(standing(id, agent, town, [said], 0, now)).toMatchObject({ tier: { number: 3 }, reasons: expect.arrayContaining(["kept"]) });
  });

  it("may not run where the town is frozen or it is paused, and says by whom", () => {
    const frozen = emptyTown();
    apply(frozen, made("1", "town.frozen", { by: "ana", reason: "fire" }, 1).event);
    const stand = standing(id, { ...agent, paused: { by: "bea", reason: "tired", since: "" } }, frozen, [], null, now);
    expect(stand.mayRun).toBe(false);
    expect(stand.reasons.slice(0, 2)).toEqual(["the town is frozen by ana: fire", "it is paused by bea: tired"]);
  });

  it("may not run where the settings pause it, or a day's runs or its money are used up, until that day is over", () => {
    const charter = { ...({} as AgentInfo), name: id, day: { runs: 3, cost_micros: 9_990_000 } };
    const busy = { ...agent, day: today, started_today: 3, cost_micros: 1n };
    const spent = { ...town, spent: { day: today, cost_micros: 9_990_001n } };
    const why = (known: AgentInfo, change: Partial<typeof agent>, at = now, then: Town = town) => {
      const { mayRun, reasons } = standing(id, { ...busy, ...change }, then, [], null, at, known);
      return [mayRun, reasons[0]];
    };
    expect(why({ ...charter, paused: true }, {})).toEqual([false, "it is paused in town.yaml"]);
    expect(why(charter, {})).toEqual([false, "it has had its runs of today"]);
    expect(why(charter, { started_today: 2 })[0]).toBe(true);
    expect(why(charter, {}, now + 86_400_000)[0]).toBe(true);
    expect(why(charter, { started_today: 0 }, now, spent)).toEqual([false, "it has no money left today"]);
    expect(why(charter, { started_today: 0 }, now, { ...town, spent: { day: today, cost_micros: 9_990_000 } })[0]).toBe(true);
    expect(why(charter, { started_today: 0 }, now + 86_400_000, spent)[0]).toBe(true);
    // Who thinks for nothing needs no money; and an older export names no caps.
    expect(why(charter, { started_today: 0, cost_micros: 0 }, now, spent)[0]).toBe(true);
    expect(why({ ...charter, day: null }, {}, now, spent)[0]).toBe(true);
  });

  it("runs for as long as the lease of its run, and is silent after it", () => {
    const active = { ...(agent.active ?? ({} as Run)), run: "r", lease_until: now / 1000 + 1 };
    const first = (at: number) => standing(id, { ...agent, active }, town, [], null, at).reasons[0];
    expect([first(now), first(now + 2_000)]).toEqual(["it runs", "its run is silent"]);
  });

  it("has its pull requests, newest first", () => {
    const numbers = pullsOf(id, town).map((pull) => Number(pull.number));
    expect(numbers).toEqual(numbers.slice().sort((a, b) => b - a));
    expect(numbers.length).toBeGreaterThan(0);
  });

  it("links a memory to what can be looked at, and nothing else", () => {
    expect(sourceOf("pull/7")).toBe("#/gate/7");
    expect(sourceOf("#7")).toBe("#/gate/7");
    expect(sourceOf("post/a b")).toBe("#/board/a%20b");
    expect(sourceOf("0".repeat(32))).toBe(`#/e/${"0".repeat(32)}`);
    expect(sourceOf("a1".repeat(20))).toBe(`#/e/${"a1".repeat(20)}`);
    expect(sourceOf("0123abc")).toBe("#/e/0123abc");
    for (const other of ["javascript:alert(1)", "pull/x", "", "https://example.org", "0123ab", "a".repeat(41), "commit/"]) expect(sourceOf(other)).toBeNull();
  });
});

describe("figures of the stream", () => {
  it("take quantiles by rank", () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect([quantile(hundred, 0.5), quantile(hundred, 0.99), quantile([7], 0.5), quantile([], 0.5)]).toEqual([50, 99, 7, undefined]);
  });

  it("count every delay once", () => {
    expect(histogram([0, 5, 6, 1000, 1001, 59_000])).toEqual([2, 1, 0, 0, 0, 0, 0, 1, 1, 1]);
  });

  it("are told in words", () => {
    expect([millis(undefined), millis(999), millis(1500)]).toEqual(["–", "999 ms", "1.5 s"]);
    expect([bytes(0), bytes(1536), bytes(256 * 1024 ** 2)]).toEqual(["0 B", "1.5 KiB", "256 MiB"]);
    expect([duration(59), duration(61), duration(3700), duration(200_000)]).toEqual(["59 s", "1 min", "1 h 1 min", "2 d"]);
  });
});

it("a pull request is as large as all that differs, and as it was offered where that is not known", () => {
  const file = (adds: number, dels: number): FileInfo => ({ path: "a", from: null, status: "modified", binary: false, adds, dels, patch: "", cut: false, invisible: [] });
  const offered = { adds: 22n, dels: 0 };
  expect(sizeOf({ ...offered, files: [file(22, 0), file(3000, 4)], file_count: 2 })).toEqual({ adds: 3022, dels: 4 });
  expect(sizeOf({ ...offered, files: [file(1, 0)], file_count: 1 })).toEqual({ adds: 1, dels: 0 });
  expect(sizeOf({ ...offered, files: [], file_count: 3 })).toEqual({ adds: 22, dels: 0 });
});

it("what an agent's run did names the agent, where that is known", () => {
  const town = townAt(entries.length);
  const { event } = entries.find((entry) => entry.event.type.includes("gate.passed")) as Entry;
  const { agent } = entries.find((entry) => entry.event.type.includes("run.started") && entry.event.corr === event.corr)?.event.data as { agent: string };
  expect(sentence(event)).toContain("of a run through");
  knowing(() => [town]);
  expect(sentence(event)).toContain(`of ${agent} through`);
  expect(sentence(made("1", "tool.called", { run: event.corr, calls: [{ tool: "Write" }] }).event)).toBe(`${agent} used Write`);
  knowing(() => []);
});
