// That a busy stream costs a frame no more than a frame has time for; how long one takes is measured in a browser.
import { describe, expect, test } from "vitest";
import { Connection } from "../src/stream/connection";
import { AT_ONCE, breath, portion } from "../src/ui/growing";
import { takesTurn } from "../src/ui/turns";
import { FakeOutside } from "./fixture";

const some = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe("a list that grows", () => {
  test("is there whole at first, and takes in at once what a frame has time for", () => {
    expect(portion([], some(0, 60), Infinity)).toBe(60);
    expect(portion(some(0, 60), some(AT_ONCE, 60 + AT_ONCE), 60)).toBe(60);
    expect(portion(some(0, 5), some(0, 7), 5)).toBe(7);
  });

  test("shows of a flood the newest alone, and keeps what it shows while more comes", () => {
    expect(portion(some(0, 60), some(AT_ONCE + 1, 61 + AT_ONCE), 60)).toBe(AT_ONCE);
    expect(portion(some(0, 60), some(100, 160), 60)).toBe(AT_ONCE);
    expect(portion(some(100, 160), some(103, 163), AT_ONCE)).toBe(AT_ONCE + 3);
  });
});

test("a flood is shown less often than what can be read", () => {
  expect(breath(1)).toBe(breath(AT_ONCE));
  expect(breath(AT_ONCE + 1)).toBeGreaterThan(2 * breath(AT_ONCE));
});

test("a frame belongs to one, and the next one is free again", () => {
  expect([takesTurn(16), takesTurn(16), takesTurn(33), takesTurn(33)]).toEqual([true, false, true, false]);
});

test("a thousand events of a busy line set no thousand timers", () => {
  const outside = new FakeOutside();
  let set = 0;
  const { later } = outside;
  outside.later = (run, ms) => {
    set += 1;
    return later(run, ms);
  };
  const connection = new Connection(["http://town/"], outside, () => undefined, () => undefined);
  connection.start();
  outside.pass(39_000);
  for (let i = 1; i <= 1000; i++) outside.line.sink.frame({ kind: "heartbeat", offset: `${i}` });
  expect(set).toBe(1);
  // What was heard counts all the same: silence is counted from then on.
  outside.pass(39_999);
  expect(connection.line.reconnects).toBe(0);
  outside.pass(1);
  expect(connection.line.reconnects).toBe(1);
});
