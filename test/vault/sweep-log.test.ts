import { describe, expect, it } from "vitest";
import type { Entry, LogState } from "../../lib/vault/entry.ts";
import { entriesToSweep } from "../../lib/vault/sweep-log.ts";
import { generation, stateOf } from "./support/entries.ts";

const DAY = 24 * 60 * 60 * 1000;
const DAMAGED = "damaged";

interface Log {
  /** By number: the day of the log's clock on which the entry was written. */
  days: Record<number, number | undefined | typeof DAMAGED>;
  newest: number;
  live?: number[];
  dead?: number[];
  hold?: number;
}

const reads: number[] = [];

async function swept({ days, newest, live = [], dead = [], hold = 0 }: Log): Promise<number[]> {
  reads.length = 0;
  const day = days[newest];
  const uptimeMs = typeof day === "number" ? day * DAY : undefined;
  const state: LogState = stateOf({ n: newest, live: live.map((n) => generation(n)), dead, uptimeMs });
  const log = {
    read: async (n: number): Promise<Entry | undefined> => {
      reads.push(n);
      const at = days[n];
      if (at === DAMAGED) return undefined;
      return stateOf({ n, uptimeMs: at === undefined ? undefined : at * DAY });
    },
  };
  const listed = Object.keys(days).map(Number).reverse();
  return entriesToSweep({ log, state, hold: stateOf({ n: hold }) }, listed);
}

describe("the entries that are swept", () => {
  it("are those from more than 30 days before the newest one, by the clock of the log", async () => {
    expect(await swept({ days: { 1: 0, 2: 9, 3: 10, 4: 11, 9: 40 }, newest: 9 })).toEqual([1, 2]);
  });

  it("are read from the oldest on, up to the first that stays", async () => {
    await swept({ days: { 1: 0, 2: 9, 3: 10, 4: 11, 9: 40 }, newest: 9 });
    expect(reads).toEqual([1, 2, 3]);
  });

  it("are no live ones, no dead ones, and not the hold of this writer, however old", async () => {
    const days = { 1: 0, 2: 0, 3: 0, 4: 0, 9: 90 };
    expect(await swept({ days, newest: 9, live: [1], dead: [2], hold: 3 })).toEqual([4]);
  });

  it("are neither the newest entry nor a later one", async () => {
    expect(await swept({ days: { 1: 0, 2: 90, 3: 0 }, newest: 2 })).toEqual([1]);
  });

  it("are none of those without a time until 30 days after the first that has one", async () => {
    expect(await swept({ days: { 1: undefined, 2: undefined, 3: 30 }, newest: 3 })).toEqual([]);
    expect(await swept({ days: { 1: undefined, 2: undefined, 3: 31 }, newest: 3 })).toEqual([1, 2]);
    expect(await swept({ days: { 1: 90, 2: undefined }, newest: 2 })).toEqual([]);
  });

  it("are damaged ones too, once one after them is old", async () => {
    expect(await swept({ days: { 1: DAMAGED, 2: 0, 3: DAMAGED, 9: 40 }, newest: 9 })).toEqual([1, 2]);
    expect(await swept({ days: { 1: DAMAGED, 2: 40, 9: 40 }, newest: 9 })).toEqual([]);
  });

  it("are the oldest ones above 4,096, without a look at any clock", async () => {
    const days = Object.fromEntries(Array.from({ length: 4_100 }, (_, at) => [at + 1, 0]));
    expect(await swept({ days: { ...days, 5000: 0 }, newest: 5_000 })).toEqual([1, 2, 3, 4]);
    expect(reads).toEqual([5]);
  });

  it("are none of an empty log", async () => {
    expect(await swept({ days: {}, newest: 0 })).toEqual([]);
  });
});
