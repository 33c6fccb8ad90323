// The page's one state: which town, live or in the past, and what was fetched around it; what it looks like lives in the screens.
import { computed, effect, signal } from "@preact/signals";
import { emptyTown, type Town } from "../fold/state";
import { Connection, WAYS, type Line } from "../stream/connection";
import { ServedHistory, StaticHistory, fetchText, type History, type HistoryIndex } from "../stream/history";
import { Live } from "../stream/live";
import { Machine, type Place } from "../stream/machine";
import { Replay } from "../stream/replay";
import { ranked } from "../stream/shards";
import type { Entry, Frame } from "../stream/wire";
import { parse } from "../fold/json";
import { adopt } from "../fold/state";
import { Acts, Resource, type AgentInfo, type LedgerInfo, type Loaded, type PullDetail, type PullInfo, type SpecInfo, type StreamInfo, type TownInfo } from "./api";
import { chance, steadyClock, wallClock, witness } from "./edge";
import { breath } from "./growing";
import { knowing, touched } from "./sentence";
import { go, keepSession, route, storedSession, takeToken } from "./route";
import { Then } from "./then";
import { takesTurn } from "./turns";

const base = new URL(".", document.baseURI).href;

export const info = signal<TownInfo | null>(null);
export const failure = signal<string | null>(null);
/** Ticks whenever what is shown has changed: at most once a frame. */
export const version = signal(0);
export const line = signal<Line | null>(null);
export const minute = signal(wallClock());
/** Events that came while the past was shown, and the last one before it was. */
export const missed = signal(0);
let left: number | undefined;
export const notice = signal<string | null>(null);

export const acts = new Acts(base, storedSession(), keepSession);
let token: string | null = null;
let connection: Connection | undefined;
export let history: History;
let painting = false;
let stopFollowing: (() => void) | undefined;
/** Whether a server has said hello before. */
let greeted = false;
let clock: ReturnType<typeof setInterval> | undefined;

export const live = new Live(beforePaint, told, wallClock);

let painted = -Infinity;
let pause = 0;

function beforePaint(run: () => void): void {
  const now = () => {
    painted = steadyClock();
    run();
  };
  // Where the map has this frame, the next one is ours in any case.
  const next = () => requestAnimationFrame((at) => (takesTurn(at) ? now() : requestAnimationFrame(now)));
  const wait = document.hidden ? 1000 : painted + pause - steadyClock();
  if (wait > 0) setTimeout(document.hidden ? now : next, wait);
  else next();
}

/** The milliseconds that are left until the next try to reach the server. */
export function untilRetry(): number {
  void minute.value;
  return Math.max(0, (line.value?.retryAt ?? 0) - steadyClock());
}

/** Whether the past was ever reached: before that there is nothing of it to show. */
const arrived = signal(false);
const followed = signal(false);
/** Whether the address names a moment of the past. */
const asked = computed(() => route.value.at !== null || route.value.event !== null);
/** Whether the past is shown. Who followed the live town goes on doing so until what was asked for is there. */
export const past = computed(() => asked.value && (arrived.value || !followed.value));
const walking = signal(0);
/** Whether a moment of the past is on its way. */
export const going = computed(() => (asked.value || walking.value > 0) && !past.value);
export let replay: Replay | undefined;
/** Whether there is a town to show: live or past. */
export const ready = computed(() => {
  void version.value;
  return past.value ? arrived.value : live.ready;
});

/** The town that is shown. */
export function town(): Town {
  void version.value;
  if (!past.value) return live.town;
  return replay?.machine.town ?? emptyTown();
}

knowing(() => [town(), live.town]);

/** The last events before the moment that is shown, oldest first. */
export function recent(count = 200): Entry[] {
  void version.value;
  return past.value ? (replay?.machine.recent(count, replay.until) ?? []) : live.recent.slice(-count);
}

/** The moment that is shown, in milliseconds. */
export function shownNow(): number {
  void version.value;
  return past.value && replay ? replay.now : Math.max(minute.value, wallClock());
}

/** The moment that what is shown is true of: an export knows nothing after its last event. */
export function asOf(): number {
  const last = live.recent.at(-1)?.event.time;
  return info.value?.static && !past.value && last !== undefined ? Date.parse(last) : shownNow();
}

/** The moment up to which commits behind the event are shown: all of them where there is none, and live whatever comes. */
export function momentShown(): number | undefined {
  void version.value;
  return past.value ? replay?.place.moment : Infinity;
}

export function head(): number {
  void version.value;
  return live.town.seq;
}

