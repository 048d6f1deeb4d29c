import { VaultError } from "../errors.ts";
import { type EncryptionKey, parseKey, parsePassphrase } from "./key-text.ts";
import { Keyring, type Secret } from "./keyring.ts";

/**
 * Encrypts everything that a store writes from now on: log entries, chunks and leases, but neither the names of
 * sessions nor sizes and times (docs/security.md). Exactly one of `key`, `passphrase` and `keys`.
 */
export type Encryption = EncryptionWays & {
  /**
   * Refuse what is stored without encryption as `CORRUPT`, instead of reading it. For sessions that were always
   * encrypted, or that `rekey` has encrypted: nobody can put an unencrypted session in their place then.
   * @default false
   */
  refusePlain?: boolean | undefined;
};

/** Where the key of {@link Encryption} comes from. */
export type EncryptionWays =
  | {
      /**
       * 32 random bytes: a `Uint8Array`, or text in base64, base64url or hexadecimal. Undefined, as a variable that is not
       * set, is refused.
       */
      key: EncryptionKey | undefined;
    }
  | {
      /** A text of at least 12 characters, of which scrypt makes a key. A random key is safer, and faster. */
      passphrase: string | undefined;
    }
  | {
      /** Several: the first one encrypts, every one decrypts. */
      keys: readonly (EncryptionKey | { passphrase: string | undefined } | undefined)[];
    };

const WAYS = ["key", "passphrase", "keys"] as const;
const USE = "Use `encryption: { key }`, with a key from `openssl rand -base64 32`.";

/** The keys of the `encryption` option; none when it is undefined. @throws `INVALID` naming the mistake, without the key */
export function checkEncryption(encryption: Encryption | undefined): Keyring {
  if (encryption === undefined) return new Keyring([]);
  const given: unknown = encryption;
  if (typeof given !== "object" || given === null || Array.isArray(given) || given instanceof Uint8Array) {
    throw invalid("an object with `key`, `passphrase` or `keys`", USE);
  }
  const unknown = Object.keys(given).find((name) => name !== "refusePlain" && !WAYS.some((way) => way === name));
  if (unknown !== undefined) throw invalid(`without \`${unknown.slice(0, 40)}\`, which is no option`, USE);
  // Named and undefined is a variable that is not set: the store must not write without encryption then.
  const named = WAYS.filter((way) => way in given);
  if (named.length !== 1) {
    const got = named.length === 0 ? "nothing" : named.map((way) => `\`${way}\``).join(" and ");
    throw invalid(`exactly one of \`key\`, \`passphrase\` and \`keys\`, and not ${got}`, USE);
  }
  const { key, passphrase, keys, refusePlain = false } = given as Record<string, unknown>;
  if (typeof refusePlain !== "boolean")
    throw new VaultError("INVALID", "Expected `encryption.refusePlain` to be true or false.");
  if (named[0] === "key") return new Keyring([{ key: parseKey("encryption.key", key) }], refusePlain);
  if (named[0] === "passphrase") {
    return new Keyring([{ passphrase: parsePassphrase("encryption.passphrase", passphrase) }], refusePlain);
  }
  return new Keyring(checkKeys(keys), refusePlain);
}

function checkKeys(keys: unknown): Secret[] {
  if (!Array.isArray(keys)) throw new VaultError("INVALID", "Expected `encryption.keys` to be a list.", { hint: USE });
  if (keys.length === 0)
    throw new VaultError("INVALID", "Expected `encryption.keys` to have a key: it is empty.", { hint: USE });
  const secrets = keys.map((one: unknown, index): Secret => {
    const name = `encryption.keys[${index}]`;
    const isPassphrase = typeof one === "object" && one !== null && "passphrase" in one;
    return isPassphrase
      ? { passphrase: parsePassphrase(`${name}.passphrase`, one.passphrase) }
      : { key: parseKey(name, one) };
  });
  for (const [index, one] of secrets.entries()) {
    const earlier = secrets.slice(0, index).findIndex((other) => isSame(one, other));
    if (earlier < 0) continue;
    const message = `Expected \`encryption.keys\` to have each key once: number ${earlier + 1} and ${index + 1} are the same.`;
    throw new VaultError("INVALID", message, {
      hint: "The first one encrypts: put the new key first, and the old one after it.",
    });
  }
  return secrets;
}

function isSame(one: Secret, other: Secret): boolean {
  if ("key" in one) return "key" in other && one.key.equals(other.key);
  return "passphrase" in other && one.passphrase.normalize("NFC") === other.passphrase.normalize("NFC");
}

function invalid(expected: string, hint: string): VaultError {
  return new VaultError("INVALID", `Expected \`encryption\` to be ${expected}.`, { hint });
}
