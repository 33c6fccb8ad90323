// What may be the name of an agent, a run, a slot, an object or a pattern of paths; what they stand for lives elsewhere.
import { hasInvisible } from "./text";

export function isAgent(text: string): boolean {
  return text.length <= 64 && /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(text);
}

/** A ULID, in either case, without the letters that look like digits. */
export function isRun(text: string): boolean {
  return /^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}$/.test(text);
}

export function isSlot(text: string): boolean {
  return /^[0-9A-Za-z\-:._+]{1,64}$/.test(text);
}

export function isOid(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

const PATTERN_BYTES = 512;
const PATTERN_SEGMENTS = 32;
const PATTERN_STARS = 16;

export function isPattern(text: string): boolean {
  if (text === "" || text.length > PATTERN_BYTES || new TextEncoder().encode(text).length > PATTERN_BYTES) return false;
  if (hasInvisible(text) || /[\\?[\]{}!]/.test(text) || text.startsWith("/") || text.endsWith("/")) return false;
  const segments = text.split("/");
  if (segments.length > PATTERN_SEGMENTS || text.split("*").length - 1 > PATTERN_STARS) return false;
  return segments.every(isSegment);
}

function isSegment(segment: string): boolean {
  if (segment === "" || segment === "." || segment === "..") return false;
  return segment === "**" || (!segment.includes("**") && segment.trim() === segment);
}