const api = (served: string, exported: string | null) => () => (info.value?.static ? (exported ? new URL(exported, base) : null) : new URL(served, base));
export const agents = new Resource<AgentInfo[]>(api("api/agents", "agents.json"));
export const pulls = new Resource<PullInfo[]>(api("api/pulls", "pulls.json"));
export const specs = new Resource<SpecInfo>(api("api/specs", "specs.json"));
export const ledger = new Resource<LedgerInfo>(api("api/ledger", "ledger.json"));
export const health = new Resource<StreamInfo>(api("api/stream", null));
export const index = new Resource<HistoryIndex>(api("api/history/index", "history/index.json"), 5_000);
const specsAt = new Then<SpecInfo>((at) => new URL(`api/specs?at=${at}`, base));

/** Specs and changes of the moment that is shown. */
export function specsShown(): Loaded<SpecInfo> {
  if (!past.value) return specs.want();
  if (info.value?.static) return { state: "failed", why: "changes are known live only" };
  // Where nothing had happened yet, there is the beginning of the stream.
  return ready.value ? specsAt.at(recent(1).at(-1)?.offset ?? "0") : { state: "loading" };
}

/** What the town's own files say of it, which may be something else after any commit. */
const about = new Resource<TownInfo>(api("api/town", null), 5_000);
effect(() => {
  const read = about.value.value;
  if (read.state === "there") info.value = read.value;
});
const details = new Map<string, Resource<PullDetail>>();

const fetched = () => [about, agents, pulls, specs, ledger, health, index, ...details.values()];

/** Time goes on, and who looks again sees what came meanwhile. */
function tick(): ReturnType<typeof setInterval> {
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) for (const one of fetched()) one.catchUp();
  });
  return setInterval(() => {
    minute.value = wallClock();
    if (past.value) specsAt.retry();
    const known = agents.value.peek();
    // Who did not begin when planned waits for the next time, and no event says so; an export knows no other.
    if (!info.value?.static && known.state === "there" && known.value.some((one) => Date.parse(one.next_slot ?? "") < minute.value)) agents.stale();
  }, 10_000);
}

export function detail(number: string): Resource<PullDetail> {
  let one = details.get(number);
  if (!one) {
    // Each may have megabytes; who walks on and on needs none of those far back.
    if (details.size > 20) details.clear();
    details.set(number, (one = new Resource<PullDetail>(api(`api/pulls/${number}`, `pulls/${number}.json`))));
  }
  return one;
}

function told(fresh: Entry[]): void {
  pause = breath(fresh.length);
  if (live.hole) connection?.startOver("an event was missing");
  // Of a flood only the newest are told here.
  if (past.value) missed.value = Math.max(0, live.town.seq - (left ??= live.town.seq));
  const nouns = touched(fresh);
  if (["pull", "gate", "run", "commit"].some((noun) => nouns.has(noun))) for (const one of [pulls, ...details.values()]) one.stale();
  if (["agent", "commit", "run"].some((noun) => nouns.has(noun))) agents.stale();
  if (nouns.has("commit") || nouns.has("pull")) specs.stale();
  if (nouns.has("run")) ledger.stale();
  if (nouns.has("commit")) {
    about.stale();
    replay?.machine.grown();
  }
  if (nouns.size > 0) index.stale();
  if (connection && fresh.length > 0) line.value = { ...connection.line };
  version.value += 1;
}

const REASONS: { [reason: string]: string } = { evicted: "the server keeps no more of them", rewritten: "the history was rewritten", restarted: "the server was started again" };

function heard(frame: Frame): void {
  if (frame.kind === "gap") notice.value = `Events may not have come through here: ${REASONS[frame.reason] ?? frame.reason}. The town is read anew, whole.`;
  // What was asked for while nobody answered is asked for again, whatever came through meanwhile.
  if (frame.kind === "hello" && greeted) for (const one of fetched()) one.stale();
  greeted ||= frame.kind === "hello";
  live.take(frame);
  if (frame.kind !== "snapshot") return;
  if (connection) line.value = { ...connection.line };
  forgetPast();
  void rememberTail();
}

/** A page whose state was just read has something to tell: the last events from before. */
async function rememberTail(): Promise<void> {
  const { town } = live;
  const { seq } = town;
  // Where little has happened yet, commits from before are most of what there is to tell. The tail is a comfort: the state is there without it.
  const tail = await history.events(seq < 60 ? 0 : Math.max(1, seq - 199), seq).catch(() => []);
  if (town === live.town) live.remember(tail.slice(-500));
}

