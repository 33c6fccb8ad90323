// That a page stays in touch and never believes a state with a hole in it; the lines themselves are tested in a browser.
import { describe, expect, test } from "vitest";
import { write } from "../src/fold/json";
import { backoff } from "../src/stream/backoff";
import { Connection } from "../src/stream/connection";
import { Live } from "../src/stream/live";
import { readFrame, type Entry, type Frame } from "../src/stream/wire";
import { ServedHistory } from "../src/stream/history";
import { FakeOutside, entries, journal, townAt } from "./fixture";

const hello = (epoch = "e1", offset = "0"): Frame => ({ kind: "hello", epoch, offset, head: null, server: "x" });
const event = (entry: Entry): Frame => ({ kind: "event", ...entry });

function page(bases = ["http://town/"]) {
  const outside = new FakeOutside();
  const frames: Frame[] = [];
  const connection = new Connection(bases, outside, (frame) => frames.push(frame), () => undefined);
  connection.start();
  return { outside, frames, connection, line: connection.line };
}

describe("the line", () => {
  test("begins with a snapshot and goes on where it broke", () => {
    const { outside, line } = page();
    expect(outside.line).toMatchObject({ way: "websocket", after: "snapshot" });
    outside.line.sink.frame(hello());
    outside.line.sink.frame({ kind: "snapshot", offset: "7", seq: 7, state: {} });
    outside.line.sink.frame(event({ ...(entries[7] as Entry), offset: "8" }));
    expect(line).toMatchObject({ status: "live", offset: "8" });
    outside.line.sink.down(1001);
    expect(line).toMatchObject({ status: "waiting", reconnects: 1, retryAt: 250 });
    outside.pass(250);
    expect(outside.line).toMatchObject({ way: "websocket", after: "8" });
    expect(outside.opened[0]?.closed).toBe(true);
  });

  test("steps down from WebSocket to SSE to polling when nobody says hello, and tries the best way again", () => {
    const { outside } = page();
    for (const way of ["websocket", "websocket", "sse", "sse", "polling"]) {
      expect(outside.line.way).toBe(way);
      if (way !== "polling") outside.line.sink.down(1006);
      outside.pass(30_000);
    }
    for (let i = 0; i < 5; i++) {
      outside.line.sink.frame(hello());
      outside.line.sink.down(1006);
      outside.pass(30_000);
    }
    expect(outside.line.way).toBe("websocket");
  });

  test("a lesser way that is well is left for one try of the best after some minutes, and later each time", () => {
    const { outside, line } = page();
    for (let i = 0; i < 2; i++) {
      outside.line.sink.down(1006);
      outside.pass(30_000);
    }
    const minutes = (count: number) => {
      for (let beat = 0; beat < count * 2; beat++) {
        outside.pass(30_000);
        outside.line.sink.frame({ kind: "heartbeat", offset: "0" });
      }
    };
    outside.line.sink.frame(hello());
    minutes(4);
    expect(line).toMatchObject({ way: "sse", status: "live" });
    outside.pass(30_000);
    outside.line.sink.frame({ kind: "heartbeat", offset: "0" });
    outside.pass(30_000);
    expect(outside.line).toMatchObject({ way: "websocket" });
    // It does not work yet: one try, and the way that does work has its turn again.
    outside.line.sink.down(1006);
    outside.pass(500);
    expect(outside.line.way).toBe("sse");
    outside.line.sink.frame(hello());
    minutes(9);
    expect(line).toMatchObject({ way: "sse", status: "live" });
    outside.pass(30_000);
    outside.line.sink.frame({ kind: "heartbeat", offset: "0" });
    outside.pass(30_000);
    outside.line.sink.frame(hello());
    expect(line).toMatchObject({ way: "websocket", status: "live" });
    minutes(30);
    expect(line).toMatchObject({ way: "websocket", status: "live" });
  });

  test("a server that greets and falls is not asked again and again at once, and one that was up for a while is", () => {
    const { outside, line } = page();
    const waits = (up: number) => {
      outside.line.sink.frame(hello());
      outside.line.sink.frame({ kind: "snapshot", offset: "7", seq: 7, state: {} });
      outside.pass(up);
      const now = outside.clock();
      outside.line.sink.down(1006);
      const wait = (line.retryAt ?? now) - now;
      outside.pass(wait);
      return wait;
    };
    expect([0, 100, 0, 2_000, 0].map(waits)).toEqual([250, 500, 1000, 2000, 4000]);
    // Waiting for so long is not being up for so long.
    expect([0, 0].map(waits)).toEqual([8000, 15_000]);
    expect([10_000, 0].map(waits)).toEqual([250, 500]);
  });

  test("a silent line is a dead line", () => {
    const { outside, line } = page();
    outside.line.sink.frame(hello());
    outside.pass(39_000);
    outside.line.sink.frame({ kind: "heartbeat", offset: "0" });
    outside.pass(39_000);
    expect(line.status).toBe("live");
    outside.pass(1_000);
    expect(line.status).toBe("waiting");
  });

  test("after a gap it asks for a snapshot again, and says so", () => {
    const { outside, frames, line } = page();
    outside.line.sink.frame(hello());
    outside.line.sink.frame({ kind: "snapshot", offset: "7", seq: 7, state: {} });
    outside.line.sink.frame({ kind: "gap", from: "8", to: "20", reason: "evicted" });
    expect(outside.line.after).toBe("snapshot");
    expect(line.gaps).toMatchObject([{ reason: "evicted", from: "8", to: "20" }]);
    expect(frames.at(-1)).toMatchObject({ kind: "gap" });
  });

  test("gap after gap is no reason to ask in a circle: it waits in between, and says why", () => {
    const { outside, line } = page();
    const lose = () => {
      outside.line.sink.frame(hello());
      outside.line.sink.frame({ kind: "snapshot", offset: "7", seq: 7, state: {} });
      outside.line.sink.frame({ kind: "gap", from: "8", to: "20", reason: "evicted" });
    };
    lose();
    expect(line.status).toBe("connecting");
    const before = outside.opened.length;
    lose();
    expect(line).toMatchObject({ status: "waiting", why: "events were lost again and again" });
    expect(outside.opened.length).toBe(before);
    outside.pass(30_000);
    expect(outside.line.after).toBe("snapshot");
    outside.line.sink.frame(hello());
    expect(line).toMatchObject({ status: "live", why: "" });
  });

  test("another epoch is a gap, even where the server does not say so", () => {
    const { outside, line } = page();
    outside.line.sink.frame(hello());
    outside.line.sink.frame({ kind: "snapshot", offset: "7", seq: 7, state: {} });
    outside.line.sink.down(1006);
    outside.pass(30_000);
    outside.line.sink.frame(hello("e2", "3"));
    expect(outside.line.after).toBe("snapshot");
    expect(line.gaps).toMatchObject([{ reason: "restarted" }]);
  });

  test("a server that is full or gone sends it to the next one, and a lesser way waits until all of them were tried", () => {
    for (const code of [4013, 1006]) {
      const { outside } = page(["http://a/", "http://b/"]);
      const tried: string[] = [];
      for (let i = 0; i < 5; i++) {
        tried.push(`${outside.line.base} ${outside.line.way}`);
        outside.line.sink.down(code);
        outside.pass(30_000);
      }
      expect(tried).toEqual(["http://a/ websocket", "http://b/ websocket", "http://a/ websocket", "http://b/ websocket", "http://b/ sse"]);
    }
  });

  test("a try of the best way that fails leaves it where it was", () => {
    const { outside } = page(["http://a/", "http://b/"]);
    for (let i = 0; i < 4; i++) {
      outside.line.sink.down(1006);
      outside.pass(30_000);
    }
    outside.line.sink.frame(hello());
    for (let beat = 0; outside.line.way === "sse" && beat < 20; beat++) {
      outside.pass(30_000);
      outside.line.sink.frame({ kind: "heartbeat", offset: "0" });
    }
    expect(outside.line).toMatchObject({ way: "websocket", base: "http://b/" });
    outside.line.sink.down(1006);
    outside.pass(500);
    expect(outside.line).toMatchObject({ way: "sse", base: "http://b/" });
  });

  test("a browser that has no such way is one where it cannot be heard", () => {
    const outside = new FakeOutside();
    outside.ways = outside.ways.map((one) => (one.way === "polling" ? one : { ...one, open: () => { throw new ReferenceError("there is none"); } }));
    const connection = new Connection(["http://town/"], outside, () => undefined, () => undefined);
    connection.start();
    expect(connection.line).toMatchObject({ status: "waiting", why: "the line broke" });
    outside.pass(10_000);
    expect(outside.opened.map(({ way }) => way)).toEqual(["polling"]);
  });

  test("waits with full jitter, never longer than half a minute", () => {
    expect([0, 1, 2, 20, 2000].map((failures) => backoff(failures, 1))).toEqual([500, 1000, 2000, 30_000, 30_000]);
    expect(backoff(9, 0)).toBe(0);
  });
});

