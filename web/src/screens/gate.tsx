// The Gate: what waits for a human, and its diff; the diff itself is drawn by diff.tsx, merge and reject are in verdict.tsx.
import { useEffect, useRef } from "preact/hooks";
import { openPulls, type Pull } from "../fold/state";
import type { FileInfo, PullDetail, PullInfo, Risk } from "../ui/api";
import * as app from "../ui/app";
import { AgentLink, Empty, Got, Prose, Said, When, dollars } from "../ui/parts";
import { isWriting } from "../ui/keys";
import { go, route } from "../ui/route";
import { many, personOf } from "../ui/sentence";
import "./gate.css";
import { Diff, seen, split } from "./diff";
import { sizeOf } from "./patch";
import { Actions, answer, decideBy, forget, headOf, useLook } from "./verdict";

const LEVELS = { high: 0, warn: 1, info: 2 };
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

/** The one that is shown. Where nobody chose, it is the one that stood in front when the risks were known: whatever comes or goes after that, nothing else is shown in its place. In the past nothing is decided, and the front of its queue is shown. */
function shown(first: { current: string }): string {
  const { selected } = route.value;
  if (selected || app.past.value) first.current = "";
  else if (app.pulls.want().state !== "loading") first.current ||= `${queue()[0]?.pull.number ?? ""}`;
  return selected ?? (app.past.value ? `${queue()[0]?.pull.number ?? ""}` : first.current);
}

/** Walks to another one; what was begun over this one is forgotten. */
function walk(number: string | undefined): void {
  forget();
  go({ selected: number ?? null });
}

const SIGNS: { [state: string]: string } = { passed: "✓", success: "✓", warned: "△" };

/** Checks in a few words: those that passed are many and have little to say. */
function Checks({ checks }: { checks: PullDetail["checks"] }) {
  if (checks === null) return <li>no checks known</li>;
  const signOf = (state: string) => SIGNS[state] ?? "✕";
  const passed = checks.filter(({ state }) => signOf(state) === "✓");
  return (
    <>
      {passed.length > 0 && <li><details><summary>✓ {many(passed.length, "check")} passed</summary>{passed.map(({ name }) => name).join(", ")}</details></li>}
      {checks.filter((one) => !passed.includes(one)).map(({ name, state }) => <li key={name} class={state === "warned" ? "risk warn" : "risk high"}>{signOf(state)} {name}</li>)}
    </>
  );
}

function Facts({ pull, open }: { pull: PullDetail; open: boolean }) {
  const { adds, dels } = sizeOf(pull);
  return (
    <ul class="facts">
      <li>{pull.own_paths === null ? "own paths not known" : pull.own_paths ? "✓ in its own paths" : "⚠ outside its own paths"}</li>
      <li>{`${many(pull.file_count, "file")}, +${adds} −${dels}`}</li>
      {(open || pull.checks) && <Checks checks={pull.checks} />}
      <li>{dollars(pull.cost_micros)} in {many(pull.runs.length, "run")}</li>
      {pull.similar.length > 0 && <li>like {pull.similar.map((one) => `#${one}`).join(", ")}</li>}
      {pull.risk.map((risk) => <li key={risk.what} class={`risk ${risk.level}`}>{risk.level === "high" ? "▲" : risk.level === "warn" ? "△" : "·"} <Said text={risk.what} /></li>)}
    </ul>
  );
}

/** How a person decided, and why. */
function Decided({ state, verdict }: Pick<Pull, "state" | "verdict">) {
  if (!verdict) return null;
  const { by, at, reason, text, commit, edited } = verdict;
  return (
    <blockquote>
      <b>{state} by <Said text={personOf(by)} />{reason && ` as ${reason}`}</b> <When at={at} since />{commit && <> at <code>{commit.slice(0, 10)}</code></>}{edited && ", with what people added"}
      {text && <p><Said text={text} /></p>}
    </blockquote>
  );
}

/** Which files are open from the start. */
function opened(files: FileInfo[]): { file: FileInfo; open: boolean }[] {
  let before = 0;
  return files.map((file) => ({ file, open: (before += file.patch.length) <= OPEN }));
}

