// Promise: the past can be walked through, linked to, and never decided in.
import { expect, test } from "vitest";
import { Witness } from "./look";
import { stage } from "./stage";

const on = stage();

/** The town at an event, as the program folds it. */
function openAt(seq: number): number {
  const { pulls } = JSON.parse(on.town.run("state", "--json", "--at", `${seq}`)) as { pulls: { [number: string]: { state: string } } };
  return Object.values(pulls).filter((pull) => pull.state === "open").length;
}

// covers: terrarium#the-past-can-be-walked-through/a-moment
test("rewinding shows the town as the program folds it up to there, and the way back", async () => {
  const witness = await (await Witness.open(on.browser, on.server.printed)).ready();
  const head = await witness.seq();
  const gate = witness.page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: /^Gate/ });
  for (const at of [Math.floor(head / 2), 12, head - 3]) {
    await witness.page.evaluate((hash) => (location.hash = hash), `#/terrarium?at=${at}`);
    await expect.poll(() => witness.seq()).toBe(at);
    await expect.poll(async () => /(\d+) open/.exec(await gate.innerText())?.[1] ?? "0").toBe(`${openAt(at)}`);
  }
  await witness.page.locator(".banner.replay").waitFor();
  // One step with a key, and back to live.
  await witness.page.keyboard.press(",");
  await expect.poll(() => witness.seq()).toBe(head - 4);
  await witness.page.keyboard.press("l");
  await witness.page.locator(".pill.live").waitFor();
  expect(await witness.seq()).toBe(head);
  await witness.end();
});

test("before the first event the clearing is empty, and nobody is told to begin", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/terrarium?at=0`)).ready();
  await expect.poll(() => witness.text(".clearing")).toBe("An empty clearing: nobody had run by this moment.");
  await witness.end();
});

// covers: terrarium#the-past-can-be-walked-through/a-link
test("a link to an event leads to it, and to the moment when it happened", async () => {
  const { events } = await on.server.json<{ events: { seq: number | null; event: { id: string; type: string } }[] }>("/api/events?after=0&limit=500");
  const opened = events.filter(({ event }) => event.type === "monkeytown.pull.opened.v1")[2];
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/e/${opened?.event.id}`)).ready();
  await expect.poll(() => witness.seq()).toBe(opened?.seq);
  await expect.poll(() => witness.page.url()).toContain(`at=${opened?.seq}`);
  // What somebody copies from the address leads another person to the same place.
  const other = await (await Witness.open(on.browser, witness.page.url())).ready();
  await expect.poll(() => other.seq()).toBe(opened?.seq);
  await other.end();
  await witness.end();
});

const button = (witness: Witness, name: string) => witness.page.getByRole("button", { name, exact: true });

/** Nothing plays: what is shown stays as it is while frames pass, and is what the address says. */
async function stands(witness: Witness, wanted?: number): Promise<void> {
  await button(witness, "Play").waitFor();
  await witness.settled();
  const at = wanted ?? (await witness.seq());
  await witness.settled();
  expect(await witness.seq()).toBe(at);
  await expect.poll(() => witness.page.url()).toContain(`at=${at}`);
}

// covers: terrarium#the-past-can-be-walked-through/playing
test("playing the past moves on by itself, to the end and no further, or begins again where that is wanted", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/timeline?at=3`)).ready();
  const { page } = witness;
  const head = (on.town.state() as { seq: number }).seq;
  await expect.poll(() => witness.seq()).toBe(3);
  await button(witness, "Play").waitFor();
  await page.keyboard.press("p");
  await expect.poll(() => witness.seq(), { timeout: 20_000 }).toBeGreaterThan(8);
  await page.keyboard.press("p");
  await stands(witness);
  // By event, as fast as can be: the end comes soon, and playing ends there.
  await page.getByRole("combobox", { name: /^Play/ }).selectOption("event");
  await page.getByRole("combobox", { name: /^Speed/ }).selectOption("60");
  await page.keyboard.press("p");
  await expect.poll(() => witness.seq(), { timeout: 20_000 }).toBe(head);
  await stands(witness, head);
  await page.locator(".banner.replay").waitFor();
  // In circles there is no end.
  await button(witness, "Loop").click();
  await page.evaluate((hash) => (location.hash = hash), `#/timeline?at=${head - 3}`);
  await expect.poll(() => witness.seq()).toBe(head - 3);
  await page.keyboard.press("p");
  await expect.poll(() => witness.seq(), { timeout: 20_000 }).toBeLessThan(head - 3);
  await button(witness, "Pause").click();
  await stands(witness);
  await witness.end();
});

test("who goes somewhere while the past plays is there, and plays no more", async () => {
  const { events } = await on.server.json<{ events: { seq: number | null; event: { id: string } }[] }>("/api/events?after=0&limit=500");
  const far = events.findLast(({ seq }) => seq !== null);
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/timeline?at=3`)).ready();
  const { page } = witness;
  // An event each two seconds: nothing but a step, a link and the axis leads further than one.
  await page.getByRole("combobox", { name: /^Play/ }).selectOption("event");
  await page.getByRole("combobox", { name: /^Speed/ }).selectOption("0.5");
  const ways: [string, number, () => Promise<unknown>][] = [
    ["a key", 2, () => page.keyboard.press(",")],
    ["a button", 4, () => button(witness, "Next event").click()],
    ["a link", far?.seq ?? 0, () => page.evaluate((hash) => (location.hash = hash), `#/e/${far?.event.id}`)],
    ["an address", 40, () => page.evaluate((hash) => (location.hash = hash), "#/timeline?at=40")],
    ["the slider", 0, () => page.getByRole("slider").fill("0")],
  ];
  for (const [way, to, take] of ways) {
    await page.evaluate((hash) => (location.hash = hash), "#/timeline?at=3");
    await expect.poll(() => witness.seq()).toBe(3);
    await page.keyboard.press("p");
    await button(witness, "Pause").waitFor();
    await take();
    await expect.poll(() => witness.seq(), { message: way }).toBe(to);
    await stands(witness, to);
  }
  await witness.end();
});

