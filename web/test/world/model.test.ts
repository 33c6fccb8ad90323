// That the world follows from the journal and from nothing else: sources, positions, rewinding.
import { expect, test } from "vitest";
import type { Envelope } from "../../src/fold/event";
import { emptyTown, type Agent, type Town } from "../../src/fold/state";
import { worldModel } from "../../src/world/model";
import { inRiver, PLACES } from "../../src/world/plan";
import { homeOf } from "../../src/world/spots";
import type { WorldLike, WorldModel } from "../../src/world/types";
import { SPEED, standing } from "../../src/world/walk";
import { listOf } from "../../src/world/words";
import { AGENTS, live, START } from "./town";

const SEED = 7;

function modelOf(town: Town, recent: readonly Envelope[], now: number): WorldModel {
  return worldModel({ town, recent, now, seed: SEED, charters: AGENTS.map((name) => ({ name })), changes: [] });
}

/** Every `source` in a model, wherever it lies. */
function sources(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(sources);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => (key === "source" ? [String(one)] : sources(one)));
}

test("an empty journal makes a world in which nothing lives and nothing moves", () => {
  const charters = [{ name: "founderai", next_slot: "2026-01-18T10:00:00Z", memories: [1] }];
  const model = worldModel({ town: emptyTown(), charters, now: START, seed: SEED });
  for (const list of [model.residents, model.crates, model.lanterns, model.boats, model.blossoms, model.notes, model.motes, model.speech]) expect(list).toEqual([]);
  expect(model.coins.count).toBe(0);
  expect(model.stones.flat()).toEqual([]);
  expect(model.landmarks.map((one) => one.count ?? 0).every((count) => count === 0)).toBe(true);
  expect(model.landmarks.every((one) => one.name !== "" && !one.lit)).toBe(true);
});

test("whatever lives, moves or is counted names an event or an object that an event made", () => {
  const { events, states } = live(1, 160);
  const known = new Set<string>(events.map((event) => event.id));
  states.forEach((town) => known.add(`journal/${town.seq}`));
  for (const { data } of events) {
    const { run, number, agent } = data as { run?: string; number?: number; agent?: string };
    if (run) known.add(`run/${run}`);
    if (number) known.add(`pull/${number}`);
    if (agent) known.add(`agent/${agent}`);
  }
  known.add("ledger/treasury");
  events.forEach((event, i) => {
    const model = modelOf(states[i] as Town, events.slice(0, i + 1), Date.parse(event.time));
    const strange = sources(model).filter((source) => !known.has(source));
    expect(strange).toEqual([]);
    for (const resident of model.residents) for (const leg of resident.legs) expect(leg.source).not.toBe("");
  });
});

test("a later state puts everybody where an earlier one had put them: rewinding is exact", () => {
  for (let seed = 1; seed <= 12; seed += 1) {
    const { events, states } = live(seed, 90);
    for (let i = 20; i < events.length; i += 7) {
      const until = Date.parse((events[i + 1] ?? events[i])?.time ?? "");
      const now = Math.floor((Date.parse(events[i]?.time ?? "") + until) / 2);
      const then = modelOf(states[i] as Town, events.slice(0, i + 1), now);
      const later = Math.min(events.length - 1, i + 12);
      // The later town, asked about the same moment.
      const after = modelOf(states[later] as Town, events.slice(0, later + 1), Date.parse(events[later]?.time ?? ""));
      for (const resident of then.residents) {
        const same = after.residents.find((other) => other.id === resident.id);
        if (!same) throw new Error("a resident vanished");
        const [a, b] = [standing(resident, now), standing(same, now)];
        expect({ seed, i, id: resident.id, x: b.x, y: b.y, moving: b.moving }).toEqual({ seed, i, id: resident.id, x: a.x, y: a.y, moving: a.moving });
      }
    }
  }
});

test("the same input gives the same world, and a window of the last events is enough once things have settled", () => {
  const { events, states } = live(5, 120);
  const town = states[119] as Town;
  const now = Date.parse(events[119]?.time ?? "") + 120_000;
  const all = modelOf(town, events, now);
  expect(JSON.stringify(modelOf(town, events, now))).toBe(JSON.stringify(all));
  const few = modelOf(town, events.slice(-40), now);
  for (const resident of all.residents) {
    const same = few.residents.find((other) => other.id === resident.id);
    expect(same && standing(same, now)).toMatchObject({ x: standing(resident, now).x, y: standing(resident, now).y });
  }
});

