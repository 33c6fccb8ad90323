// The look of residents lives here: body, fur, cloth, hat and what they hold; what they do is not known here.

import { Bitmap } from "./bitmap";
import { hash, seedOf } from "./hash";
import { HATS, NAMED, type Wear } from "./wear";
import { OUTLINE } from "./palette";

export const FOLK_WIDTH = 24;
export const FOLK_HEIGHT = 28;
/** The body's 16 by 20 lie here in the sprite; what is left around it is room for hats and tools. */
export const BODY_X = 4;
export const BODY_Y = 7;

export type Pose = "stand" | "stepA" | "stepB" | "carry" | "carryB" | "sleep" | "back" | "backB";

const HEAD: readonly string[] = [
  "................",
  "................",
  ".....kkkkkk.....",
  "....kfhhfffk....",
  "...kfhhffffDk...",
  "...kffffffffDk..",
  ".kkkffsffsffkkk.",
  "kssfssssssssfssk",
  "kSsfsswssswsfsSk",
  ".kkfsseSssesfkk.",
  "...kfsssSSssfk..",
  "...kDssmmsssDk..",
  "....kDSSSSSDk...",
];

const BODY: readonly string[] = [
  "....kkcccckk....",
  "...kfcCcccCfk...",
  "...kfcCcccCfk...",
  "...kskccccksk...",
  "....kkppppkk....",
];

const FEET: Record<"stand" | "a" | "b", readonly string[]> = {
  stand: ["....kfpkkpfk....", "....kkk..kkk...."],
  a: ["....kfpkkkk.....", "....kkk........."],
  b: [".....kkkkpfk....", ".........kkk...."],
};

/** Legs of somebody who sits. */
const SEAT: readonly string[] = ["...kkppppppkk...", "..kfppkkkkppfk..", "..kkkk....kkkk.."];

/** Arms up in front: both hands are on the crate. */
const CARRYING: readonly string[] = [
  "....kkcccckk....",
  "...kfccccccfk...",
  "..kskccccccksk..",
  "...kkccccccckk..",
  "....kkppppkk....",
];

/** How somebody looks: all of it follows from the id. */
export interface Look {
  readonly fur: readonly [number, number, number];
  readonly skin: readonly [number, number];
  readonly cloth: readonly [number, number];
  readonly trousers: number;
  readonly wear: readonly Wear[];
  /** The colour of the name tag's mark. */
  readonly mark: number;
}

const FURS: readonly (readonly [number, number, number])[] = [
  [0x8a5a35, 0xab7648, 0x6b4326], [0x5a3b2a, 0x77523b, 0x442a1d], [0xa9794a, 0xc99a66, 0x85592f],
  [0x6f6a72, 0x918c94, 0x524d57], [0xc08a4e, 0xdbab6e, 0x976734], [0x45384a, 0x62526a, 0x322838],
];
const SKINS: readonly (readonly [number, number])[] = [[0xf2c99b, 0xd8a473], [0xe3b184, 0xc48f62], [0xf7dab8, 0xdcb58b]];
const CLOTHS: readonly (readonly [number, number])[] = [
  [0x3f7fd0, 0x2d5fa3], [0x3d9460, 0x2b754a], [0xd9752a, 0xb05a20], [0x8662c0, 0x5f3f96], [0xc4483a, 0x9c3431],
  [0x1fa894, 0x147c74], [0xdc5f92, 0xb3477a], [0xe0b13a, 0xb5852a], [0x6f87a8, 0x526785], [0x9ccc5a, 0x74a53e],
];

/** The look that belongs to an id: nine are named in the design, the others are made from a hash. */
export function lookOf(id: string): Look {
  const named = NAMED[id];
  const seed = seedOf(id);
  const pick = <T>(list: readonly T[], salt: number): T => list[hash(seed, salt) % list.length] as T;
  const cloth = named?.cloth ?? pick(CLOTHS, 2);
  return {
    fur: named?.fur ?? pick(FURS, 1),
    skin: pick(SKINS, 3),
    cloth,
    trousers: named?.trousers ?? cloth[1],
    wear: named?.wear ?? [pick(HATS, 4)],
    mark: named?.mark ?? cloth[0],
  };
}

/** One resident in one pose, facing right; the caller mirrors it. */
export function resident(look: Look, pose: Pose): Bitmap {
  const b = new Bitmap(FOLK_WIDTH, FOLK_HEIGHT);
  const back = pose === "back" || pose === "backB";
  const asleep = pose === "sleep";
  const step = pose === "stepA" || pose === "stepB" || pose === "carryB" || pose === "backB";
  const loaded = pose === "carry" || pose === "carryB";
  const colours = coloursOf(look, back, asleep);
  // A step lifts the body by one pixel; who sleeps sits on the ground.
  const top = BODY_Y + (step ? -1 : asleep ? 2 : 0);
  for (const wear of look.wear) wear.behind?.(b, BODY_X, top);
  tail(b, look, top);
  if (step) b.rows(BODY_X, top + 18, [BODY[4] ?? ""], colours);
  b.rows(BODY_X, top + HEAD.length, loaded ? CARRYING : BODY, colours);
  const feet = pose === "stepA" || pose === "carryB" ? "a" : step ? "b" : "stand";
  if (asleep) b.rows(BODY_X, BODY_Y + 17, SEAT, colours);
  else b.rows(BODY_X, BODY_Y + 18, FEET[feet], colours);
  for (const wear of look.wear) wear.body?.(b, BODY_X, top, back);
  b.rows(BODY_X, top, HEAD, colours);
  for (const wear of look.wear) if (!back || !wear.faceOnly) wear.head(b, BODY_X, top);
  if (!loaded && !back && !asleep) for (const wear of look.wear) wear.hand?.(b, BODY_X, top);
  return b;
}

function coloursOf(look: Look, back: boolean, asleep: boolean): Record<string, number> {
  const [fur, bright, dark] = look.fur;
  const [skin, shade] = look.skin;
  const face = back ? { s: fur, S: dark, w: fur, e: fur, m: fur } : { s: skin, S: shade, w: asleep ? skin : 0x2a1a18, e: 0x2a1a18, m: 0xa5574a };
  return { k: OUTLINE, f: fur, h: bright, D: dark, c: look.cloth[0], C: look.cloth[1], p: look.trousers, ...face };
}

/** A tail that curls up behind: from far away it says monkey before the face does. */
function tail(b: Bitmap, look: Look, top: number): void {
  const x = BODY_X + 11;
  const y = top + 16;
  b.rows(x, y - 6, ["....kkk.", "...kfffk", "...kfkfk", "....kkfk", "..kkkfk.", ".kfffk..", ".kkkk..."], { k: OUTLINE, f: look.fur[0] });
}
