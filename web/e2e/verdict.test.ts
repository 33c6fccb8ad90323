// Promise: a person decides at the gate with the keyboard alone, over what was looked at and nothing else, and the town answers.
import { spawn } from "node:child_process";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { Witness, browse } from "./look";
import { PROGRAM, Town, type Pull, type Server } from "./town";

let browser: Browser;
let town: Town;
let server: Server;

beforeAll(async () => {
  browser = await browse();
});
beforeEach(async () => {
  town = Town.demo();
  town.git("config", "user.name", "Ada Gate");
  town.git("config", "user.email", "ada@example.invalid");
  server = await town.serve();
});
afterEach(() => town.end());
afterAll(() => browser.close());

const pullOf = (number: number): Pull | undefined => town.pulls().find((pull) => pull.number === number);

/** Walks the queue by key until this pull request is shown. */
async function walkTo(witness: Witness, number: number): Promise<void> {
  const { page } = witness;
  await page.keyboard.press("3");
  const queue = page.getByRole("navigation", { name: "Open pull requests" }).getByRole("button");
  await queue.first().waitFor();
  // Its order is that of the risks, once these are known.
  await witness.settled();
  const numbers = (await queue.allInnerTexts()).map((text) => Number(/#(\d+)/.exec(text)?.[1]));
  for (let step = 0; step < numbers.indexOf(number); step += 1) await page.keyboard.press("j");
  await page.getByRole("article", { name: `Pull request ${number}`, exact: true }).waitFor();
  await page.getByRole("button", { name: /^Merge…/ }).waitFor();
}

/** What has the focus. */
const focus = (witness: Witness) => witness.page.evaluate(() => document.activeElement === document.body ? "" : `${document.activeElement?.tagName} ${document.activeElement?.getAttribute("name") ?? document.activeElement?.textContent ?? ""}`);

// covers: terrarium#a-verdict-needs-no-mouse/the-token
test("the token leaves the address at once, and a page that is loaded again may still decide", async () => {
  expect(new URL(server.printed).hash).toMatch(/^#token=.{20,}/);
  const witness = await (await Witness.open(browser, server.printed)).ready();
  const { page } = witness;
  await page.getByRole("button", { name: "Freeze town" }).waitFor();
  expect(page.url()).not.toContain("token");
  expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(2);
  await page.reload();
  await page.getByRole("button", { name: "Freeze town" }).waitFor();
  // Somebody who found the address in a history is nobody.
  const other = await (await Witness.open(browser, server.printed, { fine: /401/ })).ready();
  await other.page.getByRole("alert").filter({ hasText: "This page may look and not decide" }).waitFor();
  expect(await other.page.getByRole("button", { name: "Freeze town" }).count()).toBe(0);
  await other.end();
  await witness.end();
});

// covers: terrarium#a-verdict-needs-no-mouse/a-merge
test("merge by keyboard names the head, the program says the same, and the lantern hangs", async () => {
  const { number, head } = town.pull("chaostester");
  const witness = await (await Witness.open(browser, server.printed)).ready();
  const { page } = witness;
  await walkTo(witness, number);
  await page.keyboard.press("m");
  const form = page.getByRole("form", { name: `Merge #${number}` });
  await form.waitFor();
  expect(await form.innerText()).toContain(head.slice(0, 10));
  expect(await witness.barriers()).toEqual([]);
  // Escape leaves everything as it is.
  await page.keyboard.press("Escape");
  await expect.poll(() => form.count()).toBe(0);
  expect(pullOf(number)?.state).toBe("open");
  await expect.poll(() => focus(witness)).toContain("Merge…");
  await page.keyboard.press("m");
  await expect.poll(() => focus(witness)).toContain("Merge it");
  await page.keyboard.press("Enter");
  await expect.poll(() => pullOf(number)?.state, { timeout: 15_000 }).toBe("merged");
  await page.getByRole("status").filter({ hasText: `#${number} is merged` }).waitFor();
  // Who decides by key goes on by key, with another one of the queue.
  await page.locator("article .chip.merged").waitFor();
  expect(await focus(witness)).toMatch(/^BUTTON #\d+ /);
  expect(await focus(witness)).not.toContain(`#${number} `);
  expect(town.git("merge-base", "--is-ancestor", head, "main")).toBe("");
  await page.keyboard.press("1");
  await expect.poll(async () => (await witness.list()).join("\n")).toContain(`#${number} was merged`);
  town.run("log", "verify");
  await witness.end();
});

// covers: terrarium#a-verdict-needs-no-mouse/another-one-comes-to-stand-in-front
test("whatever comes to the queue or leaves it, nothing takes the place of what is looked at, and no form asks over another", async () => {
  const witness = await (await Witness.open(browser, server.printed)).ready();
  const { page } = witness;
  const queue = page.getByRole("navigation", { name: "Open pull requests" }).getByRole("button");
  const article = page.getByRole("article", { name: /^Pull request \d+$/ });
  const number = async () => Number(/\d+/.exec((await article.getAttribute("aria-label")) ?? "")?.[0]);
  const begin = async () => {
    await page.getByRole("button", { name: /^Merge…/ }).waitFor();
    await page.keyboard.press("m");
    await expect.poll(() => focus(witness)).toContain("Merge it");
  };
  await page.keyboard.press("3");
  await begin();
  const first = await number();
  // Somebody pushes on another one's branch what its agent does not own, so that it is the worst of all.
  const { number: other, head, branch } = { branch: "", ...town.pulls().find((pull) => pull.state === "open" && pull.number !== first) as Pull };
  town.git("checkout", "-q", "-B", "meddle", head);
  town.write("README.md", "Everything is mine.\n");
  const tip = town.commit("Own everything");
  town.git("checkout", "-q", "main");
  town.git("update-ref", `refs/heads/${branch}`, tip);
  town.write("docs/news.md", "A new tree.\n");
  town.commit("Plant a tree");
  await expect.poll(() => queue.first().innerText(), { timeout: 15_000 }).toContain(`#${other}`);
  expect(await number()).toBe(first);
  await page.getByRole("form", { name: `Merge #${first}` }).waitFor();
  // Somebody else decides over it: the key that was meant for it decides nothing.
  const before = town.git("rev-parse", "main");
  town.run("pulls", "reject", `${first}`, "--reason", "wrong", "It is the example of the manual");
  await article.locator(".chip.rejected").waitFor();
  expect([await number(), await page.getByRole("form").count()]).toEqual([first, 0]);
  await page.keyboard.press("Enter");
  await witness.settled();
  expect([town.git("rev-parse", "main"), pullOf(other)?.state]).toEqual([before, "open"]);
  // Who leaves what was begun, by whichever way, and comes back finds no form.
  await page.keyboard.press("j");
  await expect.poll(number).toBe(other);
  await begin();
  for (const key of ["1", "3"]) await page.keyboard.press(key);
  await page.getByRole("button", { name: /^Merge…/ }).waitFor();
  expect([await number(), await page.getByRole("form").count()]).toEqual([other, 0]);
  await page.keyboard.press("j");
  await expect.poll(number).not.toBe(other);
  await begin();
  await page.goBack();
  await expect.poll(number).toBe(other);
  await page.getByRole("button", { name: /^Merge…/ }).waitFor();
  expect(await page.getByRole("form").count()).toBe(0);
  await page.goForward();
  await expect.poll(number).not.toBe(other);
  await page.getByRole("button", { name: /^Merge…/ }).waitFor();
  expect(await page.getByRole("form").count()).toBe(0);
  await witness.end();
});

// covers: terrarium#a-verdict-needs-no-mouse/a-rejection
test("reject with a reason by keyboard: the agent hears it before its next run", async () => {
  const { number } = town.pull("junglesecurity");
  const witness = await (await Witness.open(browser, server.printed)).ready();
  const { page } = witness;
  await walkTo(witness, number);
  await page.keyboard.press("r");
  await expect.poll(() => focus(witness)).toContain("SELECT reason");
  expect(await witness.barriers()).toEqual([]);
  // Nobody rejects without a reason by pressing one key too many.
  await page.keyboard.press("Enter");
  await witness.settled();
  expect(pullOf(number)?.state).toBe("open");
  await page.keyboard.type("wrong");
  await page.keyboard.press("Tab");
  await page.keyboard.type("It is the example of the manual <b>&");
  await page.keyboard.press("Enter");
  await expect.poll(() => pullOf(number)?.state, { timeout: 15_000 }).toBe("rejected");
  const said = JSON.stringify(pullOf(number));
  expect(said).toContain("It is the example of the manual <b>&");
  expect(said).toContain('"wrong"');
  expect(town.run("agents", "brief", "junglesecurity")).toContain("It is the example of the manual");
  await page.keyboard.press("1");
  const feed = page.getByRole("region", { name: "Village feed" });
  await feed.getByText(`rejected #${number} as wrong`).waitFor();
  await witness.end();
});

// covers: terrarium#a-verdict-needs-no-mouse/the-head-moved
test("a head that moved since it was looked at is refused, and the new one is decided over when it was looked at", async () => {
  const { number, head, branch } = { branch: "", ...town.pull("chaostester") };
  const witness = await (await Witness.open(browser, server.printed, { fine: /409/ })).ready();
  const { page } = witness;
  await walkTo(witness, number);
  const before = town.git("rev-parse", "main");
  town.git("checkout", "-q", "-B", "meanwhile", head);
  const path = (pullOf(number) as unknown as { paths: string[] }).paths[0] ?? "";
  town.write(path, `${town.git("show", `${head}:${path}`)}\nSomebody pushed this meanwhile.\n`);
  const moved = town.commit("Push meanwhile");
  town.git("checkout", "-q", "main");
  town.git("update-ref", `refs/heads/${branch}`, moved);
  await page.keyboard.press("m");
  await page.getByRole("form", { name: `Merge #${number}` }).waitFor();
  await page.keyboard.press("Enter");
  const told = page.getByRole("alert").filter({ hasText: "The head has moved since you looked" });
  await told.waitFor();
  expect(await told.innerText()).toContain(moved.slice(0, 10));
  expect([town.git("rev-parse", "main"), pullOf(number)?.state]).toEqual([before, "open"]);
  // The new diff is there, and nothing is decided by a key that was meant for the old one.
  await page.getByText("Somebody pushed this meanwhile.").first().waitFor();
  await page.keyboard.press("m");
  expect(await page.getByRole("form").count()).toBe(0);
  await expect.poll(() => focus(witness)).toContain("I look at the new one");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: /^Merge…/ }).waitFor();
  await page.keyboard.press("m");
  await expect.poll(() => focus(witness)).toContain("Merge it");
  await page.keyboard.press("Enter");
  await expect.poll(() => pullOf(number)?.state, { timeout: 15_000 }).toBe("merged");
  expect(town.git("merge-base", "--is-ancestor", moved, "main")).toBe("");
  await witness.end();
});

test("the town is frozen with a reason and thawed again, and not from the past", async () => {
  const witness = await (await Witness.open(browser, server.printed)).ready();
  const { page } = witness;
  const frozen = () => (town.state() as { frozen?: { reason: string } }).frozen?.reason;
  await page.getByRole("button", { name: "Freeze town" }).focus();
  await page.keyboard.press("Enter");
  await expect.poll(() => focus(witness)).toContain("INPUT reason");
  await page.keyboard.press("Escape");
  await expect.poll(() => focus(witness)).toContain("Freeze town");
  await page.keyboard.press("Enter");
  await expect.poll(() => focus(witness)).toContain("INPUT reason");
  await page.keyboard.type("Everybody looks at the fire");
  await page.keyboard.press("Enter");
  await expect.poll(frozen, { timeout: 15_000 }).toBe("Everybody looks at the fire");
  await page.locator(".banner.frozen").filter({ hasText: "Everybody looks at the fire" }).waitFor();
  expect(await witness.barriers()).toEqual([]);
  await page.keyboard.press(",");
  await page.locator(".banner.replay").waitFor();
  expect(await page.getByRole("button", { name: "Thaw town" }).isDisabled()).toBe(true);
  await page.keyboard.press("l");
  await page.getByRole("button", { name: "Thaw town" }).click();
  await page.keyboard.type("It is out");
  await page.keyboard.press("Enter");
  await expect.poll(frozen, { timeout: 15_000 }).toBeUndefined();
  await page.getByRole("button", { name: "Freeze town" }).waitFor();
  await witness.end();
});

// covers: terrarium#a-verdict-needs-no-mouse/somebody-else-was-faster
test("a form that was opened to freeze never thaws, whoever was faster, and takes the focus from nobody", async () => {
  const witness = await (await Witness.open(browser, server.printed)).ready();
  const { page } = witness;
  const frozen = () => (town.state() as { frozen?: { reason: string } }).frozen?.reason;
  await page.getByRole("button", { name: "Freeze town" }).click();
  await expect.poll(() => focus(witness)).toContain("INPUT reason");
  await page.keyboard.type("Everybody");
  town.run("freeze", "--reason", "Bob was faster");
  await page.locator(".banner.frozen").filter({ hasText: "Bob was faster" }).waitFor();
  // What is typed goes on where it began, and does nothing.
  await page.keyboard.type(" looks at the fire");
  const form = page.getByRole("form", { name: "Freeze the town" });
  expect(await form.getByLabel("Why").inputValue()).toBe("Everybody looks at the fire");
  expect(await form.getByRole("button", { name: "Freeze" }).isDisabled()).toBe(true);
  await page.keyboard.press("Enter");
  await witness.settled();
  expect([frozen(), await page.getByRole("form").count()]).toEqual(["Bob was faster", 1]);
  // Events leave the focus where it is.
  await page.keyboard.press("Tab");
  expect(await focus(witness)).toContain("Cancel");
  town.write("docs/news.md", "A new tree.\n");
  town.commit("Plant a tree by hand");
  await page.getByText("Plant a tree by hand").first().waitFor();
  expect(await focus(witness)).toContain("Cancel");
  await page.keyboard.press("Enter");
  await expect.poll(() => focus(witness)).toContain("Thaw town");
  await witness.end();
});

// covers: terrarium#the-past-can-be-walked-through/no-verdict-in-the-past
test("in the past nothing can be decided", async () => {
  const witness = await (await Witness.open(browser, server.printed)).ready();
  const { page } = witness;
  await walkTo(witness, town.pull("bananaeconomist").number);
  await page.keyboard.press(",");
  await page.locator(".banner.replay").filter({ hasText: "Nothing can be decided here" }).waitFor();
  await page.getByText("Its diff is shown live only").waitFor();
  expect(await page.getByRole("button", { name: /^(Merge|Reject)/ }).count()).toBe(0);
  for (const key of ["m", "r"]) {
    await page.keyboard.press(key);
    await page.getByRole("status").filter({ hasText: "nothing can be decided there" }).waitFor();
  }
  expect(await page.getByRole("form").count()).toBe(0);
  await witness.end();
});

test("a server that was started again knows no session, and the page says what to do", async () => {
  const witness = await (await Witness.open(browser, server.printed, { fine: /WebSocket|ERR_|Failed to load/ })).ready();
  const { page } = witness;
  const { number } = town.pull("chaostester");
  await walkTo(witness, number);
  const { port } = server;
  await server.end("SIGKILL");
  await page.locator(".pill.down").waitFor();
  await town.serve(port);
  await page.locator(".pill.live").waitFor({ timeout: 40_000 });
  await page.keyboard.press("m");
  await expect.poll(() => focus(witness)).toContain("Merge it");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: `#${number} stays as it is` }).waitFor();
  await page.getByText("This page may look and not decide").first().waitFor();
  expect(pullOf(number)?.state).toBe("open");
  await witness.end();
});

