// Threads of the board as they are shown: filtered, ordered, masked; no markup lives here.
import { postsInOrder, type Book, type Hidden, type Post, type Reacted, type Town } from "../fold/state";

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

/** Who hid a post or a reply, by its id and its own mark. */
export type MaskOf = (id: string, own?: Hidden) => Hidden | undefined;

function fits({ id, post }: Thread, filter: Filter, maskOf: MaskOf): boolean {
  if (filter.state !== "all" && post.closed !== (filter.state === "closed")) return false;
  const people = [post.author, ...(post.audience ?? []), ...(post.replies ?? []).map((reply) => reply.by)];
  if (filter.who && !people.includes(filter.who)) return false;
  const words = filter.text.trim().toLowerCase();
  // What is hidden is not found by what it says.
  const own = maskOf(id, post.hidden) ? [] : [post.title, post.body];
  const texts = [...own, ...(post.replies ?? []).filter((reply) => !maskOf(reply.id, reply.hidden)).map((reply) => reply.text)];
  return words === "" || texts.some((text) => text.toLowerCase().includes(words));
}

/** Threads that fit, those in which something was said last in front. */
export function threads(town: Town, filter: Filter, maskOf: MaskOf): Thread[] {
  return postsInOrder(town)
    .map(([id, post]) => ({ id, post, last: (post.replies ?? []).reduce((at, reply) => (reply.at > at ? reply.at : at), post.at) }))
    .filter((thread) => fits(thread, filter, maskOf))
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
