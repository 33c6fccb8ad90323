// Promise: what somebody hid is told to nobody who does not ask for it, however much came after it.
import { expect, test } from "vitest";
import { Witness } from "./look";
import { stage } from "./stage";
import { Town, type Event } from "./town";

const post = (kind: string, id: string, data: object, of = "talk-1"): Event => ({ id, type: `monkeytown.post.${kind}.v1`, subject: `post/${of}`, actor: "human:ada", data: { post: of, ...data } });

const on = stage(() => {
  const town = Town.demo();
  town.record([
    post("published", "p1", { author: "ada", title: "Secret name", body: "Secret number" }),
    post("replied", "p2", { author: "bo", body: "Secret answer" }),
    post("hidden", "p3", { by: "human:bea", reason: "it names a customer" }),
    post("hidden", "p4", { post: "p2", by: "human:bea", reason: "it does too" }),
  ]);
  const frozen = (nth: number): Event => ({ id: `later-${nth}`, type: `monkeytown.town.${nth % 2 ? "thawed" : "frozen"}.v1`, subject: "town", actor: "human:ada", data: { by: "human:ada", reason: `${nth}` } });
  for (let from = 0; from < 600; from += 300) town.record(Array.from({ length: 300 }, (_, nth) => frozen(from + nth)));
  return town;
});

// covers: terrarium#what-others-write-stays-text/what-was-hidden
test("a hidden post and a hidden reply are masked after many events, after a reload and in the past, until somebody asks", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/board/talk-1`)).ready();
  const { page } = witness;
  const masks = page.locator(".masked");
  for (const look of ["now", "again", "past"]) {
    if (look === "again") await page.reload();
    if (look === "past") {
      const { seq } = JSON.parse(on.town.run("log", "show", "p2", "--json")) as { seq: number };
      await page.evaluate((hash) => (location.hash = hash), `#/board/talk-1?at=${seq}`);
      await expect.poll(() => witness.seq()).toBe(seq);
    }
    await expect.poll(() => masks.allInnerTexts(), { message: look }).toEqual([expect.stringContaining("Hidden by bea because it names a customer"), expect.stringContaining("Hidden by bea because it does too")]);
    expect(await witness.text(), look).not.toContain("Secret");
    expect(await witness.barriers()).toEqual([]);
  }
  // The feed of that moment has the event, and not its words.
  await page.keyboard.press("1");
  await page.getByRole("region", { name: "Village feed" }).getByText("posted what bea hid because it names a customer").waitFor();
  expect(await witness.text()).not.toContain("Secret");
  await page.keyboard.press("4");
  await masks.first().getByRole("button", { name: "Show it" }).click();
  await page.getByText("Secret number").waitFor();
  expect(await masks.count()).toBe(1);
  await witness.end();
});

// covers: terrarium#what-others-write-stays-text/what-was-hidden
test("a resident speaks its post on the map with nothing that nobody sees, and no more once somebody hid it, now or in the past", async () => {
  const witness = await (await Witness.open(on.browser, on.server.origin)).ready();
  const { page } = witness;
  const about = (kind: string, id: string, data: object): Event => ({ ...post(kind, id, { ...data, post: "talk-2" }), subject: "post/talk-2" });
  on.town.record([about("published", "m1", { author: "chaostester", title: "Meet me \u202Eereht", body: "Secret" })]);
  const said = page.locator(".world-say", { hasText: "Meet me" });
  await expect.poll(() => said.allTextContents()).toEqual(["Meet me U+202Eereht"]);
  expect(await said.locator(".hidden-char").count()).toBe(1);
  on.town.record([about("hidden", "m2", { by: "human:bea", reason: "rude" })]);
  await expect.poll(() => said.count()).toBe(0);
  const { seq } = JSON.parse(on.town.run("log", "show", "m1", "--json")) as { seq: number };
  await page.evaluate((hash) => (location.hash = hash), `#/terrarium?at=${seq}`);
  await expect.poll(() => witness.seq()).toBe(seq);
  await page.locator(".world-who").first().waitFor({ state: "attached" });
  expect(await said.count()).toBe(0);
  await witness.end();
});

// covers: terrarium#what-others-write-stays-text/what-was-hidden
test("what somebody hides while others read it is gone from under their eyes on the board, in the feed and on the map, until it is shown again", async () => {
  on.town.record([
    post("published", "q1", { author: "chaostester", title: "Loud name", body: "Loud number" }, "talk-3"),
    post("replied", "q2", { author: "bo", body: "Loud answer" }, "talk-3"),
  ]);
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/board/talk-3`)).ready();
  const { page } = witness;
  const masks = page.locator(".masked");
  await page.getByText("Loud answer").waitFor();
  on.town.record([post("hidden", "q3", { post: "q2", by: "human:bea", reason: "it is rude" }, "talk-3")]);
  await expect.poll(() => masks.allInnerTexts()).toEqual([expect.stringContaining("Hidden by bea because it is rude")]);
  expect(await witness.text()).not.toContain("Loud answer");
  on.town.record([post("restored", "q4", { post: "q2", by: "human:bea", reason: "" }, "talk-3")]);
  await page.getByText("Loud answer").waitFor();
  expect(await masks.count()).toBe(0);
  on.town.record([post("hidden", "q5", { by: "human:bea", reason: "it is loud" }, "talk-3")]);
  await masks.filter({ hasText: "it is loud" }).waitFor();
  expect(await witness.text()).not.toMatch(/Loud (name|number)/);
  await page.keyboard.press("1");
  await page.getByRole("region", { name: "Village feed" }).getByText("posted what bea hid because it is loud").waitFor();
  expect(await witness.text()).not.toMatch(/Loud (name|number)/);
  expect((await witness.list()).join("\n")).not.toMatch(/Loud (name|number)/);
  await witness.end();
});
