// Promise: an export is a whole page at any host: files over plain HTTP below a folder, no server of ours behind them.
import { createServer, type Server as Http } from "node:http";
import { readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, browse } from "./look";
import { Town } from "./town";

const TYPES: { [extension: string]: string } = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".ndjson": "application/x-ndjson" };

let browser: Browser;
let town: Town;
let http: Http;
let address: string;
let asked: string[] = [];
let missing: string[] = [];

beforeAll(async () => {
  browser = await browse();
  town = Town.demo();
  const folder = join(town.dir, "..", "export");
  town.run("export", folder);
  // Below a folder, as the page of a project is; it sends no header but the type.
  http = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://host");
    asked.push(pathname);
    const path = pathname.startsWith("/town/") ? pathname.slice("/town".length) : "/nowhere";
    const file = join(folder, path === "/" ? "index.html" : path);
    if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
      missing.push(`${request.method} ${request.url}`);
      return void response.writeHead(404).end("nothing here");
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(http.address() as AddressInfo).port}/town/`;
});
afterEach(() => {
  asked = [];
  missing = [];
});
afterAll(async () => {
  await browser.close();
  http.close();
  await town.end();
});

// covers: static-export#any-web-server-hands-it-out
test("every screen shows the town, and nothing is asked for that is not there", async () => {
  const witness = await (await Witness.open(browser, address)).ready();
  const { seq } = town.state() as { seq: number };
  expect(await witness.seq()).toBe(seq);
  await witness.page.locator(".pill.still").waitFor();
  expect((await witness.list()).join("\n")).toContain(`${town.pulls().length} open pull requests`);
  for (const screen of ["timeline", "gate", "board", "ledger", "specs", "agents", "stream", "terrarium"]) {
    await witness.show(screen);
    expect(await witness.text("main"), screen).not.toMatch(/could not be|cannot be|answered \d/);
  }
  expect(asked).toContain("/town/history/index.json");
  expect(missing).toEqual([]);
  expect(asked.filter((path) => path.includes("/api/"))).toEqual([]);
  await witness.end();
});

test("the gate shows what is offered, and offers no verdict", async () => {
  const witness = await (await Witness.open(browser, address)).ready();
  const { page } = witness;
  const { number } = town.pull("chaostester");
  await witness.show(`gate/${number}`);
  const article = page.getByRole("article", { name: `Pull request ${number}`, exact: true });
  await article.waitFor();
  expect(await page.getByRole("navigation", { name: "Open pull requests" }).getByRole("button").count()).toBe(town.pulls().length);
  const { files } = JSON.parse(readFileSync(join(town.dir, "..", `export/pulls/${number}.json`), "utf8")) as { files: { path: string }[] };
  expect(files.length).toBeGreaterThan(0);
  for (const { path } of files) await article.getByText(path).first().waitFor();
  expect(await page.getByRole("button", { name: /^(Merge|Reject|Freeze)/ }).count()).toBe(0);
  expect(missing).toEqual([]);
  await witness.end();
});

test("the past is reached, also by a link to an event", async () => {
  const witness = await (await Witness.open(browser, address)).ready();
  const { seq } = town.state() as { seq: number };
  for (const at of [seq - 5, 7]) {
    await witness.page.evaluate((hash) => (location.hash = hash), `#/terrarium?at=${at}`);
    await expect.poll(() => witness.seq()).toBe(at);
  }
  const event = town.run("log", "-n", "0", "--json").split("\n")[11] as string;
  await witness.page.evaluate((hash) => (location.hash = hash), `#/e/${(JSON.parse(event) as { id: string }).id}`);
  await expect.poll(() => witness.seq()).toBe(12);
  expect(missing).toEqual([]);
  await witness.end();
});

test("what a page may do is said in the page itself", async () => {
  const witness = await (await Witness.open(browser, address, { fine: /^policy: / })).ready();
  const stopped = await witness.page.evaluate(() => {
    const stopped = new Promise<string>((resolve) => document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective)));
    document.body.append(Object.assign(document.createElement("script"), { src: "http://127.0.0.2/elsewhere.js" }));
    return Promise.race([stopped, new Promise<string>((resolve) => requestIdleCallback(() => resolve("nothing"), { timeout: 5000 }))]).catch(String);
  }).catch((error: Error) => error.message);
  expect(stopped).toMatch(/TrustedScriptURL|script-src/);
  await witness.page.context().close();
});
