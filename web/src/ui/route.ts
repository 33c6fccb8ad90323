// What the address holds: the screen, what is selected, and the moment; nothing is decided from it here.
import { signal } from "@preact/signals";
import type { Session } from "./api";

export const SCREENS = ["terrarium", "timeline", "gate", "board", "ledger", "specs", "agents", "stream"] as const;
export type Screen = (typeof SCREENS)[number];

export interface Route {
  screen: Screen;
  /** What is selected: an agent, a pull request's number, a post, an event's id. */
  selected: string | null;
  /** The number of the event after which the town is shown; nothing while it is followed live. */
  at: number | null;
  /** Between that event and the next: the moment up to which commits are shown, in milliseconds. */
  moment?: number;
  /** The id of an event to go to. */
  event: string | null;
}

export const START: Route = { screen: "terrarium", selected: null, at: null, event: null };

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function readRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [head = "", ...rest] = path.split("/");
  const asked = new URLSearchParams(query);
  const number = (name: string) => (/^-?\d{1,15}$/.test(asked.get(name) ?? "") ? Number(asked.get(name)) : null);
  const count = number("at");
  const at = count !== null && count < 0 ? null : count;
  const t = number("t");
  const when = { at, ...(at !== null && t !== null ? { moment: t } : {}) };
  const selected = rest.length > 0 && rest[0] !== "" ? decoded(rest.join("/")) : null;
  if (head === "e") return { ...START, screen: "timeline", ...when, event: selected };
  const screen = SCREENS.find((one) => one === head) ?? "terrarium";
  return { screen, selected, ...when, event: null };
}

export function writeRoute(route: Route): string {
  const path = route.event ? `e/${encodeURIComponent(route.event)}` : [route.screen, ...(route.selected ? [encodeURIComponent(route.selected)] : [])].join("/");
  const moment = route.moment === undefined ? "" : `&t=${Math.round(route.moment)}`;
  return `#/${path}${route.at === null ? "" : `?at=${route.at}${moment}`}`;
}

export const route = signal<Route>(START);

/** Changes the address. A step of the scrubber leaves no trace in the browser's history. */
export function go(change: Partial<Route>, quietly = false): void {
  const { moment, ...before } = route.value;
  const next = { ...before, event: null, ...("at" in change || moment === undefined ? {} : { moment }), ...change };
  const hash = writeRoute(next);
  try {
    if (quietly) history.replaceState(null, "", hash);
    else if (hash !== location.hash) history.pushState(null, "", hash);
  } catch {
    // Too often for this browser: what is shown goes on, and the address follows with the next step.
  }
  route.value = next;
}

/** An address for a link; the moment that is shown goes along. */
export function link(screen: Screen, selected: string | null = null): string {
  return writeRoute({ ...route.value, screen, selected, event: null });
}

/** The one-time token of a local binary stands in the fragment once, and is taken out of the address at once. */
export function takeToken(): string | null {
  const found = /(^#|[&?/])token=([A-Za-z0-9_-]+)&?/.exec(location.hash);
  if (!found) return null;
  const rest = location.hash.replace(found[0], found[1] ?? "").replace(/[?&]$/, "");
  history.replaceState(null, "", rest.length > 1 ? rest : `${location.pathname}${location.search}`);
  route.value = readRoute(location.hash);
  return found[2] ?? null;
}

const SESSION = "monkeytown.session";

/** Keeps the session for this tab alone, and no longer than it is open. */
export function keepSession(session: Session | null): void {
  try {
    if (session) sessionStorage.setItem(SESSION, JSON.stringify(session));
    else sessionStorage.removeItem(SESSION);
  } catch {
    // A browser that keeps nothing asks for another address after a reload.
  }
}

export function storedSession(): Session | null {
  try {
    const { id, by } = JSON.parse(sessionStorage.getItem(SESSION) ?? "{}") as Partial<Session>;
    return typeof id === "string" ? { id, by: by ?? null } : null;
  } catch {
    return null;
  }
}

export function listen(): void {
  const read = () => {
    route.value = readRoute(location.hash);
  };
  window.addEventListener("hashchange", read);
  window.addEventListener("popstate", read);
  read();
}
