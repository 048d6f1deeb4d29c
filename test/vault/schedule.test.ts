import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useFolder } from "../support/folder.ts";
import { isLong, times } from "../support/length.ts";
import { runSchedule } from "./schedule/run.ts";

/** One alone by `WA_VAULT_SEED=17`. */
const ONLY = process.env.WA_VAULT_SEED;
const SEEDS = ONLY === undefined ? Array.from({ length: times(15, 1_000) }, (_, index) => index + 1) : [Number(ONLY)];
/** Of one that hangs a run need not wait for the others. */
const MS_EACH = 10_000;

describe("writers on one session, over a network on which everything goes wrong", () => {
  const folder = useFolder();
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    { who: "several processes", alone: false, refused: "LEASE_LOST" },
    { who: "one process, on a store that creates nothing exclusively", alone: true, refused: "UNAVAILABLE" },
  ])(
    "lose nothing that was committed: $who",
    async ({ alone, refused }) => {
      const totals: Record<string, number> = { commits: 0, saves: 0, restores: 0, [refused]: 0 };
      const failures: string[] = [];
      for (const seed of SEEDS) {
        vi.setSystemTime(Date.UTC(2026, 0, 1));
        const advance = (ms: number): void => void vi.setSystemTime(Date.now() + ms);
        try {
          const { refused: codes, ...counts } = await runSchedule(seed, advance, folder(), { alone });
          for (const [name, count] of [...Object.entries(counts), ...codes]) totals[name] = (totals[name] ?? 0) + count;
        } catch (error) {
          failures.push(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
          if (failures.length >= 5) break;
        }
      }
      if (isLong) console.info(JSON.stringify(totals));
      expect(failures).toEqual([]);
      // Known to bite: all of it must have happened.
      expect(totals.commits).toBeGreaterThan(SEEDS.length);
      if (ONLY === undefined)
        for (const name of ["saves", "restores", refused]) expect(totals[name], name).toBeGreaterThan(0);
    },
    300_000 + SEEDS.length * MS_EACH,
  );
});