async function findTown(): Promise<TownInfo> {
  const hint = document.querySelector('meta[name="monkeytown"]')?.getAttribute("content");
  if (hint !== "static") {
    try {
      return JSON.parse(await fetchText(fetch, new URL("api/town", base))) as TownInfo;
    } catch (error) {
      if (hint === "served") throw error;
    }
  }
  return { ...(JSON.parse(await fetchText(fetch, new URL("town.json", base))) as TownInfo), static: true };
}

/** What was read of the past goes with the history that it was read from. */
function forgetPast(): void {
  specsAt.forget();
  const before = replay?.playing;
  replay = new Replay(new Machine(history, head), head, () => {
    // Playing moves the address, and before anybody looks: another one than that comes from outside. A seek only follows it.
    if (route.value.at !== null && replay?.playing.on && route.value.at !== replay.seq) go({ at: replay.seq }, true);
    version.value += 1;
  });
  Object.assign(replay.playing, before, { on: false });
  followed.value = !asked.peek() || going.peek();
  arrived.value = false;
}

export async function start(): Promise<void> {
  admit();
  clock ??= tick();
  failure.value = null;
  try {
    info.value = await findTown();
    history = info.value.static ? new StaticHistory(base, fetch) : new ServedHistory(base, fetch);
    forgetPast();
    if (info.value.static) await openExport();
    else openStream(info.value);
    admit();
    stopFollowing?.();
    stopFollowing = effect(follow);
  } catch (error) {
    failure.value = (error as Error).message;
  }
}

/** Whether this page may merge, reject and freeze here. */
export function mayDecide(): boolean {
  return info.value?.local === true && acts.by.value !== null;
}

/** Takes a token out of the address: that of a page that was opened, or of an address that was put into its tab later. */
export function admit(): void {
  token = takeToken() ?? token;
  if (info.value?.local) void openSession();
}

/** Gives the token of the printed address away. A page that has a session needs none: a reloaded address is no mistake. */
async function openSession(): Promise<void> {
  const own = token;
  token = null;
  if (own === null) return;
  try {
    await acts.open(own);
  } catch (error) {
    if (acts.by.value === null) notice.value = `This page may look and not decide: ${(error as Error).message}.`;
  }
}

async function openExport(): Promise<void> {
  const state = parse(await fetchText(fetch, new URL("state.json", base))) as { offset?: string; seq: number; state: unknown };
  live.take({ kind: "snapshot", offset: state.offset ?? "0", seq: state.seq, state: adopt(state.state) });
  await rememberTail();
}

function openStream(town: TownInfo): void {
  const bases = town.shards?.length ? ranked(town.shards, witness()).map((one) => new URL(one, base).href) : [base];
  const outside = {
    ways: WAYS,
    chance,
    clock: steadyClock,
    later: (run: () => void, ms: number) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  };
  connection = new Connection(bases, outside, heard, () => {
    if (connection) line.value = { ...connection.line };
  });
  connection.start();
  window.addEventListener("online", () => connection?.retryNow());
}

export function retry(): void {
  if (connection) connection.retryNow();
  else void start();
}

/** The moment that somebody wants to see next; a newer wish replaces it. */
let wish: number | string | null = null;
let seeking = false;
/** Somebody pressed play while a moment was on its way. */
let playThen = false;
/** What could not be shown, so that it is not tried again with every event that comes. */
let refused: number | string | null = null;
/** Why the moment that the address names cannot be shown. */
export const unreadable = signal<string | null>(null);

/** Follows the address into the past and back. */
function follow(): void {
  const { at, event } = route.value;
  const ready = version.value > 0 && live.ready;
  if (!ready || !replay) return;
  const wanted = event ?? at;
  if (wanted === null || wanted !== refused) {
    refused = null;
    unreadable.value = null;
  }
  if (wanted === null) {
    replay.playing.on = false;
    followed.value = true;
    arrived.value = false;
    missed.value = 0;
    left = live.town.seq;
    return;
  }
  const there = event === null && at === replay.seq && arrived.peek();
  // Who goes somewhere wants to be there.
  if (!there) replay.playing.on = false;
  if (there && !replay.playing.on) replay.look(route.value.moment);
  if (there || wanted === refused) return;
  wish = wanted;
  if (!seeking) void seek();
}

/** Goes where the last wish says; those that were overtaken while a history was fetched are forgotten. */
async function seek(): Promise<void> {
  seeking = true;
  while (wish !== null) {
    const wanted = wish;
    wish = null;
    try {
      await (typeof wanted === "string" ? toEvent(wanted) : toSeq(wanted));
      // Where it failed before, that is over.
      refused = null;
    } catch (error) {
      if (!asked.peek()) continue;
      refused = wanted;
      if (wish === null) unreadable.value = (error as Error).message;
    }
  }
  seeking = false;
  const on = playThen && refused === null;
  playThen = false;
  if (on) play(true);
}

