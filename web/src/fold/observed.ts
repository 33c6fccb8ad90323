// What follows from what people do on the forge: reviews, reactions, posts, and which of them were seen; reading a forge never.
import { COMMENTS_KEPT, agentOf, keepLast } from "./fold";
import type { Event, Payload } from "./event";
import { less, parseU64 } from "./int";
import { isAgent } from "./ids";
import { book, type Book, type Hidden, onBoard, openPull, type Post, type Reacted, type Town } from "./state";
import { compareBytes, truncateMiddle } from "./text";
import { compareMoments, parseMoment, writeMoment, type Moment } from "./time";

const RECENT_KEPT = 1024;
const POSTS_KEPT = 100;
const REPLIES_KEPT = 20;
const POST_BYTES = 4000;

/** What the fold needs of an event besides its payload; `at` is the moment as the state writes it. */
export interface Happened {
  id: string;
  moment: Moment;
  at: string;
}

const VERBS = {
  approved: "approved",
  "changes-requested": "requested changes",
  commented: "reviewed",
  dismissed: "took back a review",
};

export function evolveObserved(town: Town, event: Event, happened: Happened): string | undefined {
  switch (event.kind) {
    case "monkeytown.pull.reviewed.v1":
      return pullReviewed(town, event.data, happened);
    case "monkeytown.pull.reopened.v1":
      return pullReopened(town, event.data, happened);
    case "monkeytown.reaction.observed.v1":
      return reactionObserved(town, event.data, happened);
    case "monkeytown.reaction.withdrawn.v1":
      return reactionWithdrawn(town, event.data, happened);
    case "monkeytown.post.published.v1":
      return postPublished(town, event.data, happened);
    case "monkeytown.post.replied.v1":
      return postReplied(town, event.data, happened);
    case "monkeytown.post.closed.v1":
      return postClosed(town, event.data);
    case "monkeytown.post.hidden.v1":
      return mask(town, event.data.post, { by: event.data.by, reason: event.data.reason, at: happened.at });
    case "monkeytown.post.restored.v1":
      return mask(town, event.data.post);
    case "monkeytown.agent.paused.v1":
      agentOf(town, event.data.agent).paused = { by: event.data.by, reason: event.data.reason, since: happened.at };
      return undefined;
    case "monkeytown.agent.resumed.v1":
      delete agentOf(town, event.data.agent).paused;
      return undefined;
    case "monkeytown.forge.synced.v1":
      (town.forge ??= { recent: [] }).cursor = writeMoment(event.data.cursor);
      return undefined;
    default:
      return undefined;
  }
}

/** Remembers that this fact was seen. */
export function saw(town: Town, happened: Happened): void {
  const { recent } = (town.forge ??= { recent: [] });
  recent.push(happened.id);
  keepLast(recent, RECENT_KEPT);
}

function pullReviewed(town: Town, e: Payload<"monkeytown.pull.reviewed.v1">, happened: Happened): string | undefined {
  const pull = town.pulls[`${e.number}`];
  if (!pull) return `no pull request #${e.number}`;
  const text = e.text === "" ? `(${VERBS[e.state]})` : `(${VERBS[e.state]}) ${e.text}`;
  (pull.comments ??= []).push({ id: happened.id, by: e.by, at: happened.at, text });
  keepLast(pull.comments, COMMENTS_KEPT);
  saw(town, happened);
  return undefined;
}

function pullReopened(town: Town, e: Payload<"monkeytown.pull.reopened.v1">, { at }: Happened): string | undefined {
  const pull = town.pulls[`${e.number}`];
  if (!pull) return `no pull request #${e.number}`;
  if (pull.state !== "rejected") return `pull request #${e.number} was not rejected`;
  const open = openPull(town, pull.agent);
  if (open) return `${pull.agent} has #${open.number} open`;
  pull.state = "open";
  delete pull.verdict;
  pull.updated_at = at;
  pull.reopened = (pull.reopened ?? 0) + 1;
  pull.reopened_at = at;
  // The rejection was taken back, so it counts no more.
  const agent = agentOf(town, pull.agent);
  agent.rejected = less(agent.rejected);
  town.totals.rejected = less(town.totals.rejected);
  return undefined;
}

