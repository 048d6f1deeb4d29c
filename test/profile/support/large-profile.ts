import { appendFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bothDatabases, VALUE, WID } from "./credentials.ts";
import { batchBytes, editBytes, logBytes, tableBytes } from "./leveldb-bytes.ts";
import {
  type Files,
  INDEXED_DB,
  LOCAL_STORAGE,
  SIGNAL_STORAGE_DB,
  SQLITE_DB,
  writeFiles,
  youngLevelDb,
} from "./small-profile.ts";
import { smallSqlite } from "./sqlite-bytes.ts";

/** Bytes of a table of {@link writeLevelDbProfile}, about: more than is read at once from the end of one. */
export const TABLE_BYTES = 200_000;
/** Bytes of the messages in its log. */
export const MESSAGE_BYTES = 100_000;
const FIRST_TABLE = 100;
const FIRST_KEY = "k1000";
const LOG = "000003.log";
const PAGE_BYTES = 512;

function table(number: number): Buffer {
  const value = Buffer.alloc(2_000, number).toString("latin1");
  return tableBytes(
    Array.from({ length: TABLE_BYTES / 2_000 }, (_, i) => ({ key: `k${1_000 + i}`, sequence: 1, value })),
  );
}

/** Writes a linked profile in LevelDB, as of a closed browser, whose IndexedDB has so many tables. */
export async function writeLevelDbProfile(dir: string, tables: number): Promise<void> {
  const log = bothDatabases[LOG] as Buffer;
  const messages = logBytes([batchBytes(3, [["messages", "m".repeat(MESSAGE_BYTES)]])], log.length);
  const files: Files = { ...bothDatabases, [LOG]: Buffer.concat([log, messages]) };
  const added: [number, number, number, string][] = [];
  for (let number = FIRST_TABLE; number < FIRST_TABLE + tables; number++) {
    const bytes = table(number);
    files[`${String(number).padStart(6, "0")}.ldb`] = bytes;
    added.push([2, number, bytes.length, FIRST_KEY]);
  }
  files["MANIFEST-000001"] = logBytes([editBytes({ comparator: "c", log: 3, next: 2_000, last: 0, added })]);
  await writeFiles(dir, files, INDEXED_DB);
  await writeFiles(dir, youngLevelDb([[WID, VALUE]]), LOCAL_STORAGE);
  await writeFiles(dir, { "Last Version": "156.0.8078.79" });
}

/** What a browser writes to it later: one more table, and some messages in the log. */
export async function useLevelDbProfile(dir: string): Promise<void> {
  const folder = join(dir, INDEXED_DB);
  const bytes = table(7);
  await writeFile(join(folder, "001500.ldb"), bytes);
  const manifest = editBytes({ added: [[0, 1_500, bytes.length, FIRST_KEY]] });
  await appendFile(join(folder, "MANIFEST-000001"), logBytes([manifest], await sizeOf(folder, "MANIFEST-000001")));
  const batch = batchBytes(4, [["message", "a message"]]);
  await appendFile(join(folder, LOG), logBytes([batch], await sizeOf(folder, LOG)));
}

async function sizeOf(folder: string, name: string): Promise<number> {
  return (await stat(join(folder, name))).size;
}

/** Writes a profile in SQLite, as of a closed browser, whose largest database has so many pages on its free list. */
export async function writeSqliteProfile(dir: string, pages: number): Promise<void> {
  const small = Buffer.concat(smallSqlite());
  await writeFiles(dir, {
    "Last Version": "156.0.8078.79",
    [SQLITE_DB]: withFreePages(pages),
    [SIGNAL_STORAGE_DB]: small,
    "Default/LocalStorage": small,
  });
}

function withFreePages(pages: number): Buffer {
  const [schema, table] = smallSqlite() as [Buffer, Buffer];
  const most = PAGE_BYTES / 4 - 2;
  const database = Buffer.alloc((2 + pages) * PAGE_BYTES);
  schema.copy(database);
  table.copy(database, PAGE_BYTES);
  database.writeUInt32BE(2 + pages, 28);
  database.writeUInt32BE(pages, 36);
  for (let trunk = 3; trunk <= 2 + pages; trunk += 1 + most) {
    const leaves = Math.min(most, 2 + pages - trunk);
    const at = (trunk - 1) * PAGE_BYTES;
    database.writeUInt32BE(trunk + leaves < 2 + pages ? trunk + leaves + 1 : 0, at);
    database.writeUInt32BE(leaves, at + 4);
    for (let i = 0; i < leaves; i++) database.writeUInt32BE(trunk + 1 + i, at + 8 + 4 * i);
  }
  return database;
}
