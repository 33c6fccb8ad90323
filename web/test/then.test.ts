// That what only the server knows of a moment is asked for at rest, and that no moment shows what was at another.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Then } from "../src/ui/then";

const asked: string[] = [];
let answers: ((response: Response) => void)[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  asked.length = 0;
  answers = [];
  vi.stubGlobal("fetch", (url: URL) => {
    asked.push(url.searchParams.get("at") ?? "");
    return new Promise<Response>((answer) => answers.push(answer));
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const make = () => new Then<string>((at) => new URL(`http://town.example/api/x?at=${at}`));
const rest = () => vi.advanceTimersByTimeAsync(1_000);
/** The oldest question that has no answer yet gets one. */
const answer = async (text: string, status = 200) => {
  answers.shift()?.(new Response(JSON.stringify(text), { status }));
  await rest();
};
const loading = { state: "loading" };

test("who goes through the past asks for nothing until it rests, and then once", async () => {
  const then = make();
  for (let at = 0; at < 500; at++) {
    expect(then.at(`${at}`)).toEqual(loading);
    await vi.advanceTimersByTimeAsync(16);
  }
  expect(asked).toEqual([]);
  await rest();
  expect([asked, then.at("499")]).toEqual([["499"], loading]);
  await answer("there");
  expect(then.at("499")).toEqual({ state: "there", value: "there" });
  await rest();
  expect(asked).toEqual(["499"]);
});

test("one question at a time: what was overtaken is not shown, and the newest wish is asked next", async () => {
  const then = make();
  then.at("1");
  await rest();
  for (const at of ["2", "3"]) {
    then.at(at);
    await rest();
  }
  expect(asked).toEqual(["1"]);
  await answer("one");
  expect([asked, then.at("3")]).toEqual([["1", "3"], loading]);
  await answer("three");
  expect([then.at("3"), then.at("1")]).toEqual([{ state: "there", value: "three" }, loading]);
});

test("a few moments are kept, a failure is not, and another history begins with nothing", async () => {
  const then = make();
  for (const at of ["1", "2", "3", "4", "5"]) {
    then.at(at);
    await rest();
    await answer(at);
  }
  expect(then.at("2")).toEqual({ state: "there", value: "2" });
  expect(then.at("1")).toEqual(loading);
  await rest();
  await answer("", 503);
  expect(then.at("1")).toMatchObject({ state: "failed" });
  await rest();
  expect(asked.length).toBe(6);
  // Asked for again, it is told what it was until there is an answer.
  then.retry();
  await rest();
  expect([asked.length, then.at("1").state]).toEqual([7, "failed"]);
  await answer("1");
  expect(then.at("1")).toEqual({ state: "there", value: "1" });
  then.retry();
  await rest();
  expect(asked.length).toBe(7);
  then.at("4");
  await rest();
  then.forget();
  expect(then.at("1")).toEqual(loading);
  await rest();
  // The answer is of a history that has ended meanwhile.
  then.forget();
  expect(then.at("1")).toEqual(loading);
  await answer("before");
  expect(then.at("1")).toEqual(loading);
  await answer("after");
  expect(then.at("1")).toEqual({ state: "there", value: "after" });
});
