import { join } from "node:path";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { SessionStore } from "../../../lib/store.ts";
import { Vault, type VaultOptions } from "../../../lib/vault/vault.ts";
import { captureOf, type Files, filesIn } from "../../contract/profile.ts";

export const PROFILE = "RemoteAuth-support";
export const RECORDS = "Baileys-support";

/** A store in memory. */
export function memory(options: VaultOptions = {}): Vault {
  return new Vault({ blobs: new MemoryBlobs(), retries: 0, retryDelayMs: 0, ...options });
}

/** Saves files as the next generation. @returns its number */
export async function saveFiles(store: Vault, files: Files, session: string = PROFILE): Promise<number> {
  const lease = await store.acquire({ session });
  try {
    return (await store.saveProfile({ session, capture: captureOf(files), lease })).generation;
  } finally {
    await lease.release();
  }
}

/** Sets records, and gives the session back. */
export async function saveRecords(
  store: Vault,
  values: Record<string, Buffer>,
  session: string = RECORDS,
): Promise<void> {
  const records = await store.openRecords({ session });
  await records.set(Object.entries(values));
  await records.close();
}

/** The files of the current generation, or of another one. */
export async function filesOf(
  store: Pick<Vault, "restoreProfile">,
  folder: string,
  { session = PROFILE, generation }: { session?: string; generation?: number } = {},
): Promise<Files> {
  const into = join(folder, `${session}-${generation ?? "current"}`);
  await store.restoreProfile({ session, into, generation });
  return await filesIn(into);
}

/** The records of a session. */
export async function recordsOf(store: Vault, session: string = RECORDS): Promise<Record<string, Buffer> | undefined> {
  const found = await store.peekRecords({ session });
  return found && Object.fromEntries(found);
}

/** A store of whatsapp-web.js's four methods that has nothing else; a path is another name to it. */
export function onlyFourMethods(store: SessionStore): SessionStore {
  return {
    sessionExists: async (options) => !options.session.includes("/") && (await store.sessionExists(options)),
    save: (options) => store.save(options),
    extract: (options) => store.extract(options),
    delete: (options) => store.delete(options),
  };
}
