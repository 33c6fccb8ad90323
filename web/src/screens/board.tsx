// Exports Board: threads with their replies and reactions; what is shown of them is decided in board-threads.ts.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import "./screens.css";
import { onBoard, type Comment, type Hidden, type Post } from "../fold/state";
import * as app from "../ui/app";
import { AgentLink, Empty, Prose, Said, When } from "../ui/parts";
import { personOf } from "../ui/sentence";
import { go, route } from "../ui/route";
import { people, reactionsOf, threads, type Filter, type MaskOf, type Thread } from "./board-threads";

/** Who hid it: what is hidden now is not shown in the past either. */
const maskOf: MaskOf = (id, own) => own ?? (app.past.value ? onBoard(app.live.town, id)?.hidden : undefined);
const filter = signal<Filter>({ state: "all", who: "", text: "" });
const change = (part: Partial<Filter>) => (filter.value = { ...filter.value, ...part });

function Who({ id }: { id: string }) {
  return id in app.town().agents ? <AgentLink id={id} /> : <b><Said text={id || "somebody"} /></b>;
}

function Filters() {
  const { state, who, text } = filter.value;
  return (
    <div class="filters" role="search" aria-label="Threads">
      <input type="search" aria-label="Words in a thread" placeholder="Search" value={text} onInput={(event) => change({ text: event.currentTarget.value })} />
      <select aria-label="State" value={state} onChange={(event) => change({ state: event.currentTarget.value as Filter["state"] })}>
        <option value="all">open and closed</option><option value="open">open</option><option value="closed">closed</option>
      </select>
      <select aria-label="Who takes part" value={who} onChange={(event) => change({ who: event.currentTarget.value })}>
        <option value="">everybody</option>
        {people(app.town()).map((one) => <option key={one}>{one}</option>)}
      </select>
    </div>
  );
}

/** A text, or that somebody hid it; who asks for it sees it. */
function Text({ id, text, hidden }: { id: string; text: string; hidden: Hidden | undefined }) {
  const [asked, ask] = useState("");
  if (!hidden || asked === id) return text ? <Prose text={text} /> : <p class="muted">No words.</p>;
  return <p class="masked">Hidden by <Said text={personOf(hidden.by)} />{hidden.reason && <> because <Said text={hidden.reason} /></>}. <button type="button" onClick={() => ask(id)}>Show it</button></p>;
}

function Reactions({ post }: { post: Post }) {
  const all = reactionsOf(post.reactions);
  if (all.length === 0) return null;
  return <ul class="reactions" aria-label="Reactions">{all.map(({ kind, face, by }) => <li key={kind} title={by.join(", ")}><Said text={face} /> {by.length}<span class="sr">{` ${kind} by ${by.join(", ")}`}</span></li>)}</ul>;
}

function Reply({ reply }: { reply: Comment }) {
  return <li class="reply"><header><Who id={reply.by} /> <When at={reply.at} /></header><Text id={reply.id} text={reply.text} hidden={maskOf(reply.id, reply.hidden)} /></li>;
}

function One({ thread: { id, post } }: { thread: Thread }) {
  const hidden = maskOf(id, post.hidden);
  const replies = post.replies ?? [];
  return (
    <article class="thread" aria-label={hidden ? "A hidden thread" : post.title}>
      <h2>{hidden ? "A hidden post" : <Said text={post.title} />}</h2>
      <header>
        <Who id={post.author} /> <When at={post.at} /> <span class={post.closed ? "chip" : "chip violet"}>{post.closed ? "✓ closed" : "■ open"}</span>
        {(post.audience ?? []).length > 0 && <span class="muted">for {(post.audience ?? []).map((one) => <Who key={one} id={one} />)}</span>}
      </header>
      <Text id={id} text={hidden ? `**${post.title}**\n\n${post.body}` : post.body} hidden={hidden} />
      <Reactions post={post} />
      <h3>{replies.length === 0 ? "No replies" : replies.length === 1 ? "1 reply" : `${replies.length} replies`}</h3>
      {/* The fold hides a reply in place: only as a copy it is another one. */}
      <ol>{replies.map((reply) => <Reply key={reply.id} reply={{ ...reply }} />)}</ol>
    </article>
  );
}

/** Arrow keys walk the list, as they do in any list. */
function walk(event: KeyboardEvent): void {
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step === 0) return;
  const all = [...(event.currentTarget as HTMLElement).querySelectorAll("button")];
  all[all.indexOf(document.activeElement as HTMLButtonElement) + step]?.focus();
  event.preventDefault();
}

export function Board() {
  const town = app.town();
  const shown = threads(town, filter.value, maskOf);
  const { selected } = route.value;
  const all = Object.keys(town.posts ?? {}).length;
  const open = selected && town.posts?.[selected] ? { id: selected, post: town.posts[selected], last: "" } : shown[0];
  return (
    <div class="board-page">
      <nav class="threads" aria-label="Threads">
        <h2>Board <span class="muted">{shown.length === all ? `${all} threads` : `${shown.length} of ${all}`}</span></h2>
        <Filters />
        {all > 0 && shown.length === 0 && <Empty title="No thread is like that"><button type="button" onClick={() => (filter.value = { state: "all", who: "", text: "" })}>Show all</button></Empty>}
        <ul onKeyDown={walk}>
          {shown.map(({ id, post, last }) => (
            <li key={id}>
              <button type="button" aria-current={open?.id === id} onClick={() => go({ selected: id })}>
                <b class={post.closed ? "muted" : ""} aria-hidden="true">{post.closed ? "✓" : "■"}</b> {maskOf(id, post.hidden) ? <i>hidden</i> : <Said text={post.title} />}{post.closed && <span class="sr"> closed</span>}
                <span class="muted"><Said text={post.author} /> · <When at={last} /> · {(post.replies ?? []).length} ↩ {Object.keys(post.reactions ?? {}).length > 0 && `· ${Object.keys(post.reactions ?? {}).length} ☺`}</span>
              </button>
            </li>
          ))}
        </ul>
      </nav>
      {open ? <One key={open.id} thread={open} /> : <Empty title={all > 0 ? "Nothing selected" : "Nobody has posted yet"}>{app.past.value ? "Not by this moment." : "What agents ask, and issues that carry the label of the board, stand here."}</Empty>}
    </div>
  );
}

export default Board;
