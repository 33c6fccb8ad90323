// Text as Rust measures it: in UTF-8 bytes; shortening, ordering, and what a reader cannot see. Nothing is shown from here.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Whether every surrogate has its partner, which is what Rust demands of a text. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** Orders texts by their UTF-8 bytes, as Rust does; UTF-16 orders what lies beyond U+FFFF elsewhere. */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for what comes after every other unit. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** Leaves out the middle of a text that is longer than so many bytes, and says how much was left out. */
export function truncateMiddle(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes) return text;
  const bytes = encoder.encode(text);
  if (bytes.length <= maxBytes) return text;
  const note = (leftOut: number) => `\n[… ${leftOut} bytes left out …]\n`;
  const room = maxBytes - encoder.encode(note(bytes.length)).length;
  if (room < 0) return decode(bytes, 0, floorBoundary(bytes, maxBytes));
  const half = Math.floor(room / 2);
  const head = floorBoundary(bytes, room - half);
  const tail = ceilBoundary(bytes, bytes.length - half);
  return decode(bytes, 0, head) + note(tail - head) + decode(bytes, tail, bytes.length);
}

function decode(bytes: Uint8Array, from: number, to: number): string {
  // A byte order mark at the start would be swallowed by the decoder, and Rust keeps it.
  const mark = bytes[from] === 0xef && bytes[from + 1] === 0xbb && bytes[from + 2] === 0xbf && to - from >= 3;
  return (mark ? "\ufeff" : "") + decoder.decode(bytes.subarray(mark ? from + 3 : from, to));
}

function isBoundary(bytes: Uint8Array, at: number): boolean {
  return at >= bytes.length || ((bytes[at] ?? 0) & 0xc0) !== 0x80;
}

function floorBoundary(bytes: Uint8Array, at: number): number {
  while (!isBoundary(bytes, at)) at--;
  return at;
}

function ceilBoundary(bytes: Uint8Array, at: number): number {
  while (!isBoundary(bytes, at)) at++;
  return at;
}

const INVISIBLE =
  /[\p{Cc}\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u2028-\u202E\u2060-\u206F\u3164\uFE00-\uFE0F\uFEFF\uFFA0\uFFF0-\uFFFB\u{1BCA0}-\u{1BCA3}\u{1D173}-\u{1D17A}\u{E0000}-\u{E0FFF}]/u;

/** An emoji whole, or one character. */
const EMOJI = /\p{ExtPict}\uFE0F?(?:\p{EMod}?\u200D\p{ExtPict}\uFE0F?)+|\p{ExtPict}\uFE0F|[^]/gu;

/** Whether the text has a control, a bidirectional or zero-width character, a tag or a selector. */
export function hasInvisible(text: string): boolean {
  return INVISIBLE.test(text);
}

/** A text in parts, each either what everybody sees or one character that nobody sees, as `U+202E`. */
export function splitInvisible(text: string): { text: string; hidden: boolean }[] {
  if (!INVISIBLE.test(text)) return [{ text, hidden: false }];
  const parts: { text: string; hidden: boolean }[] = [];
  // What joins one emoji, or says that a sign is one, is a part of what everybody sees.
  for (const char of text.match(EMOJI) ?? []) {
    const hidden = char.replace(INVISIBLE, "") === "" && char !== "\t" && char !== "\n";
    const last = parts.at(-1);
    if (hidden) parts.push({ text: `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`, hidden });
    else if (last && !last.hidden) last.text += char;
    else parts.push({ text: char, hidden });
  }
  return parts;
}
