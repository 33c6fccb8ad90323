// Weighs the built page as a browser fetches it, gzipped: what comes at first, and all of it. Too heavy ends with 1.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const FIRST = 60 * 1024;
const ALL = 120 * 1024;
const dist = join(import.meta.dirname, "..", "dist");
const weigh = (file) => gzipSync(readFileSync(file), { level: 9 }).length;

const html = readFileSync(join(dist, "index.html"), "utf8");
const files = readdirSync(join(dist, "assets")).filter((name) => /\.(js|css)$/.test(name)).map((name) => ({ name, size: weigh(join(dist, "assets", name)), text: readFileSync(join(dist, "assets", name), "utf8") }));

// What the page names, and what that imports without being asked to, comes at once.
const first = new Set(files.filter(({ name }) => html.includes(name)).map(({ name }) => name));
for (const name of first) {
  const { text } = files.find((file) => file.name === name) ?? { text: "" };
  for (const [, wanted] of text.matchAll(/(?:from|import)\s*["']\.\/([\w.-]+\.js)["']/g)) first.add(wanted);
}

const page = weigh(join(dist, "index.html"));
const sum = (list) => list.reduce((total, { size }) => total + size, page);
const [initial, all] = [sum(files.filter(({ name }) => first.has(name))), sum(files)];
for (const { name, size } of files.sort((a, b) => b.size - a.size)) console.log(`${`${size}`.padStart(7)}  ${first.has(name) ? "first" : "later"}  ${name}`);
console.log(`${initial} bytes at first (of ${FIRST}), ${all} in all (of ${ALL})`);
if (initial > FIRST || all > ALL) {
  console.error("The page is too heavy. Load what not every visit needs with import(), or leave it out.");
  process.exit(1);
}
