import { describe, expect, it } from "vitest";
import { checkZstdFrame, isZstdFrame } from "../../lib/vault/zstd-frame.ts";
import { zeroBlocks, zstdBlock, zstdBody, zstdContent, zstdFrame } from "./support/zstd-frames.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const NOT_SINGLE = 0x80;

describe("the outline of a frame of zstd", () => {
  it("is right in frames that Node has written, and in others that are whole", () => {
    expect(isZstdFrame(zstdBody, zstdContent.length)).toBe(true);
    checkZstdFrame(zstdFrame(300 * KIB, zeroBlocks(300 * KIB)), 300 * KIB);
    checkZstdFrame(zstdFrame(10 * MIB, zeroBlocks(10 * MIB), NOT_SINGLE), 10 * MIB);
    checkZstdFrame(zstdFrame(5, [zstdBlock(0, 5, Buffer.from("hello"), true)]), 5);
    checkZstdFrame(zstdFrame(0, [zstdBlock(0, 0, Buffer.alloc(0), true)]), 0);
  });

  it("is right with any width of the length, and with a checksum", () => {
    const [start, block] = [zstdBody.subarray(0, 4), zstdBlock(1, 300, Buffer.alloc(1), true)];
    const frame = (flags: number, ...rest: Buffer[]): Buffer => Buffer.concat([start, Buffer.from([flags]), ...rest]);
    checkZstdFrame(frame(0x20, Buffer.from([5]), zstdBlock(1, 5, Buffer.alloc(1), true)), 5);
    checkZstdFrame(frame(0x60, Buffer.from([44, 0]), block), 300);
    checkZstdFrame(frame(0xe0, Buffer.from([44, 1, 0, 0, 0, 0, 0, 0]), block), 300);
    checkZstdFrame(frame(0x64, Buffer.from([44, 0]), block, Buffer.alloc(4)), 300);
    expect(isZstdFrame(frame(0x64, Buffer.from([44, 0]), block), 300)).toBe(false);
  });

  it("is wrong in every frame that is cut, and in one with a byte behind it", () => {
    for (let length = 0; length < zstdBody.length; length++) {
      expect(isZstdFrame(zstdBody.subarray(0, length), zstdContent.length), `${length} bytes`).toBe(false);
    }
    expect(isZstdFrame(Buffer.concat([zstdBody, Buffer.alloc(1)]), zstdContent.length)).toBe(false);
  });

  const skipped = Buffer.from("502a4d1803000000616263", "hex");
  it.each([
    ["two frames", zstdFrame(5, [zstdBlock(1, 5, Buffer.alloc(1), true), zstdFrame(0, zeroBlocks(0))]), "end where"],
    ["a frame that is skipped", skipped, "no frame"],
    ["a frame behind one that is skipped", Buffer.concat([skipped, zstdBody]), "no frame"],
    ["another length", zstdFrame(6, [zstdBlock(1, 6, Buffer.alloc(1), true)]), "says 6 bytes"],
    ["no length", Buffer.concat([zstdBody.subarray(0, 4), Buffer.from([0, 0])]), "without the length"],
    ["a dictionary", zstdFrame(5, zeroBlocks(5), 0xa1), "dictionary"],
    ["the reserved bit", zstdFrame(5, zeroBlocks(5), 0xa8), "unknown flags"],
    ["a block of the reserved type", zstdFrame(5, [zstdBlock(3, 5, Buffer.alloc(5), true)]), "impossible block"],
    ["a block that is larger than the window", zstdFrame(5, [zstdBlock(1, 6, Buffer.alloc(1), true)]), "impossible"],
    ["too few blocks", zstdFrame(5, [zstdBlock(1, 4, Buffer.alloc(1), true)]), "too few blocks"],
    ["no last block", zstdFrame(5, [zstdBlock(1, 5, Buffer.alloc(1))]), "out of range"],
  ])("is wrong with %s", (_, frame, why) => {
    expect(() => checkZstdFrame(frame, 5)).toThrow(why);
    expect(() => checkZstdFrame(frame, 5)).toThrow(RangeError);
  });

  it("is wrong when a decoder would need more than 8 MiB for the window", () => {
    expect(() => checkZstdFrame(zstdFrame(9 * MIB, zeroBlocks(9 * MIB)), 9 * MIB)).toThrow("a window of");
    const frame = zstdFrame(5, zeroBlocks(5), NOT_SINGLE);
    frame[5] = 13 << 3;
    checkZstdFrame(frame, 5);
    frame[5] = (13 << 3) + 1;
    expect(() => checkZstdFrame(frame, 5)).toThrow("a window of");
  });
});
