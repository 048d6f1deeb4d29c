import { describe, expect, it } from "vitest";
import { isChromiumMissing } from "../support/chromium.ts";
import { onlyLong, times } from "../support/length.ts";
import { type TortureOptions, torture } from "./run.ts";

// A short run; `npm run torture -- --captures 200` is the longest one.
describe.skipIf(isChromiumMissing()).each<[string, TortureOptions]>([
  ...onlyLong<[string, TortureOptions]>(
    ["leveldb", { form: "leveldb", captures: 100, copies: 20 }],
    ["sqlite", { form: "sqlite", captures: 100, copies: 20 }],
  ),
  ["sqlite, from a slow disk", { form: "sqlite", captures: times(1, 20), slowReadMs: 20 }],
  // LevelDB has many files: most of them are beyond the limit of open files.
  ["leveldb, with few descriptors", { form: "leveldb", captures: times(2, 20), options: { maxOpenFiles: 4 } }],
])("captures of %s, under full write load", (name, options) => {
  it("open twice, whole, with everything that was committed before them", async () => {
    const { captures, copies, records } = await torture({ ...options, fillBytes: 4_000_000 });
    // How many plain copies break is chance: the numbers are shown, not asserted.
    const { taken, failed, lost, broken } = copies;
    if (taken > 0) console.info(`${name}: of ${taken} plain copies ${failed} failed, ${lost} lost, ${broken} broken`);
    expect(captures).toEqual({ taken: options.captures, failed: 0, lost: 0, broken: 0, reasons: [] });
    expect(records).toBeGreaterThan(0);
  }, 3_600_000);
});