// covers: terrarium#a-verdict-needs-no-mouse/the-demo
test("in the demo a merge hangs a lantern, and that agent's next run says so", async () => {
  const root = mkdtempSync(join(tmpdir(), "terrarium-demo-"));
  const demo = Town.at(root);
  const terminal = spawn("script", ["-qefc", `exec ${PROGRAM} demo --dir ${demo.dir}`, "/dev/null"], { env: { ...demo.env, TERM: "xterm" }, stdio: ["pipe", "pipe", "inherit"] });
  let said = "";
  const address = await new Promise<string>((resolve, reject) => {
    terminal.stdout.on("data", (text) => {
      said += text;
      const found = /http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+/.exec(said)?.[0];
      if (found) resolve(found);
    });
    terminal.on("exit", () => reject(new Error(said)));
  });
  const witness = await (await Witness.open(browser, address)).ready();
  const { page } = witness;
  // Agents walk, and crates arrive at the gate while somebody looks.
  await expect.poll(() => page.locator(".world-who").count(), { timeout: 20_000 }).toBeGreaterThan(3);
  await page.keyboard.press("3");
  const queue = page.getByRole("navigation", { name: "Open pull requests" }).getByRole("button");
  await expect.poll(() => queue.count(), { timeout: 20_000 }).toBe(8);
  const { number } = demo.pull("chaostester");
  await walkTo(witness, number);
  await page.keyboard.press("m");
  await expect.poll(() => focus(witness)).toContain("Merge it");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: `#${number} is merged` }).waitFor({ timeout: 20_000 });
  await page.keyboard.press("1");
  await expect.poll(async () => (await witness.list()).join("\n"), { timeout: 20_000 }).toContain(`#${number} was merged`);
  // Its next turn comes by itself, and the feed shows it; what it was told is in its briefing.
  const runs = () => (demo.state() as { agents: { [name: string]: { runs: unknown[] } } }).agents["chaostester"]?.runs.length;
  await expect.poll(runs, { timeout: 30_000 }).toBe(2);
  await expect.poll(() => witness.seq(), { timeout: 10_000 }).toBe((demo.state() as { seq: number }).seq);
  const brief = demo.run("agents", "brief", "chaostester");
  expect(brief).toContain(`Number ${number} was merged by`);
  await page.getByRole("region", { name: "Village feed" }).getByText(/^Tester finished/).first().waitFor();
  await witness.end();
  const ended = new Promise((resolve) => terminal.on("exit", resolve));
  terminal.stdin.write("\u0003");
  await ended;
  rmSync(root, { recursive: true, force: true });
});
