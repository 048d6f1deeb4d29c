import { describe, expect, it } from "vitest";
import { scanLog, scanLogFile } from "../../../lib/profile/leveldb/log.ts";
import { PIECE_BYTES } from "../../../lib/profile/pieces.ts";
import { bufferSource } from "../../../lib/profile/sources.ts";
import { logBytes } from "../support/leveldb-bytes.ts";
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

describe("scanLogFile", () => {
  // The second record lies in three pieces, and the fourth ends with the last byte of one.
  const sizes = [PIECE_BYTES - 50_000, 2 * PIECE_BYTES, 10, PIECE_BYTES - 1_000, 400_000];
  const whole = logBytes(sizes.map((size, index) => Buffer.alloc(size, 65 + index)));
  const zeros = Buffer.alloc(PIECE_BYTES + 9);

  async function both(bytes: Buffer): Promise<void> {
    const [records, pieces]: [string[], string[]] = [[], []];
    const note = (to: string[]) => (data: Buffer, end: number) =>
      to.push(`${end} ${data.length} ${data[0]} ${data.at(-1)} ${data.equals(Buffer.alloc(data.length, data[0]))}`);
    // As a file does, which reads into the same two buffers again and again.
    const source = {
      ...bufferSource(bytes),
      readInto: async (target: Buffer, at: number): Promise<void> => void bytes.copy(target, 0, at),
    };
    expect(await scanLogFile(source, note(pieces))).toEqual(scanLog(bytes, note(records)));
    expect(pieces).toEqual(records);
  }

  it("finds what is found in memory, however the log ends", async () => {
    await both(whole);
    for (const length of [PIECE_BYTES, PIECE_BYTES + 3, 2 * PIECE_BYTES - 1, 3 * PIECE_BYTES, whole.length - 1]) {
      await both(whole.subarray(0, length));
      await both(Buffer.concat([whole.subarray(0, length), zeros]));
    }
    await both(Buffer.concat([whole, zeros]));
    await both(Buffer.concat([whole, zeros, Buffer.from("x")]));
  });

  it("finds a flipped bit in any piece", async () => {
    for (let at = 1_000; at < whole.length; at += 700_001) {
      const bytes = flipped(whole, at, at % 8);
      await both(bytes);
      expect((await scanLogFile(bufferSource(bytes), () => {})).tail).toBe("damaged");
    }
  });
});
