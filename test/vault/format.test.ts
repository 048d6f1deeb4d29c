import { createDecipheriv, createHash, createHmac, hkdfSync, scryptSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { crc32, inflateRawSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { checkEncryption } from "../../lib/vault/encryption.ts";
import { SessionFrames } from "../../lib/vault/frames.ts";
import { hashOf } from "../../lib/vault/hash.ts";

/** The test vectors of FORMAT.md. */
const vectors = vectorsOf(readFileSync("lib/vault/FORMAT.md", "utf8"));
const session = text("session");
const salt = async (): Promise<never> => {
  throw new Error("no salt is needed");
};

describe("the test vectors of FORMAT.md, by Node's crypto alone", () => {
  it("derive the keys from the key", () => {
    expect(expand(bytes("key"), "key id", "", 8)).toEqual(bytes("key id"));
    expect(expand(bytes("key"), "content", session)).toEqual(bytes("content key"));
    expect(expand(bytes("key"), "chunk id", session)).toEqual(bytes("chunk id key"));
  });

  it("derive the key of the passphrase", () => {
    const passphrase = text("passphrase").normalize("NFC");
    const key = scryptSync(passphrase, bytes("salt"), 32, { N: 2 ** 15, r: 8, p: 3, maxmem: 2 ** 26 });
    expect(key).toEqual(bytes("scrypt key"));
    expect(expand(key, "key id", "", 8)).toEqual(bytes("scrypt key id"));
  });

  it("name the chunk", () => {
    const idBy = (key: Buffer): string => createHmac("sha256", key).update(text("chunk content")).digest("hex");
    expect(idBy(bytes("chunk id key"))).toBe(text("chunk id"));
    expect(idBy(expand(bytes("scrypt key"), "chunk id", session))).toBe(text("scrypt chunk id"));
  });

  it("decrypt the entry", () => {
    const { header, content } = decrypt(bytes("entry frame"), 32, bytes("content key"), text("entry number"));
    expect(header.toString("latin1", 0, 3)).toBe("WAV");
    expect([...header.subarray(3, 8)]).toEqual([2, 1, 0, 1, 1]);
    expect(header.subarray(12, 20)).toEqual(bytes("key id"));
    expect(header.subarray(20, 32)).toEqual(bytes("entry nonce"));
    expect(String(content)).toBe(text("entry content"));
    expect(header.readUInt32BE(8)).toBe(content.length);
  });

  it("decrypt and inflate the chunk", () => {
    const key = expand(bytes("scrypt key"), "content", session);
    const { header, content } = decrypt(bytes("scrypt chunk frame"), 68, key, text("scrypt chunk id"));
    expect([...header.subarray(3, 8)]).toEqual([2, 2, 1, 2, 0]);
    expect(header.subarray(12, 20)).toEqual(bytes("scrypt key id"));
    expect([...header.subarray(32, 36)]).toEqual([15, 8, 3, 0]);
    expect(header.subarray(36, 68)).toEqual(bytes("salt"));
    expect(String(inflateRawSync(content))).toBe(text("chunk content"));
  });

  it("name the chunk of zstd, and its checksum", () => {
    const frame = bytes("zstd chunk frame");
    const content = text("zstd chunk content");
    expect([...frame.subarray(0, 8)]).toEqual([..."WAV"].map((letter) => letter.charCodeAt(0)).concat(1, 2, 2, 0, 0));
    expect(frame.readUInt32BE(8)).toBe(content.length);
    expect(frame.readUInt32BE(frame.length - 4)).toBe(crc32(frame.subarray(0, -4)));
    expect(createHash("sha256").update(content).digest("hex")).toBe(text("zstd chunk id"));
  });
});

describe("the test vectors of FORMAT.md, by the library", () => {
  it("are read", async () => {
    const byKey = new SessionFrames(session, { keyring: checkEncryption({ key: bytes("key") }), salt });
    const number = text("entry number");
    expect(String(await byKey.decode("entry", number, bytes("entry frame"), "it"))).toBe(text("entry content"));
    expect(hashOf(Buffer.from(text("chunk content")), await byKey.contentKey())).toBe(text("chunk id"));
    expect(await byKey.keyId()).toBe(text("key id"));
    const passphrase = text("passphrase");
    const byPassphrase = new SessionFrames(session, { keyring: checkEncryption({ passphrase }), salt });
    const chunk = { id: text("scrypt chunk id"), bytes: text("chunk content").length };
    const content = await byPassphrase.decodeChunk(chunk, bytes("scrypt chunk frame"), "it");
    expect(String(content)).toBe(text("chunk content"));
  });

  it("are read, compressed with zstd, whatever this Node.js has", async () => {
    const frames = new SessionFrames(session, { keyring: checkEncryption(undefined), salt });
    const chunk = { id: text("zstd chunk id"), bytes: text("zstd chunk content").length };
    const content = await frames.decodeChunk(chunk, bytes("zstd chunk frame"), "it");
    expect(String(content)).toBe(text("zstd chunk content"));
  });

  it("are what is written: a frame of the library decrypts as theirs", async () => {
    const frames = new SessionFrames(session, { keyring: checkEncryption({ key: bytes("key") }), salt });
    const frame = await frames.encode("entry", "7", Buffer.from("another entry"));
    expect(String(decrypt(frame, 32, bytes("content key"), "7").content)).toBe("another entry");
  });
});

function vectorsOf(page: string): Map<string, string> {
  const [, block = ""] = page.split("### Test vectors")[1]?.match(/```text\n(.*?)```/s) ?? [];
  return new Map(
    block
      .trim()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]),
  );
}

function text(name: string): string {
  const value = vectors.get(name);
  if (value === undefined) throw new Error(`FORMAT.md has no test vector "${name}".`);
  return value;
}

function bytes(name: string): Buffer {
  return Buffer.from(text(name), "hex");
}

function expand(key: Buffer, purpose: string, of: string, length = 32): Buffer {
  return Buffer.from(hkdfSync("sha256", key, Buffer.alloc(0), Buffer.from(`wa-vault ${purpose}\0${of}`), length));
}

function decrypt(frame: Buffer, headerBytes: number, key: Buffer, place: string): { header: Buffer; content: Buffer } {
  expect(frame.readUInt32BE(frame.length - 4)).toBe(crc32(frame.subarray(0, -4)));
  const header = frame.subarray(0, headerBytes);
  const decipher = createDecipheriv("aes-256-gcm", key, frame.subarray(20, 32), { authTagLength: 16 });
  decipher.setAAD(Buffer.concat([header, Buffer.from(`${session}\0${place}`)]));
  decipher.setAuthTag(frame.subarray(-20, -4));
  return { header, content: Buffer.concat([decipher.update(frame.subarray(headerBytes, -20)), decipher.final()]) };
}
