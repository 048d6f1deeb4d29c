import { join } from "node:path";
import { beforeEach } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import type { Vault, VaultOptions } from "../../../lib/vault/vault.ts";
import { captureOf, type Files, filesIn, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";

/** What one generation is saved with. */
export interface Version {
  readonly value: string;
  readonly wid?: string;
  readonly as?: "proven" | "rejected";
}

/** Saves a session of a browser, one generation for each version. @returns their numbers */
export async function saveBrowser(store: Vault, session: string, versions: readonly Version[]): Promise<number[]> {
  const lease = await store.acquire({ session });
  const numbers: number[] = [];
  for (const { value, wid, as } of versions) {
    const { generation } = await store.saveProfile({ session, lease, wid, capture: captureOf(profileFiles(value)) });
    if (as) await store.mark({ session, lease, generation, as });
    numbers.push(generation);
  }
  await lease.release();
  return numbers;
}

/** Saves a session of Baileys with these records. */
export async function saveRecords(store: Vault, session: string, records: Record<string, string>): Promise<void> {
  const opened = await store.openRecords({ session });
  await opened.set(new Map(Object.entries(records).map(([key, value]) => [key, Buffer.from(value)])));
  await opened.close();
}

/** The files of the current generation. */
export async function restored(store: Vault, session: string, into: string): Promise<Files> {
  await store.restoreProfile({ session, into });
  return await filesIn(into);
}

/** A store in a directory, and its address, new for each test. */
export interface Place {
  readonly directory: string;
  readonly address: string;
  /** Opens it as another process would. */
  store(options?: VaultOptions): FileStore;
}

/** Answers a function that makes a store in a new directory; all are removed after each test. */
export function usePlaces(): { readonly main: Place; other(): Place; folder(): string } {
  const folder = useFolder();
  let main: Place;
  const make = (): Place => {
    const directory = join(folder(), "sessions");
    return { directory, address: `file:${directory}`, store: (options) => new FileStore({ ...options, directory }) };
  };
  beforeEach(() => {
    main = make();
  });
  return {
    get main() {
      return main;
    },
    other: make,
    folder,
  };
}
