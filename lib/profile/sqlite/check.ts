import type { FileSource } from "../../disk/file-source.ts";
import { cachedSource } from "../sources.ts";
import { openPages } from "./pages.ts";
import { checkTrees } from "./tree.ts";
import { scanWal, WAL_HEADER_BYTES } from "./wal.ts";

/** What is wrong with a database at rest, and with its log; a field is absent when nothing is. */
export interface SqliteReport {
  readonly database?: string;
  readonly wal?: string;
}

/**
 * Checks a database and its log at rest. Reads all bytes of both.
 * @param options.isVerified whether the database was checked before: then only its header and its log are read.
 *   @default false
 */
export async function checkSqlite(
  database: FileSource | undefined,
  wal: FileSource | undefined,
  { isVerified = false }: { isVerified?: boolean } = {},
): Promise<SqliteReport> {
  if (database === undefined) return { database: "it is missing and its log is there" };
  const report = wal && wal.size > 0 ? await scanWal(wal) : undefined;
  if (report && wal && wal.size >= WAL_HEADER_BYTES && report.pageSize === 0) return { wal: report.reason };
  const pages = await openPages(cachedSource(database), wal && cachedSource(wal), report);
  let problem = typeof pages === "string" ? pages : undefined;
  if (typeof pages === "object" && !isVerified) problem = await checkTrees(pages);
  return {
    ...(problem === undefined ? {} : { database: problem }),
    ...(report?.reason ? { wal: report.reason } : {}),
  };
}
