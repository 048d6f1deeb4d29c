// What the records of a bot cost, in requests and bytes: counted, never timed.
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RecordChange } from "../../../../lib/vault/records/record-bytes.ts";
import { isLong, times } from "../../../support/length.ts";
import { GrowthRun } from "../support/growth-run.ts";
import { Traffic } from "../support/traffic.ts";

vi.setConfig({ testTimeout: times(300_000, 3_600_000) });

/** 14 MB of records, and 50 MB. */
const BOT = isLong
  ? { contacts: 25_000, groups: 150, messages: 200_000 }
  : { contacts: 6_000, groups: 60, messages: 60_000 };
const LEAST_BYTES = times(12, 40) * 1e6;
/** Of a few sets the most is written when all records happen to be put together between them. */
const MOST_WRITTEN = isLong ? 2.5 : 3.5;

let run: GrowthRun;
beforeEach(() => {
  run = new GrowthRun();
});
afterEach(() => run.end());

describe("the records of a bot", () => {
  it("grow with what is set, and not with how often", async () => {
    const traffic = new Traffic(BOT);
    await run.set(traffic.history(), 200);
    const one = await run.measure(some(times(1_200, 20_000), () => traffic.next()));
    report("one at once", one);
    expect(one.stateBytes).toBeGreaterThan(LEAST_BYTES);
    expect(one.puts).toBeLessThanOrEqual(1.05);
    expect(one.deletes).toBeLessThanOrEqual(1.05);
    // Those of the look at what earlier holders have left, once after an open.
    expect(one.gets).toBeLessThanOrEqual(0.002);
    expect(one.lists).toBeLessThanOrEqual(0.1);
    expect(one.written).toBeLessThanOrEqual(MOST_WRITTEN);
    expect(one.space).toBeLessThanOrEqual(3.1);
    expect(one.openRequests).toBeLessThanOrEqual(110);

    const twenty = await run.measure(
      some(times(600, 20_000), () => traffic.next()),
      20,
    );
    report("twenty at once", twenty);
    expect(twenty.entries).toBeLessThanOrEqual(1 / 5);
    expect(twenty.written).toBeLessThanOrEqual(MOST_WRITTEN);
    expect(twenty.space).toBeLessThanOrEqual(3.1);
    expect(twenty.openRequests).toBeLessThanOrEqual(110);
  });

  it("that are only ever added are written a few times", async () => {
    let count = 0;
    const insert = (): RecordChange[] => [[`key ${++count}`, randomBytes(800)]];
    await run.set(some(1_000, insert), 20);
    const growth = await run.measure(some(times(4_000, 60_000), insert));
    report("added", growth);
    expect(growth.puts).toBeLessThanOrEqual(1.05);
    expect(growth.deletes).toBeLessThanOrEqual(1.05);
    expect(growth.written).toBeLessThanOrEqual(6);
    expect(growth.space).toBeLessThanOrEqual(3);
    expect(growth.openRequests).toBeLessThanOrEqual(110);
  });
});

function* some(count: number, next: () => RecordChange[]): Generator<RecordChange[]> {
  for (let n = 0; n < count; n++) yield next();
}

function report(what: string, growth: Awaited<ReturnType<GrowthRun["measure"]>>): void {
  if (isLong) console.info(`${what}: ${JSON.stringify(growth)}`);
}
