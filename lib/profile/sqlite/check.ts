import { cached, PIECE_BYTES, type Source } from "../source.ts";
import { HEADER_BYTES, parseSqliteHeader, type SqlitePages } from "./header.ts";
import { checkTrees } from "./tree.ts";
import { WAL_HEADER_BYTES, type WalReport, WalScanner } from "./wal.ts";

/** The page that this byte lies in is never written: SQLite locks ranges of it. */
const LOCK_BYTE = 0x40000000;

/** Scans a write-ahead log. */
export async function scanWal(wal: Source): Promise<WalReport> {
  const scanner = new WalScanner();
  for (;;) {
    const piece = await wal.read(scanner.next, Math.min(PIECE_BYTES, wal.size - scanner.next));
    if (scanner.feed(piece) === 0) return scanner.report();
  }
}

/**
 * The pages of a database as SQLite would see them, or what keeps it from seeing them all; `undefined` for a database
 * that holds nothing yet.
 */
export async function openPages(
  database: Source,
  wal: Source | undefined,
  report: WalReport | undefined,
): Promise<SqlitePages | string | undefined> {
  const first = report?.carried.get(1);
  if (database.size === 0) {
    return report && report.end > 0 ? "it is empty, and SQLite throws the log of an empty database away" : undefined;
  }
  if (first === undefined && database.size < HEADER_BYTES) return "it is shorter than its header";
  const head = first === undefined ? await database.read(0, HEADER_BYTES) : await wal?.read(first, HEADER_BYTES);
  const header = parseSqliteHeader(head ?? Buffer.alloc(0));
  if (typeof header === "string") return header;
  const { pageSize } = header;
  const carried: ReadonlyMap<number, number> = report?.carried ?? new Map<number, number>();
  if (carried.size > 0 && report?.pageSize !== pageSize) return "its log has another page size";
  if (carried.size > 0 && !header.wal) return "it has a log and is not in WAL mode";

  const inFile = Math.floor(database.size / pageSize);
  const count = report && report.pages > 0 ? report.pages : header.pages || inFile;
  if (header.pages > 0 && header.pages !== count) return `its header says ${header.pages} pages, its log ${count}`;
  for (let number = inFile + 1; number <= count; number++) {
    if (!carried.has(number) && number !== LOCK_BYTE / pageSize + 1) return `page ${number} of ${count} is missing`;
  }
  return {
    header,
    count,
    page: async (number) => {
      const at = carried.get(number);
      if (at !== undefined && wal) return await wal.read(at, pageSize);
      return await database.read((number - 1) * pageSize, pageSize);
    },
  };
}

/** What is wrong with a database at rest and with its log. */
export interface SqliteReport {
  readonly database?: string;
  readonly wal?: string;
}

/** Checks a database and its log at rest. */
export async function checkSqlite(database: Source | undefined, wal: Source | undefined): Promise<SqliteReport> {
  if (database === undefined) return { database: "it is missing and its log is there" };
  const report = wal && wal.size > 0 ? await scanWal(wal) : undefined;
  if (report && wal && wal.size >= WAL_HEADER_BYTES && report.pageSize === 0) return { wal: report.reason };
  const pages = await openPages(cached(database), wal && cached(wal), report);
  const problem = typeof pages === "object" ? await checkTrees(pages) : pages;
  return {
    ...(problem === undefined ? {} : { database: problem }),
    ...(report?.tail === "partial" ? { wal: report.reason } : {}),
  };
}