function Whole({ one, now }: { one: PullDetail; now: Pick<Pull, "state" | "verdict"> }) {
  const open = now.state === "open";
  const head = headOf(one);
  return (
    <article class="pull" aria-label={`Pull request ${one.number}`}>
      <header>
        <h2><Said text={`#${one.number} ${one.title}`} /></h2>
        <p><AgentLink id={one.agent} /> <span class="muted">opened</span> <When at={one.opened_at} since /> <span class={`chip ${now.state}`}>{now.state}</span></p>
        <Decided {...now} />
        <Facts pull={one} open={open} />
        {open && <Actions pull={one} />}
      </header>
      {one.body && <details open><summary>What it says</summary><Prose text={one.body} /></details>}
      {(one.comments ?? []).map((comment) => <blockquote key={comment.id}><b><Said text={comment.by} /></b> <When at={comment.at} /><p><Said text={comment.text} /></p></blockquote>)}
      <div class="diff-bar">
        <span>{`${one.files.filter((file) => seen.value.has(`${head}/${file.path}`)).length} of ${many(one.files.length, "file")} seen`}</span>
        <button type="button" aria-pressed={split.value} onClick={() => (split.value = !split.value)}>{split.value ? "Unified" : "Split"} <kbd>s</kbd></button>
      </div>
      {one.files.length < one.file_count && <p class="warning">{one.files.length === 0 ? "Its commits cannot be read here, so what differs cannot be shown." : `Only ${one.files.length} of ${one.file_count} files can be shown.`}</p>}
      {opened(one.files).map((file) => <Diff key={file.file.path} head={head} {...file} />)}
    </article>
  );
}

function Detail({ number }: { number: string }) {
  const pull = app.town().pulls[number];
  const known = pull && !app.past.value ? app.detail(number).want() : undefined;
  useLook(number, known?.state === "there" ? headOf(known.value) : undefined);
  if (!pull) return <Empty title={app.past.value ? `#${number} did not exist yet` : `There is no pull request #${number}`}>{app.past.value ? null : "Those that are open are known, and the last hundred that were closed."}</Empty>;
  if (!known) return <article><h2><Said text={`#${number} ${pull.title}`} /></h2><p class="muted">As of this moment it was {pull.state}. Its diff is shown live only.</p><Decided {...pull} /><Prose text={pull.body} /></article>;
  // The fold changes a pull request in place: only as a copy it is another one.
  return <Got of={known}>{(one) => <Whole one={one} now={{ ...pull }} />}</Got>;
}

/** Keys of the gate: j and k walk the queue, m merges, r rejects, s splits, x ticks the next file as seen. */
function useKeys(first: { current: string }): void {
  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      if (isWriting(event)) return;
      // Keys may come faster than frames: what counts is the state, not what was painted last.
      const numbers = queue().map(({ pull }) => `${pull.number}`);
      const at = numbers.indexOf(shown(first));
      if (event.key === "j" || event.key === "k") walk(numbers[Math.max(0, Math.min(numbers.length - 1, at + (event.key === "j" ? 1 : -1)))]);
      else if (event.key === "s") split.value = !split.value;
      else if (event.key === "x") document.querySelector<HTMLInputElement>(".file-head input:not(:checked)")?.click();
      else if (!decideBy(event.key)) return;
      event.preventDefault();
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, []);
}

export default function Gate() {
  const first = useRef("");
  const waiting = queue();
  const current = shown(first);
  useKeys(first);
  // Who walks by key sees where that led; the risks that come later put the queue into another order.
  const known = app.pulls.value.value.state;
  useEffect(() => document.querySelector('.queue [aria-current="true"]')?.scrollIntoView({ block: "nearest" }), [current, known]);
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
      {current ? <Detail key={current} number={current} /> : <Empty title={waiting.length > 0 ? "Reading…" : "The gate is clear"}>Merged work hangs as lanterns in the main tree.</Empty>}
    </div>
  );
}
