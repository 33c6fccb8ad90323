// Promise: an export is a whole page at any host: files over plain HTTP below a folder, no server of ours behind them.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Host } from "./host";
import { Witness, browse } from "./look";
import { Town } from "./town";

let browser: Browser;
let town: Town;
let host: Host;

beforeAll(async () => {
  browser = await browse();
  town = Town.demo();
  host = await Host.of(town);
});
afterEach(() => host.forget());
afterAll(async () => {
  await browser.close();
  host.end();
  await town.end();
});

// covers: static-export#any-web-server-hands-it-out
test("every screen shows the town, and nothing is asked for that is not there", async () => {
  const witness = await (await Witness.open(browser, host.address)).ready();
  const { seq } = town.state() as { seq: number };
  expect(await witness.seq()).toBe(seq);
  await witness.page.locator(".pill.still").waitFor();
  expect((await witness.list()).join("\n")).toContain(`${town.pulls().length} open pull requests`);
  for (const screen of ["timeline", "gate", "board", "ledger", "specs", "agents", "stream", "terrarium"]) {
    await witness.show(screen);
    expect(await witness.text("main"), screen).not.toMatch(/could not be|cannot be|answered \d/);
  }
  expect(host.asked).toContain("history/index.json");
  expect(host.missing).toEqual([]);
  expect(host.asked.filter((path) => path.startsWith("api/"))).toEqual([]);
  await witness.end();
});

test("the gate shows what is offered, and offers no verdict", async () => {
  const witness = await (await Witness.open(browser, host.address)).ready();
  const { page } = witness;
  const { number } = town.pull("chaostester");
  await witness.show(`gate/${number}`);
  const article = page.getByRole("article", { name: `Pull request ${number}`, exact: true });
  await article.waitFor();
  expect(await page.getByRole("navigation", { name: "Open pull requests" }).getByRole("button").count()).toBe(town.pulls().length);
  const { files } = host.json<{ files: { path: string }[] }>(`pulls/${number}.json`);
  expect(files.length).toBeGreaterThan(0);
  for (const { path } of files) await article.getByText(path).first().waitFor();
  expect(await page.getByRole("button", { name: /^(Merge|Reject|Freeze)/ }).count()).toBe(0);
  await article.getByText("It is made of files.").waitFor();
  expect(host.missing).toEqual([]);
  await witness.end();
});

test("the past is reached, also by a link to an event", async () => {
  const witness = await (await Witness.open(browser, host.address)).ready();
  const { seq } = town.state() as { seq: number };
  for (const at of [seq - 5, 7]) {
    await witness.page.evaluate((hash) => (location.hash = hash), `#/terrarium?at=${at}`);
    await expect.poll(() => witness.seq()).toBe(at);
  }
  const event = town.run("log", "-n", "0", "--json").split("\n")[11] as string;
  await witness.page.evaluate((hash) => (location.hash = hash), `#/e/${(JSON.parse(event) as { id: string }).id}`);
  await expect.poll(() => witness.seq()).toBe(12);
  expect(host.missing).toEqual([]);
  await witness.end();
});

test("a page that is opened as a file says that it needs a server", async () => {
  const page = await browser.newPage();
  await page.goto(`file://${host.folder}/index.html`);
  await page.getByText("a browser runs it from a server alone").waitFor();
  await page.context().close();
  const served = await (await Witness.open(browser, host.address)).ready();
  expect(await served.text()).not.toContain("a browser runs it from a server alone");
  await served.end();
});

test("what a page may do is said in the page itself", async () => {
  const witness = await (await Witness.open(browser, host.address, { fine: /^policy: / })).ready();
  const stopped = await witness.page.evaluate(() => {
    const stopped = new Promise<string>((resolve) => document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective)));
    document.body.append(Object.assign(document.createElement("script"), { src: "http://127.0.0.2/elsewhere.js" }));
    return Promise.race([stopped, new Promise<string>((resolve) => requestIdleCallback(() => resolve("nothing"), { timeout: 5000 }))]).catch(String);
  }).catch((error: Error) => error.message);
  expect(stopped).toMatch(/TrustedScriptURL|script-src/);
  await witness.page.context().close();
});