async function toSeq(seq: number): Promise<void> {
  const own = replay;
  await own?.seek(seq);
  // Another history began meanwhile.
  if (own !== replay) return toSeq(seq);
  if (route.value.at === seq) replay?.look(route.value.moment);
  arrived.value = asked.peek();
  // There is nothing behind the last event.
  if (replay && route.value.at === seq && replay.seq !== seq) go({ at: replay.seq }, true);
}

async function toEvent(id: string): Promise<void> {
  const found = await replay?.machine.locate(id);
  if (route.value.event !== id) return;
  if (!found) notice.value = `There is no event ${id} in this history.`;
  const { seq: at = null, moment } = found ?? {};
  go({ screen: "timeline", selected: found?.id ?? null, at, ...(moment === undefined ? {} : { moment }) }, true);
}

/** Goes to a moment of the past, after an event and, where one is given, up to a moment before the next; the address follows, and nothing plays on. */
export function rewind(seq: number, moment?: number): void {
  overtake();
  play(false);
  goTo({ seq, ...(moment === undefined ? {} : { moment }) });
}

function goTo({ seq, moment }: Place): void {
  // On the timeline the event that was looked at is left with its moment.
  const left = route.value.screen === "timeline" ? { selected: null } : {};
  go({ ...left, at: Math.max(0, Math.min(seq, head())), ...(moment === undefined ? {} : { moment }) }, true);
}

let steps = Promise.resolve();
/** Counts what overtakes the steps that are on their way. */
let turn = 0;

/** Goes so many events on or back, commits among them, from what is shown then; one step after the other, however fast they come. Answers whether it went, or somebody was elsewhere by then. */
export async function step(by: number, start?: Place): Promise<boolean> {
  if (by > 0 && !past.value && !going.value) return false;
  if (!start) begins = false;
  play(false);
  const own = turn;
  let went = false;
  walking.value += 1;
  const walk = async () => {
    const { at, moment, event } = route.value;
    if (!replay || own !== turn) return;
    const from = start ?? { seq: at ?? (past.value ? replay.seq : head()), ...(moment === undefined ? {} : { moment }) };
    const to = await replay.machine.walk(from, by).catch((): Place => ({ seq: from.seq + by }));
    const now = route.value;
    went = own === turn && at === now.at && moment === now.moment && event === now.event;
    if (went) goTo(to);
  };
  await (steps = steps.then(walk).catch(() => undefined));
  if (own === turn) walking.value -= 1;
  return went;
}

/** Tries again to read the moment that could not be read. */
export function readAgain(): void {
  refused = null;
  unreadable.value = null;
  follow();
}

export function goLive(): void {
  overtake();
  go({ at: null });
}

/** What somebody wants now is waited for by nothing that was wanted before. */
function overtake(): void {
  turn += 1;
  steps = Promise.resolve();
  walking.value = 0;
  begins = false;
}

/** Says something above the screen, until it is put away. */
export function tell(text: string | null): void {
  notice.value = text;
}

/** How many events before now playing begins when the town is followed live. */
const LEAD = 50;

/** Play begins once the way back to where it begins is read. */
let begins = false;

/** Play or pause; from the live town and from the end a little way back first. */
export function playOrPause(): void {
  const on = !(begins || replay?.playing.on);
  overtake();
  if (!on || (asked.value && !(past.value && replay?.over))) return play(on);
  begins = true;
  const own = turn;
  void step(-LEAD, { seq: head() }).then((went) => {
    if (own !== turn) return;
    if (went && begins) play(true);
    begins = false;
  });
}

/** Plays, frame by frame, while playing is on. */
export function play(on: boolean): void {
  if (!replay) return;
  playThen = on && seeking;
  if (playThen) return;
  const { on: played } = replay.playing;
  replay.playing.on = on && past.value && arrived.peek();
  // While it plays the address names the event alone, and where it stands the moment too.
  if (replay.playing.on) goTo({ seq: replay.seq });
  else if (played) goTo(replay.place);
  version.value += 1;
  if (!on || painting) return;
  painting = true;
  let last = steadyClock();
  const frame = () => {
    const now = steadyClock();
    // Where this one fails, the next press of Play begins anew.
    painting = false;
    replay?.tick(Math.min(250, now - last));
    last = now;
    painting = !!replay?.playing.on && !document.hidden;
    if (painting) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
