// The shapes that the world is made from and that it is drawn from live here; no behaviour ever will.

import type { Int } from "../fold/int";
import type { PlaceId, Point } from "./plan";

/** The part of the folded town that the map looks at; the whole state fits into it. */
export interface TownLike {
  readonly seq: Int;
  readonly agents: Readonly<Record<string, AgentLike>>;
  readonly pulls: Readonly<Record<string, PullLike>>;
  readonly frozen?: HaltLike | undefined;
  readonly totals?: { readonly merged: Int; readonly cost_micros: Int } | undefined;
  readonly posts?: Readonly<Record<string, PostLike>> | undefined;
  readonly spent?: { readonly day: number; readonly cost_micros: Int } | undefined;
}

export interface HaltLike {
  readonly by: string;
  readonly reason: string;
  readonly since: string;
}

export interface AgentLike {
  readonly active?: RunLike | undefined;
  readonly runs: readonly EndedLike[];
  readonly merged: Int;
  readonly rejected: Int;
  readonly paused?: HaltLike | undefined;
  readonly day: number;
  readonly started_today: number;
  readonly cost_micros: Int;
}

export interface RunLike {
  readonly run: string;
  readonly started: string;
  readonly calls: number;
  readonly refusals?: number | undefined;
}

export interface EndedLike {
  readonly run: string;
  readonly outcome: string;
  readonly reason: string;
  readonly pull?: Int | undefined;
  readonly started: string;
  readonly ended: string;
}

export interface PullLike {
  readonly number: Int;
  readonly state: string;
  readonly agent: string;
  readonly title: string;
  readonly opened_at: string;
  readonly reopened_at?: string | undefined;
  readonly verdict?: { readonly by: string; readonly at: string; readonly reason?: string | undefined } | undefined;
  readonly reactions?: Readonly<Record<string, { readonly by: string }>> | undefined;
}

export interface PostLike {
  readonly author: string;
  readonly title: string;
  readonly at: string;
  readonly closed?: boolean | undefined;
  readonly reactions?: Readonly<Record<string, { readonly by: string }>> | undefined;
}

/** An event as the stream hands it over. */
export interface EventLike {
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly actor?: string | undefined;
  readonly data: unknown;
}

/** What the charters say. */
export interface CharterLike {
  readonly name: string;
  readonly description?: string | undefined;
  readonly next_slot?: string | null | undefined;
  readonly paused?: boolean | undefined;
  /** What it may have on one day: runs of its own, and what all together may have spent. */
  readonly day?: { readonly runs: number; readonly cost_micros: Int } | null | undefined;
  readonly memories?: readonly unknown[] | undefined;
}

export interface ChangeLike {
  readonly name: string;
  readonly state: string;
  readonly archived?: string | null | undefined;
}

/** Everything that a world is made from. */
/** What landmarks are called and who has which home, as the town's files say. */
export interface WorldLike {
  readonly landmarks: readonly { readonly id: string; readonly name: string; readonly domain: string }[];
  readonly homes: Readonly<Record<string, PlaceId>>;
}

export interface WorldInput {
  readonly town: TownLike;
  readonly world?: WorldLike | undefined;
  readonly charters?: readonly CharterLike[] | undefined;
  /** The last events, oldest first, none later than `now`. */
  readonly recent?: readonly EventLike[] | undefined;
  /** Or why they are not known. */
  readonly changes?: readonly ChangeLike[] | string;
  /** Whether somebody hid a post, then or since: nobody speaks its words. */
  readonly hides?: ((post: string) => boolean) | undefined;
  /** The treasury in thousandths, where a ledger is kept. */
  readonly treasury?: number | null | undefined;
  /** The moment, in milliseconds since 1970. */
  readonly now: number;
  readonly seed: number;
}

/** Whatever lives, moves or is counted says what it comes from: the id of an event, or of an object that events made. */
export interface Sourced {
  readonly source: string;
}

export type Activity = "asleep" | "reading" | "thinking" | "working" | "carrying" | "waiting" | "returning" | "halted";

/** Somewhere to be from a moment on, and why. */
export interface Stop extends Sourced {
  readonly at: number;
  readonly place: PlaceId;
  readonly activity: Activity;
  readonly reason: string;
  /** The pull request that is carried there. */
  readonly carry?: string | undefined;
}

/** A stop with the walk to it. */
export interface Leg extends Stop {
  readonly leaves: number;
  readonly arrives: number;
  readonly way: readonly Point[];
}

export interface Resident extends Sourced {
  readonly id: string;
  readonly name: string;
  readonly role: string;
  readonly home: PlaceId;
  /** Its place in the order of all who have a charter: it decides which seat is its own. */
  readonly rank: number;
  readonly legs: readonly Leg[];
  /** Why it may begin no run. */
  readonly kept: string | undefined;
  /** Why it does not move at all, where that is so whatever it was about to do. */
  readonly halt?: string | undefined;
}

/** Where a resident is at one moment. */
export interface Standing extends Point, Sourced {
  readonly activity: Activity;
  readonly reason: string;
  readonly since: number;
  readonly place: PlaceId;
  readonly moving: boolean;
  /** The way it looks: -1 is left, 1 is right; `away` is up. */
  readonly facing: -1 | 1;
  readonly away: boolean;
  readonly carry?: string | undefined;
}

export interface Crate extends Sourced, Point {
  readonly pull: number;
  readonly title: string;
  /** When its owner has put it down. */
  readonly from: number;
}

export interface Lantern extends Sourced, Point {
  readonly pull: number;
  /** When the merge happened; until it hangs, the crate is on its way over the bridge. */
  readonly at: number;
}

export interface Boat extends Sourced {
  readonly pull: number;
  readonly at: number;
}

/** A small thing that moves: a glint of the river, a firefly, a spark, a puff of smoke, the fire. */
export interface Mote extends Sourced {
  readonly kind: "river" | "firefly" | "spark" | "fire" | "forge" | "smoke" | "red-smoke" | "green-smoke" | "flag";
}

export interface Landmark extends Sourced {
  readonly id: PlaceId;
  readonly name: string;
  readonly domain: string;
  /** Its live number; null where nothing is known. */
  readonly count: number | null;
  /** The number in words. */
  readonly words: string;
  /** Residents whose home it is: its windows are lit for them. */
  readonly lit: boolean;
}

export interface Speech extends Sourced {
  readonly who: string;
  readonly text: string;
  readonly at: number;
}

export interface WorldModel {
  readonly seed: number;
  readonly at: number;
  readonly residents: readonly Resident[];
  readonly landmarks: readonly Landmark[];
  readonly crates: readonly Crate[];
  readonly lanterns: readonly Lantern[];
  readonly boats: readonly Boat[];
  /** A commit each, with its subject. */
  readonly blossoms: readonly (Sourced & Point & { readonly title: string })[];
  /** An open thread each, with its title; without one where somebody hid it. */
  readonly notes: readonly (Sourced & { readonly title?: string | undefined })[];
  /** Changes by state, in the order of the five stones. */
  readonly stones: readonly (readonly Sourced[])[];
  readonly coins: Sourced & { readonly count: number };
  readonly motes: readonly Mote[];
  readonly speech: readonly Speech[];
  readonly frozen: (Sourced & { readonly reason: string }) | undefined;
}
