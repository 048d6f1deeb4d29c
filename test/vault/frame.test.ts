import { createSecretKey } from "node:crypto";
import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DEFLATED, ZSTD } from "../../lib/vault/compress.ts";
import { contentOf, encodeFrame, isEncrypted, readFrame, type Seal } from "../../lib/vault/frame.ts";
import { nodeZstd } from "../../lib/vault/zstd.ts";
import { noise } from "../contract/profile.ts";
import { zstdBody, zstdChunk, zstdContent } from "./support/zstd-frames.ts";

/** FORMAT.md: 12 bytes before the body and 4 after it; encrypted, 36 more, and 36 more when the key is of a passphrase. */
const OVERHEAD = { plain: 16, key: 52, passphrase: 88 };

const key: Seal = { id: "0123456789abcdef", secret: createSecretKey(noise(32)), place: "RemoteAuth-bot\x007" };
const passphrase: Seal = { ...key, scrypt: { logN: 15, r: 8, p: 3, salt: noise(32, 2) } };

const ways: [name: string, seal: Seal | undefined, overhead: number][] = [
  ["plain", undefined, OVERHEAD.plain],
  ["encrypted with a key", key, OVERHEAD.key],
  ["encrypted with a passphrase", passphrase, OVERHEAD.passphrase],
];

