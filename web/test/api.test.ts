// That what lies around the town is fetched when somebody looks, and not more often than agreed, however many events come.
import { effect } from "@preact/signals";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Acts, Refused, Resource, type Session } from "../src/ui/api";

let asked = 0;
let page: { hidden: boolean };
let answer: () => Response;

beforeEach(() => {
  vi.useFakeTimers();
  asked = 0;
  page = { hidden: false };
  vi.stubGlobal("document", page);
  answer = () => new Response(`{"n":${asked}}`);
  vi.stubGlobal("fetch", () => {
    asked += 1;
    return Promise.resolve(answer());
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const url = () => new URL("http://town.example/api/x");

/** Somebody looks at it, until the answer is called. */
const look = (one: Resource<unknown>) => effect(() => void one.want());

test("nobody asks for what nobody looks at", async () => {
  const one = new Resource(url);
  one.stale();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toBe(0);
  expect(one.want()).toEqual({ state: "loading" });
  await vi.advanceTimersByTimeAsync(1);
  expect(one.want()).toEqual({ state: "there", value: { n: 1 } });
});

test("a thousand events a second ask twice in four seconds, and the last one is not missed", async () => {
  const one = new Resource<{ n: number }>(url);
  look(one);
  for (let i = 0; i < 4000; i++) {
    await vi.advanceTimersByTimeAsync(1);
    one.stale();
  }
  expect(asked).toBeLessThanOrEqual(3);
  await vi.advanceTimersByTimeAsync(2_500);
  const last = asked;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(last);
  expect(one.want()).toEqual({ state: "there", value: { n: last } });
});

test("after a quiet time an event is followed at once, and what was read stays when the server goes", async () => {
  const one = new Resource(url);
  look(one);
  await vi.advanceTimersByTimeAsync(60_000);
  one.stale();
  await vi.advanceTimersByTimeAsync(150);
  expect(asked).toBe(2);
  answer = () => new Response("", { status: 503 });
  const { at } = one;
  expect(at).toBeGreaterThan(0);
  await vi.advanceTimersByTimeAsync(60_000);
  await one.load();
  expect(one.want()).toEqual({ state: "there", value: { n: 2 } });
  // It is as old as what is shown, however late it is by now.
  expect(one.at).toBe(at);
});

test("what nobody looks at any more is fetched when somebody looks again, and not before", async () => {
  const one = new Resource(url);
  look(one)();
  await vi.advanceTimersByTimeAsync(1);
  for (let i = 0; i < 10; i++) {
    one.stale();
    await vi.advanceTimersByTimeAsync(10_000);
  }
  expect(asked).toBe(1);
  look(one);
  await vi.advanceTimersByTimeAsync(1);
  expect(one.want()).toEqual({ state: "there", value: { n: 2 } });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toBe(2);
});

test("a page that nobody sees asks for nothing, and catches up when it is seen", async () => {
  const [one, other] = [new Resource(url), new Resource(url)];
  look(one);
  look(other)();
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toBe(2);
  page.hidden = true;
  for (let i = 0; i < 10; i++) {
    for (const each of [one, other]) each.stale();
    // What is painted all the same wants it all the same.
    one.want();
    await vi.advanceTimersByTimeAsync(10_000);
  }
  expect(asked).toBe(2);
  page.hidden = false;
  for (const each of [one, other]) each.catchUp();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toBe(3);
});

test("a token is given away once for a session, which every act shows, and a refusal keeps its code", async () => {
  const heads: (string | null)[] = [];
  const bodies: unknown[] = [];
  let reply: [number, object] = [200, { session: "s1", by: "Ada" }];
  vi.stubGlobal("fetch", (_: URL, init: RequestInit) => {
    heads.push(new Headers(init.headers).get("authorization"));
    bodies.push(JSON.parse(init.body as string));
    return Promise.resolve(new Response(JSON.stringify(reply[1]), { status: reply[0] }));
  });
  const kept: (Session | null)[] = [];
  const acts = new Acts("http://town.example/", null, (session) => kept.push(session));
  expect(acts.by.value).toBeNull();
  await acts.open("t0");
  expect(acts.by.value).toBe("Ada");
  await acts.merge("3", "abc", false);
  await acts.reject("4", "abc", "wrong", "");
  reply = [409, { code: "head-moved", detail: "it moved", head: "def" }];
  await expect(acts.merge("5", "abc", true)).rejects.toMatchObject({ code: "head-moved", message: "it moved", head: "def" });
  expect(acts.by.value).toBe("Ada");
  reply = [401, { code: "no-session", detail: "no such session" }];
  await expect(acts.freeze(true, "tired")).rejects.toBeInstanceOf(Refused);
  expect(acts.by.value).toBeNull();
  expect(heads).toEqual([null, "Bearer s1", "Bearer s1", "Bearer s1", "Bearer s1"]);
  expect(bodies).toEqual([{ token: "t0" }, { head: "abc", draft: false }, { head: "abc", reason: "wrong", text: "" }, { head: "abc", draft: true }, { reason: "tired" }]);
  expect(kept).toEqual([{ id: "s1", by: "Ada" }, null]);
});
