import { describe, expect, it } from "vitest";
import type { PollResult } from "../../../lib/profile/capture/database-capture.ts";
import { findMoment, type PolledDatabase } from "../../../lib/profile/capture/moment.ts";

/** A database whose polls give `results` in turn, the last one again and again; and the steps that were taken. */
function database(...results: PollResult[]): { capture: PolledDatabase; steps: string[] } {
  const steps: string[] = [];
  const note = (step: string) => async (): Promise<void> => void steps.push(step);
  const capture: PolledDatabase = {
    prepare: note("prepare"),
    refresh: note("refresh"),
    poll: () => {
      steps.push("poll");
      return (results.length > 1 ? results.shift() : results[0]) as PollResult;
    },
    noteFiles: () => void steps.push("noteFiles"),
  };
  return { capture, steps };
}

describe("findMoment", () => {
  it("returns 0 once a second round of polls finds every database unchanged", async () => {
    const one = database("unchanged");
    const other = database("changed", "changed", "unchanged");
    expect(await findMoment([one.capture, other.capture])).toBe(0);
    expect(one.steps).toEqual(["prepare", "poll", "poll", "poll"]);
  });

  it("refreshes the databases that are unprepared, and no others", async () => {
    const [still, rotated] = [database("unchanged"), database("unprepared", "unchanged")];
    expect(await findMoment([still.capture, rotated.capture])).toBe(0);
    expect(still.steps).toEqual(["prepare", "poll", "poll", "poll"]);
    expect(rotated.steps).toEqual(["prepare", "poll", "refresh", "poll", "poll"]);
  });

  it("notes files before and after a last poll when there is no consistent moment", async () => {
    for (const result of ["changed", "unprepared"] as const) {
      const { capture, steps } = database(result);
      expect(await findMoment([capture])).toBeGreaterThan(0);
      expect(steps.slice(-3)).toEqual(["noteFiles", "poll", "noteFiles"]);
    }
  });

  it("rejects with the reason of an aborted signal", async () => {
    const reason = new Error("enough");
    await expect(findMoment([database("unchanged").capture], AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
