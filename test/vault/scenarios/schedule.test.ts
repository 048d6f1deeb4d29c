import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useFolder } from "../../support/folder.ts";
import { isLong, times } from "../../support/length.ts";
import { runSchedule } from "../support/schedule/run.ts";

/** One alone by `WA_VAULT_SEED=17`. */
const ONLY = process.env.WA_VAULT_SEED;
const SEEDS = ONLY === undefined ? Array.from({ length: times(15, 1_000) }, (_, index) => index + 1) : [Number(ONLY)];
/** Of one that hangs a run need not wait for the others. */
const MS_EACH = 10_000;

/**
 * What the log does not yet withstand, seldom: of a thousand seeds so many may show it in the long run. Whoever mends it
 * takes it out here. Of several processes: chunks are gone that live generations need (seed 550). Of one process on a store
 * that creates nothing exclusively: a late put replaces a committed entry (seeds 310, 437, 503, 571 …).
 */
const KNOWN = {
  several: { fault: /The store has lost chunks/, most: 3 },
  alone: { fault: /has changed|never was the newest/, most: 20 },
};

describe("writers on one session, over a network on which everything goes wrong", () => {
  const folder = useFolder();
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    { who: "several processes", alone: false, refused: "LEASE_LOST", known: KNOWN.several },
    {
      who: "one process, on a store that creates nothing exclusively",
      alone: true,
      refused: "UNAVAILABLE",
      known: KNOWN.alone,
    },
  ])(
    "lose nothing that was committed: $who",
    async ({ alone, refused, known }) => {
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
        }
      }
      if (isLong) console.info(JSON.stringify(totals));
      const isKnown = (failure: string): boolean => isLong && ONLY === undefined && known.fault.test(failure);
      expect(failures.filter((failure) => !isKnown(failure))).toEqual([]);
      for (const failure of failures) console.info(`known: ${failure}`);
      expect(failures.length).toBeLessThanOrEqual(known.most);
      // Known to bite: all of it must have happened.
      expect(totals.commits).toBeGreaterThan(SEEDS.length);
      if (ONLY === undefined)
        for (const name of ["saves", "restores", refused]) expect(totals[name], name).toBeGreaterThan(0);
    },
    300_000 + SEEDS.length * MS_EACH,
  );
});
