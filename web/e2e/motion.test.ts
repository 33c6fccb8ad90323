// Promise: who walks does so because of an event, at most thirty times a second, and for nobody who does not look.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Display } from "./display";
import { Witness } from "./look";
import { stage } from "./stage";
import { Town } from "./town";

// An hour ago: by now everybody is where the first day led.
const on = stage(() => Town.demo(new Date(Date.now() - 3_600_000)));

const open = async (address = on.server.origin): Promise<[Witness, Display]> => {
  const witness = await (await Witness.open(on.browser, address, { before: Display.before })).ready();
  return [witness, await Display.hold(witness.page)];
};

type Places = { [name: string]: string };

/** Where each name stands on the map. */
const places = ({ page }: Witness): Promise<Places> =>
  page.locator(".world-who").evaluateAll((all) => Object.fromEntries(all.map((one) => [(one as HTMLElement).dataset["text"] ?? "", (one as HTMLElement).style.transform])));

const seq = (): number => (on.town.state() as { seq: number }).seq;

/** Rejects what an agent offers, at a moment of the page. */
async function reject(agent: string, display: Display): Promise<void> {
  const { number } = on.town.pull(agent);
  on.town.env["MONKEYTOWN_NOW"] = new Date(await display.now()).toISOString();
  on.town.run("pulls", "reject", `${number}`, "--reason", "wrong", "It is an example");
  delete on.town.env["MONKEYTOWN_NOW"];
}

// covers: terrarium#nothing-moves-without-an-event/somebody-walks
test("nobody moves while nothing happens; who is told something walks home, step by step, and stays there", async () => {
  const [witness, display] = await open();
  const before = await places(witness);
  expect(Object.keys(before).length).toBe(Object.keys((on.town.state() as { agents: object }).agents).length);
  expect((await display.refresh(60, 1_000)).painted).toBe(60);
  expect(await places(witness)).toEqual(before);
  await reject("primatedesigner", display);
  await display.until(async () => (await witness.seq()) === seq());
  const { Designer: first, ...others } = before;
  const way = [first];
  const follow = async (frames: number): Promise<void> => {
    for (let frame = 0; frame < frames; frame += 1) {
      await display.refresh(1, 250);
      const { Designer: there, ...rest } = await places(witness);
      expect(rest).toEqual(others);
      if (there !== way.at(-1)) way.push(there);
    }
  };
  await follow(8);
  const button = witness.page.getByRole("button", { name: "Pause the motion of the map" });
  await button.click();
  // While it stands nothing is painted, and no frame asks for the next.
  const paused = await places(witness);
  const { painted, ran } = await display.refresh(60, 17);
  expect([painted, ran < 10]).toEqual([0, true]);
  expect(await places(witness)).toEqual(paused);
  expect([await button.getAttribute("aria-pressed"), await button.innerText()]).toEqual(["true", "Play"]);
  const walked = way.length;
  await button.click();
  await follow(60);
  expect(walked).toBeGreaterThan(6);
  expect(way.length).toBeGreaterThan(walked + 6);
  // A quarter of a second is no more than a step or two, and one second more where the map stood.
  const points = way.map((one) => (one?.match(/-?\d+/g) ?? []).map(Number)) as [number, number][];
  const steps = points.slice(1).map(([x, y], nth) => Math.hypot(x - (points[nth]?.[0] ?? 0), y - (points[nth]?.[1] ?? 0)));
  expect(steps.filter((step) => step > 20).length).toBeLessThan(2);
  const home = way.at(-1);
  await display.refresh(60, 1_000);
  expect(await places(witness)).toEqual({ ...others, Designer: home });
  await witness.end();
});

// covers: terrarium#everybody-can-use-it/frames
test("whatever a screen can do, the map is painted thirty times a second", async () => {
  const [witness, display] = await open();
  for (const hertz of [60, 144]) {
    const { painted } = await display.refresh(hertz, 1_000 / hertz);
    expect(painted, `at ${hertz} Hz`).toBeLessThanOrEqual(30);
    expect(painted, `at ${hertz} Hz`).toBeGreaterThan(24);
  }
  await witness.end();
});

// covers: terrarium#everybody-can-use-it/frames
test("a tab that nobody sees paints nothing and asks for nothing, and hears all the same", async () => {
  const [witness, display] = await open();
  const asked: string[] = [];
  witness.page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  // What was read is old enough to be read again at once.
  await display.refresh(2, 10_000);
  await display.hide(true);
  for (const agent of ["bananaeconomist", "madchimp"]) {
    await reject(agent, display);
    await expect.poll(() => witness.seq()).toBe(seq());
    const { painted, ran } = await display.refresh(60, 17);
    expect([painted, ran < 10]).toEqual([0, true]);
  }
  expect(asked).toEqual([]);
  await display.hide(false);
  await expect.poll(() => asked).toContain("/api/specs");
  expect((await display.refresh(10, 34)).painted).toBe(10);
  await witness.end();
});

// covers: terrarium#nothing-moves-without-an-event/what-a-run-is-at
test("what a run tells of itself is in the feed, and walked on the map", async () => {
  const { town } = on;
  const [tokens, script] = ["tokens", "script"].map((name) => join(town.dir, "..", name)) as [string, string];
  const { line, token } = JSON.parse(town.run("token", "chaostester", "--json")) as { line: string; token: string };
  writeFileSync(tokens, `${line}\n`);
  const server = await town.serve(0, "--publish-tokens", tokens);
  const [witness, display] = await open(server.origin);
  const call = (name: string, args: object) => ({ calls: [{ name, arguments: args }] });
  const replies = [
    call("Write", { file_path: ".monkeytown/qa/links.md", content: "# Links\n\nThe first one leads nowhere.\n" }),
    call("Finish", { title: "List the broken link", body: "Somebody has to read it.", evidence: ["README.md:1"] }),
  ];
  writeFileSync(script, JSON.stringify({ replies }));
  town.env["MONKEYTOWN_STREAM_TOKEN"] = token;
  town.run("run", "chaostester", "--brain", `scripted:${script}`, "--stream", server.origin);
  delete town.env["MONKEYTOWN_STREAM_TOKEN"];
  // The page's clock has stood still; nothing is shown before its time.
  await display.refresh(1, Date.now() - (await display.now()));
  const told = witness.page.getByRole("region", { name: "Village feed" }).getByRole("listitem").filter({ hasText: "passing" });
  await display.until(async () => (await told.count()) === 5);
  const steps = (await told.allInnerTexts()).reverse().map((text) => text.replace(/\s+/g, " "));
  expect(steps.map((text) => /^Tester: (perceive|decide turn \d|act Write|reflect) /.exec(text)?.[1])).toEqual(["perceive", "decide turn 1", "act Write", "decide turn 2", "reflect"]);
  // No word of what it wrote is told before it is offered.
  expect(steps.join()).not.toContain("links");
  const seen: string[] = [];
  for (let frame = 0; frame < 120; frame += 1) {
    await display.refresh(1, 500);
    const now = await witness.page.locator(".world canvas button").filter({ hasText: /^Tester / }).textContent();
    const at = /^Tester (.*?)(?:, since|$)/.exec(now ?? "")?.[1] ?? "";
    if (at !== seen.at(-1)) seen.push(at);
  }
  const order = ["reads what happened since its last run", "sits by the fire: thinks about what to do", "is at work: works with Write", "waits at the Gate"].map((words) => seen.findIndex((at) => at.includes(words)));
  expect(order, seen.join("\n")).toEqual([...order].sort((a, b) => a - b));
  expect(Math.min(...order), seen.join("\n")).toBeGreaterThanOrEqual(0);
  await witness.end();
});
