import { describe, expect, it } from "vitest";
import { asBuffer, discard, discardWholeBuffer, ownBuffers } from "../../lib/async/memory.ts";

const LARGE = 256 * 1024;

describe("asBuffer", () => {
  it("is over the same memory, and of the same bytes", () => {
    const memory = new Uint8Array(10);
    const buffer = asBuffer(memory.subarray(2, 5));
    buffer.fill(7);
    expect(Buffer.isBuffer(buffer)).toBe(true);
    expect([...memory]).toEqual([0, 0, 7, 7, 7, 0, 0, 0, 0, 0]);
  });
});

describe("ownBuffers", () => {
  it("has the buffer of large bytes that begin it", () => {
    const bytes = new Uint8Array(LARGE);
    expect(ownBuffers(bytes)).toEqual([bytes.buffer]);
    expect(ownBuffers(bytes.subarray(0, 5))).toEqual([bytes.buffer]);
  });

  it.each([
    ["that do not begin it", new Uint8Array(LARGE).subarray(1)],
    ["that may lie in a common one", Buffer.from("short")],
    ["of a smaller one", new Uint8Array(LARGE - 1)],
    ["that threads share", new Uint8Array(new SharedArrayBuffer(LARGE))],
    ["that were discarded", discarded()],
  ])("has none for bytes %s", (_which, bytes) => {
    expect(ownBuffers(bytes)).toEqual([]);
  });
});

describe("discard", () => {
  it("frees bytes that are all of their buffer", () => {
    const bytes = Buffer.allocUnsafe(LARGE);
    const { buffer } = bytes;
    discard(bytes);
    expect(bytes).toHaveLength(0);
    expect(buffer.byteLength).toBe(0);
  });

  it("leaves bytes alone beside which others may lie", () => {
    const memory = Buffer.alloc(LARGE + 1, 7);
    discard(memory.subarray(0, LARGE));
    discard(memory.subarray(1));
    expect(memory.equals(Buffer.alloc(LARGE + 1, 7))).toBe(true);
    const short = Buffer.from("short");
    discard(short);
    expect(String(short)).toBe("short");
  });

  it("can be done again, also with bytes that were discarded before", () => {
    for (let round = 0; round < 3; round++) {
      const bytes = new Uint8Array(LARGE);
      discard(bytes);
      discard(bytes);
      expect(bytes).toHaveLength(0);
    }
  });

  it("leaves memory alone that cannot be moved", () => {
    const bytes = new Uint8Array(memoryOfWebAssembly());
    bytes[5] = 7;
    discard(bytes);
    expect(bytes[5]).toBe(7);
  });
});

describe("discardWholeBuffer", () => {
  it("frees the whole buffer of bytes that begin it", () => {
    const memory = new Uint8Array(LARGE);
    discardWholeBuffer(memory.subarray(0, 5));
    expect(memory).toHaveLength(0);
  });

  it("leaves bytes alone that do not begin their buffer", () => {
    const memory = new Uint8Array(LARGE);
    discardWholeBuffer(memory.subarray(5));
    expect(memory).toHaveLength(LARGE);
  });
});

function memoryOfWebAssembly(): ArrayBuffer {
  // The types of this project do not have it.
  const { WebAssembly } = globalThis as unknown as {
    WebAssembly: { Memory: new (size: { initial: number }) => { buffer: ArrayBuffer } };
  };
  return new WebAssembly.Memory({ initial: 8 }).buffer;
}

function discarded(): Uint8Array {
  const bytes = new Uint8Array(LARGE);
  discard(bytes);
  return bytes;
}