describe.each(ways)("a frame, %s", (_, seal, overhead) => {
  const decode = async (frame: Buffer): Promise<Buffer> => contentOf(readFrame("entry", frame, "it"), "it", seal);

  it.each([0, 1, 100, 16 * 1024, 16 * 1024 + 1, 300_000])("gives back %d bytes, compressed or not", async (length) => {
    for (const plain of [Buffer.alloc(length, "text "), noise(length)]) {
      const frame = await encodeFrame("entry", plain, seal);
      expect(frame.length).toBeLessThanOrEqual(plain.length + overhead);
      expect((await decode(frame)).equals(plain)).toBe(true);
    }
  });

  it("is compressed only when that makes it smaller", async () => {
    const plain = noise(300_000);
    const frame = await encodeFrame("entry", plain, seal);
    expect(frame[5]).toBe(0);
    expect(frame.length).toBe(plain.length + overhead);
    const text = await encodeFrame("entry", Buffer.alloc(300_000, "text "), seal);
    expect(text[5]).toBe(nodeZstd ? ZSTD : DEFLATED);
    expect(text.length).toBeLessThan(10_000);
  });

  it.each([noise(60), Buffer.alloc(2_000, "text ")])(
    "shows every bit that flips and every byte that is missing",
    async (plain) => {
      const frame = await encodeFrame("entry", plain, seal);
      for (let bit = 0; bit < frame.length * 8; bit++) {
        const flipped = Buffer.from(frame);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        await expect(decode(flipped)).rejects.toMatchObject({ code: "CORRUPT" });
      }
      for (let length = 0; length < frame.length; length++) {
        await expect(decode(frame.subarray(0, length))).rejects.toMatchObject({ code: "CORRUPT" });
      }
      await expect(decode(Buffer.concat([frame, Buffer.alloc(1)]))).rejects.toMatchObject({ code: "CORRUPT" });
    },
  );

  it("is never taken for another kind", async () => {
    const frame = await encodeFrame("chunk", Buffer.from("x"), seal);
    await expect(decode(frame)).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("of a newer format is told from damage", async () => {
    const frame = await encodeFrame("entry", Buffer.from("hello"), seal);
    const changes = [
      [3, 3],
      [5, 7],
      [6, 3],
      [7, 3],
    ] as const;
    for (const [at, value] of changes) {
      await expect(decode(patched(frame, at, value))).rejects.toMatchObject({ code: "INVALID" });
    }
    const chunk = await encodeFrame("chunk", Buffer.from("hello"), seal);
    expect(() => readFrame("chunk", patched(chunk, 7, 1), "it")).toThrow(expect.objectContaining({ code: "INVALID" }));
  });

  it("of an entry is a newer format to the first version, which writes and reads 0 in byte 7", async () => {
    const frame = await encodeFrame("entry", Buffer.from("hello"), seal);
    expect(frame[7]).toBe(1);
    expect((await encodeFrame("chunk", Buffer.from("hello"), seal))[7]).toBe(0);
    if (!seal) expect(String(await decode(patched(frame, 7, 0)))).toBe("hello");
  });

  it("says whether it is encrypted, also when it is damaged", async () => {
    const frame = await encodeFrame("entry", Buffer.from("hello"), seal);
    expect(isEncrypted(frame)).toBe(seal !== undefined);
    expect(isEncrypted(frame.subarray(0, 12))).toBe(seal !== undefined);
    expect(isEncrypted(Buffer.alloc(0))).toBe(false);
  });
});

describe("a chunk that a Node with zstd has written", () => {
  const decode = async (frame: Buffer): Promise<Buffer> => contentOf(readFrame("chunk", frame, "it"), "it");

  it("is read on every Node", async () => {
    expect(zstdChunk[5]).toBe(ZSTD);
    expect((await decode(zstdChunk)).equals(zstdContent)).toBe(true);
  });

  it("is CORRUPT with a bit that flips, a byte that is missing or one more", async () => {
    for (let at = 0; at < zstdChunk.length; at++) {
      const flipped = Buffer.from(zstdChunk);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      await expect(decode(flipped), `byte ${at}`).rejects.toMatchObject({ code: "CORRUPT" });
      await expect(decode(zstdChunk.subarray(0, at))).rejects.toMatchObject({ code: "CORRUPT" });
    }
    await expect(decode(Buffer.concat([zstdChunk, Buffer.alloc(1)]))).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("is CORRUPT, or as long as it says, when somebody changed it on purpose", async () => {
    for (let at = 8; at < zstdChunk.length - 4; at++) {
      const outcome = await decode(patched(zstdChunk, at, (zstdChunk[at] ?? 0) ^ 0x11)).catch(
        (error: unknown) => error,
      );
      if (outcome instanceof Error) {
        const message = "Could not read it: it cannot be decompressed.";
        expect(outcome, `byte ${at}`).toMatchObject({ code: "CORRUPT", message });
      } else expect(outcome, `byte ${at}`).toHaveLength(zstdContent.length);
    }
    for (const body of [Buffer.alloc(0), zstdBody.subarray(0, -1), Buffer.concat([zstdBody, zstdBody])]) {
      const changed = Buffer.concat([zstdChunk.subarray(0, 12), body, Buffer.alloc(4)]);
      await expect(decode(patched(changed, 5, ZSTD))).rejects.toMatchObject({ code: "CORRUPT" });
    }
  });
});

describe("a frame that somebody changed on purpose, with a checksum that is right", () => {
  it("does not unpack to more bytes than it says", async () => {
    const frame = await encodeFrame("entry", Buffer.alloc(2_000, "text "));
    await expect(content(patched(frame, 11, 4))).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it.each([key, passphrase])("does not decrypt when any byte of it was changed", async (seal) => {
    const frame = await encodeFrame("entry", Buffer.from("hello"), seal);
    for (let at = 0; at < frame.length - 4; at++) {
      const outcome = await content(patched(frame, at, (frame[at] ?? 0) ^ 1), seal).catch((error: unknown) => error);
      // The version, the codec, the source of the key and the zero byte may then name a newer format.
      expect(outcome, `byte ${at}`).toMatchObject({ code: at >= 3 && at <= 7 ? /INVALID|CORRUPT/ : "CORRUPT" });
    }
  });

  it("does not decrypt when it was cut", async () => {
    const frame = await encodeFrame("entry", Buffer.from("hello"), key);
    for (let length = 12; length < frame.length - 4; length++) {
      const cut = Buffer.concat([frame.subarray(0, length), Buffer.alloc(4)]);
      await expect(content(patched(cut, 3, 2), key)).rejects.toMatchObject({ code: "CORRUPT" });
    }
  });

  it("does not decrypt at another place, or with another key", async () => {
    const frame = await encodeFrame("entry", Buffer.from("hello"), key);
    expect(String(await content(frame, key))).toBe("hello");
    for (const other of [
      { ...key, place: "RemoteAuth-bot\x008" },
      { ...key, place: "RemoteAuth-bo\x007" },
      { ...key, secret: createSecretKey(noise(32, 9)) },
    ]) {
      await expect(content(frame, other)).rejects.toMatchObject({ code: "CORRUPT" });
    }
  });

  it.each([
    [32, 13],
    [32, 40],
    [33, 0],
    [33, 200],
    [34, 0],
    [34, 17],
    [35, 1],
  ])("does not make scrypt run with parameters that are too weak or too expensive (byte %d: %d)", async (at, value) => {
    const frame = await encodeFrame("entry", Buffer.from("hello"), passphrase);
    expect(() => readFrame("entry", patched(frame, at, value), "it")).toThrow("out of range");
  });
});

it("two encrypted frames of one content differ in their nonce, and so in all of their body", async () => {
  const [one, two] = await Promise.all([1, 2].map(() => encodeFrame("entry", noise(64), key)));
  expect(one?.subarray(0, 20).equals(two?.subarray(0, 20) ?? Buffer.alloc(0))).toBe(true);
  expect(one?.subarray(20, 32)).not.toEqual(two?.subarray(20, 32));
  expect(one?.subarray(32, 96)).not.toEqual(two?.subarray(32, 96));
});

async function content(frame: Buffer, seal?: Seal): Promise<Buffer> {
  return contentOf(readFrame("entry", frame, "it"), "it", seal);
}

function patched(frame: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(frame);
  copy[at] = value;
  copy.writeUInt32BE(crc32(copy.subarray(0, -4)), copy.length - 4);
  return copy;
}
