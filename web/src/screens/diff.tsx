// One file of a pull request: its lines with the words that changed, what nobody can see, and the tick that says "seen".
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { FileInfo } from "../ui/api";
import { Said } from "../ui/parts";
import { readPatch, sideBySide, type Line } from "./patch";
import { words } from "./words-diff";

export const split = signal(false);
/** Files that were ticked, by head and path: a new head is to be seen anew. */
export const seen = signal<ReadonlySet<string>>(new Set(stored()));

const KEY = "monkeytown.seen";
const KEPT = 500;
const LONGEST = 2000;

function stored(): string[] {
  try {
    return JSON.parse(localStorage.getItem("monkeytown.seen") ?? "[]") as string[];
  } catch {
    return [];
  }
}

function tick(key: string, on: boolean): void {
  const next = [...seen.value].filter((one) => one !== key);
  if (on) next.push(key);
  seen.value = new Set(next.slice(-KEPT));
  try {
    localStorage.setItem(KEY, JSON.stringify([...seen.value]));
  } catch {
    // A browser that keeps nothing forgets the ticks, and that is all.
  }
}

/** The line with its changed words marked. */
function Words({ line }: { line: Line }) {
  if (line.twin === undefined || line.text.length + line.twin.length > LONGEST) return <Said text={line.text} />;
  const [before, after] = line.kind === "del" ? [line.text, line.twin] : [line.twin, line.text];
  return (
    <>
      {words.diff(before, after).map((part, i) => {
        if (line.kind === "del" ? part.added : part.removed) return null;
        return part.added || part.removed ? <mark key={i}><Said text={part.value} /></mark> : <Said key={i} text={part.value} />;
      })}
    </>
  );
}

const SIGNS = { add: "+", del: "−", same: " ", hunk: "" };

function Cells({ line, side }: { line: Line | undefined; side: "old" | "now" | "both" }) {
  const kind = line?.kind ?? "none";
  return (
    <>
      {side !== "now" && <td class="n">{line?.old}</td>}
      {side !== "old" && <td class="n">{line?.now}</td>}
      <td class={`line ${kind}`}>{line && <><span class="sign">{SIGNS[line.kind]}</span><Words line={line} /></>}</td>
    </>
  );
}

export function Diff({ file, head, open }: { file: FileInfo; head: string; open: boolean }) {
  const [wanted, want] = useState(open);
  const key = `${head}/${file.path}`;
  const done = seen.value.has(key);
  const shown = !done && !file.binary && file.patch !== "";
  const lines = shown && wanted ? readPatch(file.patch) : [];
  return (
    <section class="file" aria-label={file.path}>
      <header class="file-head">
        <label><input type="checkbox" checked={done} onChange={(event) => tick(key, event.currentTarget.checked)} /> seen</label>
        <code><Said text={file.from && file.from !== file.path ? `${file.from} → ${file.path}` : file.path} /></code>
        <span class="muted">{file.status} · +{file.adds} −{file.dels}</span>
      </header>
      {file.invisible.length > 0 && <p class="warning" role="alert">⚠ characters that nobody can see: {file.invisible.slice(0, 20).map((one) => `line ${one.line}: ${one.what}`).join("; ")}</p>}
      {file.binary && <p class="muted">A binary file.</p>}
      {shown && !wanted && <p class="muted"><button type="button" onClick={() => want(true)}>Show this file</button> It is closed because the files before it are long.</p>}
      {shown && wanted && (
        <div class="scroll" tabIndex={0} role="region" aria-label={`Changes of ${file.path}`}>
          <table class={split.value ? "diff split" : "diff"}>
            <tbody>
              {split.value
                ? sideBySide(lines).map(([a, b], i) => <tr key={i}><Cells line={a} side="old" /><Cells line={b} side="now" /></tr>)
                : lines.map((line, i) => <tr key={i}><Cells line={line} side="both" /></tr>)}
            </tbody>
          </table>
        </div>
      )}
      {file.cut && <p class="warning">The diff was cut here; it goes on in the repository.</p>}
    </section>
  );
}
