import { describe, expect, it } from "vitest";
import { sizeOf } from "../../../lib/vault/records/record-bytes.ts";
import { RecordTable } from "../../../lib/vault/records/record-table.ts";
import { Random } from "../support/schedule/random.ts";

describe("a table of records", () => {
  it("knows its size, however it came to it", () => {
    const random = new Random(7);
    const table = new RecordTable();
    for (let n = 1; n <= 500; n++) {
      const key = `k${random.below(40)}`;
      const change = [key, random.next() < 0.3 ? undefined : Buffer.alloc(random.below(50))] as const;
      const after = table.sizeAfter([change]);
      table.apply(n, [change]);
      const values = [...table.values()];
      expect(table.size).toEqual({
        files: values.length,
        bytes: values.reduce((sum, [, { length }]) => sum + length, 0),
      });
      expect(table.bytes).toBe(values.reduce((sum, one) => sum + sizeOf(one), 0));
      expect(after).toEqual(table.size);
      if (n % 50 === 0) table.forgetDeleted(n - 20);
    }
    table.clear();
    expect([table.size, table.bytes]).toEqual([{ files: 0, bytes: 0 }, 0]);
  });

  it("knows which segment has the newest state of each record", () => {
    const table = new RecordTable();
    for (const [n, key] of [...Array.from({ length: 10 }, (_, i) => [i + 1, `k${i}`] as const), [12, "k0"] as const]) {
      table.apply(n, [[key, Buffer.alloc(1)]]);
    }
    const one = sizeOf(["k0", Buffer.alloc(1)]);
    expect(table.newestBytes([3, 3, 8])).toEqual([2 * one, 0, 5 * one, 3 * one]);
    expect(table.newestBytes([])).toEqual([10 * one]);
  });

  it("forgets deletions that no segment needs, and no others", () => {
    const table = new RecordTable();
    table.apply(1, [["a", Buffer.alloc(1)]]);
    table.apply(2, [["a", undefined]]);
    table.apply(3, [["b", undefined]]);
    table.forgetDeleted(2);
    expect(table.changed(1, 9)).toEqual([["b", undefined]]);
  });
});
