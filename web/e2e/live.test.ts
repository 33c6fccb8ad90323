// Promise: the page shows what happens when it happens, and finds back by itself when its server dies.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, alike, browse } from "./look";
import { Town } from "./town";

let browser: Browser;
let town: Town;

beforeAll(async () => {
  browser = await browse();
});
beforeEach(() => {
  town = Town.demo();
});
afterEach(() => town.end());
afterAll(() => browser.close());

// covers: terrarium#nothing-moves-without-an-event/a-run
test("a real run shows up while it happens, and the page then holds what the program folds", async () => {
  const server = await town.serve();
  const witness = await (await Witness.open(browser, server.printed)).ready();
  const before = await witness.seq();
  expect(before).toBe((town.state() as { seq: number }).seq);
  town.run("pulls", "reject", `${town.pull("junglesecurity").number}`, "--reason", "wrong", "It is the example of the manual");
  town.run("run", "junglesecurity");
  const { seq } = town.state() as { seq: number };
  expect(seq).toBeGreaterThan(before + 3);
  await expect.poll(() => witness.seq(), { timeout: 10_000 }).toBe(seq);
  const feed = witness.page.getByRole("region", { name: "Village feed" });
  await feed.getByText("rejected", { exact: false }).first().waitFor();
  // A page that comes now and folds nothing itself sees the same town.
  const fresh = await (await Witness.open(browser, server.origin)).ready();
  await alike(witness, fresh);
  await fresh.end();
  await witness.end();
});

test("a commit on main arrives", async () => {
  const server = await town.serve();
  const witness = await (await Witness.open(browser, server.printed)).ready();
  town.write("docs/news.md", "A new tree.\n");
  town.commit("Plant a tree by hand");
  await witness.page.getByText("Plant a tree by hand").first().waitFor({ timeout: 5_000 });
  await witness.end();
});

// covers: terrarium#it-finds-back-by-itself/the-server-is-killed-and-started-again
test("a killed server leaves a page that says so, catches up, and holds what a fresh fold gives", async () => {
  const first = await town.serve();
  const witness = await (await Witness.open(browser, first.printed, { fine: /WebSocket|ERR_|Failed to load/ })).ready();
  const { port } = first;
  await first.end("SIGKILL");
  await witness.page.locator(".pill.down").waitFor();
  town.run("pulls", "merge", `${town.pull("chaostester").number}`);
  town.run("run", "chaostester");
  const second = await town.serve(port);
  const { seq } = town.state() as { seq: number };
  await witness.page.locator(".pill.live").waitFor({ timeout: 40_000 });
  await expect.poll(() => witness.seq(), { timeout: 10_000 }).toBe(seq);
  const served = await second.json<{ seq: number; state: unknown }>("/api/state");
  expect(served.seq).toBe(seq);
  expect(served.state).toEqual(town.state());
  // What a killed server may have told and nobody wrote down is said to be missing.
  await witness.page.getByRole("alert").filter({ hasText: "may not have come through here: the server was started again" }).waitFor();
  await witness.show("stream");
  expect(await witness.text("[aria-label^='Gaps']")).toMatch(/Gaps 1 ✕ \d+ to \d+, restarted/);
  await witness.show("terrarium");
  const fresh = await (await Witness.open(browser, second.origin)).ready();
  await alike(witness, fresh);
  await fresh.end();
  await witness.end();
});

test("without a line every screen can still be opened", async () => {
  const server = await town.serve();
  const witness = await (await Witness.open(browser, server.printed, { fine: /WebSocket|ERR_|Failed to load/ })).ready();
  const { page } = witness;
  await page.waitForFunction(() => performance.getEntriesByType("resource").filter(({ name }) => /\/assets\/(timeline|gate|board|ledger|specs|agent|stream)-.*js$/.test(name)).length === 7);
  await witness.settled();
  await server.end("SIGKILL");
  await page.locator(".pill.down").waitFor();
  await page.keyboard.press("4");
  await page.getByRole("heading", { name: /^Board/ }).waitFor();
  await witness.end();
});

test("a screen that did not come says so in plain words, and comes by itself when the line is back", async () => {
  const server = await town.serve();
  const { port } = server;
  const context = await browser.newContext();
  await context.route(/\/assets\/gate-/, (route) => route.abort());
  const page = await context.newPage();
  await page.goto(`${server.origin}/#/gate`);
  await page.getByText("Gate could not be opened").waitFor();
  expect(await page.locator("main").innerText()).toContain("Its part of this page did not come.");
  expect(await page.locator("main").innerText()).not.toMatch(/fetch|preload|module/);
  await server.end("SIGKILL");
  await page.locator(".pill.down").waitFor();
  await context.unroute(/\/assets\/gate-/);
  await town.serve(port);
  await page.locator(".gate").waitFor({ timeout: 40_000 });
  // Its style came along.
  await expect.poll(() => page.locator(".gate").evaluate((gate) => getComputedStyle(gate).display)).toBe("grid");
  await context.close();
});

// covers: terrarium#it-finds-back-by-itself/the-history-is-rewritten
test("a rewritten journal is a gap that is told, and the town is read anew", async () => {
  const server = await town.serve();
  const witness = await (await Witness.open(browser, server.printed)).ready();
  const before = await witness.seq();
  town.git("update-ref", "refs/heads/monkeytown/journal", town.git("rev-parse", "refs/heads/monkeytown/journal~3"));
  await expect.poll(() => witness.seq(), { timeout: 15_000 }).toBeLessThan(before);
  await witness.page.getByRole("alert").filter({ hasText: "rewritten" }).waitFor();
  const fresh = await (await Witness.open(browser, server.origin)).ready();
  await alike(witness, fresh);
  await fresh.end();
  await witness.end();
});
