import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { checkEncryption, type Encryption } from "../../lib/vault/encryption.ts";
import { isEncrypted } from "../../lib/vault/frame.ts";
import { SessionFrames } from "../../lib/vault/frames.ts";
import { hashOf } from "../../lib/vault/hash.ts";
import { keyIdOf, testKey } from "../support/keys.ts";

const session = "RemoteAuth-bot";
const content = Buffer.from("content");
const sha = createHash("sha256").update(content).digest("hex");
const scrypt = { logN: 15, r: 8, p: 3, salt: testKey(9) };

const plain = new SessionFrames(session);
const framesBy = (encryption: Encryption | undefined, of = session): SessionFrames =>
  new SessionFrames(of, { keyring: checkEncryption(encryption), salt: async () => scrypt });
const withKey = (): SessionFrames => framesBy({ key: testKey(1) });

describe("frames of a session without encryption", () => {
  it("give the content back", async () => {
    const frame = await plain.encode("entry", "7", content);
    expect(isEncrypted(frame)).toBe(false);
    expect(String(await plain.decode("entry", "7", frame, "it"))).toBe("content");
  });

  it("name a content by its SHA-256", async () => {
    expect(hashOf(content, await plain.contentKey())).toBe(sha);
    expect(await plain.keyId()).toBeUndefined();
  });

  it("take a chunk only for the content of its id and size", async () => {
    const frame = await plain.encode("chunk", sha, content);
    expect(String(await plain.decodeChunk({ id: sha, bytes: 7 }, frame, "it"))).toBe("content");
    for (const chunk of [
      { id: changed(sha), bytes: 7 },
      { id: sha, bytes: 8 },
    ]) {
      await expect(plain.decodeChunk(chunk, frame, "it")).rejects.toMatchObject({ code: "CORRUPT" });
    }
  });
});

