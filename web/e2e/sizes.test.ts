// Promise: whatever the size of the window, and however long the names, what a screen is for is in sight.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, browse } from "./look";
import { Town, type Server } from "./town";

/** As long as a name may be. */
const LONG = "a".repeat(64);

let browser: Browser;
let town: Town;
let server: Server;

beforeAll(async () => {
  browser = await browse();
  town = Town.demo();
  for (const agent of ["chaostester", "madchimp"]) town.run("pulls", "merge", `${town.pull(agent).number}`);
  const charter = readFileSync(join(town.dir, "agents/chaostester.md"), "utf8").replace(/^name: .*/m, `name: ${LONG}`);
  town.write(`agents/${LONG}.md`, charter.replace(/^owns: .*/m, 'owns: [".monkeytown/long/**"]').replace(/^page: .*/m, "page: .monkeytown/long/register.md"));
  town.commit("Somebody with a long name");
  town.run("run", LONG, "--brain", "embedded");
  server = await town.serve();
});
afterAll(async () => {
  await browser.close();
  await town.end();
});

const look = async (hash: string, width: number, height: number) => (await Witness.open(browser, `${server.origin}/${hash}`, { viewport: { width, height } })).ready();

/** Names on the map that can be read: shown, and wholly inside the frame. */
const readable = (witness: Witness) =>
  witness.page.evaluate(() => {
    const frame = document.querySelector(".world")?.getBoundingClientRect() ?? new DOMRect();
    return [...document.querySelectorAll<HTMLElement>(".world-place, .world-who")].filter((label) => {
      const box = label.getBoundingClientRect();
      return label.style.visibility === "visible" && box.left >= frame.left && box.right <= frame.right && box.top >= frame.top && box.bottom <= frame.bottom;
    }).map((label) => label.innerText);
  });

// covers: terrarium#everybody-can-use-it/a-small-window
test.each([[1280, 800], [1280, 720], [1366, 650]])("at %i × %i the map is large enough for names, and the main tree is on it", async (width, height) => {
  const witness = await look("#/terrarium", width, height);
  await expect.poll(() => readable(witness), { timeout: 10_000 }).toContain("the main tree 2");
  expect((await readable(witness)).length).toBeGreaterThan(9);
  expect((await witness.page.locator(".world canvas").boundingBox())?.width).toBe(2 * 528);
  await witness.end();
});

// covers: terrarium#everybody-can-use-it/a-small-window
test("at 640 × 400, which is 1280 × 800 at 200 %, there are a map, its buttons and the way to the rest", async () => {
  const witness = await look("#/terrarium", 640, 400);
  const { page } = witness;
  expect((await page.locator(".stage").boundingBox())?.height).toBeGreaterThanOrEqual(220);
  for (const name of [".world-pause", ".as-list", ".handle"]) {
    const button = page.locator(name);
    await button.click();
    const box = await button.boundingBox();
    expect(box && box.y >= 48 && box.y + box.height <= 352, `${name} is in sight`).toBe(true);
  }
  await witness.end();
});

// covers: terrarium#everybody-can-use-it/long-names
test("a name of 64 letters covers nobody and pushes nothing out of sight", async () => {
  const witness = await look("#/agents", 1280, 800);
  const { page } = witness;
  const cards = page.locator(".people a");
  await cards.filter({ hasText: LONG }).waitFor();
  expect(await cards.evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).length)).toBe(0);
  await witness.show("ledger");
  const table = page.getByRole("region", { name: "Agents" }).locator(".wide");
  await table.getByText(LONG).waitFor();
  expect(await table.evaluate((one) => one.scrollWidth - one.clientWidth)).toBe(0);
  await witness.show("terrarium");
  const name = page.locator(".world-who").filter({ hasText: LONG });
  await name.waitFor({ state: "attached" });
  expect(await name.evaluate((one) => (one as HTMLElement).offsetWidth)).toBeLessThanOrEqual(200);
  await witness.end();
});

test.each([[1280, 800], [390, 844]])("a link to an event leads to the event itself at %i × %i", async (width, height) => {
  const { events } = await server.json<{ events: { event: { id: string; type: string } }[] }>("/api/events?after=0&limit=500");
  const id = events.filter(({ event }) => event.type === "monkeytown.pull.opened.v1")[2]?.event.id ?? "";
  const witness = await look(`#/e/${id}`, width, height);
  const card = witness.page.getByRole("region", { name: "The event" });
  await card.getByRole("link", { name: id }).waitFor();
  // Its first lines, above the bar of the telephone too.
  await expect.poll(async () => (await card.boundingBox())?.y ?? height).toBeLessThan(height - 200);
  await witness.end();
});

test("a telephone says which moment is shown, live and of the past", async () => {
  const witness = await look("#/terrarium", 390, 844);
  const { page } = witness;
  const clock = page.locator(".clock time");
  const said = async () => [await clock.isVisible(), await clock.innerText().catch(() => "")];
  expect(await said()).toEqual([true, expect.stringMatching(/^\d\d:\d\d UTC$/)]);
  await page.evaluate(() => (location.hash = "#/terrarium?at=30"));
  await page.locator(".banner.replay").waitFor();
  await expect.poll(said).toEqual([true, expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d UTC$/)]);
  const banner = page.locator(".banner.replay span");
  expect(await banner.isVisible()).toBe(true);
  expect(await banner.innerText()).toContain(`event 30 of ${(town.state() as { seq: number }).seq}, ${await clock.innerText()}`);
  expect(await page.evaluate(() => Math.max(...[...document.querySelectorAll(".top *")].map((one) => one.getBoundingClientRect().right)))).toBeLessThanOrEqual(390);
  await witness.end();
});
