// Promise: when the history is another one, all that a page shows is of that one: what was told, and what was of the past.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, browse } from "./look";
import { Town, type Event } from "./town";

const JOURNAL = "refs/heads/monkeytown/journal";

let browser: Browser;
let town: Town;

beforeAll(async () => {
  browser = await browse();
  town = Town.demo();
});
afterAll(async () => {
  await browser.close();
  await town.end();
});

/** What nobody has heard of: the town is frozen and thawed, with a reason each time. */
const other = [1, 2, 3, 4].map((nth): Event => {
  const verb = nth % 2 === 0 ? "thawed" : "frozen";
  return { id: `other-${nth}`, type: `monkeytown.town.${verb}.v1`, subject: "town", actor: "human:ada", data: { reason: `Another history, line ${nth}`, by: "human:ada" } };
});

// covers: terrarium#it-finds-back-by-itself/the-history-is-rewritten
test("a journal that was rewritten while the server was down is told whole, live, in the past and on the timeline", async () => {
  const first = await town.serve();
  const witness = await (await Witness.open(browser, first.origin, { fine: /WebSocket|ERR_|Failed to load/ })).ready();
  const { page } = witness;
  const at = (hash: string) => page.evaluate((to) => (location.hash = to), hash);
  const head = await witness.seq();
  const feed = page.getByRole("region", { name: "Village feed" }).getByRole("listitem");
  await expect.poll(() => feed.filter({ hasText: `#${head}` }).count()).toBe(1);
  const gone = await feed.filter({ hasText: `#${head}` }).getAttribute("data-event");
  // The page has read all of the old past.
  await at(`#/timeline?at=${head - 1}`);
  await expect.poll(() => witness.seq()).toBe(head - 1);
  await page.getByRole("region", { name: "Events around the moment" }).locator(`a[href="#/e/${gone}"]`).waitFor();
  await at("#/terrarium");
  await page.locator(".pill.live").waitFor();

  await first.end("SIGKILL");
  await page.locator(".pill.down").waitFor();
  town.git("update-ref", JOURNAL, town.git("rev-parse", `${JOURNAL}~4`));
  town.record(other);
  const { seq } = await (await town.serve(first.port)).json<{ seq: number }>("/api/state");
  expect(seq).toBeLessThanOrEqual(head);
  await page.locator(".pill.live").waitFor({ timeout: 40_000 });
  await expect.poll(() => witness.seq(), { timeout: 10_000 }).toBe(seq);

  const told = () => feed.evaluateAll((rows) => rows.map((row) => row.getAttribute("data-event")));
  await expect.poll(async () => (await told()).slice(0, 4)).toEqual(["other-4", "other-3", "other-2", "other-1"]);
  expect(await told()).not.toContain(gone);
  // What is before them is there too, without a hole.
  const numbers = async () => (await feed.locator(".sub").allInnerTexts()).flatMap((text) => /#(\d+)$/.exec(text)?.[1] ?? []).map(Number);
  await expect.poll(async () => (await numbers()).slice(0, 20), { timeout: 15_000 }).toEqual(Array.from({ length: 20 }, (_, i) => seq - i));

  await at(`#/terrarium?at=${seq - 1}`);
  await expect.poll(() => witness.seq()).toBe(seq - 1);
  expect((await told()).slice(0, 3)).toEqual(["other-3", "other-2", "other-1"]);
  await page.getByText("Another history, line 3").first().waitFor();
  await at(`#/timeline?at=${seq - 1}`);
  const around = page.getByRole("region", { name: "Events around the moment" });
  await around.locator('[aria-current] a[href="#/e/other-3"]').waitFor();
  expect(await around.locator(`a[href="#/e/${gone}"]`).count()).toBe(0);
  await witness.end();
});
