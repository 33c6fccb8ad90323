// Promise: the program carries the page, small and packed, and a browser keeps what cannot change.
import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Town, type Server } from "./town";

interface Answer {
  status: number;
  headers: { [name: string]: string | string[] | undefined };
  bytes: number;
}

let town: Town;
let server: Server;

beforeAll(async () => {
  town = Town.empty();
  server = await town.serve();
});
afterAll(() => town.end());

/** Asks without unpacking what comes. */
function ask(path: string, headers: { [name: string]: string } = { "accept-encoding": "gzip" }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request(new URL(path, server.origin), { headers }, (response) => {
      let bytes = 0;
      response.on("data", (chunk: Buffer) => (bytes += chunk.length));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes }));
    })
      .on("error", reject)
      .end();
  });
}

/** Every file of the page, found by following what names what. */
async function files(): Promise<{ first: Set<string>; all: Set<string> }> {
  const named = (text: string, from: RegExp) => [...text.matchAll(from)].map(([, name]) => `/assets/${name}`);
  const first = new Set(named(await (await server.get("/")).text(), /\.\/assets\/([\w.-]+)/g));
  for (const path of first) for (const name of named(await (await server.get(path)).text(), /(?:from|import)\s*["'`]\.\/([\w.-]+\.js)["'`]/g)) first.add(name);
  const all = new Set(first);
  for (const path of all) for (const name of named(await (await server.get(path)).text(), /["'`](?:\.\/|assets\/|\/assets\/)([\w.-]+\.(?:js|css))["'`]/g)) all.add(name);
  return { first, all };
}

// covers: terrarium#it-is-small/over-the-wire
test("what goes over the wire at first is at most 60 KB, and all of it 120", async () => {
  const { first, all } = await files();
  expect(first.size).toBeGreaterThan(1);
  expect(all.size).toBeGreaterThan(first.size + 4);
  let [atFirst, whole] = [(await ask("/")).bytes, (await ask("/")).bytes];
  for (const path of all) {
    const { status, bytes, headers } = await ask(path);
    expect([path, status]).toEqual([path, 200]);
    expect(headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    whole += bytes;
    if (first.has(path)) atFirst += bytes;
  }
  expect(atFirst).toBeLessThanOrEqual(60 * 1024);
  expect(whole).toBeLessThanOrEqual(120 * 1024);
});

test("the page itself is asked for again each time, and not sent again where it is the same", async () => {
  const page = await ask("/");
  expect(page.headers["cache-control"]).toBe("no-cache");
  expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
  const again = await ask("/index.html", { "accept-encoding": "gzip", "if-none-match": `${page.headers["etag"]}` });
  expect([again.status, again.bytes]).toEqual([304, 0]);
  expect((await ask("/", {})).headers["content-encoding"]).toBeUndefined();
});

test("a path that is no file is said to be none, and cannot lead out of the page", async () => {
  for (const path of ["/nope", "/assets/nope.js", "/assets/%2e%2e/Cargo.toml", "/..%2f..%2fetc/passwd", "/index.html.gz"]) {
    expect((await ask(path)).status, path).toBe(404);
  }
});

test("what the page may do is said by the server that answers, and the page says nothing against it", async () => {
  const response = await server.get("/");
  const rules = (response.headers.get("content-security-policy") ?? "").split("; ");
  for (const rule of ["default-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]) expect(rules).toContain(rule);
  // Where a server answers alone, the page speaks to that one alone.
  const { host } = new URL(server.origin);
  expect(rules).toContain(`connect-src 'self' ws://${host} wss://${host}`);
  expect(await response.text()).not.toContain("Content-Security-Policy");
});
