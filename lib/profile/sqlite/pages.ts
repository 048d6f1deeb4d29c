import type { FileSource } from "../../disk/file-source.ts";
import { HEADER_BYTES, parseSqliteHeader, type SqliteHeader } from "./header.ts";
import type { WalReport } from "./wal.ts";

/** SQLite locks byte ranges of the page that this byte lies in, and never writes that page. */
const LOCK_BYTE = 0x40000000;

/** The pages of a database: each as its log has it, else as the database file has it. */
export interface SqlitePages {
  readonly header: SqliteHeader;
  readonly count: number;
  /** @param number counts from 1 */
  page(number: number): Promise<Buffer>;
}

/**
 * Puts a database and its log together as SQLite would.
 * @param report the log, scanned
 * @returns the pages, or why SQLite would not find them all; `undefined` for a database that holds nothing yet
 */
export async function openPages(
  database: FileSource,
  wal: FileSource | undefined,
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
