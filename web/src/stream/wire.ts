// What the server says, frame by frame, and reading it; what is done with a frame lives in live.ts.
import type { Envelope } from "../fold/event";
import { parse } from "../fold/json";

/** An event in its place: recorded ones have a number in the journal, derived and passing ones have none. */
export interface Entry {
  offset: string;
  seq: number | null;
  event: Envelope;
}

export type Frame =
  | { kind: "hello"; epoch: string; offset: string; head: string | null; server: string; now?: string }
  | { kind: "snapshot"; offset: string; seq: number; state: unknown }
  | ({ kind: "event" } & Entry)
  | { kind: "gap"; from: string; to: string; reason: string }
  | { kind: "heartbeat"; offset: string; now?: string };

const KINDS = ["hello", "snapshot", "event", "gap", "heartbeat"];

/** Reads a frame; nothing for one that this page does not know, which is no reason to stop. */
export function readFrame(text: string): Frame | undefined {
  let frame: unknown;
  try {
    frame = parse(text);
  } catch {
    return undefined;
  }
  if (typeof frame !== "object" || frame === null) return undefined;
  const { kind, event } = frame as { kind?: unknown; event?: unknown };
  if (typeof kind !== "string" || !KINDS.includes(kind)) return undefined;
  return kind === "event" && !isEnvelope(event) ? undefined : (frame as Frame);
}

export function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== "object" || value === null) return false;
  const { id, type, time, actor } = value as { [key: string]: unknown };
  return [id, type, time, actor].every((text) => typeof text === "string");
}

/** Whether `a` comes after `b`; offsets are decimal texts of any length. */
export function isAfter(a: string, b: string): boolean {
  try {
    return BigInt(a) > BigInt(b);
  } catch {
    return false;
  }
}
