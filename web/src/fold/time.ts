// Moments as Rust reads and writes them: RFC 3339 with a little grace, nanoseconds, leap seconds; no clock lives here.

/** A moment in UTC; `nanos` reaches beyond a second inside a leap second. */
export interface Moment {
  seconds: number;
  nanos: number;
}

const DAY = 86_400;
const SPACE = "[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]*";
const TWO = "(\\d{1,2})";
const RFC3339 = new RegExp(
  `^${SPACE}([+-]\\d+|\\d{1,4})${SPACE}-${SPACE}${TWO}${SPACE}-${SPACE}${TWO}[tT ]${SPACE}${TWO}${SPACE}:${SPACE}${TWO}` +
    `${SPACE}:${SPACE}${TWO}(?:\\.(\\d{1,9})\\d*)?${SPACE}(?:([zZ]|[uU][tT][cC])|([+\\-\\u2212])(\\d\\d)` +
    `${SPACE.replace("[", "[:")}([0-5]\\d))${SPACE}$`,
);

/** The form that the town itself writes, which is quick to read. Its groups are those of the long one. */
const PLAIN = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z)$/;

/** Days since 1970 of a day of the proleptic Gregorian calendar. */
function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468;
}

function dateOf(days: number): [number, number, number] {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const doe = z - era * 146_097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36_524) - Math.floor(doe / 146_096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const month = mp < 10 ? mp + 3 : mp - 9;
  return [yoe + era * 400 + (month <= 2 ? 1 : 0), month, doy - Math.floor((153 * mp + 2) / 5) + 1];
}

const FIRST_DAY = daysOf(-262_143, 1, 1);
const LAST_DAY = daysOf(262_142, 12, 31);

/** Reads a moment; nothing where it is none. */
export function parseMoment(text: string): Moment | undefined {
  const found = PLAIN.exec(text) ?? RFC3339.exec(text);
  if (!found) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number) as [number, number, number, number, number, number];
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return undefined;
  const days = daysOf(year, month, day);
  const [, , sameDay] = dateOf(days);
  if (sameDay !== day || !(days >= FIRST_DAY && days <= LAST_DAY)) return undefined;
  const offset = (Number(found[10] ?? 0) * 60 + Number(found[11] ?? 0)) * 60;
  if (offset >= DAY) return undefined;
  const local = days * DAY + hour * 3600 + minute * 60 + Math.min(second, 59);
  const seconds = found[9] === undefined ? local : found[9] === "+" ? local - offset : local + offset;
  const onDay = Math.floor(seconds / DAY);
  if (onDay < FIRST_DAY || onDay > LAST_DAY) return undefined;
  const nanos = Number((found[7] ?? "").padEnd(9, "0")) + (second === 60 ? 1_000_000_000 : 0);
  return { seconds, nanos };
}

function two(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}

/** Writes a moment as the state has it: in UTC, with as many groups of three digits as it needs. */
export function writeMoment(moment: Moment): string {
  const days = dayOf(moment);
  const [year, month, day] = dateOf(days);
  const inDay = moment.seconds - days * DAY;
  const leap = moment.nanos >= 1_000_000_000 ? 1 : 0;
  const nanos = moment.nanos - leap * 1_000_000_000;
  const digits = `${nanos}`.padStart(9, "0");
  const part = nanos === 0 ? "" : `.${digits.slice(0, nanos % 1_000_000 === 0 ? 3 : nanos % 1000 === 0 ? 6 : 9)}`;
  const sign = year < 0 ? "-" : "+";
  const named = year >= 0 && year <= 9999 ? `${year}`.padStart(4, "0") : sign + `${Math.abs(year)}`.padStart(4, "0");
  const clock = [Math.floor(inDay / 3600), Math.floor(inDay / 60) % 60, (inDay % 60) + leap].map(two).join(":");
  return `${named}-${two(month)}-${two(day)}T${clock}${part}Z`;
}

/** The day of a moment, in days since 1970. */
export function dayOf(moment: Moment): number {
  return Math.floor(moment.seconds / DAY);
}

export function compareMoments(a: Moment, b: Moment): number {
  return a.seconds - b.seconds || a.nanos - b.nanos;
}

/** Milliseconds since 1970 of a text that holds a moment; not a number where it holds none. */
export function millisOf(text: string): number {
  const moment = parseMoment(text);
  return moment ? moment.seconds * 1000 + Math.floor(moment.nanos / 1_000_000) : NaN;
}
