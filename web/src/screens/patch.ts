// A unified diff as lines that can be shown side by side; drawing them lives in diff.tsx.

import type { PullDetail } from "../ui/api";

/** What a merge would bring: all that differs, with what people added; as it was offered where that cannot be shown. */
export function sizeOf({ files, file_count: count, adds, dels }: Pick<PullDetail, "files" | "file_count" | "adds" | "dels">): { adds: number; dels: number } {
  const sum = (side: "adds" | "dels", offered: number) => {
    const shown = files.reduce((all, file) => all + file[side], 0);
    return files.length < count ? Math.max(shown, offered) : shown;
  };
  return { adds: sum("adds", Number(adds)), dels: sum("dels", Number(dels)) };
}

export interface Line {
  kind: "add" | "del" | "same" | "hunk";
  text: string;
  old?: number;
  now?: number;
  /** The line that this one replaces or is replaced by. */
  twin?: string;
}

/** Reads a patch. Whatever is no hunk is left out. */
export function readPatch(patch: string): Line[] {
  const lines: Line[] = [];
  let [old, now, inside] = [0, 0, false];
  for (const text of patch.split("\n")) {
    const hunk = /^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@/.exec(text);
    if (hunk) {
      [old, now, inside] = [Number(hunk[1]), Number(hunk[2]), true];
      lines.push({ kind: "hunk", text });
    } else if (!inside || text.startsWith("\\")) continue;
    else if (text.startsWith("+")) lines.push({ kind: "add", text: text.slice(1), now: now++ });
    else if (text.startsWith("-")) lines.push({ kind: "del", text: text.slice(1), old: old++ });
    else if (text.startsWith(" ")) lines.push({ kind: "same", text: text.slice(1), old: old++, now: now++ });
  }
  return pair(lines);
}

/** Pairs the deleted lines of a block with the added ones that follow, one by one. */
function pair(lines: Line[]): Line[] {
  for (let i = 0; i < lines.length; ) {
    const start = i;
    while (lines[i]?.kind === "del") i++;
    const middle = i;
    while (lines[i]?.kind === "add") i++;
    for (let k = 0; k < Math.min(middle - start, i - middle); k++) {
      const [a, b] = [lines[start + k] as Line, lines[middle + k] as Line];
      [a.twin, b.twin] = [b.text, a.text];
    }
    if (i === start) i++;
  }
  return lines;
}

/** Rows of two columns: what was, and what is. */
export function sideBySide(lines: Line[]): [Line | undefined, Line | undefined][] {
  const rows: [Line | undefined, Line | undefined][] = [];
  for (let i = 0; i < lines.length; ) {
    const dels: Line[] = [];
    const adds: Line[] = [];
    while (lines[i]?.kind === "del") dels.push(lines[i++] as Line);
    while (lines[i]?.kind === "add") adds.push(lines[i++] as Line);
    for (let k = 0; k < Math.max(dels.length, adds.length); k++) rows.push([dels[k], adds[k]]);
    const line = lines[i];
    if (line && (line.kind === "same" || line.kind === "hunk")) {
      rows.push([line, line]);
      i++;
    }
  }
  return rows;
}
