// Promise: a repository with thousands of commits shows its history, rewinds through it, and follows the next commit at once.
import { expect, test } from "vitest";
import { Witness } from "./look";
import { stage } from "./stage";
import { FIRST_DAY, Town } from "./town";

const COMMITS = 6000;

const on = stage(() => Town.old(COMMITS));

/** The first row of the feed: what happened last before the moment that is shown. */
const last = (witness: Witness) => witness.page.getByRole("region", { name: "Village feed" }).getByRole("listitem").first();

// covers: terrarium#nothing-moves-without-an-event/an-old-repository
test("every year of it is on the axis, and each moment shows what was done by then", async () => {
  const witness = await (await Witness.open(on.browser, on.server.origin)).ready();
  const { buckets } = await on.server.json<{ buckets: { count: number; kinds: { commit?: number } }[] }>("/api/history/index");
  expect(buckets.reduce((sum, { kinds }) => sum + (kinds.commit ?? 0), 0)).toBeGreaterThan(COMMITS);
  // A click into the middle of the axis leads into the middle of the years.
  const axis = await witness.page.locator(".scrubber canvas").boundingBox();
  for (const share of [0.5, 0.1, 0.8]) {
    await witness.page.mouse.click((axis?.x ?? 0) + (axis?.width ?? 0) * share, (axis?.y ?? 0) + 40);
    await witness.page.locator(".banner.replay").waitFor();
    const at = Number(/[?&]t=(\d+)/.exec(witness.page.url())?.[1]);
    const day = Math.floor((at / 1000 - FIRST_DAY) / 86_400) + 1;
    await expect.poll(() => last(witness).innerText(), { timeout: 20_000 }).toContain(`Work of day ${day}”`);
    expect(await witness.text(".clock")).toContain(new Date(at).toISOString().slice(0, 10));
  }
  // Who plays from there and pauses stays where the clock is then, also where no event has a number.
  const clock = () => witness.text(".clock");
  const begun = await clock();
  await witness.page.getByRole("button", { name: "1 h/s" }).click();
  await witness.page.getByRole("button", { name: "Play", exact: true }).click();
  await expect.poll(clock, { timeout: 10_000 }).not.toBe(begun);
  await witness.page.getByRole("button", { name: "Pause", exact: true }).click();
  await witness.page.getByRole("button", { name: "Play", exact: true }).waitFor();
  expect(await clock()).not.toBe(begun);
  await expect.poll(() => witness.page.url()).toMatch(/[?&]t=/);
  const paused = witness.page.url();
  // A click leads to another moment.
  await witness.page.mouse.click((axis?.x ?? 0) + (axis?.width ?? 0) * 0.8, (axis?.y ?? 0) + 40);
  await expect.poll(() => witness.page.url()).not.toBe(paused);
  // What somebody copies from the address leads another person to the same moment.
  const other = await (await Witness.open(on.browser, witness.page.url())).ready();
  await expect.poll(() => last(other).innerText()).toBe(await last(witness).innerText());
  await other.show("timeline" + new URL(witness.page.url()).hash.replace(/^[^?]*/, ""));
  await other.page.getByRole("region", { name: "Events around the moment" }).locator("[aria-current='true']").filter({ hasText: "Work of day" }).waitFor();
  await other.end();
  await witness.page.keyboard.press("l");
  await witness.page.locator(".pill.live").waitFor();
  await witness.end();
});

test("a new commit is followed", async () => {
  const witness = await (await Witness.open(on.browser, on.server.origin)).ready();
  on.town.write("diary.txt", "today\n");
  on.town.commit("Work of today");
  const begun = performance.now();
  await last(witness).filter({ hasText: "Work of today" }).waitFor({ timeout: 5_000 });
  // The promise is half a second; a machine that builds something else at the same time gets four times that.
  expect(performance.now() - begun).toBeLessThan(2_000);
  // The timeline stands at it, although no event was recorded.
  const now = witness.page.getByRole("region", { name: "Events around the moment" }).locator("[aria-current='true']");
  await witness.show("timeline");
  await now.filter({ hasText: "Work of today" }).waitFor();
  on.town.write("diary.txt", "tonight\n");
  on.town.commit("Work of tonight");
  await now.filter({ hasText: "Work of tonight" }).waitFor();
  await witness.end();
});
