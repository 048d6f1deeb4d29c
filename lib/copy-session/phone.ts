import { join } from "node:path";
import { unzip } from "../archive/unzip.ts";
import { decodeCreds } from "../baileys/credentials.ts";
import { parseJid } from "../baileys/jids.ts";
import { CREDS_KEY } from "../baileys/record-key.ts";
import { withTemporary } from "../disk/temporary.ts";
import { isVaultError, VaultError } from "../errors.ts";
import { captureProfile } from "../profile/capture/capture.ts";
import { capturedPhone } from "../profile/credentials.ts";
import type { Vault } from "../vault/vault.ts";

/** Of a session that is damaged, or that nobody has the key of, nobody knows whose it is. */
const UNREADABLE = ["ABSENT", "CORRUPT", "WRONG_KEY", "INVALID"];

/**
 * The number of the phone that the profile at `dir` is linked to, digits alone; `undefined` when the profile does not tell it, or
 * is damaged.
 * @throws `UNAVAILABLE` or `DENIED` when the disk fails: then it may be that of any phone
 */
export async function phoneOfProfile(dir: string, signal: AbortSignal | undefined): Promise<string | undefined> {
  return await unlessUnreadable(async () => {
    // In a folder of this process alone: a storage that is not there is not on its way.
    const capture = await captureProfile(dir, { live: false, signal }).catch((error: unknown) => {
      if (isVaultError(error, "UNAVAILABLE") && error.cause === undefined) return undefined;
      throw error;
    });
    if (capture === undefined) return undefined;
    try {
      return await capturedPhone(capture);
    } finally {
      await capture.close();
    }
  }, signal);
}

/** As {@link phoneOfProfile}, of a profile in a zip. @param into folder that it is unpacked to, which is not there */
export async function phoneOfZip(
  zip: string,
  into: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  return await unlessUnreadable(async () => {
    await unzip(zip, into, { signal });
    return await phoneOfProfile(into, signal);
  }, signal);
}

/** As {@link phoneOfProfile}, of the records of a Baileys bot. */
export async function phoneOfRecords(
  records: ReadonlyMap<string, Buffer>,
  session: string,
): Promise<string | undefined> {
  const creds = records.get(CREDS_KEY);
  return await unlessUnreadable(async () => creds && parseJid(decodeCreds(creds, session).me?.id)?.user);
}

/**
 * As {@link phoneOfProfile}, of a session of a store.
 * @throws `UNAVAILABLE` or `DENIED` when the store or the disk does not answer: then it may be that of any phone
 */
export async function phoneOfStored(
  store: Vault,
  session: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const call = { session, ...(signal ? { signal } : {}) };
  return await unlessUnreadable(async () => {
    if ((await store.state(call))?.kind === "records") {
      const records = await store.peekRecords(call);
      return records && (await phoneOfRecords(records, session));
    }
    return await withTemporary(async (folder) => {
      const zip = join(folder, "session.zip");
      await store.extract({ session, path: zip });
      return await phoneOfZip(zip, join(folder, "profile"), signal);
    });
  }, signal);
}

/** The refusal to replace the session of another phone. No number is in it: the message may end in a log. */
export function otherPhoneError(session: string, fromSession: string): VaultError {
  const message = `The target has ${session} of another phone than that of ${fromSession} in the source.`;
  return new VaultError("CONFLICT", message, {
    hint: "Nothing was changed. Choose another name, or set `otherPhone` to replace the session of that phone.",
  });
}

async function unlessUnreadable<T>(read: () => Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    signal?.throwIfAborted();
    if (isVaultError(error) && UNREADABLE.includes(error.code)) return undefined;
    throw error;
  }
}
