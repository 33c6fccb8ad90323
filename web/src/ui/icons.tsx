// Small pictures made of squares: what an event is, sun and moon, the name of the program; each is a path of one colour.
import type { Tone } from "./sentence";

/** A picture as rows; every mark but a dot is a square. */
export function squares(rows: readonly string[]): string {
  let path = "";
  rows.forEach((row, y) => {
    for (const { 0: run, index } of row.matchAll(/#+/g)) path += `M${index} ${y}h${run.length}v1h-${run.length}z`;
  });
  return path;
}

/** Eight rows of eight squares: a byte for a row, its highest bit on the left. */
const SHAPES: { [name: string]: string } = {
  run: "3c42919d9d91423c",
  pull: "c3c341594d47c3c3",
  merge: "81c3663c18181818",
  board: "ff81bd81b1ff1818",
  coin: "3c7ee7dbdbe77e3c",
  heart: "66ffffff7e3c1800",
  spec: "7e425a425a427e00",
  cross: "81c3663c3c66c381",
  gate: "ff7e247e24242466",
  tool: "2673331e3870e040",
  face: "3c7edbffc37e3c00",
  dot: "00003c3c3c3c0000",
  sun: "18813cbdbd3c8118",
  moon: "3870e0e0e0713e1c",
};

/** The rows of a picture that is written as bytes. */
function rowsOf(bytes: string): string[] {
  return (bytes.match(/../g) ?? []).map((byte) => parseInt(byte, 16).toString(2).padStart(8, "0").replace(/1/g, "#"));
}

const PATHS = Object.fromEntries(Object.entries(SHAPES).map(([name, bytes]) => [name, squares(rowsOf(bytes))]));

/** Which picture stands for a type of event; the tone gives its colour. */
export function iconOf(type: string, tone: Tone): string {
  if (tone === "bad") return "cross";
  const [, noun = "", verb = ""] = type.split(".");
  if (verb === "usage" || noun === "ledger") return "coin";
  if (verb === "merged" || noun === "commit") return "merge";
  if (noun === "pull") return "pull";
  if (noun === "tool") return "tool";
  if (noun === "agent") return "face";
  const same: { [noun: string]: string } = { reaction: "heart", post: "board", change: "spec", run: "run", gate: "gate" };
  return same[noun] ?? "dot";
}

export function Icon({ name, label }: { name: string; label?: string }) {
  return (
    <svg class="icon" viewBox="0 0 8 8" width="16" height="16" shape-rendering="crispEdges" role={label ? "img" : undefined} aria-label={label} aria-hidden={label ? undefined : true}>
      <path d={PATHS[name] ?? PATHS["dot"] ?? ""} fill="currentColor" />
    </svg>
  );
}

/** Letters of five by seven squares. */
const LETTERS: { [letter: string]: readonly string[] } = {
  m: ["", "", "##.#.", "#.#.#", "#.#.#", "#.#.#", "#...#"],
  o: ["", "", ".###.", "#...#", "#...#", "#...#", ".###."],
  n: ["", "", "####.", "#...#", "#...#", "#...#", "#...#"],
  k: ["#....", "#....", "#..#.", "#.#..", "##...", "#.#..", "#..#."],
  e: ["", "", ".###.", "#...#", "#####", "#....", ".###."],
  y: ["", "", "#...#", "#...#", ".####", "....#", ".###."],
  t: [".#...", ".#...", "####.", ".#...", ".#...", ".#..#", "..##."],
  w: ["", "", "#...#", "#...#", "#.#.#", "#.#.#", ".#.#."],
};
const BANANA = ["......##", ".....##.", ".....##.", "....###.", "...####.", "..####..", "####....", ".##....."];

function wordmark(word: string): string {
  const rows = Array.from({ length: 7 }, () => "");
  for (const letter of word) LETTERS[letter]?.forEach((row, y) => (rows[y] += row.padEnd(6, ".").replace(/ /g, ".")));
  return squares(rows);
}

const WORD = wordmark("monkeytown");
const FRUIT = squares(BANANA);

/** The name in squares, with a shade below it. */
export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 71 9" width="156" height="20" shape-rendering="crispEdges" aria-hidden="true">
      <path d={FRUIT} fill="#e0a020" transform="translate(0 .5)" />
      <path d={FRUIT} fill="#ffd23f" />
      <path d={WORD} fill="#7a5410" transform="translate(11 1.6)" />
      <path d={WORD} fill="url(#gold)" transform="translate(11 .8)" />
      <defs><linearGradient id="gold" x1="0" y1="0" x2="0" y2="1"><stop offset=".45" stop-color="#fff3c4" /><stop offset=".55" stop-color="#ffd23f" /></linearGradient></defs>
    </svg>
  );
}
