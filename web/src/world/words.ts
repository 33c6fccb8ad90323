// What the map says in words lives here, for labels, lists and ears; where it is written does not.

import type { PlaceId } from "./plan";
import { clock } from "./stops";
import type { Landmark, Resident, Sourced, Standing, WorldModel } from "./types";
import { standing } from "./walk";

/** A place has an id of its own kind, so that no agent can be called the same. */
export const PLACE = "place:";

/** What somebody does; where a place belongs to it, its name follows. */
const DOING: Record<Standing["activity"], string> = {
  asleep: "is asleep at home", reading: "is at ", thinking: "sits by the fire", working: "is at work", carrying: "carries a crate to ",
  waiting: "waits at ", returning: "walks home", halted: "stands still",
};

/** What a resident does, why, and since when where that is known, as one sentence. */
export function sentence(resident: Resident, at: Standing, model: WorldModel): string {
  const doing = at.moving && at.activity !== "carrying" && at.activity !== "returning" ? "walks to " : DOING[at.activity];
  return `${resident.name} ${doing}${doing.endsWith(" ") ? theName(at.place, model) : ""}: ${at.reason}${at.activity !== "halted" && at.since > 0 ? `, since ${clock(at.since)}` : ""}`;
}

function theName(place: PlaceId, { landmarks }: WorldModel): string {
  const name = landmarks.find((one) => one.id === place)?.name ?? place;
  return name.startsWith("the ") ? name : `the ${name.replace(/^The /, "")}`;
}

export function landmarkSentence(landmark: Landmark): string {
  return `${landmark.name}, ${landmark.domain}: ${landmark.words}`;
}

/** One line of the list view: the same as the map shows. */
export interface Row {
  /** What is selected with it. */
  readonly id: string;
  readonly kind: "resident" | "place" | "thing";
  readonly name: string;
  readonly text: string;
  readonly source: string;
  readonly since: number;
}

/** Everything that the map shows at a moment, in words. */
export function listOf(model: WorldModel, now: number): Row[] {
  const residents = model.residents.map((resident): Row => {
    const at = standing(resident, now);
    return { id: resident.id, kind: "resident", name: resident.name, text: sentence(resident, at, model), source: at.source, since: at.since };
  });
  const places = model.landmarks.map((one): Row => ({
    id: PLACE + one.id, kind: "place", name: one.name, text: landmarkSentence(one), source: one.source, since: model.at,
  }));
  const thing = (id: string, name: string, text: string, { source }: Sourced, since: number): Row => ({ id, kind: "thing", name, text, source, since });
  const [gate, tree] = [theName("gate", model), theName("tree", model)];
  const things = [
    ...model.speech.map((one) => thing(one.who, model.residents.find(({ id }) => id === one.who)?.name ?? one.who, ` says: “${one.text}”`, one, one.at)),
    ...model.crates.map((one) => thing(`${PLACE}gate`, `#${one.pull}`, ` waits at ${gate} as a crate: ${one.title}`, one, one.from)),
    ...model.lanterns.map((one) => thing(`${PLACE}tree`, `#${one.pull}`, ` was merged: a lantern in ${tree}`, one, one.at)),
    ...model.boats.map((one) => thing(`${PLACE}gate`, `#${one.pull}`, " was rejected: a paper boat on the river", one, one.at)),
    ...model.notes.map((one) => thing(`${PLACE}board`, one.title === undefined ? "What somebody hid" : `“${one.title}”`, ` is a note on ${theName("board", model)}`, one, model.at)),
    ...model.blossoms.map((one) => thing(`${PLACE}tree`, one.source.slice(0, 10), ` blossoms in ${tree}: ${one.title}`, one, model.at)),
  ];
  return [...residents, ...places, ...things];
}
