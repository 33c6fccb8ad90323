// Decoding as serde does it, with every leniency and every refusal of its own; which shapes there are lives in event.ts.
import { U32_MAX, isI64, isU64, type Int } from "./int";
import { Float, isFields, isTwice, type Fields } from "./json";
import { isWellFormed } from "./text";
import { parseMoment, type Moment } from "./time";

/** A payload of another shape than its type has. */
export class Misshapen extends Error {}

export type Decoder<T> = (value: unknown) => T;

/** A field: how it is read, and what stands for it where it is absent. */
export interface Field<T> {
  decode: Decoder<T>;
  absent?: () => T;
}

type Shape = { [name: string]: Field<unknown> };
export type Of<S> = { [K in keyof S]: S[K] extends Field<infer T> ? T : never };

function refuse(why: string): never {
  throw new Misshapen(why);
}

const text: Decoder<string> = (value) =>
  typeof value === "string" && isWellFormed(value) ? value : refuse("not a text");

/** A field that must be there. */
export function need<T>(decode: Decoder<T>): Field<T> {
  return { decode };
}

/** A field with a value for its absence. `null` is no absence. */
export function or<T>(decode: Decoder<T>, absent: () => T): Field<T> {
  return { decode, absent };
}

/** A field that may be absent or `null`. */
export function maybe<T>(decode: Decoder<T>): Field<T | undefined> {
  return { decode: (value) => (value === null ? undefined : decode(value)), absent: () => undefined };
}

export const string = text;

export function checked(check: (text: string) => boolean): Decoder<string> {
  return (value) => {
    const found = text(value);
    return check(found) ? found : refuse("not what it is called");
  };
}

export const bool: Decoder<boolean> = (value) => (typeof value === "boolean" ? value : refuse("neither true nor false"));
export const u64: Decoder<Int> = (value) => (isU64(value) ? value : refuse("no whole number of 64 bits"));
export const i64: Decoder<Int> = (value) => (isI64(value) ? value : refuse("no whole number of 64 bits"));
export const u32: Decoder<number> = (value) =>
  typeof value === "number" && value >= 0 && value <= U32_MAX ? value : refuse("no whole number of 32 bits");
export const moment: Decoder<Moment> = (value) => parseMoment(text(value)) ?? refuse("no moment");

export function list<T>(decode: Decoder<T>): Decoder<T[]> {
  return (value) => (Array.isArray(value) ? value.map(decode) : refuse("no list"));
}

/** One of these words. Serde also takes `{"word": null}` for a word. */
export function word<const W extends string>(words: readonly W[], otherwise?: W): Decoder<W> {
  return (value) => {
    let found = value;
    if (isFields(value)) {
      const [key, ...more] = Object.keys(value);
      if (key === undefined || more.length > 0 || value[key] !== null || isTwice(value, key)) return refuse("no word");
      found = key;
    }
    const name = text(found);
    return words.find((one) => one === name) ?? otherwise ?? refuse("not one of the words");
  };
}

/** A struct. Unknown fields are passed over; a list of the fields in their order is a struct too. */
export function struct<S extends Shape>(shape: S): Decoder<Of<S>> {
  const names = Object.keys(shape);
  return (value) => {
    if (Array.isArray(value)) return inOrder(shape, names, value) as Of<S>;
    if (!isFields(value)) return refuse("no object");
    for (const key in value) if (!isWellFormed(key)) return refuse("not a text");
    return named(shape, names, value) as Of<S>;
  };
}

function named(shape: Shape, names: string[], fields: Fields): { [name: string]: unknown } {
  const out: { [name: string]: unknown } = {};
  for (const name of names) {
    const field = shape[name] as Field<unknown>;
    if (!Object.hasOwn(fields, name)) out[name] = (field.absent ?? (() => refuse(`${name} is missing`)))();
    else if (isTwice(fields, name)) refuse(`${name} stands there twice`);
    else out[name] = field.decode(fields[name]);
  }
  return out;
}

function inOrder(shape: Shape, names: string[], values: unknown[]): { [name: string]: unknown } {
  if (values.length > names.length) return refuse("too many");
  const out: { [name: string]: unknown } = {};
  names.forEach((name, i) => {
    const field = shape[name] as Field<unknown>;
    if (i < values.length) out[name] = field.decode(values[i]);
    else out[name] = (field.absent ?? (() => refuse(`${name} is missing`)))();
  });
  return out;
}

/** A struct with another one flattened into it. Serde keeps what is not its own for the other, and so looks at all of it. */
export function flat<S extends Shape, I extends Shape>(own: S, inner: I): Decoder<Of<S> & Of<I>> {
  const [ownNames, innerNames] = [Object.keys(own), Object.keys(inner)];
  return (value) => {
    if (!isFields(value)) return refuse("no object");
    for (const key in value) {
      if (!isWellFormed(key)) return refuse("not a text");
      if (!Object.hasOwn(own, key)) keepable(value[key], DEEPEST - 1);
    }
    return { ...named(inner, innerNames, value), ...named(own, ownNames, value) } as Of<S> & Of<I>;
  };
}

/** Containers within one another that serde_json reads where it has to keep what it reads. */
const DEEPEST = 127;

function keepable(value: unknown, deeper: number): void {
  if (typeof value === "string") text(value);
  else if (value instanceof Float) {
    if (!Number.isFinite(value.value)) refuse("a number that is too large");
  } else if (typeof value === "object" && value !== null) {
    if (deeper === 0) refuse("too deep");
    if (!Array.isArray(value)) for (const key in value) text(key);
    for (const one of Array.isArray(value) ? value : Object.values(value)) keepable(one, deeper - 1);
  }
}
