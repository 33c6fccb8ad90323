// Who lives where and on which pixel somebody stands is decided here; why somebody goes there is not.

import { hash, seedOf } from "./hash";
import { placeOf, PLAZA, type PlaceId, type Point } from "./plan";
import type { WorldLike } from "./types";

/** Words of an id that say where somebody belongs; the first that fits counts. */
const BELONGS: readonly (readonly [RegExp, PlaceId])[] = [
  [/founder|orchestr|lead|ceo|product-owner/, "hall"],
  [/research|librar|histor|alignment|scribe|docs/, "library"],
  [/architect/, "tower"],
  [/econom|bank|treasur|cost|budget/, "bank"],
  [/design|\bux\b|style|paint/, "studio"],
  [/secur|guard|watch/, "watch"],
  [/madchimp|chimp|fuzz/, "grove"],
  [/test|valid|qa|review|check/, "lab"],
  [/build|implement|develop|coder|engineer|fix/, "workshop"],
];

const ANY: readonly PlaceId[] = ["hall", "library", "tower", "bank", "studio", "watch", "grove", "lab", "workshop"];

/** Where somebody lives: where the town's files say so, else where its name fits. */
export function homeOf(id: string, world?: WorldLike): PlaceId {
  if (world && Object.hasOwn(world.homes, id)) return world.homes[id] as PlaceId;
  return BELONGS.find(([words]) => words.test(id))?.[1] ?? (ANY[hash(seedOf(id), 5) % ANY.length] as PlaceId);
}

/** What a spot is for: the same place has other pixels for sleeping than for working. */
export type Use = "sleep" | "work" | "read" | "think" | "queue" | "stand";

/** Seats at home beside the house and in front of it, as offsets from the corner of the foot. */
const SEATS: readonly (readonly [number, number])[] = [[14, 4], [-14, 5], [30, 12], [-30, 13], [2, 20], [-2, 22]];

/** The pixel where somebody stands: `rank` keeps residents apart, so nobody has to know about anybody else. */
export function spot(placeId: PlaceId, use: Use, rank: number): Point {
  const place = placeOf(placeId);
  if (use === "sleep") {
    const [dx, dy] = SEATS[rank % SEATS.length] ?? [12, 4];
    return { x: place.x + dx + Math.sign(dx) * Math.max(0, place.half - 8), y: place.y + dy };
  }
  if (use === "work") return { x: place.x + ([-13, 13, -30, 30][rank % 4] ?? 0), y: place.y + 13 + (rank % 4 > 1 ? 3 : 0) };
  if (use === "read") return { x: place.x - 42 + (rank % 5) * 20 + (Math.floor(rank / 5) % 2) * 10, y: place.y + 17 + (Math.floor(rank / 5) % 3) * 14 };
  if (use === "think") return ring(rank);
  if (use === "queue") {
    // Two rows on the road with room for a crate and a name between any two; who comes after eight stands a little lower.
    const column = Math.floor(rank / 2) % 4;
    return { x: 384 - column * 22 - (rank % 2) * 9, y: 177 + (rank % 2) * 16 + (Math.floor(rank / 8) % 3) * 7 };
  }
  return { x: place.x, y: place.y + 12 };
}

/** Twelve seats around the fire, the second dozen a step behind. */
const AROUND: readonly (readonly [number, number])[] = [
  [-30, 8], [30, 8], [-22, -12], [22, -12], [-12, 22], [12, 22], [-38, -4], [38, -4], [0, -18], [0, 27], [-27, 18], [27, 18],
];

function ring(rank: number): Point {
  const [dx, dy] = AROUND[rank % AROUND.length] ?? [30, 8];
  const far = 1 + (Math.floor(rank / AROUND.length) % 2) * 0.28;
  return { x: Math.round(PLAZA.x + dx * far), y: Math.round(PLAZA.y + 4 + dy * far) };
}

/** The pixel of a crate: beside the one who waits with it. */
export function crateSpot(rank: number): Point {
  const at = spot("gate", "queue", rank);
  return { x: at.x + 11, y: at.y + 1 };
}
