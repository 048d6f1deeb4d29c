import { createSecretKey, hkdfSync, scryptSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { keyId, packScrypt, passphraseKey, SCRYPT_COST, sessionKeys, unpackScrypt } from "../../lib/vault/derive.ts";
import { testKey } from "../support/keys.ts";

const key = createSecretKey(testKey(1));
const salt = testKey(2);

describe("keys of a session", () => {
  it("are made by HKDF, one for each purpose", () => {
    const expected = (purpose: string): Buffer =>
      Buffer.from(hkdfSync("sha256", testKey(1), "", `wa-vault ${purpose}\0RemoteAuth-bot`, 32));
    const { content, chunkId } = sessionKeys(key, "RemoteAuth-bot");
    expect(content.export()).toEqual(expected("content"));
    expect(chunkId.export()).toEqual(expected("chunk id"));
    expect(content.equals(chunkId)).toBe(false);
  });

  it("differ between sessions and between keys", () => {
    const one = sessionKeys(key, "RemoteAuth-a").content;
    expect(sessionKeys(key, "RemoteAuth-b").content.equals(one)).toBe(false);
    expect(sessionKeys(createSecretKey(testKey(3)), "RemoteAuth-a").content.equals(one)).toBe(false);
  });

  it("have an id that is no part of them", () => {
    expect(keyId(key)).toMatch(/^[0-9a-f]{16}$/);
    expect(keyId(createSecretKey(testKey(3)))).not.toBe(keyId(key));
  });
});

describe("the key of a passphrase", () => {
  it("is made by scrypt, of its composed form", async () => {
    const made = await passphraseKey("motörhead and friends", { ...SCRYPT_COST, salt });
    const expected = scryptSync("mot\u00f6rhead and friends", salt, 32, { N: 32768, r: 8, p: 3, maxmem: 2 ** 27 });
    expect(made.export()).toEqual(expected);
    // The same text as another keyboard writes it.
    expect((await passphraseKey("moto\u0308rhead and friends", { ...SCRYPT_COST, salt })).equals(made)).toBe(true);
  });

  it("is made once for a passphrase, a salt and a cost", async () => {
    const again = (text: string, more = {}): Promise<unknown> => passphraseKey(text, { ...SCRYPT_COST, salt, ...more });
    const first = again("once is enough");
    expect(again("once is enough")).toBe(first);
    expect(again("once is not enough")).not.toBe(first);
    expect(again("once is enough", { salt: testKey(4) })).not.toBe(first);
    expect(again("once is enough", { p: 4 })).not.toBe(first);
    await Promise.all([first, again("once is enough", { salt: testKey(4) })]);
  });

  it("is tried again after a failure", async () => {
    const impossible = { logN: 60, r: 8, p: 1, salt };
    const first = passphraseKey("one that fails", impossible);
    await expect(first).rejects.toThrow();
    const second = passphraseKey("one that fails", impossible);
    expect(second).not.toBe(first);
    await expect(second).rejects.toThrow();
  });
});

describe("a salt in a frame", () => {
  it("is read as it was written", () => {
    const scrypt = { logN: 16, r: 8, p: 5, salt };
    expect(unpackScrypt(packScrypt(scrypt))).toEqual(scrypt);
  });

  it.each([
    { logN: 13, r: 8, p: 3 },
    { logN: 18, r: 8, p: 3 },
    { logN: 15, r: 0, p: 3 },
    { logN: 15, r: 33, p: 3 },
    { logN: 15, r: 8, p: 0 },
    { logN: 15, r: 8, p: 17 },
  ])("is refused when its cost is $logN, $r, $p", (cost) => {
    expect(unpackScrypt(packScrypt({ ...cost, salt }))).toBeUndefined();
  });

  it("is refused when it is cut", () => {
    expect(unpackScrypt(packScrypt({ ...SCRYPT_COST, salt }).subarray(0, -1))).toBeUndefined();
  });
});
