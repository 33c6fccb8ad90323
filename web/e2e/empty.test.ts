// Promise: nothing lives and nothing moves in a town where nothing has happened.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, browse } from "./look";
import { Town } from "./town";

let browser: Browser;
let town: Town;

beforeAll(async () => {
  browser = await browse();
  town = Town.empty();
});
afterAll(async () => {
  await browser.close();
  await town.end();
});

// covers: terrarium#nothing-moves-without-an-event/a-town-where-nobody-has-run
test("an empty journal is an empty, labelled clearing", async () => {
  const server = await town.serve();
  const witness = await (await Witness.open(browser, server.printed)).ready();
  await witness.page.getByText("An empty clearing").waitFor();
  expect(await witness.seq()).toBe(0);
  // No resident, no speech; every number of a place is none or nothing.
  const stage = witness.page.locator(".world");
  expect(await stage.locator(".world-who, .world-say").count()).toBe(0);
  for (const number of await stage.locator(".world-place b").allInnerTexts()) expect(["", "0"]).toContain(number.trim());
  // What people committed before is all that there is to tell.
  const told = witness.page.getByRole("region", { name: "Village feed" }).getByRole("listitem");
  await expect.poll(() => told.allInnerTexts()).toEqual([expect.stringContaining("landed “Make it a town”"), expect.stringContaining("landed “Begin”")]);
  await witness.end();
});

test("the first event wakes it", async () => {
  const server = await town.serve();
  const witness = await (await Witness.open(browser, server.printed)).ready();
  expect(await witness.page.locator(".world-who").count()).toBe(0);
  town.run("run", "chaostester", "--brain", "embedded");
  await expect.poll(() => witness.page.locator(".world-who").count()).toBe(1);
  await expect.poll(async () => (await witness.list()).join("\n")).toContain("Tester");
  // Who comes now is told the first event and, still, what was committed before.
  const other = await (await Witness.open(browser, server.origin)).ready();
  const told = other.page.getByRole("region", { name: "Village feed" }).getByRole("listitem");
  await expect.poll(async () => (await told.allInnerTexts()).join("\n")).toMatch(/Tester[^]*landed “Make it a town”[^]*landed “Begin”/);
  await other.end();
  await witness.end();
});
