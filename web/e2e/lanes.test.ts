// Promise: the lanes are of the moment that is shown, and what the page hears live is not read a second time.
import { expect, test } from "vitest";
import { Witness } from "./look";
import { stage } from "./stage";
import { Town, type Event } from "./town";

/** The town is frozen and thawed again and again. */
function events(from: number, count: number): Event[] {
  return Array.from({ length: count }, (_, nth) => {
    const verb = (from + nth) % 2 === 0 ? "frozen" : "thawed";
    return { id: `many-${from + nth}`, type: `monkeytown.town.${verb}.v1`, subject: "town", actor: "human:ada", data: { reason: `Reason ${from + nth}`, by: "human:ada" } };
  });
}

const on = stage(() => {
  const town = Town.old(3);
  for (let from = 0; from < 600; from += 300) town.record(events(from, 300));
  return town;
});

test("what is around another moment is not shown as if it were around this one", async () => {
  const { seq: head } = on.town.state() as { seq: number };
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/timeline?at=${head}`)).ready();
  const { page } = witness;
  const card = page.getByRole("region", { name: "The event" });
  const number = card.locator(".pairs div", { hasText: "number" }).locator("dd");
  await expect.poll(() => number.innerText()).toBe(`${head}`);
  let release = () => {};
  const held = new Promise<void>((done) => (release = done));
  await page.route(/\/api\/history\?/, async (route) => {
    await held;
    await route.continue();
  });
  await page.evaluate(() => (location.hash = "#/timeline?at=10"));
  await expect.poll(() => witness.seq()).toBe(10);
  await page.getByRole("status").filter({ hasText: "Reading the lanes" }).waitFor();
  expect(await witness.text("main")).not.toContain("Before the first event");
  expect(await card.count()).toBe(0);
  release();
  await expect.poll(() => number.innerText()).toBe("10");
  await witness.end();
});

test("live events stand in the lanes without being asked for", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/timeline`)).ready();
  const { page } = witness;
  const heading = page.getByRole("region", { name: "Lanes of the agents" }).getByRole("heading");
  const { seq: head } = on.town.state() as { seq: number };
  await expect.poll(() => heading.innerText()).toContain(`to ${head} of ${head}`);
  await witness.settled();
  const asked: string[] = [];
  page.on("request", (request) => void (request.url().includes("/api/history?") && asked.push(request.url())));
  for (let nth = 1; nth <= 4; nth += 1) {
    on.town.record(events(600 + nth, 1));
    await expect.poll(() => heading.innerText()).toContain(`to ${head + nth} of ${head + nth}`);
    await page.getByRole("region", { name: "Events around the moment" }).locator(`[aria-current] a[href="#/e/many-${600 + nth}"]`).waitFor();
  }
  expect(asked).toEqual([]);
  await witness.end();
});
