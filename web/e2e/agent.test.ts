// Promise: a page about an agent says how things are with it as they change, why it may not run, and what it goes by.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, browse } from "./look";
import { Town, type Server } from "./town";

let browser: Browser;
let town: Town;
let server: Server;

beforeAll(async () => {
  browser = await browse();
});
beforeEach(async () => {
  town = Town.demo();
  server = await town.serve();
});
afterEach(() => town.end());
afterAll(() => browser.close());

// covers: terrarium#nothing-moves-without-an-event/a-verdict
test("a verdict shows up beside its pull request while somebody looks, at its agent and at the gate, whatever cannot be fetched", async () => {
  const { number } = town.pull("chaostester");
  const witness = await (await Witness.open(browser, `${server.origin}/#/agents/chaostester`)).ready();
  const panel = witness.page.getByRole("region", { name: "Pull requests" });
  await panel.getByText("□ open").waitFor();
  const gate = await (await Witness.open(browser, server.printed, { fine: /ERR_FAILED|Failed to load/ })).ready();
  await gate.show(`gate/${number}`);
  const article = gate.page.getByRole("article", { name: `Pull request ${number}`, exact: true });
  await article.getByRole("button", { name: /^Merge…/ }).waitFor();
  await gate.page.route(`**/api/pulls/${number}`, (route) => route.abort());
  town.run("pulls", "merge", `${number}`);
  await panel.getByText("◆ merged").waitFor();
  expect(await panel.getByText("□ open").count()).toBe(0);
  await article.locator(".chip.merged").waitFor();
  await article.getByText(/^merged by /).waitFor();
  expect(await article.getByRole("button", { name: /^(Merge|Reject)…/ }).count()).toBe(0);
  await gate.end();
  await witness.end();
});

// covers: terrarium#nothing-moves-without-an-event/standing-still
test("who is paused in the settings, or has had its runs of the day, says so on the map and on its page", async () => {
  const settings = ".monkeytown/town.yaml";
  const text = readFileSync(join(town.dir, settings), "utf8");
  town.write(settings, text.replace(/^(\s*runs_per_day:) \d+/m, "$1 1").replace(/^paused: .*/m, "paused: [chaostester]"));
  town.commit("Let the tester rest");
  const witness = await (await Witness.open(browser, `${server.origin}/#/agents/chaostester`)).ready();
  const { page } = witness;
  const tier = page.getByRole("region", { name: "Tier" });
  await tier.getByText("it is paused in town.yaml").waitFor();
  await tier.getByText("✕ may not run").waitFor();
  await page.locator(".hero .chip.bad").filter({ hasText: "paused" }).waitFor();
  await witness.show("agents/founderai");
  await tier.getByText("it has had its runs of today").waitFor();
  await witness.show("agents");
  expect(await page.locator(".people .chip.bad").count()).toBe(1);
  // Of the past nobody knows what the settings said.
  await witness.show("agents/chaostester?at=60");
  await tier.getByText("✓ may run").waitFor();
  await witness.show("terrarium/founderai");
  await page.getByRole("region", { name: "Selected resident" }).getByText("has had its runs of today").waitFor();
  expect((await witness.list()).join("\n")).toContain("has had its runs of today");
  await witness.end();
});

// covers: terrarium#the-past-can-be-walked-through/a-memory
test("a memory leads to the commit that it is based on, whole or cut short, and to an event", async () => {
  town.write("docs/news.md", "A new tree.\n");
  const commit = town.commit("Plant a tree by hand");
  const { events } = await server.json<{ events: { seq: number | null; event: { id: string; type: string } }[] }>("/api/events?after=0&limit=500");
  const opened = events.find(({ event }) => event.type === "monkeytown.pull.opened.v1");
  const entry = (id: string, source: string) => ({ id, at: "2026-11-20T00:00:00Z", kind: "lesson", importance: 7, text: `Of ${id}`, based_on: [source] });
  const entries = [entry("whole", commit), entry("short", commit.slice(0, 10)), entry("event", opened?.event.id ?? "")];
  town.write("agents/memories/chaostester-memory.json", JSON.stringify({ entries }));
  town.commit("Remember");
  const witness = await (await Witness.open(browser, `${server.origin}/#/agents/chaostester`)).ready();
  const { page } = witness;
  for (const id of ["whole", "short"]) {
    await page.locator(".memories li").filter({ hasText: `Of ${id}` }).getByRole("link").click();
    const event = page.getByRole("region", { name: "The event" });
    await event.getByRole("heading", { name: /Plant a tree by hand/ }).waitFor();
    await event.getByText(`commit/${commit}`).waitFor();
    await witness.show("agents/chaostester");
  }
  await page.locator(".memories li").filter({ hasText: "Of event" }).getByRole("link").click();
  await expect.poll(() => witness.seq()).toBe(opened?.seq);
  await witness.end();
});