describe("frames of an encrypted session", () => {
  it.each(["entry", "chunk", "lease"] as const)("encrypt an %s, for its place alone", async (kind) => {
    const frame = await withKey().encode(kind, "7", content);
    expect(isEncrypted(frame)).toBe(true);
    expect(String(await withKey().decode(kind, "7", frame, "it"))).toBe("content");
    await expect(withKey().decode(kind, "8", frame, "it")).rejects.toMatchObject({ code: "CORRUPT" });
    const elsewhere = framesBy({ key: testKey(1) }, "RemoteAuth-two");
    await expect(elsewhere.decode(kind, "7", frame, "it")).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it.each(["session", "salt"] as const)("leave a %s plain: it is read before there is a key", async (kind) => {
    const frame = await withKey().encode(kind, "x", content);
    expect(isEncrypted(frame)).toBe(false);
    expect(String(await plain.decode(kind, "x", frame, "it"))).toBe("content");
  });

  it("name a content by a hash that only the key can make, and that differs between sessions and keys", async () => {
    const ids = await Promise.all(
      [withKey(), framesBy({ key: testKey(1) }, "RemoteAuth-two"), framesBy({ key: testKey(2) }), plain].map(
        async (frames) => hashOf(content, await frames.contentKey()),
      ),
    );
    expect(new Set(ids).size).toBe(4);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(await withKey().keyId()).toBe(keyIdOf(testKey(1)));
  });

  it("take a chunk only for the content of its id and size, under the key that wrote it", async () => {
    const old = framesBy({ key: testKey(2) });
    const id = hashOf(content, await old.contentKey());
    const frame = await old.encode("chunk", id, content);
    const both = framesBy({ keys: [testKey(1), testKey(2)] });
    expect(String(await both.decodeChunk({ id, bytes: 7 }, frame, "it"))).toBe("content");
    await expect(both.decodeChunk({ id, bytes: 8 }, frame, "it")).rejects.toMatchObject({ code: "CORRUPT" });
    // Somebody with the key would have to make this one: it is for an id that its content does not have.
    const forged = await both.encode("chunk", changed(id), content);
    const chunk = { id: changed(id), bytes: 7 };
    await expect(both.decodeChunk(chunk, forged, "it")).rejects.toMatchObject({ code: "CORRUPT" });
    // A plain chunk is no content of that id, whatever is in it.
    const unencrypted = await plain.encode("chunk", id, content);
    await expect(both.decodeChunk({ id, bytes: 7 }, unencrypted, "it")).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("ask for the salt of the vault only to encrypt with a passphrase", async () => {
    const passphrase = "correct horse battery staple";
    const frame = await framesBy({ passphrase }).encode("entry", "7", content);
    const salt = async (): Promise<never> => {
      throw new Error("no salt is needed");
    };
    const reader = new SessionFrames(session, { keyring: checkEncryption({ passphrase }), salt });
    expect(String(await reader.decode("entry", "7", frame, "it"))).toBe("content");
    await expect(reader.prepare()).rejects.toThrow("no salt is needed");
  });

  it("are WRONG_KEY without their key, and say which key it is", async () => {
    const frame = await withKey().encode("entry", "7", content);
    const message = `Could not read it: it is encrypted with key ${keyIdOf(testKey(1))}, and`;
    await expect(plain.decode("entry", "7", frame, "it")).rejects.toMatchObject({
      code: "WRONG_KEY",
      message: `${message} no key was given.`,
      hint: "Give the store that key as `encryption`. Nothing was changed.",
    });
    const others = framesBy({ keys: [testKey(2), { passphrase: "correct horse battery staple" }] });
    await expect(others.decode("entry", "7", frame, "it")).rejects.toMatchObject({
      code: "WRONG_KEY",
      message: `${message} given was key ${keyIdOf(testKey(2))}, a passphrase.`,
      hint: "Give the store that key as `encryption`, or as one more of `encryption.keys`. Nothing was changed.",
    });
  });
});

describe("a plain frame, read with a key", () => {
  const unencrypted = {
    code: "CORRUPT",
    message: "Could not read it: it is not encrypted, and the session is encrypted.",
  };

  it("is read while nothing of the session is known to be encrypted", async () => {
    const frames = withKey();
    expect(frames.mayBeDowngraded).toBe(true);
    expect(plain.mayBeDowngraded).toBe(false);
    const frame = await plain.encode("entry", "7", content);
    expect(String(await frames.decode("entry", "7", frame, "it"))).toBe("content");
  });

  it("is refused as an entry after an encrypted one, and as that one, but not before it", async () => {
    const frames = withKey();
    await frames.decode("entry", "7", await frames.encode("entry", "7", content), "it");
    expect(frames.mayBeDowngraded).toBe(false);
    for (const n of ["7", "8", "4711"]) {
      const frame = await plain.encode("entry", n, content);
      await expect(frames.decode("entry", n, frame, "it")).rejects.toMatchObject(unencrypted);
    }
    await frames.decode("entry", "6", await plain.encode("entry", "6", content), "it");
    frames.foundEncrypted(5);
    const frame = await plain.encode("entry", "6", content);
    await expect(frames.decode("entry", "6", frame, "it")).rejects.toMatchObject(unencrypted);
  });

  it("is refused in the place of an entry that is known to be encrypted", async () => {
    const frames = withKey();
    frames.expectEncrypted([3]);
    frames.expectEncrypted([5]);
    for (const n of ["3", "5"]) {
      const frame = await plain.encode("entry", n, content);
      await expect(frames.decode("entry", n, frame, "it")).rejects.toMatchObject(unencrypted);
    }
    await frames.decode("entry", "4", await plain.encode("entry", "4", content), "it");
  });

  it("is refused as a lease once an entry was encrypted", async () => {
    const frames = withKey();
    const frame = await plain.encode("lease", "1-ab/1", content);
    await frames.decode("lease", "1-ab/1", frame, "it");
    frames.foundEncrypted(3);
    await expect(frames.decode("lease", "1-ab/1", frame, "it")).rejects.toMatchObject(unencrypted);
  });

  it("is refused always where the option says so", async () => {
    const frames = framesBy({ key: testKey(1), refusePlain: true });
    for (const kind of ["entry", "chunk", "lease"] as const) {
      const frame = await plain.encode(kind, "7", content);
      await expect(frames.decode(kind, "7", frame, "it")).rejects.toMatchObject({
        code: "CORRUPT",
        message: "Could not read it: it is not encrypted, and `encryption.refusePlain` is set.",
      });
    }
    expect(String(await frames.decode("session", "x", await plain.encode("session", "x", content), "it"))).toBe(
      "content",
    );
  });
});

/** The same text with another last digit. */
function changed(hex: string): string {
  return `${hex.slice(0, -1)}${hex.endsWith("0") ? "1" : "0"}`;
}
