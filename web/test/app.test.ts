// How the page follows its address into the past, with a world outside that the test owns; no screen lives here.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { effect } from "@preact/signals";
import { write } from "../src/fold/json";
import type { Entry } from "../src/stream/wire";
import { entries, townAt } from "./fixture";

const HEAD = 40;
const lines = (of: Entry[]) => of.map((entry) => write({ offset: entry.offset, seq: entry.seq, event: entry.event } as never)).join("\n");

let frames: ((at: number) => void)[] = [];
let asked: string[] = [];

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers();
  [frames, asked] = [[], []];
  vi.stubGlobal("document", { baseURI: "http://town.test/", hidden: false, addEventListener: () => undefined, querySelector: () => ({ getAttribute: () => "static" }) });
  vi.stubGlobal("window", { addEventListener: () => undefined });
  vi.stubGlobal("sessionStorage", { getItem: () => null, setItem: () => undefined, removeItem: () => undefined });
  vi.stubGlobal("location", { hash: "", pathname: "/", search: "" });
  vi.stubGlobal("history", { replaceState: () => undefined, pushState: () => undefined });
  vi.stubGlobal("requestAnimationFrame", (run: (at: number) => void) => frames.push(run));
  const files: { [name: string]: () => string } = {
    "town.json": () => `{"name":"a"}`,
    "state.json": () => write({ offset: `${HEAD}`, seq: HEAD, state: townAt(HEAD) } as never),
    "history/index.json": () => `{"first":1,"last":${HEAD},"from":null,"to":null,"buckets":[],"chunks":[{"name":"a","first":1,"last":${HEAD},"events":${HEAD}}]}`,
    "history/a.ndjson": () => lines(entries.slice(0, HEAD)),
    "agents.json": () => `[{"name":"ada","next_slot":"2020-01-01T00:00:00Z","memories":[]}]`,
  };
  vi.stubGlobal("fetch", async (url: URL) => {
    const name = url.pathname.slice(1);
    asked.push(name);
    const file = files[name];
    return file ? new Response(file()) : new Response("", { status: 404 });
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const settled = () => vi.advanceTimersByTimeAsync(200);
async function paint() {
  for (let i = 0; i < 3; i++) for (const frame of frames.splice(0)) frame(0);
  await settled();
}

async function page() {
  const app = await import("../src/ui/app");
  const { go } = await import("../src/ui/route");
  await app.start();
  await paint();
  return { app, go };
}

function hear(app: Awaited<ReturnType<typeof page>>["app"], seq: number) {
  const entry = entries[seq - 1] as Entry;
  app.live.take({ kind: "event", offset: entry.offset, seq, event: entry.event } as never);
}

/** From here on the history answers as the test says, one question after the other. */
function holdBack(app: Awaited<ReturnType<typeof page>>["app"]) {
  const waiting: ((found: Entry[] | undefined) => void)[] = [];
  let times = 0;
  app.history.events = () => new Promise((done, fail) => {
    times += 1;
    waiting.push((found) => (found ? done(found) : fail(new Error("away"))));
  });
  const answer = async (found?: Entry[]) => {
    await settled();
    waiting.shift()?.(found);
    await settled();
  };
  return { answer, times: () => times };
}

test("a moment that cannot be read is not asked for again and again while events come", async () => {
  const { app, go } = await page();
  const { answer, times } = holdBack(app);
  go({ at: 10 });
  for (let seq = HEAD + 1; seq < HEAD + 7; seq++) {
    hear(app, seq);
    await paint();
    await answer();
  }
  expect([times(), app.unreadable.value]).toEqual([2, "away"]);
});

test("a moment that came at the second try is gone to again after a new snapshot", async () => {
  const { app, go } = await page();
  const { answer } = holdBack(app);
  go({ at: 10 });
  hear(app, HEAD + 1);
  await paint();
  await answer();
  await answer(entries.slice(0, HEAD + 1));
  expect([app.replay?.seq, app.ready.value]).toEqual([10, true]);
  // What was read of the past goes, and the moment is sought anew.
  app.retry();
  await paint();
  expect([app.replay?.seq, app.ready.value]).toEqual([10, true]);
});

test("an exported page does not ask for its agents again and again", async () => {
  const { app } = await page();
  const end = effect(() => void app.agents.want());
  await vi.advanceTimersByTimeAsync(60_000);
  end();
  expect(asked.filter((name) => name === "agents.json").length).toBe(1);
});

test("a frame that fails does not stop playing for good", async () => {
  const { app, go } = await page();
  go({ at: 10 });
  await settled();
  app.play(true);
  const tick = vi.spyOn(app.replay as NonNullable<typeof app.replay>, "tick").mockImplementation(() => {
    throw new Error("once");
  });
  expect(() => frames.splice(0).forEach((frame) => frame(0))).toThrow("once");
  tick.mockRestore();
  app.play(false);
  app.play(true);
  expect(frames.length).toBe(1);
});

test("all that came meanwhile is counted, however much of it one painting has", async () => {
  const { app, go } = await page();
  go({ at: 10 });
  await settled();
  for (let seq = HEAD + 1; seq <= HEAD + 600; seq++) {
    const { event } = entries[HEAD] as Entry;
    app.live.take({ kind: "event", offset: `${seq}`, seq, event } as never);
  }
  await paint();
  expect(app.missed.value).toBe(600);
  go({ at: null });
  expect(app.missed.value).toBe(0);
});

test("who goes back to live from a past that cannot be read is there", async () => {
  const { app, go } = await page();
  const { answer } = holdBack(app);
  go({ at: 10 });
  await settled();
  await answer();
  expect(app.unreadable.value).toBe("away");
  app.goLive();
  expect([app.unreadable.value, app.past.value, app.ready.value]).toEqual([null, false, true]);
  // Nor does it come up later, where somebody went back while it was read.
  go({ at: 12 });
  await settled();
  app.goLive();
  await answer();
  expect([app.unreadable.value, app.ready.value]).toEqual([null, true]);
});

test("the live town is shown until the past is there, and says what it waits for", async () => {
  const { app, go } = await page();
  const { answer } = holdBack(app);
  for (const at of [10, 30]) {
    go({ at });
    expect([app.going.value, app.past.value, app.town().seq]).toEqual([true, false, HEAD]);
    await settled();
    await answer(at === 10 ? entries.slice(0, HEAD) : undefined);
    expect([app.going.value, app.past.value, app.town().seq]).toEqual([false, true, at]);
    app.goLive();
  }
});

test("a step that is still on its way overtakes nobody", async () => {
  const ways: [string, (app: Awaited<ReturnType<typeof page>>["app"]) => void, (number | boolean | null)[]][] = [
    ["steps and back", (app) => void [app.step(-1), app.step(-1), app.step(1)], [HEAD - 1, false]],
    ["back to live", (app) => void [app.step(-1), app.goLive()], [null, false]],
    ["play, and back to live", (app) => void [app.playOrPause(), app.goLive()], [null, false]],
    ["play", (app) => app.playOrPause(), [0, true]],
    ["play, and a step", (app) => void [app.playOrPause(), app.step(1)], [1, false]],
    ["play, and no", (app) => void [app.playOrPause(), app.playOrPause()], [null, false]],
    ["a place of the axis", (app) => void [app.step(-1), app.rewind(5)], [5, false]],
    ["nowhere to go on to", (app) => void app.step(1), [null, false]],
  ];
  for (const [way, take, wanted] of ways) {
    vi.resetModules();
    const { app } = await page();
    const { route } = await import("../src/ui/route");
    const { answer } = holdBack(app);
    take(app);
    await answer(entries.slice(0, HEAD));
    await answer(entries.slice(0, HEAD));
    await settled();
    expect([route.value.at, app.replay?.playing.on ?? false], way).toEqual(wanted);
    app.play(false);
    // What was overtaken holds nothing up: nobody waits for it, and Play plays.
    expect(app.going.value, way).toBe(false);
    app.goLive();
    app.playOrPause();
    await answer(entries.slice(0, HEAD));
    expect(app.replay?.playing.on, way).toBe(true);
    app.play(false);
  }
});
