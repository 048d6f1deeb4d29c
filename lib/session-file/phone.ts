import { join } from "node:path";
import { unzip } from "../archive/unzip.ts";
import { decodeCreds } from "../baileys/credentials.ts";
import { parseJid } from "../baileys/jids.ts";
import { CREDS_KEY } from "../baileys/record-key.ts";
import { withTemporary } from "../disk/temporary.ts";
import { isVaultError } from "../errors.ts";
import { captureProfile } from "../profile/capture/capture.ts";
import { capturedPhone } from "../profile/credentials.ts";
import { isProfileStore, type SessionStore } from "../store.ts";
import type { Vault } from "../vault/vault.ts";

/** Of a session that is damaged, or that nobody has the key of, nobody knows whose it is. */
const UNREADABLE = ["ABSENT", "CORRUPT", "WRONG_KEY", "INVALID"];

/**
 * The number of the phone that a session of a store is linked to, digits alone; `undefined` when the session does not tell it,
 * or is damaged.
 * @throws `UNAVAILABLE` or `DENIED` when the store or the disk does not answer: then it may be that of any phone
 */
export async function phoneOf(
  store: SessionStore,
  session: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  try {
    return await readPhone(store, session, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (isVaultError(error) && UNREADABLE.includes(error.code)) return undefined;
    throw error;
  }
}

async function readPhone(store: SessionStore, session: string, signal?: AbortSignal): Promise<string | undefined> {
  const call = signal ? { signal } : {};
  const state = isProfileStore(store) ? await store.state({ session, ...call }) : undefined;
  if (state?.kind === "records") {
    const records = await (store as Vault).peekRecords({ session, ...call });
    const creds = records?.get(CREDS_KEY);
    return creds && parseJid(decodeCreds(creds, session).me?.id)?.user;
  }
  return await withTemporary(async (folder) => {
    const [zip, into] = [join(folder, "session.zip"), join(folder, "profile")];
    await store.extract({ session, path: zip });
    await unzip(zip, into, { signal });
    return await phoneOfProfile(into, signal);
  });
}

/** The number of the phone that a profile at rest is linked to; `undefined` when it has no Local Storage that tells it. */
async function phoneOfProfile(dir: string, signal: AbortSignal | undefined): Promise<string | undefined> {
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
}
