// What the tests of one file play on: a browser, a town and its server; begun before the first of them, ended after the last.
import { afterAll, beforeAll } from "vitest";
import type { Browser } from "playwright-core";
import { browse } from "./look";
import { Town, type Server } from "./town";

export interface Stage {
  browser: Browser;
  town: Town;
  server: Server;
}

/** A stage with the town of `monkeytown demo`, or with another; a test may want to start its servers itself. */
export function stage(make: () => Town = () => Town.demo(), serves = true): Stage {
  const on = {} as Stage;
  beforeAll(async () => {
    on.browser = await browse();
    on.town = make();
    if (serves) on.server = await on.town.serve();
  });
  afterAll(async () => {
    await on.browser.close();
    await on.town.end();
  });
  return on;
}