test("the slider goes back by pages to the beginning and on to the end, in a short history too, and leaves the browser its own keys", async () => {
  const witness = await (await Witness.open(on.browser, on.server.origin)).ready();
  const { page } = witness;
  const head = await witness.seq();
  await page.getByRole("slider", { name: "Moment of the town" }).focus();
  /** Where each press leads, until one leads no further. */
  const pressed = async (key: string) => {
    const seen: number[] = [];
    for (let before = ""; seen.length < 200 && before !== page.url(); ) {
      before = page.url();
      await page.keyboard.press(key);
      await witness.settled();
      seen.push(await witness.seq());
    }
    return seen;
  };
  const back = await pressed("PageDown");
  expect(back).toEqual([...back].sort((a, b) => b - a));
  expect(back.at(-1)).toBe(0);
  const forth = await pressed("PageUp");
  expect(forth).toEqual([...forth].sort((a, b) => a - b));
  expect(forth.at(-1)).toBe(head);
  const taken = await page.getByRole("slider").evaluate((slider) =>
    [{}, { altKey: true }, { ctrlKey: true }, { metaKey: true }].map((held) => !slider.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true, cancelable: true, ...held }))),
  );
  expect(taken).toEqual([true, false, false, false]);
  await witness.end();
});

test("at the gate of the past no diff is asked for, as none is shown", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/terrarium?at=20`)).ready();
  const { page } = witness;
  const asked: string[] = [];
  page.on("request", (request) => void (/\/api\/pulls\/\d+$/.test(request.url()) && asked.push(request.url())));
  for (const [screen, at] of [["gate", 20], ["gate/2", 40], ["gate", 60]] as const) {
    await witness.show(`${screen}?at=${at}`);
    await expect.poll(() => witness.seq()).toBe(at);
    await page.getByText("Its diff is shown live only").waitFor();
  }
  expect(asked).toEqual([]);
  await page.keyboard.press("l");
  await page.locator("article.pull").waitFor();
  expect(asked).toHaveLength(1);
  await witness.end();
});

test("a map that stands still shows the moment that is looked at", async () => {
  const { events } = await on.server.json<{ events: { seq: number; event: { type: string } }[] }>("/api/events?after=0&limit=500");
  // Somebody has just set out.
  const { seq } = events.filter(({ event }) => event.type === "monkeytown.run.started.v1")[3] as { seq: number };
  const open = async (hash: string) => {
    const witness = await (await Witness.open(on.browser, `${on.server.origin}/${hash}`)).ready();
    await witness.page.locator(".world canvas button").first().waitFor({ state: "attached" });
    return witness;
  };
  const told = async (witness: Witness) => (await witness.page.locator(".world canvas button").allTextContents()).sort();
  const [moving, still] = [await open(`#/terrarium?at=${seq}`), await open("#/terrarium?at=1")];
  const there = await told(moving);
  expect(there.join()).toContain("walks to");
  // Once everybody has arrived, it is paused live.
  await still.page.keyboard.press("l");
  await expect.poll(async () => (await told(still)).join(), { timeout: 30_000 }).not.toMatch(/walks|carries/);
  expect((await told(still)).length).toBeGreaterThan(there.length);
  await still.page.getByRole("button", { name: "Pause the motion of the map" }).click();
  await still.page.evaluate((hash) => (location.hash = hash), `#/terrarium?at=${seq}`);
  await expect.poll(() => told(still)).toEqual(there);
  await still.page.keyboard.press("l");
  await expect.poll(() => told(still)).not.toEqual(there);
  for (const one of [moving, still]) await one.end();
});

test("an event that nobody knows is said to be none, and the town stays where it is", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/e/01M8NOSUCHEVENT`)).ready();
  await witness.page.getByRole("alert").filter({ hasText: "There is no event 01M8NOSUCHEVENT" }).waitFor();
  await witness.page.locator(".pill.live").waitFor();
  await witness.end();
});

// covers: terrarium#everybody-can-use-it/axe
test("what is of the past is shown on every screen, and axe finds nothing serious there", async () => {
  const witness = await (await Witness.open(on.browser, `${on.server.origin}/#/terrarium?at=30`)).ready();
  const found: { [screen: string]: string[] } = {};
  for (const screen of ["terrarium", "timeline", "gate", "board", "ledger", "specs", "agents", "agents/chaostester", "stream"]) {
    await witness.show(`${screen}?at=30`);
    expect(await witness.seq(), screen).toBe(30);
    await witness.page.locator(".banner.replay").waitFor();
    const barriers = await witness.barriers();
    if (barriers.length > 0) found[screen] = barriers;
  }
  expect(found).toEqual({});
  await witness.end();
});