test("everybody stands for a reason in words, walks at one speed, and through neither water nor walls", () => {
  const { events, states } = live(3, 120);
  const model = modelOf(states[119] as Town, events, Date.parse(events[119]?.time ?? ""));
  const from = Date.parse(events[60]?.time ?? "");
  for (const resident of model.residents) {
    let last = standing(resident, from);
    for (let now = from + 200; now < model.at + 60_000; now += 200) {
      const at = standing(resident, now);
      expect(at.reason).not.toBe("");
      expect(Math.hypot(at.x - last.x, at.y - last.y)).toBeLessThanOrEqual(SPEED * 0.2 * 1.001 + 0.01);
      expect(inRiver(at.x, at.y) && at.x < 414).toBe(false);
      const inside = PLACES.some((p) => p.half > 0 && Math.abs(at.x - p.x) < p.half - 8 && at.y < p.y - 8 && at.y > p.y - p.deep + 8);
      expect(inside).toBe(false);
      last = at;
    }
  }
  expect(listOf(model, model.at).every((row) => row.text.length > row.name.length)).toBe(true);
  const residents = listOf(model, model.at).filter((row) => row.kind === "resident" && row.since > 0);
  expect(residents.length).toBeGreaterThan(0);
  for (const row of residents) {
    const since = new Date(row.since).toISOString();
    expect(row.text).toMatch(new RegExp(`: .+, since ${since.slice(11, 16)} UTC on ${since.slice(0, 10)}$`));
  }
});

test("a crate lies at the Gate for each open pull request, and its owner waits beside it", () => {
  const { events, states } = live(2, 200);
  const now = Date.parse(events[199]?.time ?? "") + 300_000;
  const town = states[199] as Town;
  const model = modelOf(town, events, now);
  const open = Object.values(town.pulls).filter((pull) => pull.state === "open");
  expect(open.length).toBeGreaterThan(0);
  const things = listOf(model, now).filter((row) => row.kind === "thing");
  expect(things.map((row) => row.source)).toEqual([...model.speech, ...model.crates, ...model.lanterns, ...model.boats].map((one) => one.source));
  expect(model.crates.map((one) => one.pull)).toEqual(open.map((pull) => pull.number));
  for (const pull of open) {
    if (town.agents[pull.agent]?.active) continue;
    const owner = model.residents.find((resident) => resident.id === pull.agent);
    expect(owner && standing(owner, now)).toMatchObject({ place: "gate", activity: "waiting", moving: false });
  }
  expect(model.crates.every((one) => one.from <= now)).toBe(true);
  expect(model.lanterns.length).toBe(Object.values(town.pulls).filter((pull) => pull.state === "merged").length);
  expect(model.boats.length).toBeGreaterThan(0);
});

test("landmarks are called and agents live as the town's files say, and nothing else changes", () => {
  const { events, states } = live(2, 200);
  const now = Date.parse(events[199]?.time ?? "") + 300_000;
  const town = states[199] as Town;
  const of = (world: WorldLike | undefined) => worldModel({ town, world, recent: events, now, seed: SEED, charters: AGENTS.map((name) => ({ name })) });
  const sign = (id: string, name: string) => ({ id, name, domain: `${id} here` });
  const landmarks = [...PLACES.map((place) => sign(place.id, `Old ${place.id}`)), sign("moon", "The Moon")];
  const usual = of({ landmarks, homes: {} });
  const renamed = landmarks.map((one) => (one.id === "gate" ? sign("gate", "The Ford $&") : one));
  const other = of({ landmarks: renamed, homes: { madchimp: "bank" } });
  expect(other.landmarks.filter((one, i) => one.name !== usual.landmarks[i]?.name).map((one) => one.name)).toEqual(["The Ford $&"]);
  expect(other.landmarks.every((one) => one.domain === `${one.id} here`)).toBe(true);
  const homes = (model: WorldModel) => Object.fromEntries(model.residents.map((one) => [one.id, one.home]));
  expect(homes(other)).toEqual({ ...homes(usual), madchimp: "bank" });
  expect(homes(usual)["madchimp"]).toBe("grove");
  // Whoever lives elsewhere stands elsewhere; the others' ways are the same to the pixel.
  const legs = (model: WorldModel, id: string) => model.residents.find((one) => one.id === id)?.legs;
  for (const { id } of usual.residents) expect({ id, same: JSON.stringify(legs(other, id)) === JSON.stringify(legs(usual, id)) }).toEqual({ id, same: id !== "madchimp" });
  expect(legs(other, "madchimp")?.some((leg) => leg.place === "bank")).toBe(true);
  const waiting = listOf(other, now).filter((row) => row.text.includes("waits at"));
  expect(waiting.length).toBeGreaterThan(1);
  expect(waiting.every((row) => row.text.includes("waits at the Ford $&"))).toBe(true);
  expect(other.landmarks.find((one) => one.id === "bank")?.lit).toBe(true);
});

