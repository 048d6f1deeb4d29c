import { describe, expect, it } from "vitest";
import { PIECE_BYTES, type PieceSource, piecesOf, readRanges, withBytes } from "../../lib/profile/pieces.ts";

const bytes = Buffer.from(Array.from({ length: 3 * PIECE_BYTES + 5 }, (_, at) => at % 251));

/** A source that counts the buffers that it is asked for. */
function source({ failAt = Number.POSITIVE_INFINITY } = {}): PieceSource & { buffers: number } {
  return {
    size: bytes.length,
    buffers: 0,
    async read(position, length) {
      this.buffers++;
      return Buffer.from(bytes.subarray(position, position + length));
    },
    async readInto(target, position) {
      if (position >= failAt) throw new Error("the disk fails");
      bytes.copy(target, 0, position, position + target.length);
    },
  };
}

describe("readRanges", () => {
  it("reads every range in turn, into two buffers", async () => {
    const from = source();
    const seen = new Set<ArrayBufferLike>();
    const read: Buffer[] = [];
    await readRanges(from, piecesOf(7, bytes.length), (piece, index) => {
      expect(index).toBe(read.length);
      seen.add(piece.buffer);
      read.push(Buffer.from(piece));
      return true;
    });
    expect(Buffer.concat(read).equals(bytes.subarray(7))).toBe(true);
    expect([seen.size, from.buffers]).toEqual([2, 0]);
  });

  it("reads a range of more than a piece, and from a source that has only new buffers", async () => {
    const { size, read } = source();
    for (const each of [source(), { size, read: read.bind({ buffers: 0 }) }]) {
      const found: Buffer[] = [];
      await readRanges(each, [{ from: 1, to: 2 * PIECE_BYTES }], (piece) => found.push(Buffer.from(piece)) > 0);
      expect(Buffer.concat(found).equals(bytes.subarray(1, 2 * PIECE_BYTES))).toBe(true);
    }
  });

  it("stops when `onBytes` returns false", async () => {
    let calls = 0;
    await readRanges(source(), piecesOf(0, bytes.length), () => ++calls < 2);
    expect(calls).toBe(2);
  });

  it("rejects with the error of a read, after the ranges before it, and with that of `onBytes`", async () => {
    let calls = 0;
    const failing = readRanges(source({ failAt: PIECE_BYTES }), piecesOf(0, bytes.length), () => ++calls > 0);
    await expect(failing).rejects.toThrow("the disk fails");
    expect(calls).toBe(1);
    const thrown = readRanges(source({ failAt: PIECE_BYTES }), piecesOf(0, bytes.length), () => {
      throw new RangeError("damage");
    });
    await expect(thrown).rejects.toThrow("damage");
  });
});

describe("withBytes", () => {
  it("reads into memory that the next call uses again", async () => {
    const from = source();
    const seen = new Set<ArrayBufferLike>();
    for (const at of [3, 70_000, PIECE_BYTES]) {
      const read = await withBytes(from, { from: at, to: at + 64_000 }, async (found) => {
        seen.add(found.buffer);
        return Buffer.from(found);
      });
      expect(read.equals(bytes.subarray(at, at + 64_000))).toBe(true);
    }
    expect([seen.size, from.buffers]).toEqual([1, 0]);
  });

  it("gives nobody else the memory while `work` goes on, and gives it back when that fails", async () => {
    const whole = { from: 0, to: 10 };
    const [first, second] = await withBytes(source(), whole, async (outer) => {
      const inner = withBytes(source(), whole, async (found) => found.buffer);
      return [outer.buffer, await inner];
    });
    expect(first).not.toBe(second);
    let used: ArrayBufferLike | undefined;
    const failing = withBytes(source(), whole, async (found) => {
      used = found.buffer;
      throw new RangeError("damage");
    });
    await expect(failing).rejects.toThrow("damage");
    expect(await withBytes(source(), whole, async (found) => found.buffer)).toBe(used);
  });

  it("takes a new buffer of a source that has only those", async () => {
    const { size, read } = source();
    const found = await withBytes({ size, read: read.bind({ buffers: 0 }) }, { from: 1, to: 9 }, async (each) => each);
    expect(found.equals(bytes.subarray(1, 9))).toBe(true);
  });
});
