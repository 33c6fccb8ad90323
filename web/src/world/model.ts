// The world as data lives here: a pure function of the town, the charters, the last events, the moment and the seed; no DOM.

import { chance, seedOf } from "./hash";
import { PLACES, type PlaceId, type Point } from "./plan";
import { crateSpot, homeOf } from "./spots";
import { count, keptBy, moment, stopsOf, text, type Person } from "./stops";
import type {
  Boat, ChangeLike, Crate, EventLike, Landmark, Lantern, Mote, PullLike, Resident, Sourced, Speech, TownLike, WorldInput, WorldModel,
} from "./types";
import { legsOf } from "./walk";

const DAY = 86_400_000;
/** Merges that still hang as lanterns, commits that still blossom. */
const LANTERNS = 24;
const BLOSSOMS = 30;
const NOTES = 8;
/** How long words stay in the air. */
const SPOKEN = 10 * 60_000;
/** The states of a change in the order of the stones. */
export const STATES = ["draft", "approved", "in progress", "validation", "completed"] as const;

const NAMES: Readonly<Record<string, string>> = {
  founderai: "Founder", chaosarchitect: "ChaosArchitect", simianresearcher: "Researcher", primatedesigner: "Designer",
  bananaeconomist: "Economist", junglesecurity: "Security", chaostester: "Tester", madchimp: "MadChimp", monkeybuilder: "Builder",
};

/** What an agent is called where there is little room. */
export function nameOf(id: string): string {
  return (Object.hasOwn(NAMES, id) && NAMES[id]) || id;
}

export function worldModel(input: WorldInput): WorldModel {
  const { town, now, seed } = input;
  const recent = (input.recent ?? []).filter((event) => moment(event.time) <= now);
  const residents = residentsOf(input, recent);
  const pulls = Object.values(town.pulls);
  const frozen = town.frozen ? { reason: `the town is frozen by ${town.frozen.by}: ${town.frozen.reason}`, source: `freeze/${town.frozen.since}` } : undefined;
  const parts = {
    crates: cratesOf(pulls, residents),
    lanterns: lanternsOf(pulls),
    notes: Object.entries(town.posts ?? {}).filter(([, post]) => !post.closed).slice(-NOTES).map(([id, post]) => ({ source: `post/${id}`, title: input.hides?.(id) ? undefined : post.title })),
    stones: stonesOf(typeof input.changes === "object" ? input.changes : []),
  };
  return {
    seed, at: now, residents, frozen, ...parts,
    boats: boatsOf(pulls, now),
    blossoms: blossomsOf(recent),
    coins: coinsOf(input),
    motes: motesOf(town, recent, now),
    speech: speechOf(input, recent, residents),
    landmarks: landmarksOf(input, residents, parts, recent),
  };
}

function residentsOf(input: WorldInput, recent: readonly EventLike[]): Resident[] {
  const { town } = input;
  const charters = new Map((input.charters ?? []).map((charter) => [charter.name, charter]));
  const beds = new Map<PlaceId, number>();
  // Seats are given to everybody who has a charter, not only to those who have come: a newcomer moves nobody.
  const everybody = [...new Set([...charters.keys(), ...Object.keys(town.agents)])].sort();
  return everybody.flatMap((id, rank) => {
    const home = homeOf(id, input.world);
    const bed = beds.get(home) ?? 0;
    beds.set(home, bed + 1);
    if (!Object.hasOwn(town.agents, id)) return [];
    const [agent, charter] = [town.agents[id] as Person["agent"], charters.get(id)];
    const kept = keptBy(agent, charter, town.spent, input.now);
    const stops = stopsOf({ id, home, agent, charter, kept }, town, recent);
    return [{
      id, home, rank, kept, name: nameOf(id), role: charter?.description ?? "", source: `agent/${id}`,
      legs: legsOf(stops, { home: bed, town: rank }),
      ...(town.frozen ? { halt: `stands still: the town is frozen by ${town.frozen.by}, ${town.frozen.reason}` } : {}),
    }];
  });
}

function cratesOf(pulls: readonly PullLike[], residents: readonly Resident[]): Crate[] {
  return pulls.filter((pull) => pull.state === "open").map((pull) => {
    const source = `pull/${pull.number}`;
    const owner = residents.find((resident) => resident.id === pull.agent);
    const at = crateSpot(owner?.rank ?? Number(pull.number));
    return { ...at, source, pull: Number(pull.number), title: pull.title, from: putDown(owner?.legs ?? [], source) ?? moment(pull.opened_at) };
  });
}

/** When the one who carries it has arrived: often it set out with the proposal, before there was a number. */
function putDown(legs: Resident["legs"], source: string): number | undefined {
  const at = legs.findIndex((leg) => leg.carry === source);
  const before = legs[at - 1];
  return before?.carry && before.place === "gate" ? before.arrives : legs[at]?.arrives;
}

