// The frame around every screen: the name, the way about, the line to the server, what has to be said above all; no screen lives here.
import type { ComponentType } from "preact";
import { computed, signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { openPulls } from "../fold/state";
import Terrarium from "../screens/terrarium";
import { darkness, hourOf } from "../world/sky";
import * as app from "./app";
import { Freeze } from "./freeze";
import { Icon, Logo } from "./icons";
import { Keys, useKeys } from "./keys";
import { Empty, Said, stamp, wait } from "./parts";
import { many } from "./sentence";
import { SCREENS, link, route, type Screen } from "./route";

const NAMES: { [S in Screen]: string } = {
  terrarium: "Terrarium", timeline: "Timeline", gate: "Gate", board: "Board", ledger: "Ledger", specs: "Specs", agents: "Agents", stream: "Stream",
};

type Module = { default: ComponentType };
const FILES = import.meta.glob<Module>("../screens/{timeline,gate,board,ledger,specs,agent,stream}.tsx");
/** Whether the line is open; other things of it change with every event. */
const isUp = computed(() => app.line.value?.status === "live");
const loaded = signal<{ [screen: string]: ComponentType | string }>({ terrarium: Terrarium });

/** Screens come when the browser has nothing else to do, or when somebody looks at them before that. */
function fetchScreen(screen: Screen): void {
  if (typeof loaded.peek()[screen] === "function") return;
  // A style that did not come is not asked for again by itself, and its screen would stand there without it.
  for (const style of document.querySelectorAll("link.failed")) {
    style.className = "";
    style.replaceWith(style.cloneNode());
  }
  const file = FILES[`../screens/${screen === "agents" ? "agent" : screen}.tsx`];
  const keep = (what: ComponentType | string) => (loaded.value = { ...loaded.peek(), [screen]: what });
  if (!file) return void keep("This page was built without it");
  file().then((module) => keep(module.default), () => keep("Its part of this page did not come. It is asked for again when the line is back"));
}

function Screen({ name }: { name: Screen }) {
  useEffect(() => fetchScreen(name), [name]);
  const There = loaded.value[name];
  if (There === undefined) return <p class="empty" role="status">Opening {NAMES[name]}…</p>;
  if (typeof There === "string") return <Empty title={`${NAMES[name]} could not be opened`}>{There}. <button type="button" onClick={() => fetchScreen(name)}>Try again</button></Empty>;
  return <There />;
}

function Navigation() {
  const waiting = openPulls(app.town()).length;
  const bar = useRef<HTMLElement>(null);
  const { screen: open } = route.value;
  // On a telephone there is no room for all of them at once.
  useEffect(() => bar.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }), [open]);
  return (
    <nav class="screens" aria-label="Screens" ref={bar}>
      {SCREENS.map((screen) => (
        <a key={screen} href={link(screen)} aria-current={open === screen ? "page" : undefined}>
          {NAMES[screen]}
          {screen === "gate" && waiting > 0 && <span class="count"><span aria-hidden="true">{waiting}</span><span class="sr">{` ${waiting} open`}</span></span>}
        </a>
      ))}
    </nav>
  );
}

/** The moment that every screen is as of. */
function Clock() {
  const now = app.asOf();
  const dark = darkness(hourOf(now)) > 0.5;
  const text = stamp(now);
  return (
    <span class={dark ? "clock night" : "clock"} title="The moment that is shown">
      <Icon name={dark ? "moon" : "sun"} />
      <span class="sr">As of </span>
      <time dateTime={now > 0 ? new Date(now).toISOString() : undefined}>{app.past.value || app.info.value?.static ? text : text.slice(11)} UTC</time>
    </span>
  );
}

