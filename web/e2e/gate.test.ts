// Promise: a mayor decides at the gate with the keyboard alone, and only over what was looked at.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, browse } from "./look";
import { Town, type Server } from "./town";

let browser: Browser;
let town: Town;
let server: Server;

beforeAll(async () => {
  browser = await browse();
});
beforeEach(async () => {
  town = Town.demo();
  server = await town.serve();
});
afterEach(() => town.end());
afterAll(() => browser.close());

/** Walks the queue by key until this pull request is shown. */
async function walkTo(witness: Witness, number: number): Promise<void> {
  const { page } = witness;
  await page.keyboard.press("3");
  const shown = page.getByRole("article", { name: /^Pull request/ });
  await shown.waitFor();
  const wanted = page.getByRole("article", { name: `Pull request ${number}`, exact: true });
  const queue = page.getByRole("navigation", { name: "Open pull requests" }).getByRole("button");
  const numbers = (await queue.allInnerTexts()).map((text) => Number(/#(\d+)/.exec(text)?.[1]));
  for (let step = 0; step < numbers.indexOf(number); step += 1) await page.keyboard.press("j");
  await wanted.waitFor();
  await page.getByRole("button", { name: /^Merge/ }).waitFor();
}

test("merge by keyboard: the program says the same, and the lantern hangs", async () => {
  const { number, head } = town.pull("chaostester");
  const witness = await (await Witness.open(browser, server.printed)).ready();
  await walkTo(witness, number);
  await witness.page.keyboard.press("m");
  await expect.poll(() => town.pulls().find((pull) => pull.number === number)?.state, { timeout: 15_000 }).toBe("merged");
  expect(town.git("merge-base", "--is-ancestor", head, "main")).toBe("");
  await witness.page.keyboard.press("1");
  await expect.poll(async () => (await witness.list()).join("\n")).toContain(`#${number} was merged`);
  town.run("log", "verify");
  await witness.end();
});

test("reject with a reason by keyboard: the agent hears it before its next run", async () => {
  const { number } = town.pull("junglesecurity");
  const witness = await (await Witness.open(browser, server.printed)).ready();
  const { page } = witness;
  await walkTo(witness, number);
  await page.keyboard.press("r");
  const form = page.getByRole("form", { name: `Reject #${number}` });
  await form.waitFor();
  await expect.poll(() => page.evaluate(() => (document.activeElement as HTMLSelectElement | null)?.name)).toBe("reason");
  await page.keyboard.type("wrong");
  await page.keyboard.press("Tab");
  await page.keyboard.type("It is the example of the manual <b>&");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect.poll(() => town.pulls().find((pull) => pull.number === number)?.state, { timeout: 15_000 }).toBe("rejected");
  const pull = town.pulls().find((one) => one.number === number);
  expect(JSON.stringify(pull)).toContain("It is the example of the manual <b>&");
  expect(JSON.stringify(pull)).toContain("wrong");
  expect(town.run("agents", "brief", "junglesecurity")).toContain("It is the example of the manual");
  await witness.end();
});

test("two decisions in a row: every answer brings the next token", async () => {
  const witness = await (await Witness.open(browser, server.printed)).ready();
  for (const agent of ["chaostester", "madchimp"]) {
    const { number } = town.pull(agent);
    await witness.page.keyboard.press("1");
    await walkTo(witness, number);
    await witness.page.keyboard.press("m");
    await expect.poll(() => town.pulls().find((pull) => pull.number === number)?.state, { timeout: 15_000 }).toBe("merged");
  }
  await witness.end();
});

test("a head that moved since it was looked at is refused, and nothing is merged", async () => {
  const { number, head } = town.pull("chaostester");
  const witness = await (await Witness.open(browser, server.printed, { fine: /409/ })).ready();
  await walkTo(witness, number);
  const before = town.git("rev-parse", "main");
  const moved = town.git("commit-tree", `${head}^{tree}`, "-p", head, "-m", "Somebody pushed meanwhile");
  town.git("update-ref", "refs/heads/agent/chaostester", moved);
  await witness.page.keyboard.press("m");
  await witness.page.getByText("The head has moved since you looked").waitFor();
  expect(town.git("rev-parse", "main")).toBe(before);
  expect(town.pull("chaostester").number).toBe(number);
  await witness.end();
});

test("who has no token, a wrong one, or comes from another page decides nothing", async () => {
  const { number, head } = town.pull("chaostester");
  const before = town.git("rev-parse", "main");
  const token = new URLSearchParams(new URL(server.printed).hash.slice(1)).get("token") ?? "";
  expect(token.length).toBeGreaterThan(15);
  const post = (headers: { [name: string]: string }) =>
    fetch(`${server.origin}/api/pulls/${number}/merge`, { method: "POST", headers: { "content-type": "application/json", ...headers }, body: JSON.stringify({ head }) });
  const attempts: { [name: string]: string }[] = [{}, { "x-monkeytown-token": "a".repeat(token.length) }, { "x-monkeytown-token": token, origin: "https://evil.example" }];
  for (const headers of attempts) {
    expect((await post(headers)).status, JSON.stringify(headers)).toBe(403);
  }
  expect(town.git("rev-parse", "main")).toBe(before);
  // A page without the token offers nothing.
  const witness = await (await Witness.open(browser, server.origin)).ready();
  await witness.page.keyboard.press("3");
  await witness.page.getByRole("article").first().waitFor();
  expect(await witness.page.getByRole("button", { name: /^(Merge|Reject)/ }).count()).toBe(0);
  await witness.end();
});
