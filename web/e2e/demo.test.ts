// Promise: the first command that a newcomer types ends in a town that can be watched; what is merged there, the next run knows.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Witness, browse } from "./look";
import { PROGRAM, Town } from "./town";

test("the demo at a terminal prints an address, and ends with Ctrl-C", async () => {
  const root = mkdtempSync(join(tmpdir(), "terrarium-demo-"));
  const town = Town.at(root);
  // Its terminal is one of util-linux' `script`.
  const terminal = spawn("script", ["-qefc", `exec ${PROGRAM} demo --dir ${town.dir}`, "/dev/null"], { env: { ...town.env, TERM: "xterm" }, stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  const address = await new Promise<string>((resolve, reject) => {
    terminal.stdout.on("data", (text) => {
      said += text;
      const found = /http:\/\/127\.0\.0\.1:\d+\S*(?=\s)/.exec(said)?.[0];
      if (found) resolve(found);
    });
    terminal.on("exit", () => reject(new Error(said)));
  });
  const browser = await browse();
  const witness = await (await Witness.open(browser, address)).ready();
  // It is served from the first turn on: the crates arrive while somebody looks.
  await witness.page.keyboard.press("3");
  const queue = witness.page.getByRole("navigation", { name: "Open pull requests" }).getByRole("button");
  await expect.poll(() => queue.count(), { timeout: 20_000 }).toBe(8);
  // A verdict is answered by the agent's next turn, without anybody asking for it.
  const { number } = town.pull("junglesecurity");
  town.run("pulls", "reject", `${number}`, "--reason", "wrong", "It is the example of the manual");
  await expect.poll(() => (town.state() as { agents: { [name: string]: { runs: unknown[] } } }).agents["junglesecurity"]?.runs.length, { timeout: 20_000 }).toBe(2);
  await expect.poll(() => witness.seq(), { timeout: 10_000 }).toBe((town.state() as { seq: number }).seq);
  await witness.end();
  await browser.close();
  const ended = new Promise((resolve) => terminal.on("exit", resolve));
  terminal.stdin.write("\u0003");
  expect(await ended).toBe(0);
  rmSync(root, { recursive: true, force: true });
});
