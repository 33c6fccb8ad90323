// Threads of the board as they are shown: filtered, ordered, masked; no markup lives here.
import { postsInOrder, type Book, type Post, type Reacted, type Town } from "../fold/state";
import type { Entry } from "../stream/wire";
import { field } from "../ui/sentence";

export interface Filter {
  state: "all" | "open" | "closed";
  /** Who wrote something in it, or whom it is for. */
  who: string;
  text: string;
}

export interface Thread {
  id: string;
  post: Post;
  /** When something was said in it last. */
  last: string;
}

/** What somebody hid, by its id, and why. */
export type Hidden = ReadonlyMap<string, { by: string; reason: string }>;

/** Posts that are hidden at the end of these events. They stay in history; only what is shown of them is less. */
export function hiddenAfter(entries: Entry[]): Hidden {
  const hidden = new Map<string, { by: string; reason: string }>();
  for (const { event } of entries) {
    const post = field(event, "reply") || field(event, "post");
    if (event.type === "monkeytown.post.hidden.v1") hidden.set(post, { by: field(event, "by") || event.actor, reason: field(event, "reason") });
    if (event.type === "monkeytown.post.restored.v1") hidden.delete(post);
  }
  return hidden;
}

function fits({ post }: Thread, filter: Filter, masked: boolean): boolean {
  if (filter.state !== "all" && post.closed !== (filter.state === "closed")) return false;
  const people = [post.author, ...(post.audience ?? []), ...(post.replies ?? []).map((reply) => reply.by)];
  if (filter.who && !people.includes(filter.who)) return false;
  const words = filter.text.trim().toLowerCase();
  // What is hidden is not found by what it says.
  return words === "" || (!masked && [post.title, post.body, ...(post.replies ?? []).map((reply) => reply.text)].some((text) => text.toLowerCase().includes(words)));
}

/** Threads that fit, those in which something was said last in front. */
export function threads(town: Town, filter: Filter, hidden: Hidden): Thread[] {
  return postsInOrder(town)
    .map(([id, post]) => ({ id, post, last: (post.replies ?? []).reduce((at, reply) => (reply.at > at ? reply.at : at), post.at) }))
    .filter((thread) => fits(thread, filter, hidden.has(thread.id)))
    .sort((a, b) => Number(a.post.closed) - Number(b.post.closed) || Date.parse(b.last) - Date.parse(a.last));
}

/** Everybody who takes part, in order. */
export function people(town: Town): string[] {
  const all = Object.values(town.posts ?? {}).flatMap((post) => [post.author, ...(post.audience ?? []), ...(post.replies ?? []).map((reply) => reply.by)]);
  return [...new Set(all)].sort();
}

const FACES: { [kind: string]: string } = { "+1": "👍", "-1": "👎", laugh: "😄", confused: "😕", heart: "❤️", hooray: "🎉", rocket: "🚀", eyes: "👀" };

/** Reactions by their kind, the most frequent in front. */
export function reactionsOf(reactions: Book<Reacted> | undefined): { kind: string; face: string; by: string[] }[] {
  const kinds = new Map<string, string[]>();
  for (const { kind, by } of Object.values(reactions ?? {})) kinds.set(kind, [...(kinds.get(kind) ?? []), by]);
  return [...kinds].map(([kind, by]) => ({ kind, face: (Object.hasOwn(FACES, kind) && FACES[kind]) || kind, by })).sort((a, b) => b.by.length - a.by.length);
}
