import { createHash, createSecretKey, hkdfSync, type KeyObject, scrypt } from "node:crypto";
import { promisify } from "node:util";

/** The salt and the parameters by which scrypt makes a key of a passphrase. */
export interface ScryptSalt {
  /** Base-2 logarithm of the cost N. */
  readonly logN: number;
  readonly r: number;
  readonly p: number;
  /** 32 bytes. */
  readonly salt: Buffer;
}

/** The keys of one session, all made of one key. */
export interface SessionKeys {
  /** Encrypts contents. */
  readonly content: KeyObject;
  /** Names contents: the key of the HMAC. */
  readonly chunkId: KeyObject;
}

/** Parameters of new salts. */
export const SCRYPT_COST = { logN: 15, r: 8, p: 3 } as const;
/** Bytes of the salt alone. */
export const SALT_BYTES = 32;
/** Bytes that {@link packScrypt} makes: three parameters, a zero byte, the salt. */
export const SCRYPT_BYTES: number = 4 + SALT_BYTES;

const KEY_BYTES = 32;
const KEY_ID_BYTES = 8;
/** Memory that one derivation may take, whatever a stored frame asks for: four times that of new salts. */
const MOST_MEMORY = 128 * 1024 * 1024;
const LEAST_LOG_N = 14;
const MOST_P = 16;
/** How many keys of passphrases are remembered. */
const REMEMBERED = 64;

const scryptAsync = promisify<Buffer, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(
  scrypt,
);

/** Keys of passphrases for the whole process: each takes a fifth of a second of processor time. */
const derived = new Map<string, Promise<KeyObject>>();

/** The id of a key: it tells keys apart, and says nothing of them. 16 hexadecimal digits. */
export function keyId(key: KeyObject): string {
  return expand(key, "key id", "", KEY_ID_BYTES).toString("hex");
}

/** The keys of `session`. */
export function sessionKeys(key: KeyObject, session: string): SessionKeys {
  const secret = (purpose: string): KeyObject => createSecretKey(expand(key, purpose, session, KEY_BYTES));
  return { content: secret("content"), chunkId: secret("chunk id") };
}

/** The key that scrypt makes of a passphrase, off the event loop and once per process. */
export function passphraseKey(passphrase: string, { logN, r, p, salt }: ScryptSalt): Promise<KeyObject> {
  const bytes = Buffer.from(passphrase.normalize("NFC"));
  const name = createHash("sha256").update(packScrypt({ logN, r, p, salt })).update(bytes).digest("hex");
  const known = derived.get(name);
  if (known) return known;
  const key = scryptAsync(bytes, salt, KEY_BYTES, { N: 2 ** logN, r, p, maxmem: 2 * MOST_MEMORY }).then(
    createSecretKey,
  );
  const [oldest] = derived.keys();
  if (derived.size >= REMEMBERED && oldest !== undefined) derived.delete(oldest);
  derived.set(name, key);
  key.catch(() => derived.delete(name));
  return key;
}

/** The salt and its parameters as they stand in a frame. */
export function packScrypt({ logN, r, p, salt }: ScryptSalt): Buffer {
  return Buffer.concat([Buffer.from([logN, r, p, 0]), salt]);
}

/** The salt that {@link packScrypt} wrote, or `undefined` when a parameter is too weak or too expensive. */
export function unpackScrypt(bytes: Buffer): ScryptSalt | undefined {
  const [logN = 0, r = 0, p = 0, zero] = bytes;
  const isCheapEnough = r > 0 && p > 0 && p <= MOST_P && 128 * 2 ** logN * r <= MOST_MEMORY;
  if (bytes.length !== SCRYPT_BYTES || zero !== 0 || logN < LEAST_LOG_N || !isCheapEnough) return undefined;
  return { logN, r, p, salt: Buffer.from(bytes.subarray(4)) };
}

/** HKDF-SHA-256 without a salt; `info` is "wa-vault", a space, the purpose, a zero byte and the session. */
function expand(key: KeyObject, purpose: string, session: string, bytes: number): Buffer {
  return Buffer.from(hkdfSync("sha256", key, Buffer.alloc(0), `wa-vault ${purpose}\0${session}`, bytes));
}
