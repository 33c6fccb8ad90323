// Promise: the picture of the map comes, also when it did not come at once, and who comes back to it finds it painted.
import { expect, test } from "vitest";
import { Witness } from "./look";
import { stage } from "./stage";

const on = stage();

test("a picture that did not come is said to be missing, and comes by itself", async () => {
  const witness = await Witness.open(on.browser, on.server.origin, { fine: /ERR_FAILED|Failed to load/ });
  const { page } = witness;
  await page.context().route(/\/assets\/art-/, (route) => route.abort());
  await page.reload();
  await witness.ready();
  const world = page.locator(".world");
  await page.locator(".world.failed").waitFor();
  expect(await world.evaluate((one) => getComputedStyle(one, "::after").content)).toContain("The picture of the map did not come");
  await page.context().unroute(/\/assets\/art-/);
  await page.locator(".world.ready").waitFor({ timeout: 20_000 });
  expect(await page.locator(".world.failed").count()).toBe(0);
  expect(await world.evaluate((one) => getComputedStyle(one, "::after").content)).toBe("none");
  await witness.end();
});

test("who comes back from another screen waits for no pause in which the ground would be painted again", async () => {
  const witness = await Witness.open(on.browser, on.server.origin);
  const { page } = witness;
  await page.addInitScript(() => {
    const own = window.requestIdleCallback.bind(window);
    const counted = window as unknown as { pauses: number };
    counted.pauses = 0;
    window.requestIdleCallback = (run, options) => {
      counted.pauses += 1;
      return own(run, options);
    };
  });
  await page.reload();
  await witness.ready();
  const pauses = () => page.evaluate(() => (window as unknown as { pauses: number }).pauses);
  const picture = () => page.locator(".world canvas").evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL().length);
  await page.locator(".world.ready").waitFor();
  const first = await pauses();
  expect(first).toBeGreaterThan(20);
  await witness.show("board");
  await witness.show("terrarium");
  await page.locator(".world.ready").waitFor();
  expect(await pauses()).toBe(first);
  expect(await picture()).toBeGreaterThan(10_000);
  await witness.end();
});
