// The terrarium in Chromium: how soon something is painted on an empty cache, what a frame takes, and how long an event takes from
// being published to being painted, while a thousand others listen. Each measurement is one line of JSON.
//
//   MONKEYTOWN=target/release/monkeytown CHROMIUM=/usr/bin/chromium MODULES=target/tools/web/node_modules node benches/page/main.mjs
//
// Sizes: BENCH_WITNESSES, BENCH_RATE (events a second), BENCH_SECONDS, BENCH_ROUNDS. Everything stays on the loopback interface.
import { execFileSync, fork, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const number = (name, usual) => Number(process.env[name] ?? usual);
const program = resolve(process.env.MONKEYTOWN ?? "target/release/monkeytown");
const modules = resolve(process.env.MODULES ?? "target/tools/web/node_modules");
const { chromium } = createRequire(join(modules, "here.js"))("playwright-core");
const [witnesses, rate, seconds, rounds] = [number("BENCH_WITNESSES", 1000), number("BENCH_RATE", 1000), number("BENCH_SECONDS", 10), number("BENCH_ROUNDS", 5)];
const agent = "chaostester";
const quantile = (values, of) => values[Math.min(values.length - 1, Math.floor(values.length * of))] ?? null;
const sorted = (values) => [...values].sort((a, b) => a - b);
const told = (line) => console.log(JSON.stringify({ bench: "page", ...line }));

const home = mkdtempSync(join(tmpdir(), "monkeytown-page-"));
const env = { PATH: process.env.PATH, HOME: home, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", LC_ALL: "C" };
const town = join(home, "town");
const monkeytown = (...args) => execFileSync(program, args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

/** The demo's town, at which one agent may publish. */
async function serve() {
  monkeytown("demo", "--no-serve", "--dir", town);
  const { token, line } = JSON.parse(monkeytown("token", agent, "--json"));
  writeFileSync(join(home, "tokens"), `${line}\n`);
  const args = ["serve", "--listen", "127.0.0.1:0", "--witnesses", "100000", "--connections", "100000", "--requests", "1000000"];
  const child = spawn(program, ["-C", town, ...args, "--publish-rate", "100000", "--publish-tokens", join(home, "tokens")], { env, stdio: ["ignore", "pipe", "ignore"] });
  const address = await new Promise((found) => createInterface({ input: child.stdout }).on("line", (text) => found(/http:\S+/.exec(text)?.[0])));
  return { child, address, origin: new URL(address).origin, token };
}

/** What the page does from an empty cache until something is painted, and until the town stands there. */
async function paints(browser, origin) {
  const [paint, stands, bytes] = [[], [], []];
  for (let round = 0; round < rounds; round++) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.goto(origin);
    await page.locator(".pill.live").waitFor();
    stands.push(await page.evaluate(() => performance.now()));
    paint.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0));
    bytes.push(await page.evaluate(() => performance.getEntriesByType("resource").reduce((sum, one) => sum + one.encodedBodySize, 0)));
    await context.close();
  }
  told({ what: "first contentful paint, empty cache", ms: quantile(sorted(paint), 0.5), live_ms: quantile(sorted(stands), 0.5), bytes: quantile(sorted(bytes), 0.5), rounds });
}

/** Main-thread time of the tasks in which a frame was made. */
async function frames(browser, page, during) {
  const session = await page.context().newCDPSession(page);
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  const ended = new Promise((over) => session.once("Tracing.tracingComplete", over));
  await session.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"] } });
  await during();
  await session.send("Tracing.end");
  await ended;
  const marks = events.filter((one) => one.name === "FireAnimationFrame");
  const of = (mark) => events.find((one) => one.name === "RunTask" && one.tid === mark.tid && one.pid === mark.pid && one.ts <= mark.ts && one.ts + one.dur >= mark.ts);
  const tasks = new Map(marks.map(of).filter(Boolean).map((task) => [`${task.tid}.${task.ts}`, task.dur / 1000]));
  return sorted(tasks.values());
}

/** Writes down when each published event was here, and when the frame after it was painted. */
function listen() {
  const own = window.WebSocket;
  window.seen = [];
  window.WebSocket = class extends own {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => {
        const mark = /"text":"#(\d+)/.exec(String(data));
        if (!mark) return;
        const [sent, came] = [Number(mark[1]), performance.timeOrigin + performance.now()];
        requestAnimationFrame(() => setTimeout(() => window.seen.push([came - sent, performance.timeOrigin + performance.now() - sent]), 0));
      });
    }
  };
}

async function delivers(browser, { origin, token }) {
  const crowd = fork(join(import.meta.dirname, "crowd.mjs"), [origin, String(witnesses), String(rate), String(seconds), token, agent]);
  const says = (word) => new Promise((done) => crowd.on("message", (message) => message[word] !== undefined && done(message[word])));
  await says("seated");
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  await context.addInitScript(listen);
  const page = await context.newPage();
  await page.goto(origin);
  await page.locator(".pill.live").waitFor();
  let outcome;
  const durations = await frames(browser, page, async () => {
    const over = says("over");
    crowd.send("begin");
    outcome = await over;
    await page.waitForTimeout(1000);
  });
  const seen = await page.evaluate(() => window.seen);
  const [came, painted] = [sorted(seen.map(([one]) => one)), sorted(seen.map(([, one]) => one))];
  told({
    what: "from publishing to the browser", witnesses, rate, seconds, ...outcome, seen: seen.length,
    came_p50_ms: quantile(came, 0.5), came_p99_ms: quantile(came, 0.99), painted_p50_ms: quantile(painted, 0.5), painted_p99_ms: quantile(painted, 0.99), painted_max_ms: painted.at(-1) ?? null,
  });
  told({ what: "main thread per frame under that load", frames: durations.length, p50_ms: quantile(durations, 0.5), p95_ms: quantile(durations, 0.95), p99_ms: quantile(durations, 0.99) });
  await context.close();
  crowd.kill();
}

async function idles(browser, origin) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await page.goto(origin);
  await page.locator(".pill.live").waitFor();
  const durations = await frames(browser, page, () => page.waitForTimeout(seconds * 1000));
  told({ what: "main thread per frame, map in quiet", frames: durations.length, p50_ms: quantile(durations, 0.5), p95_ms: quantile(durations, 0.95), p99_ms: quantile(durations, 0.99) });
  await context.close();
}

const server = await serve();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  await paints(browser, server.origin);
  await idles(browser, server.origin);
  await delivers(browser, server);
  const status = readFileSync(`/proc/${server.child.pid}/status`, "utf8");
  told({ what: "memory of the server", peak_kib: Number(/VmHWM:\s*(\d+)/.exec(status)?.[1]) });
} finally {
  await browser.close();
  server.child.kill();
  rmSync(home, { recursive: true, force: true });
}
