// The three ways to hear the stream, each behind the same small face; when to use which lives in connection.ts.
import { readFrame, type Frame } from "./wire";
import { parse } from "../fold/json";

/** What a transport reports. After `down` it says nothing more. */
export interface Sink {
  frame(frame: Frame): void;
  down(code: number): void;
}

/** Opens a transport; the answer closes it, silently. `after` is an offset, or `snapshot`. */
export type Open = (base: string, after: string, sink: Sink) => () => void;

/** A code of our own for "the line broke". */
export const BROKEN = 1006;

function streamUrl(base: string, path: string, after: string): URL {
  const url = new URL(path, base);
  url.searchParams.set("after", after);
  return url;
}

export const openSocket: Open = (base, after, sink) => {
  const url = streamUrl(base, "ws", after);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  let heard: Sink | undefined = sink;
  const down = (code: number) => {
    const last = heard;
    heard = undefined;
    last?.down(code);
  };
  const socket = new WebSocket(url);
  socket.onmessage = ({ data }) => {
    const frame = typeof data === "string" ? readFrame(data) : undefined;
    if (frame) heard?.frame(frame);
  };
  socket.onclose = ({ code }) => down(code);
  socket.onerror = () => down(BROKEN);
  return () => {
    heard = undefined;
    socket.close();
  };
};

export const openEvents: Open = (base, after, sink) => {
  const source = new EventSource(streamUrl(base, "events", after));
  let heard: Sink | undefined = sink;
  const hear = ({ data }: MessageEvent<string>) => {
    const frame = readFrame(data);
    if (frame) heard?.frame(frame);
  };
  for (const kind of ["hello", "snapshot", "event", "gap", "heartbeat"]) source.addEventListener(kind, hear);
  source.onmessage = hear;
  source.onerror = () => {
    // The browser would come back by itself, without jitter and without asking for a snapshot.
    source.close();
    const last = heard;
    heard = undefined;
    last?.down(BROKEN);
  };
  return () => {
    heard = undefined;
    source.close();
  };
};

interface Page {
  epoch: string;
  next: string;
  gap: { from: string; to: string; reason: string } | null;
  events: { offset: string; seq: number | null; event: unknown }[];
}

const WAIT_SECONDS = 25;

/** Between two questions another life of the stream may begin, in which the same offset is another place. */
const place = (epoch: string, offset: string): string => `${epoch}:${offset}`;

export const openPoll: Open = (base, after, sink) => {
  const stop = new AbortController();
  const get = async (url: URL): Promise<unknown> => {
    const response = await fetch(url, { signal: stop.signal, headers: { accept: "application/json" } });
    if (!response.ok) throw new Error(`${response.status}`);
    return parse(await response.text());
  };
  const tell = (frame: Frame) => {
    if (!stop.signal.aborted) sink.frame(frame);
  };
  const begin = async (): Promise<string> => {
    const now = (await get(new URL("api/state", base))) as { epoch: string; offset: string; seq: number; state: unknown };
    tell({ kind: "hello", epoch: now.epoch, offset: now.offset, head: null, server: "" });
    if (after !== "snapshot") return place(now.epoch, after);
    tell({ kind: "snapshot", offset: now.offset, seq: now.seq, state: now.state });
    return place(now.epoch, now.offset);
  };
  const listen = async () => {
    for (let next = await begin(); !stop.signal.aborted; ) {
      const url = streamUrl(base, "api/events", next);
      url.searchParams.set("wait", `${WAIT_SECONDS}`);
      url.searchParams.set("limit", "1000");
      const page = (await get(url)) as Page;
      if (page.gap) tell({ kind: "gap", ...page.gap });
      for (const one of page.events) {
        const frame = { kind: "event", ...one } as Frame;
        tell(frame);
      }
      next = place(page.epoch, page.next);
      tell({ kind: "heartbeat", offset: page.next });
    }
  };
  listen().catch(() => {
    if (!stop.signal.aborted) sink.down(BROKEN);
  });
  return () => stop.abort();
};
