// Promise: an export of a long history is cut into files that any host takes, and a page reads those that it shows.
import { statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Host } from "./host";
import { Witness } from "./look";
import { stage } from "./stage";
import { Town, type Event } from "./town";

/** Lines of a file, and events between two states. */
const PART = 5000;
const MORE = PART + 300;

let host: Host;
let head: number;
let parts: { name: string; first: number; last: number; events: number }[];

/** The town is frozen and thawed again and again, so that each moment differs from the one before. */
function events(from: number, to: number): Event[] {
  return Array.from({ length: to - from }, (_, nth) => {
    const [number, verb] = [from + nth, (from + nth) % 2 === 0 ? "frozen" : "thawed"];
    return { id: `many-${number}`, type: `monkeytown.town.${verb}.v1`, subject: "town", actor: "human:ada", data: { reason: `Reason ${number}`, by: "human:ada" } };
  });
}

const on = stage(() => {
  const town = Town.old(3);
  for (let from = 0; from < MORE; from += 500) town.record(events(from, Math.min(MORE, from + 500)));
  return town;
});
beforeAll(async () => {
  head = (on.town.state() as { seq: number }).seq;
  host = await Host.of(on.town);
  parts = host.json<{ chunks: typeof parts }>("history/index.json").chunks;
});
afterEach(() => host.forget());
afterAll(() => host.end());

const files = () => host.asked.filter((path) => /^(history|states)\/[^i]/.test(path));
const at = (witness: Witness, seq: number) => witness.page.evaluate((hash) => (location.hash = hash), `#/terrarium?at=${seq}`);

test("no file has more than it may, and together they are the whole history", () => {
  const lines = parts.map(({ name, events }) => {
    expect(statSync(join(host.folder, `history/${name}.ndjson`)).size).toBeLessThanOrEqual(4 << 20);
    return events;
  });
  expect(Math.max(...lines)).toBeLessThanOrEqual(PART);
  const recorded = parts.filter(({ first }) => first > 0);
  expect(recorded.length).toBeGreaterThan(1);
  expect([recorded[0]?.first, recorded.at(-1)?.last]).toEqual([1, head]);
});

// covers: static-export#a-long-history
test("the page begins with the newest, and reads what a moment needs", async () => {
  const last = parts.findLast(({ first }) => first > 0)?.name;
  const witness = await (await Witness.open(on.browser, host.address)).ready();
  await witness.page.getByRole("region", { name: "Village feed" }).getByRole("listitem").first().filter({ hasText: `Reason ${MORE - 1}` }).waitFor();
  expect(files()).toEqual([`history/${last}.ndjson`]);
  host.forget();
  await at(witness, PART + 20);
  await expect.poll(() => witness.seq()).toBe(PART + 20);
  expect(files()).toContain(`states/${PART}.json`);
  expect(host.missing).toEqual([]);
  await witness.end();
});

// covers: static-export#a-long-history
test("each moment is the one that a server shows, and a link leads to it", async () => {
  const files = await (await Witness.open(on.browser, host.address)).ready();
  const served = await (await Witness.open(on.browser, on.server.origin)).ready();
  const shown = new Set<string>();
  for (const seq of [head - 3, PART + 1, 40, PART, PART + 2]) {
    const lists: string[][] = [];
    for (const witness of [files, served]) {
      await at(witness, seq);
      await expect.poll(() => witness.seq()).toBe(seq);
      // What stood in the files of the default branch then, a server looks up, and no file of an export says.
      lists.push((await witness.list()).filter((row) => !/^(Tower|Spec stones),/.test(row)));
    }
    expect(lists[0], `at ${seq}`).toEqual(lists[1]);
    shown.add(lists.join());
  }
  expect(shown.size).toBeGreaterThan(1);
  await files.page.evaluate(() => (location.hash = "#/e/many-7"));
  await expect.poll(() => files.page.url()).toMatch(/at=\d+/);
  const { seq } = JSON.parse(on.town.run("log", "show", "many-7", "--json")) as { seq: number };
  await expect.poll(() => files.seq()).toBe(seq);
  expect(host.missing).toEqual([]);
  await files.end();
  await served.end();
});