test("an agent that is called as something of JavaScript has the home that its name gives it", () => {
  for (const id of ["constructor", "valueof"]) expect(homeOf(id, { landmarks: [], homes: {} })).toBe(homeOf(id));
});

test("the list says what is in the air, what hangs on the board and what blossoms in the tree, and nothing of what somebody hid", () => {
  const { events, states } = live(4, 60);
  const last = events[59] as Envelope;
  const of = (id: string, type: string, data: object): Envelope => ({ ...last, id, type: `monkeytown.${type}.v1`, data });
  const posts = { a: { author: "ana", title: "A letter", at: last.time }, b: { author: "bea", title: "A secret", at: last.time }, c: { author: "bea", title: "Done with", at: last.time, closed: true } };
  const recent = [...events, of("x", "commit.landed", { oid: "0123456789abcdef", author: "ana", subject: "Plant a tree" }), of("y", "post.published", { post: "z", author: "madchimp", title: "Shall we?" })];
  const town = { ...(states[59] as Town), posts } as unknown as Town;
  const now = Date.parse(last.time);
  const { landmarks: places } = worldModel({ town, now, seed: SEED });
  const world = { landmarks: places.map((one) => ({ ...one, name: one.id === "tree" ? "the main tree" : "Board" })), homes: {} };
  const rows = listOf(worldModel({ town, recent, now, seed: SEED, world, hides: (post) => post === "b" }), now);
  const said = (source: string) => rows.filter((row) => row.source === source).map((row) => [row.id, `${row.name}${row.text}`]);
  expect(said("y")).toEqual([["madchimp", "MadChimp says: “Shall we?”"]]);
  expect(said("post/a")).toEqual([["place:board", "“A letter” is a note on the Board"]]);
  expect(said("post/b")).toEqual([["place:board", "What somebody hid is a note on the Board"]]);
  expect(said("post/c")).toEqual([]);
  expect(said("0123456789abcdef")).toEqual([["place:tree", "0123456789 blossoms in the main tree: Plant a tree"]]);
});

test("nobody speaks the words of a post that somebody hid, then or since", () => {
  const { events, states } = live(4, 60);
  const now = Date.parse(events[59]?.time ?? "");
  const post = { ...(events[59] as Envelope), id: "said", type: "monkeytown.post.published.v1", data: { post: "talk-1", author: "agent:madchimp", title: "A secret" } };
  const said = (hides?: (post: string) => boolean) =>
    worldModel({ town: states[59] as Town, recent: [...events, post], now, seed: SEED, charters: AGENTS.map((name) => ({ name })), hides }).speech.map((one) => one.text);
  expect(said()).toContain("A secret");
  expect(said(() => false)).toContain("A secret");
  expect(said((id) => id === "talk-1")).not.toContain("A secret");
});

test("whoever may begin no run says why in the place of its next slot, on the map and in the list", () => {
  const { events, states } = live(4, 60);
  const now = Date.parse(events[59]?.time ?? "") + 300_000;
  const day = Math.floor(now / 86_400_000);
  const [id, agent] = Object.entries((states[59] as Town).agents)[0] as [string, Agent];
  const said = (charter: object, change: Partial<Agent>, spent?: Town["spent"]) => {
    const agents = { [id]: { ...agent, active: undefined, ...change } as Agent };
    const town: Town = { ...(states[59] as Town), pulls: {}, agents, ...(spent ? { spent } : {}) };
    const model = worldModel({ town, now, seed: SEED, charters: [{ name: id, next_slot: "2030-01-18T10:00:00Z", day: { runs: 24, cost_micros: 5 }, ...charter }] });
    const words = standing(model.residents[0] as WorldModel["residents"][0], now).reason;
    expect(listOf(model, now).find((row) => row.id === id)?.text).toContain(words);
    return words;
  };
  expect(said({}, {})).toContain("waits for its slot at 10:00 UTC on 2030-01-18");
  expect(said({ paused: true }, {})).toContain("is paused in town.yaml");
  expect(said({}, { paused: { by: "bea", reason: "tired", since: "" } })).toContain("is paused by bea: tired");
  expect(said({}, { day, started_today: 24 })).toContain("has had its runs of today");
  expect(said({}, { cost_micros: 1 }, { day, cost_micros: 6 })).toContain("has no money left today");
});

test("a frozen town stands still and says who froze it", () => {
  const { events, states } = live(4, 60);
  const now = Date.parse(events[59]?.time ?? "");
  const town = { ...(states[59] as Town), frozen: { by: "ana", reason: "too fast", since: new Date(now).toISOString() } };
  const model = modelOf(town, events, now);
  expect(model.motes).toEqual([]);
  for (const resident of model.residents) {
    const at = standing(resident, now + 1000);
    expect(at.moving).toBe(false);
    expect(at.reason).toContain("ana");
  }
});
