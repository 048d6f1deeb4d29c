import { type PieceSource, whileOpen } from "../pieces.ts";
import { openPages } from "./pages.ts";
import { checkTrees } from "./tree.ts";
import { scanWal, WAL_HEADER_BYTES, WalScanner } from "./wal.ts";

/** What is wrong with a database at rest, and with its log; a field is absent when nothing is. */
export interface SqliteReport {
  readonly database?: string;
  readonly wal?: string;
}

/**
 * Checks a database and its log at rest. Reads all bytes of the database, and of the log once or twice.
 * @param options.scanner with which the log is scanned. @default a new one
 * @param options.isVerified whether the database was checked before: then only its header and its log are read.
 *   @default false
 */
export async function checkSqlite(
  database: PieceSource | undefined,
  wal: PieceSource | undefined,
  { scanner = new WalScanner(), isVerified = false }: { scanner?: WalScanner; isVerified?: boolean } = {},
): Promise<SqliteReport> {
  if (database === undefined) return { database: "it is missing and its log is there" };
  return await whileOpen(database, async (openDatabase) =>
    wal
      ? await whileOpen(wal, (openWal) => checkOpen(openDatabase, openWal, scanner, isVerified))
      : await checkOpen(openDatabase, wal, scanner, isVerified),
  );
}

async function checkOpen(
  database: PieceSource,
  wal: PieceSource | undefined,
  scanner: WalScanner,
  isVerified: boolean,
): Promise<SqliteReport> {
  const report = wal && wal.size > 0 ? await scanWal(wal, scanner) : undefined;
  if (report && wal && wal.size >= WAL_HEADER_BYTES && report.pageSize === 0) return { wal: report.reason };
  const pages = await openPages(database, wal, report);
  let problem = typeof pages === "string" ? pages : undefined;
  if (typeof pages === "object" && !isVerified) problem = await checkTrees(pages);
  return {
    ...(problem === undefined ? {} : { database: problem }),
    ...(report?.reason ? { wal: report.reason } : {}),
  };
}
