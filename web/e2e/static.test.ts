// Promise: an export is a whole page on any host: files over plain HTTP, no server of ours behind them.
import { createServer, type Server as Http } from "node:http";
import { existsSync, readFileSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, browse } from "./look";
import { Town } from "./town";

const TYPES: { [extension: string]: string } = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".ndjson": "application/x-ndjson" };

let browser: Browser;
let town: Town;
let http: Http;
let address: string;

beforeAll(async () => {
  browser = await browse();
  town = Town.demo();
  const folder = join(town.dir, "..", "export");
  town.run("export", folder);
  http = createServer((request, response) => {
    // Below a folder, as project pages are.
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname).replace(/^\/town\//, "/");
    const file = join(folder, path === "/" ? "index.html" : path);
    if (path.includes("..") || !existsSync(file) || statSync(file).isDirectory()) return void response.writeHead(404).end("nothing here");
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" }).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(http.address() as AddressInfo).port}/town/`;
});
afterAll(async () => {
  await browser.close();
  http.close();
  await town.end();
});

test("it shows the town, rewinds, and says that it does not change by itself", async () => {
  const witness = await (await Witness.open(browser, address)).ready();
  const { seq } = town.state() as { seq: number };
  expect(await witness.seq()).toBe(seq);
  await witness.page.locator(".pill.still").waitFor();
  for (const at of [seq - 5, 7]) {
    await witness.page.evaluate((hash) => (location.hash = hash), `#/terrarium?at=${at}`);
    await expect.poll(() => witness.seq()).toBe(at);
  }
  await witness.end();
});

test("every screen opens, and nothing is asked of a server that is not there", async () => {
  const witness = await (await Witness.open(browser, address)).ready();
  const failed: string[] = [];
  witness.page.on("response", (response) => {
    if (response.status() >= 400) failed.push(response.url());
  });
  for (const screen of ["timeline", "gate", "board", "ledger", "specs", "agents", "stream", "terrarium"]) {
    await witness.show(screen);
    expect(await witness.text("main")).not.toContain("could not be");
  }
  expect(failed).toEqual([]);
  expect(await witness.page.getByRole("button", { name: /^(Merge|Reject|Freeze)/ }).count()).toBe(0);
  await witness.end();
});
