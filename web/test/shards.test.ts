// That witnesses spread evenly over servers and keep to theirs; what happens when one is full is tested with the line.
import { expect, test } from "vitest";
import { ranked, weight } from "../src/stream/shards";

const servers = ["https://a.example", "https://b.example", "https://c.example", "https://d.example"];
const names = Array.from({ length: 4_000 }, (_, at) => `witness-${at}`);

test("the weights are those that docs/stream.md tells", () => {
  expect(weight("")).toBe(2872998923);
  expect(weight("42 https://a.example")).toBe(1630367906);
});

test("the order depends on the names alone, and holds every server once", () => {
  for (const name of names.slice(0, 50)) {
    const order = ranked(servers, name);
    expect(ranked([...servers].reverse(), name)).toEqual(order);
    expect([...order].sort()).toEqual(servers);
  }
});

test("witnesses spread, over the first choice and over the second where that is full", () => {
  for (const place of [0, 1]) {
    const counts = new Map<string, number>();
    for (const name of names) {
      const server = ranked(servers, name)[place] as string;
      counts.set(server, (counts.get(server) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(120);
  }
});

test("a server that goes moves its own witnesses and nobody else", () => {
  const left = servers.filter((server) => server !== "https://b.example");
  for (const name of names) {
    const [first, second] = ranked(servers, name);
    expect(ranked(left, name)[0]).toBe(first === "https://b.example" ? second : first);
  }
});
