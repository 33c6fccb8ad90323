// A stand-in for the server, for looking at the page and for its tests: the endpoints of the contract from a recorded journal.
// node test/standin.mjs [--port 0] [--journal vectors/demo.json] [--now ISO] [--hours 20] [--upto N] [--empty] [--token T] [--dist DIR]
import { createHash } from "node:crypto";
import { readFileSync, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { createServer as createVite } from "vite";

const HERE = import.meta.dirname;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml" };
const STATES = ["Draft", "Approved", "In Progress", "Validation", "Completed", "Archived"];

/** What the page's own fold needs, without a build. */
async function load() {
  const vite = await createVite({ root: join(HERE, ".."), server: { middlewareMode: true }, appType: "custom", logLevel: "error" });
  const [fold, json, state] = await Promise.all(["fold", "json", "state"].map((name) => vite.ssrLoadModule(`/src/fold/${name}.ts`)));
  return { apply: fold.apply, parse: json.parse, write: json.write, emptyTown: state.emptyTown, close: () => vite.close() };
}

/** Spreads a journal that took minutes over hours that end at `end`, in bursts, so that a day of it can be looked at. */
function spread(events, end, hours) {
  const known = new Map();
  let at = 0;
  const places = events.map((event) => {
    const run = event.data?.run ?? event.id;
    // What belongs to one run stays together; the quiet between two runs differs.
    at += known.has(run) ? 0.05 : 0.4 + ((events.indexOf(event) * 7) % 11) / 6;
    known.set(run, true);
    return at;
  });
  return events.map((event, i) => ({ ...event, time: new Date(end - (1 - places[i] / Math.max(0.001, at)) * hours * 3_600_000).toISOString() }));
}

const PATCH = `@@ -1,7 +1,8 @@
 # Accounts
 
-The town spends nothing, and nobody looks.
-Dependencies: 12, of which 1 is a wildcard.
+The town spends little, and somebody looks.
+Dependencies: 12, of which 1 is a wildcard: \`left-pad\`.
+A line with a hidden\u202Egnirts and an <img src=x onerror=alert(1)> in it.
 
 ## Next
 
`;

export async function standIn(options = {}) {
  const kit = await load();
  const dist = options.dist ?? join(HERE, "..", "dist");
  const end = options.now ? Date.parse(options.now) : Date.now();
  const recorded = options.empty ? [] : JSON.parse(readFileSync(options.journal ?? join(HERE, "vectors", "demo.json"), "utf8")).events;
  const events = spread(recorded.slice(0, options.upto ?? recorded.length), end, options.hours ?? 20);
  const town = kit.emptyTown();
  const entries = [];
  const sockets = new Set();
  let epoch = "standin-1";
  let token = options.token ?? null;
  let turns = 0;
  const offset = () => `${entries.length}`;

  const add = (event, recordedToo = true) => {
    if (recordedToo) kit.apply(town, event);
    const entry = { offset: `${entries.length + 1}`, seq: recordedToo ? town.seq : null, event };
    entries.push(entry);
    for (const socket of sockets) socket.send({ kind: "event", ...entry });
    return entry;
  };
  for (const event of events) add(event);

  let ids = 0;
  /** An event of now. */
  const emit = (type, actor, data, recordedToo = true) =>
    add({ specversion: "1.0", id: `standin-${(ids += 1)}`, type: `monkeytown.${type}.v1`, source: "/towns/stand-in", time: new Date(Math.max(end, options.now ? end : Date.now()) + ids).toISOString(), actor, data }, recordedToo);

  const stateAt = (at) => {
    const folded = kit.emptyTown();
    for (const entry of entries) if (entry.seq !== null && entry.seq <= at) kit.apply(folded, entry.event);
    return folded;
  };
  const pull = (one) => ({
    ...one, adds: 3, dels: 2, files: 2, own_paths: true, checks: [{ name: "gate", state: "passed" }], cost_micros: 12_500, similar: [],
    risk: Number(one.number) % 3 === 0 ? [{ level: "high", what: "changes a workflow" }] : [{ level: "info", what: "small" }],
  });
  const files = (one) => (one.paths ?? ["NOTES.md", "docs/accounts.md"]).map((path, i) => ({
    path, from: null, status: i === 0 ? "modified" : "added", binary: false, adds: 3, dels: 2, patch: PATCH, cut: false,
    invisible: i === 0 ? [{ line: 5, what: "U+202E right-to-left override" }] : [],
  }));
  const index = () => {
    const known = entries.filter((entry) => entry.seq !== null);
    const [from, to] = [known[0]?.event.time ?? null, known.at(-1)?.event.time ?? null];
    const [a, b] = [Date.parse(from ?? 0), Date.parse(to ?? 0)];
    const buckets = Array.from({ length: known.length ? 96 : 0 }, (_, i) => ({
      from: new Date(a + ((b - a) * i) / 96).toISOString(), to: new Date(a + ((b - a) * (i + 1)) / 96).toISOString(), count: 0, kinds: {},
    }));
    for (const { event } of known) {
      const bucket = buckets[Math.min(95, Math.floor(((Date.parse(event.time) - a) / Math.max(1, b - a)) * 96))];
      const noun = event.type.split(".")[1];
      bucket.count += 1;
      bucket.kinds[noun] = (bucket.kinds[noun] ?? 0) + 1;
    }
    return { first: known[0]?.seq ?? 0, last: known.at(-1)?.seq ?? 0, from, to, buckets, chunks: [] };
  };
  const agents = () => Object.entries(town.agents).map(([name, agent]) => ({
    name, description: `Looks after ${agent.owns[0] ?? "nothing"}`, persona: `# ${name}\n\nA **resident** with a [link](https://example.org/).`, owns: agent.owns,
    schedule: { cron: "0 */6 * * *", timezone: "UTC" }, next_slot: new Date(end + 3_600_000).toISOString(), model: "embedded", tools: ["Read", "Write"], limits: {},
    memories: agent.runs.slice(-3).map((run) => ({ id: run.run, at: run.ended, text: run.reason, kind: "run", based_on: [run.run], importance: 3 })),
  }));
  const answers = {
    "town": () => ({ name: "banana-post", description: "A town that runs on git.", source: "/towns/banana-post", repository: { branch: "main", head: "0".repeat(40), web: null }, epoch, offset: offset(), journal: { head: "0".repeat(40), seq: town.seq }, local: token !== null, freeze: token !== null, server: "stand-in", built: "today", shards: [], world: null, limits: {} }),
    "agents": agents,
    "pulls": () => Object.values(town.pulls).map(pull),
    "specs": () => ({ changes: STATES.map((state, i) => ({ name: `change-${i + 1}`, state, tasks: { done: i, total: 6 }, gates: [{ name: "approve", verdict: i ? "passed" : "open", actor: "ana", at: new Date(end).toISOString(), number: 1 }], scenarios: { total: 5, ok: i }, next: i < 5 ? STATES[i + 1] : null, archived: i === 5 ? new Date(end).toISOString() : null })), specs: [{ id: "stream", requirements: 4, scenarios: 9 }] }),
    "ledger": () => ({ note: "Made of what runs cost; no other ledger is kept yet.", balances: Object.keys(town.agents).map((name) => ({ account: name, amount_m: 2000 })), totals: { cost_micros: Number(town.totals.cost_micros) }, runs: Object.entries(town.agents).flatMap(([agent, { runs }]) => runs.map((run) => ({ agent, run: run.run, at: run.ended, cost_micros: 0, tokens: 0, outcome: run.outcome, model: "embedded" }))), verify: { ok: true, head: "0".repeat(40), seq: town.seq } }),
    "stream": () => ({ epoch, offset: offset(), ring: { events: entries.length, bytes: 100_000, cap_events: 1_000_000, cap_bytes: 268_435_456, first: "1" }, witnesses: sockets.size, limits: {}, delivered: entries.length, lagged: 0, published: 0, relay_lag_ms: 12, uptime_s: 60, build: "stand-in" }),
    "history/index": index,
  };
  const snapshot = () => ({ kind: "snapshot", offset: offset(), seq: town.seq, state: town });

  const act = (path, body) => {
    const [, number, verb] = /^pulls\/(\d+)\/(merge|reject)$/.exec(path) ?? [];
    const one = number && town.pulls[number];
    if (number && !one) return [404, { code: "not-found", detail: `there is no pull request #${number}` }];
    if (one && body.head !== one.head) return [409, { code: "head-moved", detail: "the head has moved" }];
    const common = { number: Number(number), by: "ana", seconds_open: 60 };
    if (verb === "merge") emit("pull.merged", "human:ana", { ...common, commit: "1".repeat(40) });
    else if (verb === "reject") emit("pull.rejected", "human:ana", { ...common, reason: body.reason, text: body.text ?? "" });
    else emit(path === "town/freeze" ? "town.frozen" : "town.thawed", "human:ana", { by: "ana", reason: body.reason });
    token = `token-${(turns += 1)}`;
    return [200, { ok: true, event: `standin-${ids}`, commit: null, token }];
  };

  const reply = (response, status, value, type = "application/json") => {
    response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
    response.end(typeof value === "string" ? value : kit.write(value));
  };
  const post = (request, response, path) => {
    let text = "";
    request.on("data", (part) => (text += part));
    request.on("end", () => {
      if (path === "_/emit") return reply(response, 200, JSON.parse(text).map((one) => emit(one.type, one.actor ?? "system:run", one.data, one.recorded ?? true)));
      if (path === "_/drop") {
        for (const socket of sockets) socket.end(JSON.parse(text));
        return reply(response, 200, {});
      }
      if (token === null || request.headers["x-monkeytown-token"] !== token) return reply(response, 403, { code: "bad-token", detail: "the token is not the one that was printed" });
      return reply(response, ...act(path, JSON.parse(text)));
    });
  };
  const history = (query) => {
    const [from, to] = [Number(query.get("from")), Number(query.get("to"))];
    return entries.filter(({ seq }) => seq === null || (seq >= from && seq <= to)).map((entry) => kit.write(entry)).join("\n");
  };
  const api = (response, path, query) => {
    if (path === "state") return reply(response, 200, { epoch, offset: offset(), seq: town.seq, state: query.has("at") ? stateAt(Number(query.get("at"))) : town });
    if (path === "history") return reply(response, 200, history(query), "application/x-ndjson");
    const number = /^pulls\/(\d+)$/.exec(path)?.[1];
    if (number) return town.pulls[number] ? reply(response, 200, { ...pull(town.pulls[number]), files: files(town.pulls[number]), runs: [] }) : reply(response, 404, {});
    return answers[path] ? reply(response, 200, answers[path]()) : reply(response, 404, { code: "not-found" });
  };
  const page = (response, path) => {
    const file = normalize(join(dist, path === "/" ? "index.html" : path));
    if (!file.startsWith(normalize(dist)) || !existsSync(file)) return reply(response, 404, "not here", "text/plain");
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    const text = readFileSync(file, "utf8");
    return reply(response, 200, path === "/" ? text.replace('name="monkeytown" content=""', 'name="monkeytown" content="served"') : text, type);
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://stand.in");
    const path = url.pathname.replace(/^\/api\//, "").replace(/^\//, "");
    if (request.method === "POST") return post(request, response, path);
    return url.pathname.startsWith("/api/") ? api(response, path, url.searchParams) : page(response, url.pathname);
  });
  server.on("upgrade", (request, socket) => {
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    const seat = {
      send: (frame) => socket.write(textFrame(kit.write(frame))),
      end: ({ code = 1001 } = {}) => socket.end(Buffer.from([0x88, 2, code >> 8, code & 255])),
    };
    const after = new URL(request.url, "http://stand.in").searchParams.get("after") ?? "snapshot";
    seat.send({ kind: "hello", epoch, offset: offset(), head: null, server: "stand-in", limits: {}, now: new Date(end).toISOString() });
    if (after === "snapshot") seat.send(snapshot());
    else for (const entry of entries.slice(Number(after))) seat.send({ kind: "event", ...entry });
    sockets.add(seat);
    const beat = setInterval(() => seat.send({ kind: "heartbeat", offset: offset() }), 10_000);
    const gone = () => (clearInterval(beat), sockets.delete(seat));
    socket.on("close", gone).on("error", gone).on("data", (data) => (data[0] & 15) === 8 && socket.end());
  });
  await new Promise((done) => server.listen(options.port ?? 0, "127.0.0.1", done));
  const close = () => (server.closeAllConnections(), server.close(), kit.close());
  return { port: server.address().port, town, emit, close, restart: () => (epoch = "standin-2") };
}

function textFrame(text) {
  const body = Buffer.from(text);
  const head = body.length < 126 ? [0x81, body.length] : body.length < 65_536 ? [0x81, 126, body.length >> 8, body.length & 255] : [0x81, 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((by) => (body.length >>> by) & 255)];
  return Buffer.concat([Buffer.from(head), body]);
}

if (process.argv[1] === import.meta.filename) {
  const given = Object.fromEntries(process.argv.slice(2).join(" ").split("--").filter(Boolean).map((one) => one.trim().split(" ")).map(([name, value = true]) => [name, value]));
  const numbers = Object.fromEntries(["port", "hours", "upto"].filter((name) => given[name]).map((name) => [name, Number(given[name])]));
  const { port } = await standIn({ ...given, ...numbers });
  console.log(`http://127.0.0.1:${port}/${given.token ? `#token=${given.token}` : ""}`);
}
