// The Gate: what waits for a human, its diff, and merge or reject where that is possible; the diff itself is drawn by diff.tsx.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { REASONS, type Reason } from "../fold/event";
import { openPulls, type Pull } from "../fold/state";
import { Refused, type FileInfo, type PullDetail, type PullInfo, type Risk } from "../ui/api";
import * as app from "../ui/app";
import { AgentLink, Empty, Got, Prose, Said, When, dollars } from "../ui/parts";
import { isWriting } from "../ui/keys";
import { go, route } from "../ui/route";
import { many } from "../ui/sentence";
import "./gate.css";
import { Diff, seen, split } from "./diff";

const LEVELS = { high: 0, warn: 1, info: 2 };
const busy = signal(false);
const answer = signal<string | null>(null);
const rejecting = signal(false);
/** The head that somebody looks at: another one that came meanwhile is not decided over unseen. */
const looked = signal<{ number: string; head: string } | null>(null);
const MOVED = "The head has moved since you looked.";
/** So much of diffs is open from the start; the files after that open by hand. */
const OPEN = 300_000;

function worst(risks: Risk[]): number {
  return Math.min(3, ...risks.map((risk) => LEVELS[risk.level]));
}

/** The queue: by risk, then by age. */
function queue(): { pull: Pull; risk: Risk[] }[] {
  const known = app.pulls.want();
  const infos: PullInfo[] = known.state === "there" && !app.past.value ? known.value : [];
  const risks = new Map(infos.map((one) => [`${one.number}`, one.risk]));
  return openPulls(app.town())
    .map((pull) => ({ pull, risk: risks.get(`${pull.number}`) ?? [] }))
    .sort((a, b) => worst(a.risk) - worst(b.risk) || a.pull.opened_at.localeCompare(b.pull.opened_at));
}

/** Walks to another one; what was begun over this one is forgotten. */
function walk(number: string | undefined): void {
  rejecting.value = false;
  answer.value = null;
  go({ selected: number ?? null });
}

/** The server says that the head moved: what it has now is read, and shown as unseen. */
async function lookAgain(number: string, head: string): Promise<void> {
  const one = app.detail(number);
  await one.load();
  const now = one.value.value;
  if (now.state === "there" && now.value.head !== head) looked.value = { number, head };
  else answer.value = `${MOVED} Look again in a moment.`;
}

async function act(number: string, head: string, run: () => Promise<void>, done: string): Promise<void> {
  if (busy.value) return;
  busy.value = true;
  answer.value = null;
  try {
    await run();
    answer.value = done;
    rejecting.value = false;
  } catch (error) {
    if (error instanceof Refused && error.code === "head-moved") await lookAgain(number, head);
    else answer.value = `#${number} stays as it is: ${(error as Error).message}.`;
    await app.pulls.load();
  }
  busy.value = false;
}

function RejectForm({ number, head }: { number: string; head: string }) {
  const reasons = useRef<HTMLSelectElement>(null);
  useEffect(() => reasons.current?.focus(), []);
  const send = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const reason = `${form.get("reason") as string}` as Reason;
    void act(number, head, () => app.acts.reject(number, head, reason, `${form.get("text") as string}`), `#${number} is rejected as ${reason}.`);
  };
  return (
    <form class="reject" onSubmit={send} aria-label={`Reject #${number}`} onKeyDown={(event) => event.key === "Escape" && (rejecting.value = false)}>
      <label>Reason <select name="reason" ref={reasons}>{REASONS.map((reason) => <option key={reason}>{reason}</option>)}</select></label>
      <label>In words <textarea name="text" rows={2} maxLength={2000} placeholder="Its agent reads this before its next run" /></label>
      <button type="submit" class="bad" disabled={busy.value}>Reject</button>
      <button type="button" onClick={() => (rejecting.value = false)}>Cancel</button>
    </form>
  );
}

function Actions({ pull }: { pull: PullDetail }) {
  const { info, past } = app;
  const number = `${pull.number}`;
  if (past.value) return <p class="muted">You look at the past: nothing can be merged or rejected there.</p>;
  if (!info.value?.local || !app.acts.possible) {
    const there = pull.url && /^https?:\/\//.test(pull.url) ? pull.url : null;
    return there ? <a class="button away" href={there} target="_blank" rel="noopener noreferrer">Decide on the forge</a> : <p class="muted">This page may not decide. `monkeytown serve` on the town's own machine prints an address that may.</p>;
  }
  if (looked.value?.number === number && looked.value.head !== pull.head) {
    return (
      <p class="warning" role="alert">
        {MOVED} What stands below is the new one, and none of it is decided yet. <button type="button" onClick={() => (looked.value = { number, head: pull.head })}>I look at the new one</button>
      </p>
    );
  }
  if (rejecting.value) return <RejectForm number={number} head={pull.head} />;
  return (
    <div class="actions">
      <button type="button" class="good" disabled={busy.value || pull.draft} onClick={() => void act(number, pull.head, () => app.acts.merge(number, pull.head), `#${number} is merged.`)}>Merge <kbd>m</kbd></button>
      <button type="button" class="bad" disabled={busy.value} onClick={() => (rejecting.value = true)}>Reject… <kbd>r</kbd></button>
    </div>
  );
}

