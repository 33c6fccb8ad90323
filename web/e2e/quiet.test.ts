// Promise: a page asks for what is on it and nothing else, and says what passes by without a link into a history that has none of it.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { Witness, browse } from "./look";
import { Town, type Server } from "./town";

const AGENT = "junglesecurity";

let browser: Browser;
let town: Town;
let server: Server;
let token: string;

beforeAll(async () => {
  browser = await browse();
  town = Town.demo();
  const made = JSON.parse(town.run("token", AGENT, "--json")) as { token: string; line: string };
  token = made.token;
  const tokens = join(town.dir, "../tokens");
  writeFileSync(tokens, `${made.line}\n`);
  server = await town.serve(0, "--publish-tokens", tokens);
});
afterAll(async () => {
  await browser.close();
  await town.end();
});

/** Publishes what a run is at. */
async function pass(nth: number): Promise<void> {
  const { source } = await server.json<{ source: string }>("/api/town");
  const event = {
    specversion: "1.0", id: `${AGENT}/${nth}`, type: "monkeytown.run.step.v1", source, subject: `agent/${AGENT}`, time: new Date().toISOString(), actor: `agent:${AGENT}`,
    data: { agent: AGENT, phase: "act", tool: "Bash", text: `step ${nth}` },
  };
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/cloudevents-batch+json" };
  const answer = await fetch(new URL("/api/publish", server.origin), { method: "POST", headers, body: JSON.stringify([event]) });
  expect(answer.status).toBe(202);
}

test("what passes by is told without a link, and what is recorded with one", async () => {
  const witness = await (await Witness.open(browser, server.origin)).ready();
  const rows = witness.page.getByRole("region", { name: "Village feed" }).getByRole("listitem");
  await pass(1);
  const row = rows.filter({ hasText: "step 1" });
  await row.getByText("passing").waitFor();
  expect(await row.getByRole("link").count()).toBe(0);
  expect(await rows.filter({ hasNotText: "passing" }).first().getByRole("link").count()).toBe(1);
  expect(await witness.barriers()).toEqual([]);
  await witness.end();
});

// covers: terrarium#it-asks-for-what-is-shown/a-walk-through-all-screens
test("after a walk through all screens a run and its steps ask for nothing that is not on the page, and each screen is true when it is opened again", async () => {
  const witness = await (await Witness.open(browser, server.origin)).ready();
  const { page } = witness;
  const { number } = town.pull("chaostester");
  for (const screen of ["timeline", "gate", `gate/${number}`, "board", "ledger", "specs", "agents", `agents/${AGENT}`, "terrarium", "stream"]) await witness.show(screen);
  const asked: string[] = [];
  page.on("request", (request) => void (request.url().includes("/api/") && asked.push(new URL(request.url()).pathname)));
  town.run("pulls", "reject", `${town.pull(AGENT).number}`, "--reason", "wrong", "Once more");
  town.run("run", AGENT);
  for (let nth = 2; nth < 6; nth += 1) await pass(nth);
  const { seq } = town.state() as { seq: number };
  await expect.poll(() => witness.seq(), { timeout: 10_000 }).toBe(seq);
  // The server is asked how it is again and again while this screen is open; whatever was to be asked for as well has been by then.
  const before = asked.length;
  await expect.poll(() => asked.length, { timeout: 30_000 }).toBeGreaterThan(before + 1);
  expect([...new Set(asked)]).toEqual(["/api/stream"]);

  // A page that is not seen catches up when it is.
  await witness.show("ledger");
  const rows = page.getByRole("region", { name: "Agents" }).getByRole("row");
  await rows.first().waitFor();
  expect(asked).toContain("/api/ledger");
  const fresh = await (await Witness.open(browser, `${server.origin}/#/ledger`)).ready();
  await fresh.settled();
  expect(await fresh.page.getByRole("region", { name: "Agents" }).getByRole("row").allInnerTexts()).toEqual(await rows.allInnerTexts());
  await fresh.end();
  await witness.end();
});
