// Promise: the printed address lets its reader decide, also where it is put into a tab that shows the page already.
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, browse } from "./look";
import { Town } from "./town";

let browser: Browser;
let town: Town;

beforeAll(async () => {
  browser = await browse();
  town = Town.demo();
  town.git("config", "user.name", "Ada Gate");
  town.git("config", "user.email", "ada@example.invalid");
});
afterAll(async () => {
  await browser.close();
  await town.end();
});

/** As somebody does who puts an address into the tab: of the same page, it is another place in it and nothing is loaded. */
const put = (witness: Witness, address: string) => witness.page.evaluate((to) => location.assign(to), address);

// covers: terrarium#a-verdict-needs-no-mouse/the-token
test("an address that is put into the tab of the page opens a session, before and after the server was started again", async () => {
  const first = await town.serve();
  const witness = await (await Witness.open(browser, first.origin, { fine: /WebSocket|ERR_|Failed to load|401/ })).ready();
  const { page } = witness;
  const freeze = page.getByRole("button", { name: /^(Freeze|Thaw) town/ });
  expect(await freeze.count()).toBe(0);
  await put(witness, first.printed);
  await freeze.waitFor();
  expect(page.url()).not.toContain("token");

  await first.end("SIGKILL");
  await page.locator(".pill.down").waitFor();
  const second = await town.serve(first.port);
  await page.locator(".pill.live").waitFor({ timeout: 40_000 });
  await put(witness, second.printed);
  await expect.poll(() => page.url()).not.toContain("token");
  await witness.settled();
  await freeze.click();
  await page.getByLabel("Why").fill("Time for tea");
  await page.keyboard.press("Enter");
  await expect.poll(() => (town.state() as { frozen?: { reason: string } }).frozen?.reason).toBe("Time for tea");
  await witness.end();
});
