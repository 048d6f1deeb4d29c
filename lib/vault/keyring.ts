import type { KeyObject } from "node:crypto";
import { keyId, passphraseKey, type ScryptSalt } from "./derive.ts";
import type { KeyReference } from "./frame.ts";

/** A key, or a passphrase of which scrypt makes one. */
export type Secret = { readonly key: KeyObject } | { readonly passphrase: string };

/** A key that encrypts and decrypts. */
export interface RootKey extends KeyReference {
  readonly key: KeyObject;
}

/** The keys that a vault was given. */
export class Keyring {
  readonly #secrets: readonly Secret[];
  readonly #given: readonly RootKey[];
  /** Whether what is stored without encryption is refused. */
  readonly refusesPlain: boolean;

  /** @param secrets the first one encrypts; none: nothing is encrypted. */
  constructor(secrets: readonly Secret[], refusesPlain = false) {
    this.#secrets = secrets;
    this.#given = secrets.flatMap((secret) => ("key" in secret ? [{ key: secret.key, id: keyId(secret.key) }] : []));
    this.refusesPlain = refusesPlain;
  }

  /** Whether this vault encrypts. */
  get isOn(): boolean {
    return this.#secrets.length > 0;
  }

  /**
   * The key that encrypts; `undefined` without encryption.
   * @param salt asked for when it is made of a passphrase.
   */
  async first(salt: () => Promise<ScryptSalt>): Promise<RootKey | undefined> {
    const [first] = this.#secrets;
    if (!first) return undefined;
    return "key" in first ? this.#given[0] : await derive(first.passphrase, await salt());
  }

  /** The key that a frame names, or `undefined` when it was not given. */
  async find({ id, scrypt }: KeyReference): Promise<RootKey | undefined> {
    if (!scrypt) return this.#given.find((key) => key.id === id);
    for (const secret of this.#secrets) {
      if ("key" in secret) continue;
      const found = await derive(secret.passphrase, scrypt);
      if (found.id === id) return found;
    }
    return undefined;
  }

  /** What was given, for messages: ids of keys and a number of passphrases; empty when nothing was. */
  describe(): string {
    const passphrases = this.#secrets.length - this.#given.length;
    const parts = [
      ...this.#given.map(({ id }) => `key ${id}`),
      ...(passphrases === 0 ? [] : [passphrases === 1 ? "a passphrase" : `${passphrases} passphrases`]),
    ];
    return parts.join(", ");
  }
}

async function derive(passphrase: string, scrypt: ScryptSalt): Promise<RootKey> {
  const key = await passphraseKey(passphrase, scrypt);
  return { key, id: keyId(key), scrypt };
}
