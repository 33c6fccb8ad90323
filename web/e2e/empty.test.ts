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

test("an empty journal is an empty, labelled clearing", async () => {
  const server = await town.serve();
  const witness = await (await Witness.open(browser, server.printed)).ready();
  await witness.page.getByText("An empty clearing").waitFor();
  expect(await witness.seq()).toBe(0);
  // No resident, no speech; every number of a place is none or nothing.
  const stage = witness.page.locator(".world");
  expect(await stage.locator(".world-who, .world-say").count()).toBe(0);
  for (const number of await stage.locator(".world-place b").allInnerTexts()) expect(["", "0"]).toContain(number.trim());
  await witness.page.getByText("Nothing has happened yet").waitFor();
  await witness.end();
});

test("the first event wakes it", async () => {
  const server = await town.serve();
  const witness = await (await Witness.open(browser, server.printed)).ready();
  expect(await witness.page.locator(".world-who").count()).toBe(0);
  town.run("run", "chaostester", "--brain", "embedded");
  await expect.poll(() => witness.page.locator(".world-who").count()).toBe(1);
  await expect.poll(async () => (await witness.list()).join("\n")).toContain("Tester");
  await witness.end();
});
