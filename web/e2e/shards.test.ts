// Promise: where several servers serve one town, a page goes to another one when its own is full or gone.
import { createServer, type AddressInfo, type Server as Holder } from "node:net";
import { expect, test } from "vitest";
import { ranked } from "../src/stream/shards";
import { Witness, alike, hurried } from "./look";
import { stage } from "./stage";
import type { Server } from "./town";

const on = stage(undefined, false);

/** Ports that were free a moment ago: each server has to know the address of the other. */
async function ports(count: number): Promise<number[]> {
  const hold = () => new Promise<Holder>((held) => {
    const holder = createServer().listen(0, "127.0.0.1", () => held(holder));
  });
  const holders = await Promise.all(Array.from({ length: count }, hold));
  const free = holders.map((holder) => (holder.address() as AddressInfo).port);
  await Promise.all(holders.map((holder) => new Promise((done) => holder.close(done))));
  return free;
}

// covers: terrarium#it-finds-back-by-itself/one-of-several-servers
test("a full server sends a page to the other one, and so does one that was killed", async () => {
  const free = await ports(2);
  const urls = free.map((port) => `http://127.0.0.1:${port}`);
  const start = (nth: number, ...more: string[]): Promise<Server> =>
    on.town.serve(free[nth], "--shard", `${nth + 1}/2`, ...urls.flatMap((url) => ["--shard-url", url]), ...more);
  const [one, two] = [await start(0), await start(1, "--witnesses", "1")];
  // A name by which a page asks the second one first.
  const name = Array.from({ length: 64 }, (_, nth) => `${nth}`).find((name) => ranked(urls, name)[0] === urls[1]) ?? "";
  const open = async () => {
    const sockets: string[] = [];
    const witness = await Witness.open(on.browser, one.origin, {
      fine: /WebSocket|ERR_/,
      before: async (page) => {
        page.on("websocket", (socket) => sockets.push(new URL(socket.url()).host));
        await hurried(page);
        await page.addInitScript((name) => localStorage.setItem("monkeytown.witness", name), name);
      },
    });
    return { witness: await witness.ready(), sockets };
  };
  const hosts = urls.map((url) => new URL(url).host);
  const first = await open();
  expect(first.sockets).toEqual([hosts[1]]);
  const late = await open();
  expect(late.sockets).toEqual([hosts[1], hosts[0]]);

  on.town.run("pulls", "merge", `${on.town.pull("chaostester").number}`);
  const { seq } = on.town.state() as { seq: number };
  for (const { witness } of [first, late]) await expect.poll(() => witness.seq()).toBe(seq);
  await two.end("SIGKILL");
  // Its own server is asked once more, and by no lesser way than a socket; the other one is of another epoch, and asked for a snapshot.
  await expect.poll(() => first.sockets).toEqual([hosts[1], hosts[1], hosts[0], hosts[0]]);
  await first.witness.page.locator(".pill.live").waitFor();
  on.town.run("run", "chaostester");
  await expect.poll(() => first.witness.seq()).toBe((on.town.state() as { seq: number }).seq);
  await first.witness.show("stream");
  expect(await first.witness.text("[aria-label='The line of this page']")).toContain("way WebSocket");
  await first.witness.show("terrarium");
  await alike(first.witness, late.witness);
  await late.witness.end();
  await first.witness.end();
});
