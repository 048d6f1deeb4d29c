import { describe, expect, it } from "vitest";
import { DEFLATED, pack, STORED, unpack, ZSTD } from "../../lib/vault/compress.ts";
import type { NodeZstd } from "../../lib/vault/zstd.ts";
import { noise } from "../contract/profile.ts";
import { zstdBlock, zstdBody, zstdContent, zstdFrame } from "./support/zstd-frames.ts";

const KIB = 1024;

/** A Node whose zstd makes this of everything. */
const zstdThatMakes = (body: Buffer): NodeZstd => ({
  compress: async () => body,
  decompress: async () => {
    throw new Error("not asked for");
  },
});

describe("a body", () => {
  it("is compressed with zstd where Node has it, and read where it has none", async () => {
    const packed = await pack(zstdContent, zstdThatMakes(zstdBody));
    expect(packed).toEqual({ codec: ZSTD, body: zstdBody });
    expect((await unpack(packed, zstdContent.length, undefined)).equals(zstdContent)).toBe(true);
  });

  it("is deflated where Node has no zstd, and up to 16 KiB everywhere", async () => {
    for (const plain of [zstdContent, zstdContent.subarray(0, 16 * KIB), Buffer.alloc(300_000, "text ")]) {
      const packed = await pack(plain, plain.length > 16 * KIB ? undefined : zstdThatMakes(zstdBody));
      expect(packed.codec).toBe(DEFLATED);
      expect((await unpack(packed, plain.length, zstdThatMakes(zstdBody))).equals(plain)).toBe(true);
    }
  });

  it("is deflated when zstd makes something that no reader would take", async () => {
    for (const body of [zstdBody.subarray(1), Buffer.concat([zstdBody, zstdBody])]) {
      const packed = await pack(zstdContent, zstdThatMakes(body));
      expect(packed.codec).toBe(DEFLATED);
      expect((await unpack(packed, zstdContent.length, undefined)).equals(zstdContent)).toBe(true);
    }
  });

  it("that is stored leaves no memory of what zstd made of it", async () => {
    const plain = noise(300_000);
    const parts = [0, 100_000, 200_000].map((at) =>
      zstdBlock(0, 100_000, plain.subarray(at, at + 100_000), at === 200_000),
    );
    const made = zstdFrame(plain.length, parts);
    const packed = await pack(plain, zstdThatMakes(made));
    expect(packed).toEqual({ codec: STORED, body: plain });
    expect(made).toHaveLength(0);
    expect(plain).toHaveLength(300_000);
  });

  it.each([10, 17 * KIB, 300_000])("of %d bytes is stored when it gets hardly smaller", async (bytes) => {
    const plain = noise(bytes);
    const packed = await pack(plain, undefined);
    expect(packed.codec).toBe(STORED);
    expect(packed.body).toBe(plain);
    expect(await unpack({ codec: STORED, body: plain }, bytes, undefined)).toBe(plain);
  });

  it("that says that its content fills the memory is refused before it is unpacked", async () => {
    const { body } = await pack(Buffer.alloc(300_000, "text "), undefined);
    for (const bytes of [256 * KIB * KIB + 1, 2 ** 32 - 1]) {
      await expect(unpack({ codec: DEFLATED, body }, bytes, undefined)).rejects.toThrow(`would have ${bytes} bytes`);
    }
  });
});
