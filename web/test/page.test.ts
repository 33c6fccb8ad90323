// What the page decides without a DOM: addresses, words for events, patches, the axis of time, and writing deep documents.
import { expect, test, vi } from "vitest";
import { write } from "../src/fold/json";
import { splitInvisible } from "../src/fold/text";
import { readPatch, sideBySide } from "../src/screens/patch";
import { go, readRoute, route, writeRoute, type Route } from "../src/ui/route";
import { iconOf, squares } from "../src/ui/icons";
import { agentOf, detail, many, sentence, toneOf, touched } from "../src/ui/sentence";
import { journal } from "./fixture";

test("an address holds the screen, what is selected and the moment, and reads back", () => {
  const routes: Route[] = [
    { screen: "terrarium", selected: "place:gate", at: null, event: null },
    { screen: "gate", selected: "12", at: 3, event: null },
    { screen: "agents", selected: "a/b?c#d%", at: 0, event: null },
    { screen: "timeline", selected: null, at: null, event: "01M8/E1" },
    { screen: "terrarium", selected: null, at: 0, event: null, moment: 1_790_000_000_000 },
  ];
  for (const route of routes) expect(readRoute(writeRoute(route))).toEqual(route);
  expect(readRoute("#/nowhere/%E0%A4%A?at=-1")).toEqual({ screen: "terrarium", selected: "%E0%A4%A", at: null, event: null });
  expect(readRoute("")).toEqual({ screen: "terrarium", selected: null, at: null, event: null });
});

test("a browser that refuses to write the address so often does not stop what is shown", () => {
  const refuse = () => { throw new Error("SecurityError"); };
  vi.stubGlobal("history", { replaceState: refuse, pushState: refuse });
  vi.stubGlobal("location", { hash: "" });
  for (const quietly of [true, false]) go({ at: quietly ? 7 : 8 }, quietly);
  expect(route.value.at).toBe(8);
  go({ at: null }, true);
  vi.unstubAllGlobals();
});

test("every event has words, a tone and a picture, whatever its payload is", () => {
  for (const event of journal) expect(sentence(event)).not.toBe(event.type);
  for (const data of [null, 7, "text", [], { agent: { toString: 1 }, by: [], number: null, title: 9n }]) {
    for (const { type } of journal) {
      const event = { ...(journal[0] as (typeof journal)[0]), type, data };
      for (const words of [sentence(event), detail(event), agentOf(event), iconOf(type, toneOf(type))]) expect(words).not.toMatch(/undefined|\[object/);
    }
  }
  expect([many(1, "file"), many(0, "file"), many(1n, "turn"), many("2", "check")]).toEqual(["1 file", "0 files", "1 turn", "2 checks"]);
});

test("what passes by touches nothing that could be fetched again", () => {
  const of = (...types: string[]) => [...touched(types.map((type) => ({ event: { ...(journal[0] as (typeof journal)[0]), type: `monkeytown.${type}.v1` } })))];
  expect(of("run.step", "run.step")).toEqual([]);
  expect(of("run.step", "run.started", "commit.landed", "run.finished")).toEqual(["run", "commit"]);
});

test("a picture's path covers its squares and nothing else", () => {
  expect(squares(["#.##", "....", ".#.."])).toBe("M0 0h1v1h-1zM2 0h2v1h-2zM1 2h1v1h-1z");
});

test("a patch reads as lines with numbers; a deleted line of dashes is no header", () => {
  const lines = readPatch("diff --git a b\n--- a/x\n+++ b/x\n@@ -3,3 +3,3 @@ fn\n same\n--- dashes\n+++ pluses\n\\ No newline at end of file\n@@ -9 +9,0 @@\n-gone\n");
  expect(lines.map(({ kind, text, old, now }) => [kind, text, old, now])).toEqual([
    ["hunk", "@@ -3,3 +3,3 @@ fn", undefined, undefined],
    ["same", "same", 3, 3],
    ["del", "-- dashes", 4, undefined],
    ["add", "++ pluses", undefined, 4],
    ["hunk", "@@ -9 +9,0 @@", undefined, undefined],
    ["del", "gone", 9, undefined],
  ]);
  expect(lines[2]?.twin).toBe("++ pluses");
  expect(sideBySide(lines).map(([a, b]) => [a?.kind, b?.kind])).toEqual([["hunk", "hunk"], ["same", "same"], ["del", "add"], ["hunk", "hunk"], ["del", undefined]]);
  expect(readPatch("")).toEqual([]);
});

test("a document of any depth is written", () => {
  let deep: unknown = 1n;
  for (let i = 0; i < 200_000; i++) deep = i % 2 ? { z: deep } : [deep];
  expect(write(deep).length).toBe(100_000 * 6 + 100_000 * 2 + 1);
  expect(write({ b: [undefined, null, -0, "\u2028"], a: {}, c: undefined, d: [] })).toBe('{"a":{},"b":[null,null,0,"\u2028"],"d":[]}');
});

test("what is done to a post, and which tools were used, has words", () => {
  const of = (type: string, data: unknown, actor = "human:ana") => sentence({ ...(journal[0] as (typeof journal)[0]), type: `monkeytown.${type}.v1`, actor, data });
  expect(of("post.hidden", { post: "issue-7", by: "bea", reason: "spam" })).toBe("bea hid issue-7");
  expect(of("post.restored", { post: "issue-7" })).toBe("ana showed issue-7 again");
  expect(of("tool.called", { run: "r", first: 0, calls: [{ tool: "Read" }, { tool: "Grep" }, { tool: "Read" }, null] }, "agent:madchimp")).toBe("madchimp used Read, Grep");
  expect(of("run.started", { agent: "madchimp", slot: "manual-01M8" })).toBe("madchimp started a run by hand");
});

test("what joins an emoji is a part of it, and a joiner anywhere else is named", () => {
  for (const whole of ["👩🏽‍🚀 and 🤷🏽‍♂️", "I ❤️ it", "👨‍👩‍👧"]) expect(splitInvisible(whole)).toEqual([{ text: whole, hidden: false }]);
  const named = (text: string) => splitInvisible(text).filter(({ hidden }) => hidden).map(({ text }) => text);
  expect(named("pay\u200Dload \u{1F680}\u200D! x\uFE0F \u202E")).toEqual(["U+200D", "U+200D", "U+FE0F", "U+202E"]);
  expect(splitInvisible("a\u200Db\n").map(({ text }) => text)).toEqual(["a", "U+200D", "b\n"]);
});
