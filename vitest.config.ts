import { availableParallelism } from "node:os";
import { defineConfig, type ViteUserConfigFnObject } from "vitest/config";
import { SlowFirst } from "./test/support/slow-first.ts";
import { takeAway } from "./test/vault/support/rules/take-away.ts";

/**
 * Files that replace modules or parts of Node, or load modules anew, or count what the whole process tells: each has a
 * worker of its own.
 */
const ALONE = [
  "test/vault/scenarios/schedule*.test.ts",
  "test/adapters/fs-faults.test.ts",
  "test/auth/scenarios/{linked-anew,power-loss}.test.ts",
  "test/auth/local/remove-profile.test.ts",
  "test/browser/look.test.ts",
  "test/diagnostics/{baileys,copies,leases,strategies,subscribers,vault}.test.ts",
  "test/profile/synced-files.test.ts",
  "test/profile/leveldb/without-native.test.ts",
  "test/vault/out-of-memory.test.ts",
  "test/support/services/installing.test.ts",
  // Releases of Baileys that one process loads share the constructors of their messages: the last one's.
  "test/wapi/baileys-releases.test.ts",
];

/** For tests that must fail: the code without a rule of the protocol. See CONTRIBUTING.md. */
const { WA_VAULT_WITHOUT } = process.env;

/** With a clock that jumps (see CONTRIBUTING.md): tests of what a right clock says, or of what a wrong one costs. */
const NEEDS_RIGHT_CLOCK = [
  // Times that people read.
  "keeps others out, and names the process that has the session",
  "is broken by a person: its holder commits nothing more",
  "tells each entry, what it holds, and which one has all records",
  "keeps what it deletes for as long as the store says by default",
  // A process whose clock was set looks again, lists again, and reads a file again.
  "are one look when nothing has changed, and never a listing to save",
  "grow with what is set, and not with how often",
  // A zip at a place that no call has seen.
  "are found where 1.34.5 and 1.34.6 put them",
  "captures again when a stored table is deleted before the store has read it",
];
const isRight = process.env.WA_VAULT_CLOCK === undefined;
const withWrongClock = isRight ? {} : { testNamePattern: new RegExp(`^(?!.*(${NEEDS_RIGHT_CLOCK.join("|")}))`) };

/** `vitest run` is what `npm test` needs; `vitest run --mode long` has the rest too. See CONTRIBUTING.md. */
const config: ViteUserConfigFnObject = defineConfig(({ mode }) => ({
  plugins: WA_VAULT_WITHOUT === undefined ? [] : [takeAway(WA_VAULT_WITHOUT)],
  test: {
    ...withWrongClock,
    typecheck: {
      enabled: true,
      // Two packages bring a `tsc`: the other one is for the API reference.
      checker: "./node_modules/typescript/bin/tsc",
      include: ["test/**/*.test-d.ts"],
      // `npm run types` has compiled all that these files do not import.
      tsconfig: "./test/types/tsconfig.json",
    },
    setupFiles: ["test/support/setup.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    pool: "forks",
    sequence: { sequencer: SlowFirst },
    // Much of the time is spent waiting for browsers, servers and timers, so more files run at once than there are cores.
    maxWorkers: Math.max(3, availableParallelism()),
    // What hangs is noticed early enough; what is slow, on a machine that has much else to do, is no fault.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 60_000,
    expect: { poll: { timeout: 240_000 } },
    reporters: ["default", ["json", { outputFile: ".reports/vitest.json" }]],
    projects: [
      {
        extends: true,
        test: {
          name: "shared",
          env: lengthOf(mode),
          // The library and its neighbours are loaded once for each worker, not once for each file.
          isolate: false,
          include: ["test/**/*.test.ts"],
          exclude: [...ALONE, ...(mode === "long" ? [] : ["test/**/*.long.test.ts"])],
        },
      },
      {
        extends: true,
        test: { name: "alone", env: lengthOf(mode), include: ALONE, typecheck: { enabled: false } },
      },
    ],
  },
}));

/** What `test/support/length.ts` goes by. Said to each project: `extends` does not know the mode. */
function lengthOf(mode: string): Record<string, string> {
  return { WA_VAULT_TESTS: mode === "long" ? "long" : "short" };
}

export default config;
