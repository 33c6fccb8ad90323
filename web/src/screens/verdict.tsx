// A person's verdict over what was looked at: merge or reject by keyboard, a head that moved, and why not; what is looked at is drawn by gate.tsx.
import type { ComponentChildren } from "preact";
import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { REASONS, type Reason } from "../fold/event";
import { Refused, type PullDetail } from "../ui/api";
import * as app from "../ui/app";

const busy = signal(false);
/** What came of the last act. */
export const answer = signal<string | null>(null);
/** What somebody has begun, and over which one, as in `merge/7`: it is never asked over another. */
const asking = signal("");
/** Whose form was put away last. */
let before = "";
/** The head that somebody looks at: another one that came meanwhile is not decided over unseen. */
const looked = signal<{ number: string; head: string } | null>(null);

/** What a merge would take: the branch as it stands, with what people added to it. */
export function headOf(pull: PullDetail): string {
  return pull.tip ?? pull.head;
}

const short = (head: string) => head.slice(0, 10);

/** Forgets what was begun and said. */
export function forget(): void {
  asking.value = "";
  answer.value = null;
}

function putAway(): void {
  before = asking.value;
  asking.value = "";
}

/** The keys of a verdict; answers whether it was one of them. */
export function decideBy(key: string): boolean {
  if (key === "Escape" && asking.value) putAway();
  else if (key !== "m" && key !== "r") return false;
  else if (app.past.value) answer.value = "You look at the past: nothing can be decided there. Press l for now.";
  else document.querySelector<HTMLButtonElement>(key === "m" ? ".actions .good" : ".actions .bad")?.click();
  return true;
}

/** Remembers which head somebody looks at, from the first that was shown. */
export function useLook(number: string, head: string | undefined): void {
  useEffect(() => {
    if (head !== undefined && looked.peek()?.number !== number) looked.value = { number, head };
  }, [number, head]);
}

/** The server says that the head moved: what it has now is read, and shown as unseen. */
async function lookAgain(number: string, head: string): Promise<void> {
  const one = app.detail(number);
  await one.load();
  const now = one.value.value;
  if (now.state === "there" && headOf(now.value) !== head) looked.value = { number, head };
  else answer.value = `#${number} has moved since you looked. Look again in a moment.`;
}

/** The next of the queue, or the one before where it is the last. */
function neighbour(): HTMLElement | undefined {
  const rows = [...document.querySelectorAll<HTMLElement>(".queue button")];
  const at = rows.findIndex((row) => row.ariaCurrent === "true");
  return rows[at + 1] ?? rows[at - 1];
}

/** Who decided by key goes on by key: with the next one, or where none is left with the screen. */
function goOn(next: HTMLElement | undefined): void {
  const { activeElement: now } = document;
  if (now === document.body || now?.closest(".verdict")) (next?.isConnected ? next : document.getElementById("main"))?.focus();
}

async function act(number: string, head: string, run: () => Promise<unknown>, done: string): Promise<void> {
  if (busy.value) return;
  busy.value = true;
  answer.value = null;
  const next = neighbour();
  try {
    await run();
    answer.value = done;
    goOn(next);
  } catch (error) {
    if (error instanceof Refused && error.code === "head-moved") await lookAgain(number, head);
    else answer.value = `#${number} stays as it is: ${(error as Error).message}.`;
    void app.pulls.load();
  }
  putAway();
  busy.value = false;
}

/** A form in the place of the buttons: Enter sends it, Escape puts it away. */
function Ask({ name, kind, send, children }: { name: string; kind: string; send: (form: FormData) => void; children: ComponentChildren }) {
  const form = useRef<HTMLFormElement>(null);
  // Before anything is painted: the next key may be there already.
  useLayoutEffect(() => form.current?.querySelector<HTMLElement>("select, button")?.focus(), []);
  const key = (event: KeyboardEvent) => {
    const written = /^(SELECT|TEXTAREA)$/.test((event.target as HTMLElement).tagName);
    if (event.key === "Escape") putAway();
    else if (event.key === "Enter" && written && !event.shiftKey && !event.isComposing) form.current?.requestSubmit();
    else return;
    event.preventDefault();
  };
  const submit = (event: Event) => {
    event.preventDefault();
    send(new FormData(event.currentTarget as HTMLFormElement));
  };
  return <form class={`verdict ${kind}`} ref={form} aria-label={name} onSubmit={submit} onKeyDown={key}>{children}</form>;
}