/** Whether the line to the server is open, and why not. */
function lineWords(): { kind: string; text: string; why: string } {
  const { past, info, line } = app;
  // The number of the last event is no signal; that something came is one.
  void app.version.value;
  const seq = app.head();
  if (past.value) return { kind: "replay", text: `replay · event ${app.town().seq} of ${seq}`, why: "You look at the past." };
  if (info.value?.static) return { kind: "still", text: `export · event ${seq}`, why: "These are files; they do not change by themselves." };
  const now = line.value;
  if (now?.status === "live") return { kind: "live", text: `live · event ${seq}`, why: now.way === "websocket" ? "" : `Heard by ${now.way}, because a socket could not be opened.` };
  if (now?.status === "waiting") return { kind: "down", text: `no line · next try ${wait(app.untilRetry())}`, why: `${now.why}.` };
  return { kind: "down", text: "connecting…", why: now?.why ? `${now.why}.` : "" };
}

function Pill() {
  const { kind, text, why } = lineWords();
  return (
    <span class={`pill ${kind}`} title={why} role="status">
      <i aria-hidden="true" />
      {text}
      {why && <span class="sr"> {why}</span>}
    </span>
  );
}

function Banners() {
  const { past, notice, missed, line } = app;
  const { frozen } = app.town();
  const down = app.info.value && !app.info.value.static && line.value?.status === "waiting" && line.value.why;
  return (
    <div class="banners">
      {past.value && (
        <p class="banner replay" role="status">
          <b>You look at the past</b> <span>{`event ${app.town().seq} of ${app.head()}, ${stamp(app.shownNow())} UTC.`} {missed.value > 0 ? `${many(missed.value, "event")} came meanwhile.` : "The live town goes on meanwhile."} Nothing can be decided here.</span>
          <button type="button" onClick={app.goLive}>Back to live <kbd>l</kbd></button>
        </p>
      )}
      {app.going.value && !app.unreadable.value && <p class="banner" role="status">Reading the past…</p>}
      {frozen && <p class="banner frozen" role="status"><b>The town is frozen</b> <span>by <Said text={frozen.by} />: <Said text={frozen.reason} /></span></p>}
      {down && <p class="banner bad" role="status"><b>The server cannot be heard</b> <span>{`${line.value?.why}. What you see is from before; it is caught up when the line is back.`}</span> <button type="button" onClick={app.retry}>Try now</button></p>}
      {notice.value && <p class="banner" role="alert"><span>{notice.value}</span> <button type="button" onClick={() => app.tell(null)}>Dismiss</button></p>}
    </div>
  );
}

function Body() {
  const { failure, info, past, unreadable } = app;
  const { screen } = route.value;
  if (failure.value) return <Empty title="No town can be read here">{failure.value}. <button type="button" onClick={app.retry}>Try again</button></Empty>;
  if (!info.value) return <p class="empty" role="status">Looking for the town…</p>;
  if (unreadable.value) {
    return <Empty title="The past cannot be read">{unreadable.value}. <button type="button" onClick={app.readAgain}>Try again</button> <button type="button" onClick={app.goLive}>Back to live</button></Empty>;
  }
  if (!app.ready.value) return <p class="empty" role="status">{past.value ? "Reading the past…" : "Reading the town…"}</p>;
  return <Screen name={screen} />;
}

export function Shell() {
  useKeys();
  const { info, ready } = app;
  const { screen } = route.value;
  useEffect(() => window.addEventListener("error", ({ target }) => target instanceof HTMLLinkElement && target.classList.add("failed"), true), []);
  useEffect(() => {
    if (ready.value) (window.requestIdleCallback ?? setTimeout)(() => SCREENS.forEach(fetchScreen));
  }, [ready.value, isUp.value]);
  useEffect(() => {
    if (info.value) document.title = `${NAMES[screen]} · ${info.value.name}`;
  }, [screen, info.value]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById("main")?.focus(); }}>To the screen</a>
      <header class="top">
        <a class="brand" href={link("terrarium")}><Logo /><span class="sr">monkeytown</span></a>
        {info.value && <h1 class="town" title={info.value.description}><bdi>{info.value.name}</bdi></h1>}
        <div class="right"><Clock /><Pill /><Freeze /></div>
      </header>
      <Navigation />
      <Banners />
      <main id="main" tabIndex={0} aria-label={NAMES[screen]}><Body /></main>
      <Keys />
    </>
  );
}
