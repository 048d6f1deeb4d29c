import { describe, expect, it } from "vitest";
import { BLOCK_BYTES } from "../../lib/vault/blocks.ts";
import { ALONE_BYTES, Pack } from "../../lib/vault/pack.ts";
import { noise } from "../contract/profile.ts";

const KIB = 1024;

describe("a pack", () => {
  it.each([[10], [300 * KIB], [700 * KIB]])("holds its pieces one after the other (bytes of each: %i)", (bytes) => {
    const pack = new Pack<{ offset: number }>(BLOCK_BYTES);
    const contents = [1, 2, 3].map((seed) => noise(bytes, seed));
    const pieces = contents.map(() => ({ offset: -1 }));
    for (const [index, piece] of pieces.entries()) pack.add(piece, contents[index] as Buffer);
    expect(pack.content.equals(Buffer.concat(contents))).toBe(true);
    expect(pack.bytes).toBe(3 * bytes);
    expect(pieces.map(({ offset }) => offset)).toEqual([0, bytes, 2 * bytes]);
    expect(pack.pieces).toEqual(pieces);
  });

  it("has room up to its capacity", () => {
    const pack = new Pack<{ offset: number }>(10);
    expect([pack.hasRoom(10), pack.hasRoom(11)]).toEqual([true, false]);
    pack.add({ offset: -1 }, Buffer.alloc(6));
    expect([pack.hasRoom(4), pack.hasRoom(5)]).toEqual([true, false]);
  });

  it("frees the memory that it has outgrown", () => {
    const pack = new Pack<{ offset: number }>(BLOCK_BYTES);
    pack.add({ offset: 0 }, Buffer.alloc(10));
    const small = pack.content;
    pack.add({ offset: 0 }, Buffer.alloc(ALONE_BYTES));
    expect(small).toHaveLength(0);
    expect(pack.content).toHaveLength(10 + ALONE_BYTES);
  });
});
