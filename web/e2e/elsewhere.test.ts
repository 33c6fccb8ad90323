// Promise: a page listens to whichever server of its town answers it, by whichever way is open, and decides at the one that it has an address of.
import { createServer, type AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, browse, hurried } from "./look";
import { Town, type Server } from "./town";

let browser: Browser;
let town: Town;
let servers: Server[];

/** Numbers of ports that nobody has. */
async function free(count: number): Promise<number[]> {
  const held = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(held.map((one) => new Promise((ready) => one.once("listening", ready))));
  const ports = held.map((one) => (one.address() as AddressInfo).port);
  await Promise.all(held.map((one) => new Promise((closed) => one.close(closed))));
  return ports;
}

beforeAll(async () => {
  browser = await browse();
  town = Town.demo();
  town.git("config", "user.name", "Ada Gate");
  town.git("config", "user.email", "ada@example.invalid");
  const ports = await free(2);
  const all = ports.flatMap((port) => ["--shard-url", `http://127.0.0.1:${port}`]);
  servers = await Promise.all(ports.map((port, nth) => town.serve(port, "--shard", `${nth + 1}/2`, ...all)));
});
afterAll(async () => {
  await browser.close();
  await town.end();
});

// covers: event-stream#several-servers-serve-one-town/each-says-which-it-is
test.each([["server-sent events", ["WebSocket"]], ["polling", ["WebSocket", "EventSource"]]])("a page of one server hears the other one by %s where better ways are closed", async (way, closed) => {
  const [own, other] = servers.map(({ origin }) => origin) as [string, string];
  const witness = await Witness.open(browser, own, {
    fine: new RegExp(`^request: ${other}/|ERR_FAILED`),
    before: async (page) => {
      await hurried(page);
      // As where something between closes every line of these kinds, and the own server has no room for another one.
      await page.addInitScript((kinds) => {
        class Closed {
          onclose?: (event: object) => void;
          onerror?: (event: object) => void;
          constructor() {
            queueMicrotask(() => (this.onclose ?? this.onerror)?.({ code: 1006 }));
          }
          addEventListener() {}
          close() {}
        }
        for (const kind of kinds) Object.defineProperty(window, kind, { value: Closed });
      }, closed);
      for (const path of ["events?", "api/events?", "api/state"]) await page.route((url) => url.href.startsWith(`${own}/${path}`), (route) => route.abort());
    },
  });
  const { page } = witness;
  await page.locator(".pill.live").waitFor({ timeout: 40_000 });
  await page.evaluate(() => (location.hash = "#/stream"));
  const line = page.getByRole("region", { name: "The line of this page" });
  await line.getByText(way, { exact: false }).first().waitFor();
  expect(await line.innerText()).toContain(new URL(other).host);
  const before = await witness.seq();
  town.run("pulls", "comment", `${town.pull("chaostester").number}`, `Heard by ${way}`);
  await expect.poll(() => witness.seq(), { timeout: 10_000 }).toBeGreaterThan(before);
  await witness.end();
});
