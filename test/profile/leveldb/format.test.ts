import { describe, expect, it } from "vitest";
import { decodeBatch, decodeVersionEdit } from "../../../lib/profile/leveldb/format.ts";
import { batchBytes, editBytes, varint } from "../support/leveldb-bytes.ts";
import { flipped } from "../support/random.ts";

describe("decodeVersionEdit", () => {
  it("reads every field", () => {
    const edit = editBytes({
      comparator: "idb_cmp1",
      log: 300,
      previousLog: 2,
      next: 301,
      last: 2 ** 40,
      deleted: [[1, 7]],
      added: [[2, 8, 123_456, "key"]],
    });
    expect(decodeVersionEdit(edit)).toEqual({
      comparator: "idb_cmp1",
      logNumber: 300,
      prevLogNumber: 2,
      nextFile: 301,
      lastSequence: 2 ** 40,
      deleted: [{ level: 1, number: 7 }],
      added: [{ level: 2, number: 8, size: 123_456, firstKey: Buffer.from("key") }],
    });
  });

  it("refuses unknown fields, impossible levels, numbers that are too large, and an edit that ends early", () => {
    expect(() => decodeVersionEdit(varint(8))).toThrow(RangeError);
    expect(() => decodeVersionEdit(editBytes({ deleted: [[7, 1]] }))).toThrow(RangeError);
    expect(() => decodeVersionEdit(Buffer.concat([varint(2), Buffer.alloc(9, 0xff), Buffer.from([1])]))).toThrow(
      RangeError,
    );
    const whole = editBytes({ comparator: "c", added: [[0, 5, 100]] });
    for (let length = 1; length < whole.length; length++) {
      if (length === 3) continue; // Just after the comparator: a whole edit.
      expect(() => decodeVersionEdit(whole.subarray(0, length))).toThrow(RangeError);
    }
  });
});

describe("decodeBatch", () => {
  it("reads entries, and deletions without a value", () => {
    const seen: [string, string | undefined][] = [];
    const head = decodeBatch(batchBytes(41, [["a", "1"], ["b"]]), (key, value) =>
      seen.push([key.toString(), value?.toString()]),
    );
    expect(head).toEqual({ sequence: 41, count: 2 });
    expect(seen).toEqual([
      ["a", "1"],
      ["b", undefined],
    ]);
  });

  it("refuses a wrong count, an unknown kind, and a batch that ends early", () => {
    const whole = batchBytes(1, [["key", "value"]]);
    expect(() => decodeBatch(flipped(whole, 8, 1))).toThrow(RangeError);
    expect(() => decodeBatch(flipped(whole, 12, 1))).toThrow(RangeError);
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeBatch(whole.subarray(0, length))).toThrow(RangeError);
    }
  });
});
