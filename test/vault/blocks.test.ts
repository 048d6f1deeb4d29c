import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BLOCK_BYTES, blocks } from "../../lib/vault/blocks.ts";

// The blocks are those of the process: another file may have given some back.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  release();
});

afterEach(() => {
  release();
  vi.useRealTimers();
});

/** Lets all blocks go that are kept for reuse. */
function release(): void {
  blocks.give(blocks.take(1));
  vi.advanceTimersByTime(5_000);
}

/** Memory for so many blocks, all at once. */
function takeAll(count: number): Uint8Array[] {
  return Array.from({ length: count }, () => blocks.take(10));
}

describe("blocks", () => {
  it("give memory of the length that is asked for, at the beginning of a buffer", () => {
    for (const bytes of [0, 1, BLOCK_BYTES]) {
      const taken = blocks.take(bytes);
      expect(taken).toMatchObject({ length: bytes, byteOffset: 0 });
      expect(taken.buffer.byteLength).toBe(BLOCK_BYTES);
    }
  });

  it("give nobody memory that somebody else has", () => {
    const [first, second] = takeAll(2) as [Uint8Array, Uint8Array];
    expect(first.buffer).not.toBe(second.buffer);
    blocks.give(first);
    const third = blocks.take(BLOCK_BYTES);
    expect(third.buffer).toBe(first.buffer);
    expect(blocks.take(1).buffer).not.toBe(third.buffer);
  });

  it("keep a few for reuse, and let the others go", () => {
    const given = takeAll(6);
    for (const each of given) blocks.give(each);
    const known = new Set(given.map(({ buffer }) => buffer));
    expect(takeAll(6).filter(({ buffer }) => known.has(buffer))).toHaveLength(4);
  });

  it("let all go after some seconds without use", () => {
    const taken = blocks.take(1);
    blocks.give(taken);
    vi.advanceTimersByTime(5_000);
    expect(blocks.take(1).buffer).not.toBe(taken.buffer);
  });

  it("take back no memory that is no block, or was moved away", () => {
    const larger = blocks.take(BLOCK_BYTES + 1);
    expect(larger).toHaveLength(BLOCK_BYTES + 1);
    const moved = blocks.take(5);
    structuredClone(moved, { transfer: [moved.buffer as ArrayBuffer] });
    const others = [larger, moved, Buffer.alloc(10), new Uint8Array(new SharedArrayBuffer(BLOCK_BYTES))];
    for (const each of others) blocks.give(each);
    expect(blocks.take(BLOCK_BYTES)).toHaveLength(BLOCK_BYTES);
    expect(others.map(({ buffer }) => buffer)).not.toContain(blocks.take(1).buffer);
  });
});