function Facts({ pull }: { pull: PullDetail }) {
  return (
    <ul class="facts">
      <li>{pull.own_paths ? "✓ in its own paths" : "⚠ outside its own paths"}</li>
      <li>{`${many(pull.files.length, "file")}, +${pull.adds} −${pull.dels}`}</li>
      <li>{pull.checks === null ? "no checks known" : pull.checks.map((check) => `${check.state === "passed" || check.state === "success" ? "✓" : "✕"} ${check.name}`).join(", ")}</li>
      <li>{dollars(pull.cost_micros)} so far</li>
      {pull.similar.length > 0 && <li>like {pull.similar.map((one) => `#${one}`).join(", ")}</li>}
      {pull.risk.map((risk) => <li key={risk.what} class={`risk ${risk.level}`}>{risk.level === "high" ? "▲" : risk.level === "warn" ? "△" : "·"} <Said text={risk.what} /></li>)}
    </ul>
  );
}

/** Which files are open from the start. */
function opened(files: FileInfo[]): { file: FileInfo; open: boolean }[] {
  let before = 0;
  return files.map((file) => ({ file, open: (before += file.patch.length) <= OPEN }));
}

/** Remembers which head somebody looks at, from the first that was shown. */
function useLook(number: string, head: string | undefined): void {
  useEffect(() => {
    if (head !== undefined && looked.peek()?.number !== number) looked.value = { number, head };
  }, [number, head]);
}

function Detail({ number }: { number: string }) {
  const known = app.detail(number).want();
  useLook(number, known.state === "there" ? known.value.head : undefined);
  const pull = app.town().pulls[number];
  if (app.past.value) return pull ? <article><h2><Said text={`#${number} ${pull.title}`} /></h2><p class="muted">As of this moment it was {pull.state}. Its diff is shown live only.</p><Prose text={pull.body} /></article> : <Empty title={`#${number} did not exist yet`} />;
  return (
    <Got of={known}>
      {(one) => (
        <article class="pull" aria-label={`Pull request ${number}`}>
          <header>
            <h2><Said text={`#${number} ${one.title}`} /></h2>
            <p><AgentLink id={one.agent} /> <span class="muted">opened</span> <When at={one.opened_at} /> <span class={`chip ${pull?.state ?? one.state}`}>{pull?.state ?? one.state}</span></p>
            <Facts pull={one} />
            {(pull?.state ?? one.state) === "open" && <Actions pull={one} />}
          </header>
          <details open><summary>What it says</summary><Prose text={one.body} /></details>
          {(one.comments ?? []).map((comment) => <blockquote key={comment.id}><b>{comment.by}</b> <When at={comment.at} /><p><Said text={comment.text} /></p></blockquote>)}
          <div class="diff-bar">
            <span>{`${one.files.filter((file) => seen.value.has(`${one.head}/${file.path}`)).length} of ${many(one.files.length, "file")} seen`}</span>
            <button type="button" aria-pressed={split.value} onClick={() => (split.value = !split.value)}>{split.value ? "Unified" : "Split"} <kbd>s</kbd></button>
          </div>
          {opened(one.files).map(({ file, open }) => <Diff key={file.path} file={file} head={one.head} open={open} />)}
        </article>
      )}
    </Got>
  );
}

/** Keys of the gate: j and k walk the queue, m merges, r rejects, s splits, x ticks the next file as seen. */
function useKeys(numbers: string[], current: string | undefined): void {
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (isWriting(event)) return;
      const at = numbers.indexOf(current ?? "");
      if (event.key === "j" || event.key === "k") walk(numbers[Math.max(0, Math.min(numbers.length - 1, at + (event.key === "j" ? 1 : -1)))]);
      else if (event.key === "m") document.querySelector<HTMLButtonElement>(".actions .good")?.click();
      else if (event.key === "r") document.querySelector<HTMLButtonElement>(".actions .bad")?.click();
      else if (event.key === "s") split.value = !split.value;
      else if (event.key === "x") document.querySelector<HTMLInputElement>(".file-head input:not(:checked)")?.click();
      else if (event.key === "Escape") rejecting.value = false;
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  });
}

export default function Gate() {
  const waiting = queue();
  const numbers = waiting.map(({ pull }) => `${pull.number}`);
  const current = route.value.selected ?? numbers[0];
  useKeys(numbers, current);
  return (
    <div class="gate two">
      <nav class="queue" aria-label="Open pull requests">
        <h2>Gate <span class="muted">{waiting.length} open</span></h2>
        <p role="status" class={answer.value ? "answer" : "sr"}>{answer.value}</p>
        {waiting.length === 0 && <Empty title="Nothing waits at the gate">When an agent proposes something, a crate arrives here.</Empty>}
        {waiting.map(({ pull, risk }) => (
          <button type="button" key={`${pull.number}`} aria-current={current === `${pull.number}`} onClick={() => walk(`${pull.number}`)}>
            <b>{`#${pull.number}`}</b> <Said text={pull.title} />
            <span class="muted">{pull.agent} · <When at={pull.opened_at} />{worst(risk) === 0 ? " · ▲ high risk" : ""}</span>
          </button>
        ))}
        <p class="muted keys">j k walk · m merge · r reject · s split · x seen</p>
      </nav>
      {current ? <Detail number={current} /> : <Empty title="The gate is clear">Merged work hangs as lanterns in the main tree.</Empty>}
    </div>
  );
}
