import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { checkEncryption, type Encryption } from "../../lib/vault/encryption.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { testKey } from "../support/keys.ts";

const passphrase = "correct horse battery staple";

describe("the option `encryption`", () => {
  it("is off when it is undefined", () => {
    expect(checkEncryption(undefined).isOn).toBe(false);
  });

  it.each<[string, Encryption, string]>([
    ["a key", { key: testKey(1) }, "key c4b5a4d5fa3a3e4e"],
    ["a passphrase", { passphrase }, "a passphrase"],
    ["keys", { keys: [testKey(1), { passphrase }, { passphrase: `${passphrase}!` }] }, "key, 2 passphrases"],
  ])("takes %s, and names what it was given by its id", (_, encryption, described) => {
    const keyring = checkEncryption(encryption);
    expect(keyring.isOn).toBe(true);
    expect(keyring.describe().replace(/ [0-9a-f]{16}/, "")).toBe(described.replace(/ [0-9a-f]{16}/, ""));
    expect(keyring.refusesPlain).toBe(false);
  });

  it.each<[string, unknown, RegExp]>([
    ["null", null, /an object with `key`/],
    ["a key beside its name", testKey(1), /an object with `key`/],
    ["text", "secret", /an object with `key`/],
    ["true", true, /an object with `key`/],
    ["an empty object", {}, /exactly one of .* not nothing/],
    ["two ways at once", { key: testKey(1), passphrase }, /exactly one of .* not `key` and `passphrase`/],
    ["a key and a variable that is not set", { key: testKey(1), passphrase: undefined }, /exactly one of/],
    ["a variable that is not set", { key: undefined }, /`encryption.key` .* it is undefined/],
    ["a passphrase that is not set", { passphrase: undefined }, /`encryption.passphrase` .* it is undefined/],
    ["an option that does not exist", { kee: testKey(1) }, /without `kee`/],
    ["keys that are no list", { keys: testKey(1) }, /`encryption.keys` to be a list/],
    ["no keys", { keys: [] }, /it is empty/],
    ["a key that is wrong", { keys: [testKey(1), "x"] }, /`encryption.keys\[1\]`/],
    ["a passphrase that is wrong", { keys: [{ passphrase: "x" }] }, /`encryption.keys\[0\].passphrase`/],
    ["one key twice", { keys: [testKey(1), testKey(2), testKey(1).toString("hex")] }, /number 1 and 3 are the same/],
    ["one passphrase twice", { keys: [{ passphrase }, { passphrase }] }, /number 1 and 2 are the same/],
    ["a wish that is neither true nor false", { key: testKey(1), refusePlain: "yes" }, /`encryption.refusePlain`/],
  ])("is refused as %s", (_, encryption, message) => {
    expect(() => checkEncryption(encryption as Encryption)).toThrow(message);
    expect(() => checkEncryption(encryption as Encryption)).toThrow(expect.objectContaining({ code: "INVALID" }));
  });

  it("shows no key when the store is printed", () => {
    const store = new Vault({ blobs: new MemoryBlobs(), encryption: { key: testKey(1) } });
    const keyring = checkEncryption({ keys: [testKey(1), { passphrase }] });
    const shown = [
      inspect(store, { depth: 9, showHidden: true }),
      inspect(keyring, { depth: 9, showHidden: true }),
    ].join();
    expect(shown).not.toContain(testKey(1).toString("hex"));
    expect(shown).not.toContain(testKey(1).toString("base64"));
    expect(shown).not.toContain(passphrase);
    expect(JSON.stringify({ store, keyring })).not.toMatch(/[0-9a-f]{16}/);
  });
});
