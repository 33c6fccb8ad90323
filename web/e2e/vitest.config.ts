// How the page is tested against the real program in a real browser; nothing that runs in the browser lives here.
import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: join(import.meta.dirname, ".."),
    include: ["e2e/*.test.ts"],
    environment: "node",
    // One browser and one town at a time: two cores are what there is.
    fileParallelism: false,
    // A browser on a busy machine may miss a moment once; what fails twice fails.
    retry: 1,
    testTimeout: 90_000,
    hookTimeout: 60_000,
  },
});
