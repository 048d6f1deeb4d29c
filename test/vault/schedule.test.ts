import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runSchedule } from "./schedule/run.ts";

/** As many as fit into 15 s; an exact number by `WA_VAULT_SCHEDULES=5000`, one alone by `WA_VAULT_SEED=17`. */
const COUNT = process.env.WA_VAULT_SCHEDULES;
const ONLY = process.env.WA_VAULT_SEED;
const AT_MOST = 150;
const BUDGET_MS = 15_000;

describe("writers on one session, over a network on which everything goes wrong", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([
    { who: "several processes", alone: false },
    { who: "one process, on a store that creates nothing exclusively", alone: true },
  ])(
    "loses nothing that was committed by $who",
    async ({ alone }) => {
      const length = Number(COUNT ?? AT_MOST);
      const seeds = ONLY === undefined ? Array.from({ length }, (_, index) => index + 1) : [Number(ONLY)];
      const began = performance.now();
      const totals: Record<string, number> = { schedules: 0, commits: 0, saves: 0, restores: 0 };
      const failures: string[] = [];
      for (const seed of seeds) {
        if (COUNT === undefined && performance.now() - began > BUDGET_MS) break;
        vi.setSystemTime(Date.UTC(2026, 0, 1));
        const advance = (ms: number): void => void vi.setSystemTime(Date.now() + ms);
        try {
          const { commits, saves, restores, refused } = await runSchedule(seed, advance, { alone });
          for (const [name, count] of [...Object.entries({ commits, saves, restores, schedules: 1 }), ...refused]) {
            totals[name] = (totals[name] ?? 0) + count;
          }
        } catch (error) {
          failures.push(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
          if (failures.length >= 5) break;
        }
      }
      console.info(JSON.stringify(totals));
      expect(failures).toEqual([]);
      // Known to bite: all of it must have happened.
      expect(totals.commits).toBeGreaterThan(totals.schedules ?? 0);
      if (ONLY === undefined && (totals.schedules ?? 0) > 10)
        for (const name of ["saves", "restores", alone ? "UNAVAILABLE" : "LEASE_LOST"])
          expect(totals[name]).toBeGreaterThan(0);
    },
    Math.max(180_000, Number(COUNT ?? 0) * 2_000),
  );
});
