// Stops become walks here, and a walk and a moment become a position; pure, so that every witness sees the same.

import { way } from "./path";
import type { Point } from "./plan";
import { spot, type Use } from "./spots";
import type { Activity, Leg, Resident, Standing, Stop } from "./types";

/** Pixels of the world in a second. */
export const SPEED = 36;
/** How long somebody stays at least, so that a fast run can still be followed with the eye. */
const STAY = 1_500;
/** Somebody further behind than this leaves out the stops in between. */
const BEHIND = 30_000;

const USES: Record<Activity, Use> = {
  asleep: "sleep", reading: "read", thinking: "think", working: "work", carrying: "queue", waiting: "queue", returning: "sleep", halted: "stand",
};

function distance(a: Point, b: Point): number {
  const dx = a.x - b.x;
  const dy = a.y - b.y;
  return Math.sqrt(dx * dx + dy * dy);
}

export function lengthOf(points: readonly Point[]): number {
  let sum = 0;
  for (let i = 1; i < points.length; i += 1) sum += distance(points[i - 1] as Point, points[i] as Point);
  return sum;
}

/**
 * Walks from stop to stop. A stop is left out only where the next event had happened before its walk could begin, so a
 * longer history never changes where somebody was before.
 */
export function legsOf(stops: readonly Stop[], ranks: { readonly home: number; readonly town: number }): Leg[] {
  const legs: Leg[] = [];
  stops.forEach((stop, i) => {
    const use = USES[stop.activity];
    const to = spot(stop.place, use, use === "sleep" || use === "work" ? ranks.home : ranks.town);
    const last = legs[legs.length - 1];
    const from = last?.way[last.way.length - 1];
    const walks = from !== undefined && (from.x !== to.x || from.y !== to.y);
    const leaves = Math.max(stop.at, last ? last.arrives + (walks && last.way.length > 1 ? STAY : 0) : -Infinity);
    const next = stops[i + 1];
    if (next && leaves - stop.at > BEHIND && next.at <= leaves) return;
    const route = walks ? way(from, to) : [to];
    const arrives = walks ? leaves + Math.round((lengthOf(route) / SPEED) * 1000) : leaves;
    legs.push({ ...stop, leaves, arrives, way: route });
  });
  return legs;
}

/** Where a resident is at a moment; `still` puts it where it is going, for those who want nothing to move. */
export function standing(resident: Resident, now: number, still = false): Standing {
  let leg = resident.legs[0] as Leg;
  for (const next of resident.legs) if (next.leaves <= now) leg = next;
  const moving = !still && now < leg.arrives && resident.halt === undefined;
  const there = leg.way[leg.way.length - 1] as Point;
  const at = now < leg.arrives && !still ? along(leg.way, ((now - leg.leaves) / 1000) * SPEED) : { ...there, dx: 0, dy: 0 };
  const halted = resident.halt !== undefined;
  return {
    x: at.x, y: at.y, source: leg.source, place: leg.place, since: leg.at === -Infinity ? 0 : leg.at,
    activity: halted ? "halted" : moving ? (leg.carry ? "carrying" : leg.activity === "asleep" ? "returning" : leg.activity) : leg.activity,
    reason: resident.halt ?? leg.reason, moving,
    facing: at.dx < 0 ? -1 : 1, away: at.dy < 0 && Math.abs(at.dy) > Math.abs(at.dx),
    carry: now < leg.arrives && !still ? leg.carry : undefined,
  };
}

function along(points: readonly Point[], gone: number): Point & { readonly dx: number; readonly dy: number } {
  let left = gone;
  for (let i = 1; i < points.length; i += 1) {
    const a = points[i - 1] as Point;
    const b = points[i] as Point;
    const length = distance(a, b);
    if (left <= length && length > 0) {
      const t = left / length;
      return { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t, dx: b.x - a.x, dy: b.y - a.y };
    }
    left -= length;
  }
  return { ...(points[points.length - 1] as Point), dx: 0, dy: 0 };
}
