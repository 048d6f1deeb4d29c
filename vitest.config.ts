import { availableParallelism } from "node:os";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import { SlowFirst } from "./test/support/slow-first.ts";

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    typecheck: { enabled: true, include: ["test/**/*.test-d.ts"], tsconfig: "./tsconfig.json" },
    setupFiles: ["test/support/setup.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    pool: "forks",
    sequence: { sequencer: SlowFirst },
    // Most of the time is spent waiting for browsers, servers and timers, so more files run at once than there are cores.
    maxWorkers: Math.max(3, availableParallelism()),
    // What hangs is noticed early enough; what is slow, on a machine that has much else to do, is no fault.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 60_000,
    reporters: ["default", ["json", { outputFile: ".reports/vitest.json" }]],
  },
});

export default config;
