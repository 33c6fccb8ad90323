// Promise: a repository where nobody has run yet has a past all the same: its commits, to walk through and to play.
import { expect, test } from "vitest";
import { Witness } from "./look";
import { stage } from "./stage";
import { FIRST_DAY, Town } from "./town";

const COMMITS = 1200;

const on = stage(() => Town.old(COMMITS, false));

const feed = (witness: Witness) => witness.page.getByRole("region", { name: "Village feed" }).getByRole("listitem").first();

/** The day whose work is the last that is shown. */
async function day(witness: Witness): Promise<number> {
  return Number(/Work of day (\d+)/.exec(await feed(witness).innerText())?.[1] ?? 0);
}

// covers: terrarium#the-past-can-be-walked-through/a-clone
test("every commit is a step, by keys, by buttons and on the slider", async () => {
  const witness = await (await Witness.open(on.browser, on.server.origin)).ready();
  const { page } = witness;
  const slider = page.getByRole("slider", { name: "Moment of the town" });
  const stands = (at: number, message: string) => expect.poll(() => day(witness), { message }).toBe(at);
  // Where the focus is it stays, also when the past is reached for the first time.
  await slider.focus();
  const ways: [string, number, () => Promise<unknown>][] = [
    ["the first key", COMMITS, () => page.keyboard.press(",")],
    ["a key", COMMITS - 1, () => page.keyboard.press(",")],
    ["to the beginning", 1, () => page.keyboard.press("Home")],
    ["an arrow", 2, () => page.keyboard.press("ArrowRight")],
    ["another", 3, () => page.keyboard.press("ArrowUp")],
    ["and back", 2, () => page.keyboard.press("ArrowLeft")],
    ["a button", 3, () => page.getByRole("button", { name: "Next event" }).click()],
    ["a key on", 4, () => page.keyboard.press(".")],
    ["three keys at once", 1, () => Promise.all([1, 2, 3].map(() => page.keyboard.press(",")))],
  ];
  for (const [way, to, take] of ways) {
    await take();
    await stands(to, way);
  }
  expect(await slider.getAttribute("aria-valuetext")).toContain(new Date(FIRST_DAY * 1000).toISOString().slice(0, 10));
  await slider.press("PageUp");
  await expect.poll(() => day(witness)).toBeGreaterThan(40);
  expect(await day(witness)).toBeLessThan(90);
  // Before the first one nothing is told, and there is no step back.
  await slider.press("Home");
  await stands(1, "the beginning");
  await page.keyboard.press(",");
  await expect.poll(() => page.getByRole("region", { name: "Village feed" }).getByRole("listitem").count()).toBe(0);
  expect(await page.getByRole("button", { name: "Previous event" }).isDisabled()).toBe(true);
  await slider.press("End");
  await page.locator(".pill.live").waitFor();
  await witness.end();
});

test("the years are played: commit by commit, and to the end", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/timeline`)).ready();
  const { page } = witness;
  const now = page.getByRole("region", { name: "Events around the moment" }).locator("[aria-current='true']");
  await page.getByRole("combobox", { name: /^Play/ }).selectOption("event");
  await page.getByRole("combobox", { name: /^Speed/ }).selectOption("10");
  await page.keyboard.press("p");
  // From the live town it begins a little way back.
  await now.filter({ hasText: /Work of day 11[5-9]\d/ }).waitFor();
  await page.keyboard.press("p");
  await page.getByRole("button", { name: "Play", exact: true }).waitFor();
  const paused = await now.innerText();
  expect(page.url()).toMatch(/[?&]t=\d+/);
  // Where it was paused, the address leads.
  const other = await (await Witness.open(on.browser, page.url())).ready();
  await expect.poll(() => other.page.getByRole("region", { name: "Events around the moment" }).locator("[aria-current='true']").innerText()).toBe(paused);
  await other.end();
  await page.getByRole("combobox", { name: /^Speed/ }).selectOption("60");
  await page.keyboard.press("p");
  await now.filter({ hasText: "Make it a town" }).waitFor({ timeout: 20_000 });
  await page.getByRole("button", { name: "Play", exact: true }).waitFor();
  // By time it waits for no commit for years, and the clock stays with the last of them.
  await page.getByRole("combobox", { name: /^Play/ }).selectOption("time");
  await page.getByRole("combobox", { name: /^Speed/ }).selectOption("3600");
  await page.evaluate((hash) => (location.hash = hash), `#/timeline?at=0&t=${(FIRST_DAY + (COMMITS - 2) * 86_400) * 1000}`);
  await now.filter({ hasText: `Work of day ${COMMITS - 1}` }).waitFor();
  await page.keyboard.press("p");
  await now.filter({ hasText: "Make it a town" }).waitFor({ timeout: 20_000 });
  await page.getByRole("button", { name: "Play", exact: true }).waitFor();
  const last = Number(on.town.git("log", "-1", "--format=%ct")) * 1000;
  await expect.poll(() => witness.text(".clock")).toContain(new Date(last).toISOString().slice(0, 16).replace("T", " "));
  await witness.end();
});

test("a link to a commit leads to its day, and steps go on from there; what lands meanwhile is behind the others", async () => {
  const oid = on.town.git("log", "--format=%H", "--grep", "^Work of day 700$");
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/e/${oid}`)).ready();
  const { page } = witness;
  const now = page.getByRole("region", { name: "Events around the moment" }).locator("[aria-current='true']");
  await now.filter({ hasText: "Work of day 700" }).waitFor();
  await page.keyboard.press(".");
  await now.filter({ hasText: "Work of day 701" }).waitFor();
  for (const [key, to] of [[",", 700], [",", 699], [".", 700]] as const) {
    await page.keyboard.press(key);
    await now.filter({ hasText: `Work of day ${to}` }).waitFor();
  }
  on.town.write("diary.txt", "later\n");
  on.town.commit("Work of a later day");
  await page.locator(".banner.replay").filter({ hasText: "came meanwhile" }).or(page.locator(".banner.replay").filter({ hasText: "goes on" })).waitFor();
  await page.keyboard.press("l");
  await now.filter({ hasText: "Work of a later day" }).waitFor();
  await page.keyboard.press(",");
  await now.filter({ hasText: "Make it a town" }).waitFor();
  await page.keyboard.press(".");
  await now.filter({ hasText: "Work of a later day" }).waitFor();
  await witness.end();
});
