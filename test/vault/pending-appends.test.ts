import { beforeEach, describe, expect, it } from "vitest";
import { PendingAppends } from "../../lib/vault/pending-appends.ts";

let pending: PendingAppends;

beforeEach(() => {
  pending = new PendingAppends();
});

describe("pending appends", () => {
  it("are none at first", () => {
    expect(pending.isEmpty).toBe(true);
    expect(pending.numberAfter(0, { exclusiveCreate: false })).toBe(1);
    expect(pending.below(100)).toEqual([]);
    expect(pending.has("a")).toBe(false);
  });

  it("are known by id, also where two have one number", () => {
    pending.add({ id: "a", n: 3 });
    pending.add({ id: "b", n: 3 });
    expect([pending.has("a"), pending.has("b"), pending.has("c")]).toEqual([true, true, false]);
    expect(pending.isEmpty).toBe(false);
  });

  it("are resolved by an entry of their number or a later one", () => {
    for (const [id, n] of [
      ["a", 3],
      ["b", 4],
      ["c", 5],
    ] as const)
      pending.add({ id, n });
    pending.resolve(4);
    expect(pending.has("a") || pending.has("b")).toBe(false);
    expect(pending.has("c")).toBe(true);
    pending.resolve(9);
    expect(pending.isEmpty).toBe(true);
  });

  it("below a number are listed without that number", () => {
    for (const [id, n] of [
      ["a", 3],
      ["b", 4],
      ["c", 5],
    ] as const)
      pending.add({ id, n });
    expect(pending.below(5)).toEqual([3, 4]);
    expect(pending.numberAfter(0, { exclusiveCreate: false })).toBe(6);
  });
});

describe("the number of the next entry", () => {
  beforeEach(() => pending.add({ id: "a", n: 7 }));

  it("is the next one where entries are created exclusively", () => {
    expect(pending.numberAfter(6, { exclusiveCreate: true })).toBe(7);
  });

  it("is never that of a pending append where they are not", () => {
    expect(pending.numberAfter(6, { exclusiveCreate: false })).toBe(8);
    expect(pending.numberAfter(9, { exclusiveCreate: false })).toBe(10);
  });
});
