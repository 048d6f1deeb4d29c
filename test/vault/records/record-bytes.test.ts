import { describe, expect, it } from "vitest";
import { encodeRecords, type RecordChange, RecordReader, sizeOf } from "../../../lib/vault/records/record-bytes.ts";

const records: RecordChange[] = [
  ["", Buffer.from("of the empty key")],
  ["a", Buffer.alloc(0)],
  ["gone", undefined],
  ["ключ\u0000with a zero", Buffer.from([0, 255, 1])],
  ["large", Buffer.alloc(700, 7)],
];
const bytes = encodeRecords(records);

function read(...parts: Buffer[]): RecordChange[] {
  const reader = new RecordReader("it");
  const found = parts.flatMap((part) => [...reader.read(part)]);
  reader.end();
  return found;
}

describe("records as bytes", () => {
  it("are the same when they are read, in one part or cut anywhere", () => {
    expect(read(bytes)).toEqual(records);
    for (let at = 0; at <= bytes.length; at++)
      expect(encodeRecords(read(bytes.subarray(0, at), bytes.subarray(at))).equals(bytes)).toBe(true);
  });

  it("have the size that is told before", () => {
    expect(bytes.length).toBe(records.reduce((sum, one) => sum + sizeOf(one), 0));
  });

  it("are corrupt when the last one is cut", () => {
    for (const at of [1, 5, bytes.length - 700, bytes.length - 1])
      expect(() => read(bytes.subarray(0, at))).toThrow(expect.objectContaining({ code: "CORRUPT" }));
  });

  it("keep no part in memory", () => {
    const part = encodeRecords([
      ["a", Buffer.alloc(10_000)],
      ["b", Buffer.alloc(50_000)],
    ]);
    const [, value] = read(part)[0] as [string, Buffer];
    expect(value.buffer.byteLength).toBe(10_000);
  });

  it("refuse a key that is too long", () => {
    expect(() => encodeRecords([["x".repeat(65_536), undefined]])).toThrow(
      expect.objectContaining({ code: "INVALID" }),
    );
  });
});
