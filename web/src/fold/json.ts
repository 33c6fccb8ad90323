// JSON as Rust reads it: whole numbers stay exact, a fraction is no whole number, a doubled key is seen; no meaning lives here.
import { exact, isI64, isU64 } from "./int";

/** A number that is not a whole one to Rust: `1.0`, `1e3`, `-0`, or one that no 64 bits hold. */
export class Float {
  constructor(readonly value: number) {}
}

/** Where an object keeps the keys that it had twice. */
const TWICE = Symbol("twice");

export type Fields = { [key: string]: unknown; [TWICE]?: Set<string> };

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Float);
}

/** Whether the object had this key twice. */
export function isTwice(fields: Fields, key: string): boolean {
  return fields[TWICE]?.has(key) ?? false;
}

/** What the runtime's own parser would blur: long whole numbers, fractions, exponents, a minus before nothing. */
const SUBTLE = /[:[,]\s*-?(?:\d{16}|\d+[.eE]|0(?<=-0))/;

/**
 * Reads a document. The runtime's own parser does it where it cannot blur anything, which is nearly always.
 * @throws SyntaxError
 */
export function parse(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (/^\s*[-\d]/.test(text) || SUBTLE.test(text) || countKeys(value) !== countColons(text)) return new Reader(text).document();
  return value;
}

function countColons(text: string): number {
  return text.match(/"\s*:/g)?.length ?? 0;
}

function countKeys(value: unknown): number {
  const waiting: unknown[] = [value];
  let count = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (typeof next !== "object" || next === null) continue;
    const inside: unknown[] = Array.isArray(next) ? next : Object.values(next);
    if (!Array.isArray(next)) count += inside.length;
    for (const one of inside) if (typeof one === "object" && one !== null) waiting.push(one);
  }
  return count;
}

type Open = { list: unknown[] } | { fields: Fields; key: string };

/** A reader without recursion, for the documents that need care. The text is known to be valid JSON. */
class Reader {
  private at = 0;
  private readonly token = /[\s]*("[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:])/y;

  constructor(private readonly text: string) {}

  document(): unknown {
    const open: Open[] = [];
    for (;;) {
      let value = this.value(open);
      if (value === OPENED) continue;
      // A closed container is a value of the one around it.
      for (;;) {
        const top = open.at(-1);
        if (!top) return value;
        put(top, value);
        if (!this.closes(top)) break;
        open.pop();
        value = "list" in top ? top.list : top.fields;
      }
    }
  }

  private next(): string {
    this.token.lastIndex = this.at;
    const found = this.token.exec(this.text)?.[1];
    if (found === undefined) throw new SyntaxError("the document breaks off");
    this.at = this.token.lastIndex;
    return found;
  }

  private value(open: Open[]): unknown {
    const token = this.next();
    if (token === "{") return this.enter(open, { fields: {}, key: "" }, "}");
    if (token === "[") return this.enter(open, { list: [] }, "]");
    if (token === "true" || token === "false" || token === "null" || token.startsWith('"')) return JSON.parse(token);
    return number(token);
  }

  private enter(open: Open[], container: Open, end: string): unknown {
    const back = this.at;
    if (this.next() === end) return "list" in container ? container.list : container.fields;
    this.at = back;
    if ("fields" in container) this.key(container);
    open.push(container);
    return OPENED;
  }

  private key(container: Extract<Open, { key: string }>): void {
    container.key = JSON.parse(this.next()) as string;
    this.next();
  }

  private closes(container: Open): boolean {
    const more = this.next() === ",";
    if (more && "fields" in container) this.key(container);
    return !more;
  }
}

const OPENED = Symbol("opened");

function put(container: Open, value: unknown): void {
  if ("list" in container) {
    container.list.push(value);
    return;
  }
  const { fields, key } = container;
  if (Object.hasOwn(fields, key)) (fields[TWICE] ??= new Set()).add(key);
  Object.defineProperty(fields, key, { value, writable: true, enumerable: true, configurable: true });
}

function number(token: string): unknown {
  if (!/^-?\d+$/.test(token) || token === "-0") return new Float(Number(token));
  const value = exact(BigInt(token));
  return isU64(value) || isI64(value) ? value : new Float(Number(token));
}

/** Writes a document with sorted keys and without spaces, so that two equal states are two equal texts. It does not recurse. */
export function write(value: unknown): string {
  let out = "";
  // What is still to be written, the next thing last; texts in it are written as they are.
  const waiting: ({ raw: string } | { value: unknown })[] = [{ value }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if ("raw" in next) out += next.raw;
    else if (!isOpen(next.value)) out += scalar(next.value);
    else for (const one of inside(next.value).reverse()) waiting.push(one);
  }
  return out;
}

function isOpen(value: unknown): value is object {
  return typeof value === "object" && value !== null && !(value instanceof Float);
}

function scalar(value: unknown): string {
  if (typeof value === "bigint") return value.toString();
  return JSON.stringify(value instanceof Float ? value.value : value) ?? "null";
}

function inside(value: object): ({ raw: string } | { value: unknown })[] {
  if (Array.isArray(value)) return [{ raw: "[" }, ...value.flatMap((one: unknown, i) => [{ raw: i === 0 ? "" : "," }, { value: one }]), { raw: "]" }];
  const fields = value as { [key: string]: unknown };
  const keys = Object.keys(fields).filter((key) => fields[key] !== undefined).sort();
  return [{ raw: "{" }, ...keys.flatMap((key, i) => [{ raw: `${i === 0 ? "" : ","}${JSON.stringify(key)}:` }, { value: fields[key] }]), { raw: "}" }];
}
