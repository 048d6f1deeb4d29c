import "../support/schedule/replaced-modules.ts";
import { describe, expect, it } from "vitest";
import { times } from "../../support/length.ts";
import { checkSchedules } from "../support/schedule/check.ts";
import type { Mode } from "../support/schedule/plan.ts";
import { runSchedule } from "../support/schedule/run.ts";

describe("processes on one session, over a network on which everything goes wrong", () => {
  it.each<[Mode, number, string]>([
    ["wild", times(25, 2_000), "LEASE_LOST"],
    ["leases", times(30, 2_000), "LEASE_HELD"],
    ["lossy", times(25, 1_000), "losses"],
    ["alone", times(25, 1_000), "UNAVAILABLE"],
  ])(
    "lose nothing that was committed: %s, seeds 1 to %i",
    async (mode, most, special) => {
      const { failures, totals, areChosen } = await checkSchedules(mode, most);
      expect(failures.length, failures.join("\n")).toBe(0);
      if (areChosen) return;
      // Known to bite: all of it must have happened.
      for (const name of ["commits", "saves", "restores", "late", special])
        expect(totals[name], name).toBeGreaterThan(0);
    },
    600_000,
  );

  it.each<[Mode, number, string]>([
    ["wild", times(25, 2_000), "LEASE_LOST"],
    ["leases", times(25, 2_000), "LEASE_HELD"],
    ["lossy", times(20, 1_000), "losses"],
  ])(
    "lose no records that were stored: %s, seeds 1 to %i",
    async (mode, most, special) => {
      const { failures, totals, areChosen } = await checkSchedules(mode, most, "records");
      expect(failures.length, failures.join("\n")).toBe(0);
      if (areChosen) return;
      for (const name of ["commits", "sets", "folds", "clears", "restores", "late", special])
        expect(totals[name], name).toBeGreaterThan(0);
    },
    600_000,
  );

  it("are the same each time: a seed is a schedule", async () => {
    const runs: string[][] = [[], []];
    for (const lines of runs) await runSchedule("wild", 3, { trace: (line) => lines.push(line) });
    expect(runs[0]?.length).toBeGreaterThan(200);
    expect(runs[0]).toEqual(runs[1]);
  });
});
