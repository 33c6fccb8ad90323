// Promise: a page about an agent says how things are with it as they change.
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

// covers: terrarium#nothing-moves-without-an-event/a-verdict
test("a verdict shows up beside its pull request while somebody looks, at its agent and at the gate, whatever cannot be fetched", async () => {
  const { number } = town.pull("chaostester");
  const witness = await (await Witness.open(browser, `${server.origin}/#/agents/chaostester`)).ready();
  const panel = witness.page.getByRole("region", { name: "Pull requests" });
  await panel.getByText("□ open").waitFor();
  const gate = await (await Witness.open(browser, server.printed, { fine: /ERR_FAILED|Failed to load/ })).ready();
  await gate.show(`gate/${number}`);
  const article = gate.page.getByRole("article", { name: `Pull request ${number}`, exact: true });
  await article.getByRole("button", { name: /^Merge…/ }).waitFor();
  await gate.page.route(`**/api/pulls/${number}`, (route) => route.abort());
  town.run("pulls", "merge", `${number}`);
  await panel.getByText("◆ merged").waitFor();
  expect(await panel.getByText("□ open").count()).toBe(0);
  await article.locator(".chip.merged").waitFor();
  await article.getByText(/^merged by /).waitFor();
  expect(await article.getByRole("button", { name: /^(Merge|Reject)…/ }).count()).toBe(0);
  await gate.end();
  await witness.end();
});