function town() {
  const frames: (() => void)[] = [];
  const told: Entry[][] = [];
  const live = new Live((run) => frames.push(run), (fresh) => told.push(fresh), () => 0);
  const paint = () => frames.splice(0).forEach((run) => run());
  return { live, told, frames, paint };
}

describe("the town as it is now", () => {
  test("one telling per frame, however many events came, and the state of a fresh fold", () => {
    const { live, told, frames, paint } = town();
    live.take({ kind: "snapshot", offset: "10", seq: 10, state: JSON.parse(write(townAt(10))) as unknown });
    for (const entry of entries.slice(10)) live.take(event(entry));
    expect(frames).toHaveLength(1);
    paint();
    expect(told).toHaveLength(1);
    expect(told[0]).toHaveLength(entries.length - 10);
    expect(write(live.town)).toBe(write(townAt(entries.length)));
  });

  test("what comes twice counts once, and what is missing is noticed", () => {
    const { live, paint } = town();
    live.take({ kind: "snapshot", offset: "10", seq: 10, state: townAt(10) });
    for (const entry of entries.slice(5, 12)) live.take(event(entry));
    paint();
    expect(live.town.seq).toBe(12);
    live.take(event(entries[13] as Entry));
    paint();
    expect(live.hole).toBe(true);
    live.take({ kind: "snapshot", offset: "14", seq: 14, state: townAt(14) });
    expect(live.hole).toBe(false);
    expect(write(live.town)).toBe(write(townAt(14)));
  });

  test("derived and passing events are shown and change nothing", () => {
    const { live, paint } = town();
    live.take({ kind: "snapshot", offset: "10", seq: 10, state: townAt(10) });
    const landed = { ...(entries[0] as Entry).event, id: "c", type: "monkeytown.commit.landed.v1", data: {} };
    live.take({ kind: "event", offset: "11", seq: null, event: landed });
    paint();
    expect(write(live.town)).toBe(write(townAt(10)));
    expect(live.recent).toHaveLength(1);
    // The state is read anew: commits are in git still, and what passed by left no trace.
    live.take({ kind: "event", offset: "12", seq: null, event: { ...landed, id: "s", type: "monkeytown.run.step.v1" } });
    paint();
    live.take({ kind: "snapshot", offset: "13", seq: 11, state: townAt(11) });
    live.remember([...entries.slice(0, 11), { offset: "11", seq: null, event: landed }]);
    expect(live.recent.slice(-2).map((entry) => entry.event.id)).toEqual([entries[10]?.event.id, "c"]);
  });

  test("what is told after the state was read anew has no hole, and nothing of a history that is gone", () => {
    const { live, paint } = town();
    const told = () => live.recent.map(({ seq }) => seq);
    live.take({ kind: "snapshot", offset: "5", seq: 5, state: townAt(5) });
    live.remember(entries.slice(0, 5));
    for (const entry of entries.slice(5, 10)) live.take(event(entry));
    paint();
    expect(told()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    // Events 11 to 20 did not come through, and one came before those were read.
    live.take({ kind: "snapshot", offset: "20", seq: 20, state: townAt(20) });
    live.take(event(entries[20] as Entry));
    paint();
    live.remember(entries.slice(8, 20));
    expect(told()).toEqual([9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]);
    const other = entries.slice(0, 3).map((entry) => ({ ...entry, event: { ...entry.event, id: `other-${entry.seq}` } }));
    live.take({ kind: "snapshot", offset: "30", seq: 3, state: townAt(3) });
    live.remember(other);
    expect(live.recent).toEqual(other);
  });
});

test("a frame of another kind, or no frame at all, is passed over", () => {
  for (const text of ["", "null", "[]", '{"kind":"new"}', '{"kind":"event","offset":"1","event":{}}', "{"]) {
    expect(readFrame(text)).toBeUndefined();
  }
  expect(readFrame('{"kind":"heartbeat","offset":"9007199254740993"}')).toEqual({ kind: "heartbeat", offset: "9007199254740993" });
});

test("history is read on where many commits lie between its events, and from 0 with what was there before", async () => {
  const asked: string[] = [];
  const line = (offset: number, seq: number | null) => `${JSON.stringify({ offset: `${offset}`, seq, event: { ...journal[0], id: `e${offset}` } })}\n`;
  const answers: { [query: string]: [string, string | null] } = {
    "from=0&to=0": [line(1, null) + line(2, null), "2"],
    "to=0&after=2": [line(3, null), null],
    "from=1&to=2": [line(10, 1) + line(11, null), "11"],
    "to=2&after=11": [line(12, null) + line(20, 2), null],
  };
  const get = (url: URL) => {
    asked.push(url.search.slice(1));
    const [text, next] = answers[url.search.slice(1)] ?? ["", null];
    return Promise.resolve(new Response(text, next === null ? {} : { headers: { "x-next-offset": next } }));
  };
  const history = new ServedHistory("http://town.example/", get);
  expect((await history.events(0, 2)).map(({ offset }) => Number(offset))).toEqual([1, 2, 3, 10, 11, 12, 20]);
  expect(asked).toEqual(Object.keys(answers));
  expect((await history.events(1, 2)).map(({ offset }) => Number(offset))).toEqual([10, 11, 12, 20]);
});