function closed(pulls: readonly PullLike[], state: string): PullLike[] {
  return pulls
    .filter((pull) => pull.state === state && pull.verdict)
    .sort((a, b) => moment(b.verdict?.at ?? "") - moment(a.verdict?.at ?? "") || Number(b.number) - Number(a.number));
}

function lanternsOf(pulls: readonly PullLike[]): Lantern[] {
  return closed(pulls, "merged").slice(0, LANTERNS).map((pull) => ({
    ...hanging(Number(pull.number)), pull: Number(pull.number), at: moment(pull.verdict?.at ?? ""), source: `pull/${pull.number}`,
  }));
}

/** A place in the crown: the golden angle spreads any number of things evenly. */
function hanging(n: number): Point {
  const turn = (n * 0.618034) % 1;
  const reach = 0.28 + 0.62 * Math.sqrt(chance(n, 21));
  const [u, v] = around(turn);
  return { x: Math.round(490 + u * 38 * reach), y: Math.round(96 + v * 36 * reach) };
}

/** A point of the unit circle from a fraction of a turn, by arithmetic that is the same on every machine. */
function around(turn: number): readonly [number, number] {
  const quarter = Math.floor(turn * 4);
  const t = turn * 4 - quarter;
  const k = Math.sqrt(t * t + (1 - t) * (1 - t));
  const [a, b] = [(1 - t) / k, t / k];
  return ([[a, b], [-b, a], [-a, -b], [b, -a]] as const)[quarter & 3] ?? [a, b];
}

function boatsOf(pulls: readonly PullLike[], now: number): Boat[] {
  return closed(pulls, "rejected")
    .map((pull) => ({ pull: Number(pull.number), at: moment(pull.verdict?.at ?? ""), source: `pull/${pull.number}` }))
    .filter((boat) => now - boat.at < DAY)
    .slice(0, 8);
}

function blossomsOf(recent: readonly EventLike[]): WorldModel["blossoms"] {
  return recent.filter((event) => event.type === "monkeytown.commit.landed.v1").slice(-BLOSSOMS).map((event) => {
    const oid = text(event.data, "oid") || event.id;
    return { ...hanging(seedOf(oid) % 9973), source: oid, title: text(event.data, "subject") };
  });
}

function stonesOf(changes: readonly ChangeLike[]): Sourced[][] {
  return STATES.map((state) =>
    changes.filter((change) => !change.archived && change.state.toLowerCase().replace(/[-_]/g, " ") === state).map((change) => ({ source: `change/${change.name}` })),
  );
}

/** The pile grows with the logarithm of the treasury; without a ledger there is none. */
function coinsOf(input: WorldInput): WorldModel["coins"] {
  const treasury = input.treasury ?? 0;
  return { count: treasury > 0 ? Math.min(14, 1 + Math.floor(Math.log2(1 + treasury / 1000))) : 0, source: "ledger/treasury" };
}

function reactions(town: TownLike): string[] {
  const of = (kind: string, map: Readonly<Record<string, { readonly reactions?: object | undefined }>>): string[] =>
    Object.entries(map).flatMap(([id, thing]) => Object.keys(thing.reactions ?? {}).map((reaction) => `${kind}/${id}/reaction/${reaction}`));
  return [...of("pull", town.pulls), ...of("post", town.posts ?? {})];
}

/** The last verdict of the gate that is known, if any. */
function lastGate(recent: readonly EventLike[]): EventLike | undefined {
  return [...recent].reverse().find((event) => event.type.startsWith("monkeytown.gate."));
}

function motesOf(town: TownLike, recent: readonly EventLike[], now: number): Mote[] {
  const motes: Mote[] = [];
  const last = recent[recent.length - 1];
  const runs = Object.values(town.agents).flatMap((agent) => [...agent.runs.slice(-1), ...(agent.active ? [agent.active] : [])]);
  const newest = runs.sort((a, b) => moment(b.started) - moment(a.started))[0];
  // A frozen town stands still, and its river is ice.
  if (town.frozen) return motes;
  if (last) motes.push({ kind: "river", source: last.id });
  else if (newest) motes.push({ kind: "river", source: `run/${newest.run}` });
  if (newest && now - moment(newest.started) < DAY) motes.push({ kind: "fire", source: `run/${newest.run}` });
  for (const source of reactions(town).slice(-20)) motes.push({ kind: "spark", source });
  for (const agent of Object.values(town.agents)) {
    if (agent.active) motes.push({ kind: "forge", source: `run/${agent.active.run}` }, { kind: "smoke", source: `run/${agent.active.run}` });
  }
  const gate = lastGate(recent);
  if (gate) motes.push({ kind: gate.type.includes("failed") ? "red-smoke" : "green-smoke", source: gate.id });
  if (gate?.type.includes("failed")) motes.push({ kind: "flag", source: gate.id });
  for (const event of recent.slice(-30)) motes.push({ kind: "firefly", source: event.id });
  return motes;
}

