// Starts the GitHub of npm's `emulate` on a free port of this machine: `node emulate-github.mjs <folder of node_modules>`.
// It prints its address, and ends with its standard input. What is in it is what the test kit's own fake starts with.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [modules] = process.argv.slice(2);
if (!modules) {
  console.error("usage: emulate-github.mjs <folder of node_modules>");
  process.exit(2);
}
const { createEmulator } = await import(pathToFileURL(resolve(modules, "node_modules/emulate/dist/api.js")));
const github = await createEmulator({
  service: "github",
  port: 0,
  seed: {
    tokens: { "town-token": { login: "acme", scopes: ["repo", "user"] }, "other-token": { login: "grace", scopes: ["repo"] } },
    github: {
      users: [{ login: "acme" }, { login: "grace" }],
      repos: [{ owner: "acme", name: "smalltown", auto_init: true }],
    },
  },
});
console.log(github.url);
process.stdin.resume().on("end", async () => {
  await github.close();
  process.exit(0);
});
