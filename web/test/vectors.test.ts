// That this fold and the Rust fold come to the same state for the same journals; the journals lie in vectors/ or where VECTORS says.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Envelope } from "../src/fold/event";
import { apply } from "../src/fold/fold";
import { parse, write } from "../src/fold/json";
import { adopt, copy, emptyTown } from "../src/fold/state";

interface Vector {
  events: Envelope[];
  states: { seq: number; town: unknown }[];
}

const folder = process.env["VECTORS"] ?? join(import.meta.dirname, "vectors");
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".json")) : [];

/** The first places where two documents differ, for a message that a person can use. */
function differences(ours: unknown, theirs: unknown, path = ""): string[] {
  if (write(ours) === write(theirs)) return [];
  const open = (value: unknown) => typeof value === "object" && value !== null;
  if (!open(ours) || !open(theirs)) return [`${path}: ${write(ours)} here, ${write(theirs)} in Rust`];
  const [a, b] = [ours as Record<string, unknown>, theirs as Record<string, unknown>];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) => differences(a[key], b[key], `${path}/${key}`)).slice(0, 5);
}

test.skipIf(files.length === 0).each(files)("the fold of %s is the one of Rust", (name) => {
  const document = parse(readFileSync(join(folder, name), "utf8")) as Vector | Vector[];
  for (const [nth, vector] of [document].flat().entries()) agree(vector, `${name}, journal ${nth}`);
});

function agree(vector: Vector, name: string): void {
  const wanted = new Map(vector.states.map((state) => [state.seq, state.town]));
  const town = emptyTown();
  for (const event of vector.events) {
    apply(town, event);
    const theirs = wanted.get(town.seq);
    if (!theirs) continue;
    wanted.delete(town.seq);
    expect(differences(town, theirs), `${name} at ${town.seq}`).toEqual([]);
    // What was written reads back the same, and a copy is one.
    expect(write(adopt(parse(write(town))))).toBe(write(theirs));
    expect(write(copy(town))).toBe(write(theirs));
  }
  expect([...wanted.keys()], "states of the vector that were never reached").toEqual([]);
}