function speechOf({ now, hides }: WorldInput, recent: readonly EventLike[], residents: readonly Resident[]): Speech[] {
  const said: Speech[] = [];
  for (const event of [...recent].reverse()) {
    if (said.length >= 2 || now - moment(event.time) > SPOKEN) break;
    const words = hides?.(text(event.data, "post")) ? undefined : wordsOf(event);
    if (!words || !residents.some((resident) => resident.id === words[0]) || said.some((speech) => speech.who === words[0])) continue;
    said.push({ who: words[0], text: words[1], at: moment(event.time), source: event.id });
  }
  return said;
}

/** Who says what when something notable happens. */
function wordsOf(event: EventLike): readonly [string, string] | undefined {
  const { data } = event;
  const number = `#${count(data, "number")}`;
  switch (event.type) {
    case "monkeytown.pull.opened.v1":
      return [text(data, "agent"), cut(`${number} is ready: ${text(data, "title")}`)];
    case "monkeytown.pull.commented.v1":
      return [text(data, "by").replace(/^agent:/, ""), cut(`${number}: ${text(data, "text")}`)];
    case "monkeytown.post.published.v1":
      return [text(data, "author").replace(/^agent:/, ""), cut(text(data, "title"))];
    case "monkeytown.run.failed.v1":
      return [text(data, "agent"), cut(`I could not finish: ${text(data, "reason")}`)];
    case "monkeytown.run.finished.v1":
      return text(data, "outcome") === "nothing" ? [text(data, "agent"), cut(text(data, "reason"))] : undefined;
    default:
      return undefined;
  }
}

function cut(words: string): string {
  const letters = [...words.replace(/\s+/g, " ").trim()];
  return letters.length > 90 ? `${letters.slice(0, 89).join("")}…` : letters.join("");
}

type Parts = Pick<WorldModel, "crates" | "lanterns" | "notes" | "stones">;

function landmarksOf(input: WorldInput, residents: readonly Resident[], parts: Parts, recent: readonly EventLike[]): Landmark[] {
  const { town } = input;
  const source = `journal/${town.seq}`;
  const numbers = numbersOf(input, residents, parts, recent);
  return PLACES.map((place) => {
    const [number, words] = numbers[place.id];
    const { name, domain } = input.world?.landmarks.find((one) => one.id === place.id) ?? { name: place.id, domain: "" };
    return {
      id: place.id, name, domain, source, count: number,
      words: number === null ? words : `${number} ${words}`,
      lit: residents.some((resident) => resident.home === place.id),
    };
  });
}

function numbersOf(input: WorldInput, residents: readonly Resident[], parts: Parts, recent: readonly EventLike[]): Record<PlaceId, readonly [number | null, string]> {
  const { town } = input;
  const agents = Object.entries(town.agents);
  const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
  const mergedBy = (home: PlaceId): number => sum(agents.filter(([id]) => homeOf(id, input.world) === home).map(([, agent]) => Number(agent.merged)));
  const failedAt = (home: PlaceId): number => sum(agents.filter(([id]) => homeOf(id, input.world) === home).map(([, agent]) => Number(agent.rejected)));
  const refused = recent.filter((event) => event.type === "monkeytown.gate.failed.v1").length;
  const gate = lastGate(recent);
  const memories = sum((input.charters ?? []).filter((charter) => town.agents[charter.name]).map((charter) => charter.memories?.length ?? 0));
  const known = (input.charters ?? []).some((charter) => charter.memories !== undefined);
  const changes = (words: string) => (typeof input.changes === "object" ? [sum(parts.stones.map((stone) => stone.length)), words] : [null, input.changes ?? "changes are not known"]) as [number | null, string];
  const treasury = input.treasury;
  return {
    hall: [residents.length, "residents"],
    library: known ? [memories, "memories"] : [null, "memories are known live only"],
    tower: changes("changes under way"),
    stones: changes("changes in five states"),
    bank: treasury === null || treasury === undefined ? [Math.round(Number(town.totals?.cost_micros ?? 0) / 10_000) / 100, "USD spent so far"] : [treasury / 1000, "a$ in the treasury"],
    studio: [mergedBy("studio"), "merged from here"],
    lab: gate ? [count(gate.data, gate.type.includes("failed") ? "total" : "checks"), gate.type.includes("failed") ? "findings in the last check" : "checks passed last"] : [null, "no check yet"],
    grove: [failedAt("grove"), "rejected from here"],
    workshop: [agents.filter(([, agent]) => agent.active).length, "runs under way"],
    watch: [refused, "refusals of late"],
    gate: [parts.crates.length, "open pull requests"],
    tree: [Number(town.totals?.merged ?? parts.lanterns.length), "merged"],
    board: [Object.values(town.posts ?? {}).filter((post) => !post.closed).length, "open threads"],
    fire: [reactions(town).length, "reactions that stand"],
    dock: [null, "no other town is known"],
  };
}
