import { appendFile, open, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { noise } from "../../../contract/profile.ts";
import { bothDatabases, VALUE, WID } from "../../../profile/support/credentials.ts";
import { writeSqliteProfile } from "../../../profile/support/large-profile.ts";
import { batchBytes, editBytes, logBytes, tableBytes } from "../../../profile/support/leveldb-bytes.ts";
import {
  type Files,
  INDEXED_DB,
  LOCAL_STORAGE,
  SQLITE_DB,
  writeFiles,
  youngLevelDb,
} from "../../../profile/support/small-profile.ts";

/** A profile on the disk that a browser would go on using. */
export interface UsedProfile {
  readonly dir: string;
  /** Changes some of it, as a browser does. */
  use(): Promise<void>;
}

const LOG = "000003.log";
const MANIFEST = "MANIFEST-000001";
const VALUE_BYTES = 20_000;
const VALUES = 100;
const FIRST_TABLE = 100;
const PAGE_BYTES = 512;
/** A page of the free list lists so many others. */
const LISTED_PAGES = PAGE_BYTES / 4 - 2;

/** The table with this number: 2 MB that hardly compress. */
function table(number: number): Buffer {
  const values = noise(VALUES * VALUE_BYTES, number).toString("latin1");
  return tableBytes(
    Array.from({ length: VALUES }, (_, i) => ({
      key: `k${1_000 + i}`,
      sequence: 1,
      value: values.slice(i * VALUE_BYTES, (i + 1) * VALUE_BYTES),
    })),
  );
}

/** A profile in LevelDB with so many tables of 2 MB. */
export async function levelDbProfile(dir: string, tables: number): Promise<UsedProfile> {
  const folder = join(dir, INDEXED_DB);
  let next = FIRST_TABLE;
  // Its log has two entries.
  let sequence = 3;
  const files: Files = { ...bothDatabases };
  const added: [number, number, number][] = [];
  for (; next < FIRST_TABLE + tables; next++) {
    const bytes = table(next);
    files[nameOf(next)] = bytes;
    added.push([2, next, bytes.length]);
  }
  files[MANIFEST] = logBytes([editBytes({ comparator: "c", log: 3, next: 2_000, last: 0, added })]);
  await writeFiles(dir, files, INDEXED_DB);
  await writeFiles(dir, youngLevelDb([[WID, VALUE]]), LOCAL_STORAGE);
  await writeFiles(dir, { "Last Version": "156.0.8078.79" });
  return {
    dir,
    async use() {
      const bytes = table(next);
      await writeFile(join(folder, nameOf(next)), bytes);
      await append(join(folder, MANIFEST), editBytes({ added: [[0, next, bytes.length]] }));
      const message = noise(300_000, next).toString("latin1");
      await append(join(folder, LOG), batchBytes(sequence++, [["message", message]]));
      next++;
    },
  };
}

/** A profile in SQLite, whose largest database has so many pages: they hold noise, and nothing refers to them. */
export async function sqliteProfile(dir: string, pages: number): Promise<UsedProfile> {
  await writeSqliteProfile(dir, pages);
  let seed = 1;
  const fill = async (every: number): Promise<void> => {
    const file = await open(join(dir, SQLITE_DB), "r+");
    // Two pages hold the tables; then come a page of the free list and those that it lists, and so on.
    for (let list = 2; list < pages; list += (LISTED_PAGES + 1) * every) {
      const listed = Math.min(LISTED_PAGES, pages + 1 - list);
      await file.write(noise(listed * PAGE_BYTES, seed++), 0, listed * PAGE_BYTES, (list + 1) * PAGE_BYTES);
    }
    await file.close();
  };
  await fill(1);
  return { dir, use: () => fill(5) };
}

function nameOf(number: number): string {
  return `${String(number).padStart(6, "0")}.ldb`;
}

async function append(path: string, record: Buffer): Promise<void> {
  await appendFile(path, logBytes([record], (await stat(path)).size));
}
