import { PIECE_BYTES, type PieceSource, piecesOf, type Range, readRanges } from "../pieces.ts";
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
  /**
   * Reads all pages once, those of the file in its order.
   * @param onPage called with each page, which begins at `start`; the bytes are valid during the call
   */
  eachPage(onPage: (number: number, bytes: Buffer, start: number) => void): Promise<void>;
}

/**
 * Puts a database and its log together as SQLite would.
 * @param report the log, scanned
 * @returns the pages, or why SQLite would not find them all; `undefined` for a database that holds nothing yet
 */
export async function openPages(
  database: PieceSource,
  wal: PieceSource | undefined,
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
    eachPage: async (onPage) => {
      const pieces = piecesOf(0, Math.min(count, inFile) * pageSize);
      await readRanges(database, pieces, (bytes, index) => {
        const first = 1 + (pieces[index] as Range).from / pageSize;
        for (let start = 0; start < bytes.length; start += pageSize) {
          const number = first + start / pageSize;
          if (!carried.has(number)) onPage(number, bytes, start);
        }
        return true;
      });
      if (wal === undefined) return;
      const runs = runsOf(
        [...carried].filter(([number]) => number <= count),
        pageSize,
      );
      await readRanges(wal, runs, (bytes, index) => {
        const { from, pages } = runs[index] as Run;
        for (const [number, at] of pages) onPage(number, bytes, at - from);
        return true;
      });
    },
  };
}

/** Pages with their positions in a log, read at once. */
interface Run extends Range {
  readonly pages: readonly (readonly [number: number, at: number])[];
}

function runsOf(carried: (readonly [number: number, at: number])[], pageSize: number): Run[] {
  const runs: (Run & { to: number; pages: (readonly [number, number])[] })[] = [];
  for (const page of carried.sort(([, a], [, b]) => a - b)) {
    const at = page[1];
    const run = runs.at(-1);
    if (run === undefined || at + pageSize - run.from > PIECE_BYTES) {
      runs.push({ from: at, to: at + pageSize, pages: [page] });
    } else {
      run.to = at + pageSize;
      run.pages.push(page);
    }
  }
  return runs;
}
