import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  type KeyObject,
  randomBytes,
  type UUID,
} from "node:crypto";
import { VaultError } from "../errors.ts";
import { keyId, passphraseKey, SCRYPT_COST, sessionKeys } from "../vault/derive.ts";

/** A key of one's own, or a passphrase of which scrypt makes one. */
export type OwnSecret = { readonly key: KeyObject } | { readonly passphrase: string };

const ALGORITHM = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** What records begin with that are encrypted with a key of one's own; wapi's begin with a random number. */
const MARK = Buffer.from("wavault1");
const KEY_ID_BYTES = 8;

interface OwnKey {
  readonly id: string;
  readonly key: KeyObject;
}

/**
 * Encrypts records. By default as wapi does, with a key that is made of the uuid: whoever knows the uuid can decrypt them.
 * With a key of one's own, a record is bound to its name as well, and what wapi has written is still read.
 *
 * wapi's record is IV (12) ‖ tag (16) ‖ ciphertext; ours is `wavault1` ‖ id of the key (8) ‖ IV ‖ tag ‖ ciphertext.
 */
export class RecordCipher {
  readonly #public: KeyObject;
  readonly #own: OwnKey | undefined;

  private constructor(uuid: UUID, own: OwnKey | undefined) {
    this.#public = createSecretKey(createHash("sha256").update(uuid).digest());
    this.#own = own;
  }

  static async of(uuid: UUID, secret?: OwnSecret): Promise<RecordCipher> {
    if (!secret) return new RecordCipher(uuid, undefined);
    const salt = createHash("sha256").update(`wa-vault wapi ${uuid}`).digest();
    const root = "key" in secret ? secret.key : await passphraseKey(secret.passphrase, { ...SCRYPT_COST, salt });
    // No session of a vault has a slash in its name.
    return new RecordCipher(uuid, { id: keyId(root), key: sessionKeys(root, `wapi/${uuid}`).content });
  }

  /** The record of this name with this text. */
  seal(name: string, text: Buffer): Buffer {
    const own = this.#own;
    if (!own) return encrypt(this.#public, text);
    return Buffer.concat([MARK, Buffer.from(own.id, "hex"), encrypt(own.key, text, name)]);
  }

  /**
   * The text of a record.
   * @param what named in errors
   * @throws `CORRUPT` when it does not decrypt; `WRONG_KEY` when it needs a key that was not given
   */
  open(name: string, record: Buffer, what: string): Buffer {
    const isOwn = record.subarray(0, MARK.length).equals(MARK);
    if (!isOwn) return decrypt(this.#public, record, what);
    const start = MARK.length + KEY_ID_BYTES;
    const id = record.subarray(MARK.length, start).toString("hex");
    if (this.#own?.id === id) return decrypt(this.#own.key, record.subarray(start), what, name);
    const given = this.#own ? `key ${this.#own.id} was given` : "none was given";
    throw new VaultError("WRONG_KEY", `Could not read ${what}: it is encrypted with key ${id}, and ${given}.`, {
      hint: "Give `RedisAuth` the `key` or the `passphrase` with which the session was stored.",
    });
  }
}

function encrypt(key: KeyObject, text: Buffer, name?: string): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, iv);
  if (name !== undefined) cipher.setAAD(Buffer.from(name));
  const encrypted = Buffer.concat([cipher.update(text), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), encrypted]);
}

function decrypt(key: KeyObject, bytes: Buffer, what: string, name?: string): Buffer {
  const start = IV_BYTES + TAG_BYTES;
  if (bytes.length < start) throw damaged(what, `it has ${bytes.length} bytes`);
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAuthTag(bytes.subarray(IV_BYTES, start));
  if (name !== undefined) decipher.setAAD(Buffer.from(name));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(start)), decipher.final()]);
  } catch {
    throw damaged(what, "it is not what was stored under this uuid");
  }
}

function damaged(what: string, why: string): VaultError {
  return new VaultError("CORRUPT", `Could not decrypt ${what}: ${why}.`, {
    hint: "Nothing was changed. Restore the record from a copy of the store; linking anew ends the session.",
  });
}
