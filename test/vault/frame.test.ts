import { describe, expect, it } from "vitest";
import { isVaultError } from "../../lib/errors.ts";
import { decodeFrame, encodeFrame } from "../../lib/vault/frame.ts";
import { noise } from "../contract/profile.ts";

/** FORMAT.md: 12 bytes before the body, and 4 after it. */
const FRAME_OVERHEAD = 16;

describe("frame", () => {
  it.each([0, 1, 100, 16 * 1024, 16 * 1024 + 1, 300_000])("gives back %d bytes, compressed or not", async (length) => {
    for (const plain of [Buffer.alloc(length, "text "), noise(length)]) {
      const frame = await encodeFrame("chunk", plain);
      expect(frame.length).toBeLessThanOrEqual(plain.length + FRAME_OVERHEAD);
      expect((await decodeFrame("chunk", frame, "it")).equals(plain)).toBe(true);
    }
  });

  it("does not compress what would not shrink", async () => {
    const plain = noise(300_000);
    const frame = await encodeFrame("chunk", plain);
    expect(frame[5]).toBe(0);
    expect(frame.length).toBe(plain.length + FRAME_OVERHEAD);
    const text = await encodeFrame("chunk", Buffer.alloc(300_000, "text "));
    expect(text[5]).toBe(1);
    expect(text.length).toBeLessThan(10_000);
  });

  it.each([noise(60), Buffer.alloc(2_000, "text ")])(
    "notices every bit that flips and every byte that is missing",
    async (plain) => {
      const frame = await encodeFrame("entry", plain);
      for (let bit = 0; bit < frame.length * 8; bit++) {
        const flipped = Buffer.from(frame);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        await expect(decodeFrame("entry", flipped, "it")).rejects.toMatchObject({ code: "CORRUPT" });
      }
      for (let length = 0; length < frame.length; length++) {
        await expect(decodeFrame("entry", frame.subarray(0, length), "it")).rejects.toMatchObject({ code: "CORRUPT" });
      }
      await expect(decodeFrame("entry", Buffer.concat([frame, Buffer.alloc(1)]), "it")).rejects.toMatchObject({
        code: "CORRUPT",
      });
    },
  );

  it("is never taken for another kind", async () => {
    const frame = await encodeFrame("chunk", Buffer.from("x"));
    await expect(decodeFrame("entry", frame, "it")).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("tells a newer format and a key that was not given from damage", async () => {
    const patched = async (at: number, value: number): Promise<unknown> => {
      const { crc32 } = await import("node:zlib");
      const frame = await encodeFrame("chunk", Buffer.from("hello"));
      frame[at] = value;
      frame.writeUInt32BE(crc32(frame.subarray(0, -4)), frame.length - 4);
      return decodeFrame("chunk", frame, "it").catch((error: unknown) => error);
    };
    expect(await patched(3, 2)).toMatchObject({ code: "INVALID" });
    expect(await patched(5, 7)).toMatchObject({ code: "INVALID" });
    expect(await patched(6, 1)).toMatchObject({ code: "WRONG_KEY" });
    // More bytes than it says: a bomb that somebody made on purpose.
    const bomb = await patched(11, 4);
    expect(isVaultError(bomb, "CORRUPT")).toBe(true);
  });
});
