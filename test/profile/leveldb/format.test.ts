import { describe, expect, it } from "vitest";
import { decodeBatch, decodeVersionEdit, scanLog } from "../../../lib/profile/leveldb/format.ts";
import { batchBytes, editBytes, logBytes, varint } from "../support/leveldb-bytes.ts";
import { flipped, seeded } from "../support/random.ts";

function scan(bytes: Buffer): ReturnType<typeof scanLog> & { records: Buffer[]; ends: number[] } {
  const records: Buffer[] = [];
  const ends: number[] = [];
  const report = scanLog(bytes, (data, end) => {
    records.push(data);
    ends.push(end);
  });
  return { ...report, records, ends };
}

describe("scanLog", () => {
  it("reads records of any size, across blocks and their padding", () => {
    // The second ends 3 bytes before its block does; the third fills a block to its last byte.
    const sizes = [10, 32_768 - 17 - 7 - 3, 32_768 - 7, 100_000, 0, 1];
    const records = sizes.map((size, i) => Buffer.alloc(size, 65 + i));
    const bytes = logBytes(records);
    const found = scan(bytes);
    expect(found).toMatchObject({ tail: "whole", end: bytes.length });
    expect(found.records).toEqual(records);
  });

  it("reads a record that begins with the last seven bytes of a block", () => {
    const records = [Buffer.alloc(32_768 - 14, 1), Buffer.from("next")];
    expect(scan(logBytes(records)).records).toEqual(records);
  });

  it("ends at the last whole record, at every truncation", () => {
    const records = [Buffer.from("one"), Buffer.alloc(70_000, 2), Buffer.from("three"), Buffer.alloc(200, 4)];
    const bytes = logBytes(records);
    const { ends } = scan(bytes);
    for (let length = 0; length <= bytes.length; length += length > 300 && length < 69_000 ? 311 : 1) {
      const found = scan(bytes.subarray(0, length));
      const end = Math.max(0, ...ends.filter((at) => at <= length));
      expect(found.end).toBe(end);
      expect(found.tail).toBe(end === length ? "whole" : "partial");
    }
  });

  it("stops at the first flipped bit", () => {
    const bytes = logBytes([Buffer.from("one"), Buffer.alloc(300, 2), Buffer.from("three")]);
    const whole = scan(bytes);
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const found = scan(flipped(bytes, at, bit));
        expect(found.tail).not.toBe("whole");
        expect(found.end).toBe(Math.max(0, ...whole.ends.filter((end) => end <= at)));
      }
    }
  });

  it("reports zeros at the end as partial, as a power failure leaves them, and zeros between records as damage", () => {
    const [one, two] = [logBytes([Buffer.from("one")]), logBytes([Buffer.from("two")])];
    expect(scan(Buffer.concat([one, Buffer.alloc(500)]))).toMatchObject({ tail: "partial", end: one.length });
    expect(scan(Buffer.concat([one, Buffer.alloc(500), two]))).toMatchObject({ tail: "damaged", end: one.length });
  });

  it("reports fragments that do not belong together as damage", () => {
    const [first, last] = [logBytes([Buffer.alloc(40_000)]), logBytes([Buffer.from("x")])];
    const orphan = Buffer.concat([first.subarray(0, 32_768), last]);
    expect(scan(orphan)).toMatchObject({ tail: "damaged", end: 0 });
  });

  it("finds no record in random bytes, without throwing", () => {
    const random = seeded(2);
    for (let i = 0; i < 2_000; i++) {
      const bytes = Buffer.from(Array.from({ length: Math.floor(random() * 60) }, () => Math.floor(random() * 256)));
      expect(scan(bytes).end).toBe(0);
    }
  });
});

describe("decodeVersionEdit", () => {
  it("reads every field", () => {
    const edit = editBytes({
      comparator: "idb_cmp1",
      log: 300,
      previousLog: 2,
      next: 301,
      last: 2 ** 40,
      deleted: [[1, 7]],
      added: [[2, 8, 123_456]],
    });
    expect(decodeVersionEdit(edit)).toEqual({
      comparator: "idb_cmp1",
      logNumber: 300,
      prevLogNumber: 2,
      nextFile: 301,
      lastSequence: 2 ** 40,
      deleted: [{ level: 1, number: 7 }],
      added: [{ level: 2, number: 8, size: 123_456 }],
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
