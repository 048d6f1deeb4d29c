import { onTestFinished } from "vitest";
import type { BlobStore } from "../../../lib/blobs.ts";
import type { SessionRecords } from "../../../lib/vault/records/session-records.ts";
import { Vault, type VaultOptions } from "../../../lib/vault/vault.ts";

export const session = "Baileys-bot";

/** A vault that tries each request once. @param mostLoose after so many entries records are put together */
export function vault(blobs: BlobStore, options: VaultOptions = {}, mostLoose?: number): Vault {
  return new Vault({ blobs, retries: 0, retryDelayMs: 0, ...options }, { mostLoose });
}

/** Opens the records of the session, and closes them after the test. */
export async function take(by: Vault, onError: (error: unknown) => void = () => {}): Promise<SessionRecords> {
  const records = await by.openRecords({ session, onError });
  onTestFinished(() => records.close(0));
  return records;
}

/** All records, as text. */
export function all(records: Pick<SessionRecords, "keys" | "get">): Record<string, string> {
  return Object.fromEntries(records.keys().map((key) => [key, String(records.get(key))]));
}

/** Sets records to texts, and deletes those that are `undefined`. */
export function set(records: SessionRecords, values: Record<string, string | undefined>): Promise<void> {
  return records.set(
    Object.entries(values).map(([key, value]) => [key, value === undefined ? undefined : Buffer.from(value)]),
  );
}

/** The keys of the session in one of its folders. */
export async function keysOf(blobs: BlobStore, folder: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of blobs.list(`${session}/${folder}/`)) keys.push(key);
  return keys;
}

/** The records that a store has, as text; `undefined` when it has none. */
export async function stored(by: Vault, generation?: number): Promise<Record<string, string> | undefined> {
  const named = generation === undefined ? {} : { generation };
  const found = await by.peekRecords({ session, ...named });
  return found && Object.fromEntries([...found].map(([key, value]) => [key, String(value)]));
}
