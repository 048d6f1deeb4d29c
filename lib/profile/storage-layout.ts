import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { readWholeFile } from "../disk/read-whole-file.ts";
import type { ProfileFacts } from "../store.ts";
import { findIndexedDb } from "./find-indexed-db.ts";
import { findLocalStorage } from "./find-local-storage.ts";
import { type Found, holdsSomething, mustHoldEntries, type StorageLayout } from "./found-storage.ts";
import { inTwoForms, onlyCopy } from "./layout-errors.ts";

/** The storages of the site that a profile holds. */
export interface ProfileLayout {
  readonly storages: readonly StorageLayout[];
  readonly facts: ProfileFacts;
  /** Paths beside the storages, and in their directories, that are no part of them. */
  readonly strangers: readonly string[];
}

/** The file with the version of the browser that opened the profile last. */
export const VERSION_FILE = "Last Version";
const MOST_VERSION_BYTES = 4096;

/**
 * Finds the storages of `https://web.whatsapp.com` in a profile: the IndexedDB of the site's own origin, and the Local
 * Storage of the profile. An absent or empty directory holds none. What holds nothing, and what is provably somebody
 * else's by its name (see `isForeignName`), is no storage.
 * @throws `CORRUPT` when a storage exists in both forms or in an unknown form, when only a copy of it under another name
 *   is there, when Chromium has marked it as corrupt, or when `Default` is no directory; `UNAVAILABLE` or `DENIED` when
 *   the directory cannot be read
 */
export async function probeProfile(dir: string): Promise<ProfileLayout> {
  // Below a file every path fails as if the disk refused.
  await mustHoldEntries(dir, "Default");
  const found = { indexedDb: await findIndexedDb(dir), localStorage: await findLocalStorage(dir) };
  const indexedDb = await onlyOne(dir, found.indexedDb, "IndexedDB");
  const localStorage = await onlyOne(dir, found.localStorage, "Local Storage");
  const version = await browserVersion(dir);
  return {
    storages: [indexedDb, localStorage].filter((storage) => storage !== undefined),
    facts: {
      ...(version === undefined ? {} : { browserVersion: version }),
      ...(indexedDb ? { indexedDb: indexedDb.backend } : {}),
      ...(localStorage ? { localStorage: localStorage.backend } : {}),
    },
    strangers: Object.values(found).flatMap(({ strangers, copies }) => [...strangers, ...copies]),
  };
}

async function browserVersion(dir: string): Promise<string | undefined> {
  try {
    if (!(await lstat(join(dir, VERSION_FILE))).isFile()) return undefined;
    const text = (await readWholeFile(join(dir, VERSION_FILE), { most: MOST_VERSION_BYTES })).toString("latin1").trim();
    return /^\d+(?:\.\d+){1,3}$/.test(text) ? text : undefined;
  } catch {
    // Without the file, or without the right to read it, the version is unknown, which must not keep a session from
    // being saved.
    return undefined;
  }
}

/** Without the storage itself a copy of it may be the session. */
async function onlyOne(dir: string, { layouts, copies }: Found, what: string): Promise<StorageLayout | undefined> {
  if (layouts.length > 1) throw inTwoForms(what, layouts);
  if (layouts.length === 0) {
    // A copy that cannot be read may hold anything.
    for (const copy of copies) if (await holdsSomething(dir, copy).catch(() => true)) throw onlyCopy(what, copy);
  }
  return layouts[0];
}
