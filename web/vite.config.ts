// How the page is built and tested; nothing that runs in the browser lives here.
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";

/** What the page may load and do. A server says the same in a header, with `frame-ancestors`, which a meta tag cannot say. */
const POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self' ws: wss:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

/** Writes the policy into the built page, so that it holds on a static host that sends no headers. */
function policy(): Plugin {
  return {
    name: "policy",
    apply: "build",
    transformIndexHtml: () => [
      { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: POLICY }, injectTo: "head-prepend" },
    ],
  };
}

export default defineConfig({
  base: "./",
  plugins: [policy()],
  // The package of this name hands text to the browser as markup, which the policy forbids.
  resolve: { alias: { "decode-named-character-reference": join(import.meta.dirname, "src/ui/entities.ts") } },
  build: { target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0, reportCompressedSize: false },
  server: { proxy: { "/api": "http://127.0.0.1:7878", "/ws": { target: "ws://127.0.0.1:7878", ws: true } } },
  test: { include: ["test/**/*.test.ts", "test/**/*.test.tsx", "src/**/*.test.ts"], environment: "node" },
});
