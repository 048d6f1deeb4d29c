import { randomBytes } from "node:crypto";
import type { RetriedBlobs } from "../blobs/retry.ts";
import { isVaultError, VaultError } from "../errors.ts";
import { packScrypt, SALT_BYTES, SCRYPT_COST, type ScryptSalt, unpackScrypt } from "./derive.ts";
import { contentOf, encodeFrame, readFrame } from "./frame.ts";
import { SALT_KEY } from "./layout.ts";
import { readWhole } from "./read-whole.ts";

/**
 * The salt for new frames of this vault, so that a process derives the key of a passphrase once. Made when there is none.
 * Every frame carries the salt it was written with: no frame needs this value to be read.
 */
export async function vaultSalt(blobs: RetriedBlobs): Promise<ScryptSalt> {
  const found = await readSalt(blobs);
  if (found) return found;
  const made = { ...SCRYPT_COST, salt: randomBytes(SALT_BYTES) };
  const frame = await encodeFrame("salt", packScrypt(made));
  try {
    // A damaged one is replaced. Two processes that do so at once write with two salts, and either can be read.
    await blobs.put(SALT_KEY, frame, { ifAbsent: found === undefined });
    return made;
  } catch (error) {
    if (!isVaultError(error, "CONFLICT")) throw error;
  }
  // Another process was first, or the answer to this one's first attempt was lost.
  const theirs = await readSalt(blobs);
  if (theirs) return theirs;
  throw new VaultError(
    "UNAVAILABLE",
    `Could not read ${SALT_KEY}: the store says that it exists, and does not return it.`,
  );
}

/** `undefined` when there is none, `null` when it is damaged, or weaker than this version makes them. */
async function readSalt(blobs: RetriedBlobs): Promise<ScryptSalt | undefined | null> {
  const decode = async (frame: Buffer): Promise<ScryptSalt | null> => {
    const salt = unpackScrypt(await contentOf(readFrame("salt", frame, SALT_KEY), SALT_KEY));
    const isStrong = salt && salt.logN >= SCRYPT_COST.logN && salt.p >= SCRYPT_COST.p && salt.r >= SCRYPT_COST.r;
    return isStrong ? salt : null;
  };
  try {
    return await readWhole(() => blobs.get(SALT_KEY), decode);
  } catch (error) {
    if (!isVaultError(error, "CORRUPT")) throw error;
    return null;
  }
}
