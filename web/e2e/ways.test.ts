// Promise: where a socket cannot be had, and then no server-sent events either, the page hears all the same, and misses nothing.
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Witness, alike, hurried } from "./look";
import { stage } from "./stage";
import type { Server } from "./town";

const on = stage(undefined, false);

const JOURNAL = "refs/heads/monkeytown/journal";

/** Takes the last commits of the journal away, as another program could, and what this clone remembers of them. */
function rewrite(commits: number): void {
  const { town } = on;
  town.git("update-ref", JOURNAL, town.git("rev-parse", `${JOURNAL}~${commits}`));
  const folder = join(town.dir, ".git/monkeytown");
  for (const name of readdirSync(folder)) if (name.startsWith("fold-")) rmSync(join(folder, name));
}

/** A page whose browser has none of these. */
const without = (server: Server, gone: string[]): Promise<Witness> =>
  Witness.open(on.browser, server.printed, {
    fine: /ERR_|Failed to load/,
    before: async (page) => {
      await hurried(page);
      await page.addInitScript((names) => names.forEach((name) => Reflect.deleteProperty(window, name)), gone);
    },
  });

const way = (witness: Witness): Promise<string | null> => witness.page.locator(".pill").getAttribute("title");
const head = async (server: Server): Promise<number> => (await server.json<{ seq: number }>("/api/state")).seq;

// covers: terrarium#it-finds-back-by-itself/no-socket
test.each([["sse", "chaostester", ["WebSocket"]], ["polling", "madchimp", ["WebSocket", "EventSource"]]])("by %s events come live, and a restart and a gap are survived", async (name, agent, gone) => {
  const first = await on.town.serve();
  const witness = await (await without(first, gone)).ready();
  const { page } = witness;
  expect(await way(witness)).toBe(`Heard by ${name}, because a socket could not be opened.`);
  const { number } = on.town.pull(agent);
  on.town.run("pulls", "merge", `${number}`);
  const feed = page.getByRole("region", { name: "Village feed" });
  await feed.getByText(`merged #${number}`).waitFor({ timeout: 5_000 });
  await feed.getByText(`landed “${on.town.git("log", "-1", "--format=%s", "main")}”`).waitFor();
  await expect.poll(() => witness.seq()).toBe(await head(first));

  const { port } = first;
  await first.end("SIGKILL");
  await page.locator(".pill.down").waitFor();
  on.town.run("run", agent);
  const second = await on.town.serve(port);
  await expect.poll(() => way(witness), { timeout: 10_000 }).toMatch(/^Heard by (sse|polling)/);
  await expect.poll(() => witness.seq()).toBe(await head(second));
  await page.getByRole("alert").filter({ hasText: "the server was started again" }).waitFor();

  const before = await head(second);
  rewrite(2);
  await page.getByRole("alert").filter({ hasText: "rewritten" }).waitFor();
  expect(await head(second)).toBeLessThan(before);
  await expect.poll(() => witness.seq()).toBe(await head(second));
  // A page that comes now, and has a socket, sees the same town.
  const fresh = await (await Witness.open(on.browser, second.origin)).ready();
  expect(await way(fresh)).toBe("");
  await alike(witness, fresh);
  await fresh.end();
  await witness.end();
  await second.end();
});

test("what is rewritten between two questions of a page is a gap as well", async () => {
  const { town } = on;
  const server = await town.serve();
  const witness = await (await without(server, ["WebSocket", "EventSource"])).ready();
  const { page } = witness;
  let release = (): void => undefined;
  const released = new Promise<void>((done) => (release = done));
  let isHeld = false;
  await page.route(/\/api\/events\?/, async (route) => {
    isHeld = true;
    await released;
    await route.continue();
  });
  const epoch = async () => (await server.json<{ epoch: string }>("/api/stream")).epoch;
  const was = await epoch();
  const event = (nth: number) => ({ id: `between-${nth}`, type: `monkeytown.town.${nth % 2 ? "thawed" : "frozen"}.v1`, subject: "town", actor: "human:ada", data: { by: "human:ada", reason: `${nth}` } });
  // It answers the question that waits; the next one is held.
  town.record([event(0)]);
  await expect.poll(() => isHeld).toBe(true);
  rewrite(2);
  await expect.poll(epoch).not.toBe(was);
  // Its offset is there again, and is another event.
  town.record(Array.from({ length: 40 }, (_, nth) => event(nth + 2)));
  const { seq } = town.state() as { seq: number };
  await expect.poll(() => head(server)).toBe(seq);
  release();
  await page.getByRole("alert").filter({ hasText: "rewritten" }).waitFor();
  await expect.poll(() => witness.seq()).toBe(seq);
  await witness.end();
  await server.end();
});
