// Whole numbers as Rust counts them: exact up to 64 bits, saturating where Rust saturates; no other arithmetic lives here.

/** A whole number: a `number` while that is exact, a `bigint` beyond. Equal values have one form. */
export type Int = number | bigint;

export const U32_MAX = 4294967295;
export const U64_MAX = 18446744073709551615n;
const I64_MIN = -9223372036854775808n;
const I64_MAX = 9223372036854775807n;

/** The one form of a whole number. */
export function exact(value: bigint): Int {
  const near = Number(value);
  return Number.isSafeInteger(near) ? near : value;
}

/** The larger of two. */
export function most(a: Int, b: Int): Int {
  return a < b ? b : a;
}

/** A sum that stops at the largest u64. */
export function add(a: Int, b: Int): Int {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  const sum = BigInt(a) + BigInt(b);
  return exact(sum > U64_MAX ? U64_MAX : sum);
}

/** One less, and never below nothing. */
export function less(a: Int): Int {
  return a > 0 ? exact(BigInt(a) - 1n) : a;
}

export function isU64(value: unknown): value is Int {
  return typeof value === "number" ? value >= 0 : typeof value === "bigint" && value >= 0n && value <= U64_MAX;
}

export function isI64(value: unknown): value is Int {
  return typeof value === "number" || (typeof value === "bigint" && value >= I64_MIN && value <= I64_MAX);
}

/** A u64 out of text, as Rust's `parse` reads it: digits, with a plus at most. */
export function parseU64(text: string): Int | undefined {
  if (!/^\+?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.replace("+", ""));
  return value > U64_MAX ? undefined : exact(value);
}

/** Orders the decimal texts of whole numbers. */
export function byNumber(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