function Cancel() {
  return <button type="button" onClick={putAway}>Cancel <kbd>Esc</kbd></button>;
}

function MergeForm({ number, head, draft }: { number: string; head: string; draft: boolean }) {
  const send = () => void act(number, head, () => app.acts.merge(number, head, draft), `#${number} is merged at ${short(head)}.`);
  return (
    <Ask name={`Merge #${number}`} kind="merge" send={send}>
      <p>{draft && "It is a draft: its run ended before its work was done. "}Merge <b>#{number}</b> at <code>{short(head)}</code> into <code>{app.info.value?.repository?.branch ?? "the default branch"}</code>?</p>
      <button type="submit" class="good" disabled={busy.value}>Merge it <kbd>Enter</kbd></button>
      <Cancel />
    </Ask>
  );
}

function RejectForm({ number, head }: { number: string; head: string }) {
  const send = (form: FormData) => {
    const reason = `${form.get("reason") as string}` as Reason;
    void act(number, head, () => app.acts.reject(number, head, reason, `${form.get("text") as string}`.trim()), `#${number} is rejected as ${reason}.`);
  };
  return (
    <Ask name={`Reject #${number}`} kind="reject" send={send}>
      <p>Reject <b>#{number}</b> at <code>{short(head)}</code>. Its agent reads why before its next run.</p>
      <label>Reason <select name="reason" required><option value="">choose…</option>{REASONS.map((reason) => <option key={reason}>{reason}</option>)}</select></label>
      <label>In words <textarea name="text" rows={2} maxLength={2000} /></label>
      <button type="submit" class="bad" disabled={busy.value}>Reject it <kbd>Enter</kbd></button>
      <Cancel />
    </Ask>
  );
}

/** What stood here was decided over unseen: the new one has to be looked at first. */
function Moved({ number, head }: { number: string; head: string }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // Who was about to decide by key goes on by key.
    if (document.activeElement === document.body) button.current?.focus();
  }, []);
  return (
    <p class="warning" role="alert">
      The head has moved since you looked, to <code>{short(head)}</code>. Nothing was decided; what stands below is the new one. <button type="button" ref={button} onClick={() => (looked.value = { number, head })}>I look at the new one</button>
    </p>
  );
}

/** Why this page may not decide, and what to do about it. */
function Elsewhere({ url }: { url: string | undefined }) {
  if (url && /^https?:\/\//.test(url)) return <p><a class="button away" href={url} target="_blank" rel="noopener noreferrer">Decide on the forge</a></p>;
  const { local, static: files } = app.info.value ?? {};
  const told = local ? "The address that was printed has a token that this page did not get, or that was used already." : files ? "It is made of files." : "It is served to others too.";
  return <p class="muted">This page may look and not decide. {told} <code>monkeytown -C FOLDER serve</code>, with the folder of the town's own clone, prints an address that may.</p>;
}

/** The two buttons. The one whose form was put away has the focus again. */
function Buttons({ number, head }: { number: string; head: string }) {
  const here = useRef<HTMLDivElement>(null);
  const by = app.acts.by.value;
  useLayoutEffect(() => {
    if (before && document.activeElement === document.body) here.current?.querySelector<HTMLElement>(before[0] === "m" ? ".good" : ".bad")?.focus();
    before = "";
  }, []);
  return (
    <div class="actions" ref={here}>
      <button type="button" class="good" disabled={busy.value} onClick={() => (asking.value = `merge/${number}`)}>Merge… <kbd>m</kbd></button>
      <button type="button" class="bad" disabled={busy.value} onClick={() => (asking.value = `reject/${number}`)}>Reject… <kbd>r</kbd></button>
      <span class="muted">{by ? <>as <bdi>{by}</bdi>, </> : "git does not know who you are, "}at <code>{short(head)}</code></span>
    </div>
  );
}

/** Merge and reject, or why not. */
export function Actions({ pull }: { pull: PullDetail }) {
  const number = `${pull.number}`;
  const head = headOf(pull);
  // Who leaves it and comes back begins anew, and who sees another head too.
  useEffect(() => () => void (asking.value = ""), [head]);
  if (!app.mayDecide()) return <Elsewhere url={pull.url} />;
  if (looked.value?.number === number && looked.value.head !== head) return <Moved number={number} head={head} />;
  if (asking.value === `merge/${number}`) return <MergeForm number={number} head={head} draft={pull.draft === true} />;
  if (asking.value === `reject/${number}`) return <RejectForm number={number} head={head} />;
  return <Buttons number={number} head={head} />;
}
