import { describe, expect, it } from "vitest";
import type { FileSource } from "../../../lib/disk/file-source.ts";
import { readTable } from "../../../lib/profile/leveldb/table.ts";
import { checkTable as check } from "../../../lib/profile/leveldb/table-check.ts";
import { PIECE_BYTES, type PieceSource } from "../../../lib/profile/pieces.ts";
import { bufferSource } from "../../../lib/profile/sources.ts";
import { tableBytes } from "../support/leveldb-bytes.ts";
import { flipped } from "../support/random.ts";

const rows = Array.from({ length: 50 }, (_, i) => ({
  key: `k${String(i).padStart(3, "0")}`,
  sequence: i,
  value: `v${i}`,
}));

const large = Array.from({ length: 260 }, (_, i) => ({
  key: `k${1_000 + i}`,
  sequence: i,
  value: "v".repeat(10_000),
}));

/** The reasons that are found in the footer alone. */
const FOOTER_REASON = /^it is shorter than a footer$|magic number$|^its footer is damaged$/;

describe("readTable", () => {
  it.each([false, true])("reads the entries in key order (compressed: %s)", async (snappy) => {
    const table = bufferSource(tableBytes(rows, { snappy }));
    const seen: string[] = [];
    await readTable(table, (key, value) => {
      seen.push(`${key.subarray(0, -8)}=${value}`);
      return true;
    });
    expect(seen).toEqual(rows.map(({ key, value }) => `${key}=${value}`));
  });

  it.each([false, true])(
    "leaves out blocks whose keys all come before those that are looked for (%s)",
    async (snappy) => {
      const bytes = tableBytes(rows, { snappy });
      for (const from of ["", "k000", "k003", "k004", "k0215", "k022", "k049", "k05"]) {
        let read = 0;
        const table: FileSource = {
          ...bufferSource(bytes),
          read: async (position, length) => {
            read += 1;
            return bytes.subarray(position, position + length);
          },
        };
        const seen: string[] = [];
        const onEntry = (key: Buffer): boolean => seen.push(key.subarray(0, -8).toString("latin1")) > 0;
        await readTable(table, onEntry, (key) => key.toString("latin1") < from);
        const wanted = rows.map(({ key }) => key);
        const first = wanted.findIndex((key) => key >= from);
        // From the beginning of the block that has the first one: there are four rows in a block.
        expect(seen, from).toEqual(first < 0 ? [] : wanted.slice(first - (first % 4)));
        expect(read).toBe(1);
      }
    },
  );

  it("stops when `onEntry` returns false", async () => {
    let seen = 0;
    await readTable(bufferSource(tableBytes(rows)), () => ++seen < 7);
    expect(seen).toBe(7);
  });

  it.each([
    ["k000", 0],
    ["k003", 0],
    ["k004", 4],
    ["k022", 20],
    ["k049", 48],
  ])("reads no block that ends before %s, where the caller looks for that key", async (wanted, first) => {
    const seen: string[] = [];
    const onEntry = (key: Buffer): boolean => seen.push(`${key.subarray(0, -8)}`) > 0 && seen.at(-1) !== wanted;
    await readTable(bufferSource(tableBytes(rows)), onEntry, (key) => key.toString() < wanted);
    // Four entries have a block.
    expect(seen).toEqual(rows.slice(first, Number(wanted.slice(1)) + 1).map(({ key }) => key));
  });

  it("reads no block where the caller looks for keys behind all", async () => {
    const seen: Buffer[] = [];
    await readTable(
      bufferSource(tableBytes(rows)),
      (key) => seen.push(key) > 0,
      () => true,
    );
    expect(seen).toEqual([]);
  });
});

describe.each<[string, Buffer | undefined]>([
  ["in pieces", undefined],
  ["at once", Buffer.alloc(3 * PIECE_BYTES)],
])("checkTable, %s", (_how, room) => {
  const checkTable = (table: PieceSource) => check(table, room);

  it("reads each byte of a large table once, but for its index when it is read in pieces", async () => {
    const bytes = tableBytes(large);
    let read = 0;
    const table: PieceSource = {
      size: bytes.length,
      read: async (position, length) => {
        read += length;
        return bytes.subarray(position, position + length);
      },
    };
    expect(await checkTable(table)).toBeUndefined();
    expect(read - bytes.length).toBeGreaterThanOrEqual(0);
    expect(read - bytes.length).toBeLessThan(room ? 1 : 65_537);
  });

  it.each([false, true])("finds nothing wrong with a whole table (compressed: %s)", async (snappy) => {
    expect(await checkTable(bufferSource(tableBytes(rows, { snappy })))).toBeUndefined();
  });

  it("finds a flipped bit anywhere in a table of several pieces", async () => {
    const bytes = tableBytes(large);
    expect(bytes.length).toBeGreaterThan(2.4 * PIECE_BYTES);
    expect(await checkTable(bufferSource(bytes))).toBeUndefined();
    for (let at = 11; at < bytes.length; at += 51_000) {
      const problem = await checkTable(bufferSource(flipped(bytes, at, at % 8)));
      expect(problem, `byte ${at}`).toMatch(/^wrong checksum/);
    }
    for (let at = bytes.length - 9_000; at < bytes.length; at += 211) {
      const problem = await checkTable(bufferSource(flipped(bytes, at, at % 8)));
      expect(problem, `byte ${at}`).toBeDefined();
    }
  });

  it("reads into memory that is used again, its index included", async () => {
    const bytes = tableBytes(rows);
    const { size, read } = bufferSource(bytes);
    let buffers = 0;
    const counted = (position: number, length: number): Promise<Buffer> => {
      buffers++;
      return read(position, length);
    };
    const readInto = async (target: Buffer, position: number): Promise<void> => void bytes.copy(target, 0, position);
    expect(await checkTable({ size, read: counted, readInto })).toBeUndefined();
    expect(buffers).toBe(0);
  });

  it("refuses a cut table by its footer, at every length", async () => {
    const bytes = tableBytes(rows);
    for (let length = 0; length < bytes.length; length++) {
      const problem = await checkTable(bufferSource(bytes.subarray(0, length)));
      expect(problem).toMatch(FOOTER_REASON);
    }
  });
});
