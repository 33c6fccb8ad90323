// Answers for the reference OpenSpec command without starting Node anew for each question, since most of a start is loading it:
// `node openspec-answers.mjs <folder of node_modules>`. Each line of standard input is {cwd, home, words}, each line of output is
// {code, stdout, stderr} as the command itself would have ended. It ends with its standard input.
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [modules] = process.argv.slice(2);
if (!modules) {
  console.error("usage: openspec-answers.mjs <folder of node_modules>");
  process.exit(2);
}
const { program } = await import(pathToFileURL(resolve(modules, "node_modules/@fission-ai/openspec/dist/cli/index.js")));

/** What is thrown where the command would end the process. */
const LEFT = Symbol("left");
let said;

const say = process.stdout.write.bind(process.stdout);
for (const name of ["stdout", "stderr"]) {
  process[name].write = (chunk, encoding, then) => {
    said[name]?.push(Buffer.from(chunk));
    const done = typeof encoding === "function" ? encoding : then;
    if (done) process.nextTick(done);
    return true;
  };
}
// What comes after an exit is thrown by that exit, and nobody would have heard of it.
process.on("unhandledRejection", () => {});

async function answer({ cwd, home, words }) {
  process.chdir(cwd);
  for (const name of ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"]) process.env[name] = home;
  process.exitCode = undefined;
  const heard = (said = { stdout: [], stderr: [] });
  const left = new Promise((leave) => {
    process.exit = (code) => {
      // Whoever catches what is thrown is not heard any more.
      said = {};
      leave(code ?? process.exitCode ?? 0);
      throw LEFT;
    };
  });
  const ended = program.parseAsync(["node", "openspec", ...words]).then(
    () => process.exitCode ?? 0,
    (error) => {
      if (error !== LEFT) heard.stderr.push(Buffer.from(String(error?.stack ?? error)));
      return 1;
    },
  );
  const code = await Promise.race([left, ended]);
  said = {};
  return { code, stdout: String(Buffer.concat(heard.stdout)), stderr: String(Buffer.concat(heard.stderr)) };
}

for await (const line of createInterface({ input: process.stdin, terminal: false })) {
  say(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
