// How the page is built and tested; nothing that runs in the browser lives here.
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { minify } from "terser";
import { defineConfig } from "vitest/config";
import type { Plugin } from "vite";

/** Says in the built page that a server serves it, which spares it a question; an export says otherwise in the same place. */
function served(): Plugin {
  return {
    name: "served",
    apply: "build",
    transformIndexHtml: (html) => html.replace('name="monkeytown" content=""', 'name="monkeytown" content="served"'),
  };
}

/** Shortens what the bundler has shortened once more, which saves a hundredth. To read a signal is to subscribe to it: no reading is left out. */
function shortened(): Plugin {
  return {
    name: "shortened",
    apply: "build",
    generateBundle: {
      order: "post",
      async handler(_options, bundle) {
        for (const file of Object.values(bundle)) {
          if (file.type !== "chunk") continue;
          const { code } = await minify(file.code, { module: true, ecma: 2020, compress: { passes: 3, pure_getters: false } });
          if (code !== undefined) file.code = code;
        }
      },
    },
  };
}

/** Packs what is worth it beside the file itself, for the program that carries both. */
function packed(): Plugin {
  return {
    name: "packed",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        for (const [name, file] of Object.entries(bundle)) {
          const raw = Buffer.from(file.type === "chunk" ? file.code : file.source);
          const gzip = gzipSync(raw, { level: 9 });
          if (raw.length >= 512 && gzip.length < raw.length * 0.9) this.emitFile({ type: "asset", fileName: `${name}.gz`, source: gzip });
        }
      },
    },
  };
}

/** What the browser is told to fetch ahead: all that the page begins with, and of later parts their styles. Those come when nothing else is to be done, and so need no list of scripts. */
function needed(_file: string, wanted: string[], { hostType }: { hostType: "html" | "js" }): string[] {
  return hostType === "html" ? wanted : wanted.filter((name) => name.endsWith(".css"));
}

/** The town of `npm run dev`. It answers to its own name only. */
const TOWN = { target: "http://127.0.0.1:7878", changeOrigin: true, headers: { origin: "http://127.0.0.1:7878" } };

export default defineConfig({
  base: "./",
  plugins: [served(), shortened(), packed()],
  // The package of this name hands text to the browser as markup, which the policy forbids.
  resolve: { alias: { "decode-named-character-reference": join(import.meta.dirname, "src/ui/entities.ts") } },
  build: { target: "es2022", modulePreload: { polyfill: false, resolveDependencies: needed }, assetsInlineLimit: 0, reportCompressedSize: false },
  server: { proxy: { "/api": TOWN, "/events": TOWN, "/ws": { ...TOWN, ws: true } } },
  test: { include: ["test/**/*.test.ts", "test/**/*.test.tsx", "src/**/*.test.ts"], environment: "node" },
});
