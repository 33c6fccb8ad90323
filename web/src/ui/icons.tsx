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

const SHAPES: { [name: string]: readonly string[] } = {
  run: ["..####..", ".#....#.", "#..#...#", "#..###.#", "#..###.#", "#..#...#", ".#....#.", "..####.."],
  pull: ["##....##", "##....##", ".#.....#", ".#.##..#", ".#..##.#", ".#...###", "##....##", "##....##"],
  merge: ["#......#", "##....##", ".##..##.", "..####..", "...##...", "...##...", "...##...", "...##..."],
  board: ["########", "#......#", "#.####.#", "#......#", "#.##...#", "########", "...##...", "...##..."],
  coin: ["..####..", ".######.", "###..###", "##.##.##", "##.##.##", "###..###", ".######.", "..####.."],
  heart: [".##..##.", "########", "########", "########", ".######.", "..####..", "...##...", "........"],
  spec: [".######.", ".#....#.", ".#.##.#.", ".#....#.", ".#.##.#.", ".#....#.", ".######.", "........"],
  cross: ["#......#", "##....##", ".##..##.", "..####..", "..####..", ".##..##.", "##....##", "#......#"],
  gate: ["########", ".######.", "..#..#..", ".######.", "..#..#..", "..#..#..", "..#..#..", ".##..##."],
  tool: ["..#..##.", ".###..##", "..##..##", "...####.", "..###...", ".###....", "###.....", ".#......"],
  face: ["..####..", ".######.", "##.##.##", "########", "##....##", ".######.", "..####..", "........"],
  dot: ["........", "........", "..####..", "..####..", "..####..", "..####..", "........", "........"],
  sun: ["...##...", "#......#", "..####..", "#.####.#", "#.####.#", "..####..", "#......#", "...##..."],
  moon: ["..###...", ".###....", "###.....", "###.....", "###.....", ".###...#", "..#####.", "...###.."],
};

const PATHS = Object.fromEntries(Object.entries(SHAPES).map(([name, rows]) => [name, squares(rows)]));

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
