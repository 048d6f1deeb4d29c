import { describe, expect, it } from "vitest";
import { SCRYPT_COST } from "../../lib/vault/derive.ts";
import { checkEncryption } from "../../lib/vault/encryption.ts";
import { testKey } from "../support/keys.ts";

const passphrase = "correct horse battery staple";
const scrypt = { ...SCRYPT_COST, salt: testKey(9) };
const noSalt = async (): Promise<never> => {
  throw new Error("no salt is needed");
};

describe("a keyring", () => {
  it("encrypts with its first key, and finds every key by its id", async () => {
    const keyring = checkEncryption({ keys: [testKey(1), testKey(2)] });
    const first = await keyring.first(noSalt);
    expect(first?.key.export()).toEqual(testKey(1));
    const second = await checkEncryption({ key: testKey(2) }).first(noSalt);
    expect((await keyring.find({ id: second?.id ?? "" }))?.key.export()).toEqual(testKey(2));
    expect(await keyring.find({ id: "0000000000000000" })).toBeUndefined();
  });

  it("without keys encrypts nothing and finds nothing", async () => {
    const keyring = checkEncryption(undefined);
    expect(await keyring.first(noSalt)).toBeUndefined();
    expect(await keyring.find({ id: "0000000000000000", scrypt })).toBeUndefined();
  });

  it("finds the key of a passphrase by the salt that the frame names", async () => {
    const made = await checkEncryption({ passphrase }).first(async () => scrypt);
    expect(made?.scrypt).toEqual(scrypt);
    const keyring = checkEncryption({ keys: [testKey(1), { passphrase: "another passphrase" }, { passphrase }] });
    const reference = { id: made?.id ?? "", scrypt };
    expect((await keyring.find(reference))?.key.equals(made?.key as never)).toBe(true);
    expect(await keyring.find({ ...reference, scrypt: { ...scrypt, salt: testKey(8) } })).toBeUndefined();
    // A frame of a given key is not looked for among those of passphrases, nor the other way round.
    expect(await keyring.find({ id: reference.id })).toBeUndefined();
  });
});
