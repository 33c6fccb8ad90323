// Promise: the page works on a telephone, without motion, without eyes and without a mouse.
import { expect, test } from "vitest";
import { Witness } from "./look";
import { stage } from "./stage";
import { Town, type Event } from "./town";

const SCREENS = ["terrarium", "timeline", "gate", "board", "ledger", "specs", "agents", "stream"];
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

const on = stage(() => {
  const town = Town.demo();
  town.run("pulls", "reject", `${town.pull("junglesecurity").number}`, "--reason", "wrong", "An example");
  town.run("pulls", "merge", `${town.pull("chaostester").number}`);
  const post = (id: string, author: string, title: string): Event => ({ id: `said-${id}`, type: "monkeytown.post.published.v1", subject: `post/${id}`, actor: "human:ada", data: { post: id, author, title, body: "b" } });
  town.record([post("talk-1", "ada", "A letter"), post("talk-2", "primatedesigner", "Shall we paint the bridge?")]);
  return town;
});

// covers: terrarium#everybody-can-use-it/axe
test.each([["a desk", {}], ["a telephone", PHONE]])("axe finds nothing serious on any screen of %s", async (_where, options) => {
  const witness = await (await Witness.open(on.browser, on.server.origin, options)).ready();
  const found: { [screen: string]: string[] } = {};
  for (const screen of SCREENS) {
    await witness.show(screen);
    const barriers = await witness.barriers();
    if (barriers.length > 0) found[screen] = barriers;
  }
  expect(found).toEqual({});
  await witness.end();
});

// covers: terrarium#everybody-can-use-it/a-telephone
test("at 390 px nothing is wider than the screen, and what is touched is large enough", async () => {
  const witness = await (await Witness.open(on.browser, on.server.origin, PHONE)).ready();
  const wrong: string[] = [];
  for (const screen of SCREENS) {
    await witness.show(screen);
    const wide = await witness.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) wrong.push(`${screen}: ${wide} px too wide`);
    const small = await witness.page.locator("nav.screens a, .brand, button, summary, label:has(> [type='checkbox']), .who, .feed p a, .events a, .track .mark").evaluateAll((all) =>
      all.map((one) => ({ box: one.getBoundingClientRect(), text: (one as HTMLElement).innerText.slice(0, 20) })).filter(({ box }) => box.height > 0 && box.height < 43.5).map(({ box, text }) => `${text} is ${box.height} px high`),
    );
    wrong.push(...small.map((one) => `${screen}: ${one}`));
  }
  expect(wrong).toEqual([]);
  await witness.end();
});

// covers: terrarium#everybody-can-use-it/less-motion
test("who asked for less motion sees still frames, and each event still arrives", async () => {
  const witness = await (await Witness.open(on.browser, on.server.origin, { reducedMotion: "reduce" })).ready();
  const { page } = witness;
  await page.locator(".world canvas").waitFor();
  // Every frame that is painted goes through here; a still page asks for none.
  const frames = () =>
    page.evaluate(async () => {
      const canvas = document.querySelector<HTMLCanvasElement>(".world canvas");
      const seen = new Set<string>();
      for (let i = 0; i < 20; i += 1) {
        seen.add(canvas?.toDataURL() ?? "");
        await new Promise((next) => requestAnimationFrame(next));
      }
      return seen.size;
    });
  await expect.poll(frames).toBe(1);
  const running = await page.evaluate(() => document.getAnimations().filter((one) => one.playState === "running").length);
  expect(running).toBe(0);
  const before = await witness.seq();
  on.town.run("run", "junglesecurity");
  await expect.poll(() => witness.seq(), { timeout: 10_000 }).toBeGreaterThan(before);
  await witness.end();
});

test("the map is walked by arrow keys, and a live region names who is reached", async () => {
  const witness = await (await Witness.open(on.browser, on.server.origin)).ready();
  const { page } = witness;
  const first = page.locator(".world canvas button[tabindex='0']");
  await first.waitFor({ state: "attached" });
  await first.focus();
  const name = () => page.evaluate(() => document.activeElement?.textContent ?? "");
  const reached = new Set([await name()]);
  for (const key of ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp", "ArrowUp", "ArrowRight"]) {
    await page.keyboard.press(key);
    reached.add(await name());
  }
  expect(reached.size).toBeGreaterThan(2);
  expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("BUTTON");
  await expect.poll(() => page.locator(".world-live").innerText()).not.toBe("");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.url()).toMatch(/#\/terrarium\/.+/);
  await witness.end();
});

// covers: terrarium#everybody-can-use-it/the-list
test("the list tells what the map shows", async () => {
  const witness = await (await Witness.open(on.browser, on.server.origin)).ready();
  const shown = await witness.page.locator(".world-who, .world-place").allInnerTexts();
  const said = await witness.page.locator(".world-say").allTextContents();
  // One that lands now: those of the second in which the town began stand before its first event, further back than a page asks.
  on.town.write("bridge.txt", "blue\n");
  on.town.commit("Paint the bridge");
  await expect.poll(async () => (await witness.list()).join("\n"), { timeout: 15_000 }).toContain(" blossoms in the main tree: ");
  const list = (await witness.list()).join("\n");
  // What is in the air, what hangs on the board, what blossoms in the tree.
  expect(said).toContain("Shall we paint the bridge?");
  for (const text of said) expect(list).toContain(` says: “${text}”`);
  for (const title of ["A letter", "Shall we paint the bridge?"]) expect(list).toContain(`“${title}” is a note on the Board`);
  const [oid, subject] = on.town.git("log", "-1", "--format=%H %s", "main").split(/ (.*)/s);
  expect(list).toContain(`${oid?.slice(0, 10)} blossoms in the main tree: ${subject}`);
  const { agents } = on.town.state() as { agents: object };
  for (const text of shown) expect(list).toContain(text.replace(/\s*\d+$/, "").trim());
  expect(shown.length).toBeGreaterThan(Object.keys(agents).length);
  await witness.end();
});
