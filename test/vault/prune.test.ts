import { describe, expect, it } from "vitest";
import { chunkKey, holdFolder } from "../../lib/vault/layout.ts";
import { entriesToSweep, leftovers } from "../../lib/vault/prune.ts";

const DAY = 24 * 60 * 60 * 1000;
const session = "RemoteAuth-bot";
const folder = (epoch: number, hold = "a"): string => holdFolder({ epoch, id: hold.repeat(32) });
const key = (of: string, alt = 0): string => chunkKey(session, { id: "ab".repeat(32), folder: of, alt });

describe("chunks that a holder may sweep", () => {
  it("are those of its own folder and of earlier epochs", () => {
    const old = ["0000000000000001", folder(4)].map((of) => key(of));
    const listed = [...old, key(folder(4), 1), key(folder(5)), key(folder(6))];
    expect(leftovers(session, listed, folder(5))).toEqual(listed.slice(0, -1));
  });

  it("are none of another holder of the same epoch", () => {
    const listed = [key(folder(5, "b")), key("0000000000000005")];
    expect(leftovers(session, listed, folder(5))).toEqual([]);
  });

  it("are no keys that name no epoch", () => {
    expect(leftovers(session, [`${session}/chunks/x`, `${session}/chunks/5/a`], folder(5))).toEqual([]);
  });
});

describe("entries that are swept", () => {
  const storedAt = (...days: number[]): Map<number, number> => new Map(days.map((day, at) => [at + 1, day * DAY]));

  it("are those that were stored more than 30 days before the youngest one", () => {
    expect(entriesToSweep(storedAt(0, 9, 10, 40), 4, new Set())).toEqual([1, 2]);
  });

  it("are none of the live ones, however old", () => {
    expect(entriesToSweep(storedAt(0, 1, 90), 3, new Set([1]))).toEqual([2]);
  });

  it("are neither the newest entry nor a later one", () => {
    expect(entriesToSweep(storedAt(0, 1, 2, 90), 2, new Set())).toEqual([1]);
  });

  it("do not depend on the clock of this process", () => {
    expect(entriesToSweep(storedAt(10_000_000, 10_000_031), 2, new Set())).toEqual([1]);
    expect(entriesToSweep(storedAt(1, 2), 2, new Set())).toEqual([]);
  });

  it("are none of an empty log", () => {
    expect(entriesToSweep(new Map(), 0, new Set())).toEqual([]);
  });
});
