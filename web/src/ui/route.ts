// What the address holds: the screen, what is selected, and the moment; nothing is decided from it here.
import { signal } from "@preact/signals";

export const SCREENS = ["terrarium", "timeline", "gate", "board", "ledger", "specs", "agents", "stream"] as const;
export type Screen = (typeof SCREENS)[number];

export interface Route {
  screen: Screen;
  /** What is selected: an agent, a pull request's number, a post, an event's id. */
  selected: string | null;
  /** The number of the event after which the town is shown; nothing while it is followed live. */
  at: number | null;
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
  const at = new URLSearchParams(query).get("at");
  const moment = at !== null && /^\d{1,15}$/.test(at) ? Number(at) : null;
  const selected = rest.length > 0 && rest[0] !== "" ? decoded(rest.join("/")) : null;
  if (head === "e") return { ...START, screen: "timeline", at: moment, event: selected };
  const screen = SCREENS.find((one) => one === head) ?? "terrarium";
  return { screen, selected, at: moment, event: null };
}

export function writeRoute(route: Route): string {
  const path = route.event ? `e/${encodeURIComponent(route.event)}` : [route.screen, ...(route.selected ? [encodeURIComponent(route.selected)] : [])].join("/");
  return `#/${path}${route.at === null ? "" : `?at=${route.at}`}`;
}

export const route = signal<Route>(START);

/** Changes the address. A step of the scrubber leaves no trace in the browser's history. */
export function go(change: Partial<Route>, quietly = false): void {
  const next = { ...route.value, event: null, ...change };
  const hash = writeRoute(next);
  if (quietly) history.replaceState(null, "", hash);
  else if (hash !== location.hash) history.pushState(null, "", hash);
  route.value = next;
}

/** An address for a link; the moment that is shown goes along. */
export function link(screen: Screen, selected: string | null = null): string {
  return writeRoute({ screen, selected, at: route.value.at, event: null });
}

/** The one-time token of a local binary stands in the fragment once, and is taken out of the address at once. */
export function takeToken(): string | null {
  const found = /[#&?]token=([A-Za-z0-9_\-.~+/=]+)/.exec(location.hash);
  if (!found) return storedToken();
  const rest = location.hash.replace(found[0], "").replace(/^#/, "");
  history.replaceState(null, "", `#${rest}`);
  route.value = readRoute(`#${rest}`);
  keepToken(found[1] ?? "");
  return found[1] ?? null;
}

const TOKEN = "monkeytown.token";

/** Keeps the next token for this tab alone, and no longer than it is open. */
export function keepToken(token: string): void {
  try {
    sessionStorage.setItem(TOKEN, token);
  } catch {
    // A browser that keeps nothing asks for the printed address again after a reload.
  }
}

function storedToken(): string | null {
  try {
    return sessionStorage.getItem(TOKEN);
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