/** The thing that can have reactions, and has this name. */
function reacting(town: Town, target: string): { reactions?: Book<Reacted> } | undefined {
  const cut = target.indexOf("/");
  if (cut < 0) return undefined;
  const [what, id] = [target.slice(0, cut), target.slice(cut + 1)];
  if (what === "post") return town.posts?.[id];
  const number = what === "pull" ? parseU64(id) : undefined;
  return number === undefined ? undefined : town.pulls[`${number}`];
}

function reactionObserved(town: Town, e: Payload<"monkeytown.reaction.observed.v1">, happened: Happened): string | undefined {
  const target = reacting(town, e.target);
  if (!target) return `there is nothing called ${e.target}`;
  (target.reactions ??= book())[`${e.forge_id}`] = { by: e.by, kind: e.kind };
  saw(town, happened);
  return undefined;
}

function reactionWithdrawn(town: Town, e: Payload<"monkeytown.reaction.withdrawn.v1">, happened: Happened): string | undefined {
  const [target, key] = [reacting(town, e.target), `${e.forge_id}`];
  if (!target?.reactions?.[key]) return `${e.target} has no reaction ${key}`;
  delete target.reactions[key];
  if (Object.keys(target.reactions).length === 0) delete target.reactions;
  saw(town, happened);
  return undefined;
}

function postPublished(town: Town, e: Payload<"monkeytown.post.published.v1">, happened: Happened): string | undefined {
  if (town.posts?.[e.post]) return `the post ${e.post} was there already`;
  (town.posts ??= book())[e.post] = {
    author: e.author,
    audience: e.audience.length > 0 ? e.audience : undefined,
    title: e.title,
    body: truncateMiddle(e.body, POST_BYTES),
    at: happened.at,
    closed: false,
  };
  saw(town, happened);
  forgetPosts(town, town.posts);
  return undefined;
}

function postReplied(town: Town, e: Payload<"monkeytown.post.replied.v1">, happened: Happened): string | undefined {
  const post = town.posts?.[e.post];
  if (!post) return `there is no post ${e.post}`;
  const text = truncateMiddle(e.body, POST_BYTES);
  (post.replies ??= []).push({ id: happened.id, by: e.author, at: happened.at, text });
  keepLast(post.replies, REPLIES_KEPT);
  if (e.forge_id !== undefined) saw(town, happened);
  return undefined;
}

function postClosed(town: Town, e: Payload<"monkeytown.post.closed.v1">): string | undefined {
  const post = town.posts?.[e.post];
  if (!post) return `there is no post ${e.post}`;
  post.closed = true;
  return undefined;
}

/** Hides a post or a reply, or shows it again. */
function mask(town: Town, id: string, hidden?: Hidden): string | undefined {
  const found = onBoard(town, id);
  if (!found) return `there is no post or reply ${id}`;
  if (hidden) found.hidden = hidden;
  else delete found.hidden;
  return undefined;
}

/** What people wrote stays longest, so that no agent can push a letter out; closed ones go first. */
function forgetPosts(town: Town, posts: Book<Post>): void {
  const byAgent = (post: Post) => isAgent(post.author) && post.author in town.agents;
  const moment = (post: Post) => parseMoment(post.at) ?? { seconds: 0, nanos: 0 };
  const ids = Object.keys(posts);
  if (ids.length <= POSTS_KEPT) return;
  const all = ids.map((id) => {
    const post = posts[id] as Post;
    return { id, open: Number(!post.closed), human: Number(!byAgent(post)), at: moment(post) };
  });
  all.sort((a, b) => a.open - b.open || a.human - b.human || compareMoments(a.at, b.at) || compareBytes(a.id, b.id));
  for (const { id } of all.slice(0, ids.length - POSTS_KEPT)) delete posts[id];
}

