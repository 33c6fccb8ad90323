// Promise: the map says the names and homes that the town's files give, and why it does not where they cannot be read.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, browse } from "./look";
import { Town, type Server } from "./town";

const SETTINGS = ".monkeytown/town.yaml";
const WORLD = ".monkeytown/world.yaml";
const PURPOSE = "Keeps a manual <b>alive</b>.";

let browser: Browser;
let town: Town;
let server: Server;

beforeAll(async () => {
  browser = await browse();
  town = Town.empty();
  town.write(SETTINGS, readFileSync(join(town.dir, SETTINGS), "utf8").replace(/^#\? description: .*$/m, `description: "${PURPOSE}"`));
  town.write(WORLD, "landmarks:\n  bank: { name: Till & <i>Safe</i>, domain: what was spent }\n  gate: { name: The Ford }\nhomes:\n  chaostester: bank\n");
  town.commit("Name the map");
  town.run("run", "chaostester", "--brain", "embedded");
  server = await town.serve();
});
afterAll(async () => {
  await browser.close();
  await town.end();
});

// covers: town-files#the-map-has-the-town-s-own-names/the-page
test("map, list and card say the names, and who lives there", async () => {
  const witness = await (await Witness.open(browser, server.origin)).ready();
  const { page } = witness;
  const places = page.locator(".world-place");
  const called = async () => (await places.allTextContents()).map((text) => text.replace(/ [\d.]*$/, ""));
  await expect.poll(called).toEqual(expect.arrayContaining(["Library", "The Ford", "Till & <i>Safe</i>"]));
  expect(await called()).not.toEqual(expect.arrayContaining([expect.stringMatching(/Banana|The Gate/)]));
  expect(await page.locator(".card").innerText()).toContain(PURPOSE);
  const list = await witness.list();
  expect(list.some((line) => line.startsWith("Till & <i>Safe</i>, what was spent"))).toBe(true);
  await page.getByRole("button", { name: "Till & <i>Safe</i>, what was spent" }).first().click();
  const card = page.getByRole("region", { name: "Selected place" });
  await card.getByRole("heading", { name: "Till & <i>Safe</i>" }).waitFor();
  expect(await card.locator(".here").innerText()).toContain("Tester");
  await witness.end();
});

test("a page that is open says the names that a commit gives, without being loaded again", async () => {
  const witness = await (await Witness.open(browser, server.origin)).ready();
  const { page } = witness;
  await page.locator(".world-place").filter({ hasText: "The Ford" }).waitFor({ state: "attached" });
  const before = readFileSync(join(town.dir, WORLD), "utf8");
  town.write(WORLD, before.replace("The Ford", "The Weir"));
  town.commit("Call it what it is");
  await page.locator(".world-place").filter({ hasText: "The Weir" }).waitFor({ state: "attached" });
  expect(await page.locator(".world-place").filter({ hasText: "The Ford" }).count()).toBe(0);
  town.write(WORLD, before);
  town.commit("Call it what it was");
  await page.locator(".world-place").filter({ hasText: "The Ford" }).waitFor({ state: "attached", timeout: 20_000 });
  await witness.end();
});

test("a file that cannot be read leaves the usual names, and the page says why", async () => {
  town.write(WORLD, "landmarks:\n  bnak: { name: Till }\n");
  town.commit("Misspell it");
  const witness = await (await Witness.open(browser, server.origin)).ready();
  const list = await witness.list();
  expect(list.some((line) => line.startsWith("Banana Bank, economy"))).toBe(true);
  expect(await witness.text(".card")).toContain('The usual map is shown: .monkeytown/world.yaml:2: unknown key "bnak"');
  await witness.end();
});
