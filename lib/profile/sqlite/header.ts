import { isPageSize } from "./wal.ts";

// SQLite's own fileformat2.html, "The Database Header".
const MAGIC: Buffer = Buffer.from("SQLite format 3\0", "latin1");
export const HEADER_BYTES = 100;

/** The fields of a database header. */
export interface SqliteHeader {
  readonly pageSize: number;
  /** Pages of the database; 0 when the header does not say (written by a very old SQLite). */
  readonly pages: number;
  /** Whether the database is in WAL mode. */
  readonly wal: boolean;
  readonly reservedBytes: number;
  /** Number of the first page of the free list, 0 for none. */
  readonly freelist: number;
  readonly freePages: number;
}

/** @returns the header, or what is wrong with it */
export function parseSqliteHeader(bytes: Buffer): SqliteHeader | string {
  if (bytes.length < HEADER_BYTES) return "it is shorter than its header";
  if (!bytes.subarray(0, 16).equals(MAGIC)) return "it does not begin with SQLite's magic text";
  const raw = bytes.readUInt16BE(16);
  const pageSize = raw === 1 ? 65_536 : raw;
  if (!isPageSize(pageSize)) return "its page size is not one";
  const [write, read] = [bytes[18] as number, bytes[19] as number];
  if (write < 1 || write > 2 || read < 1 || read > 2) return "its format version is not known";
  if (bytes[21] !== 64 || bytes[22] !== 32 || bytes[23] !== 32) return "its header is damaged";
  if (bytes.readUInt32BE(44) > 4 || bytes.readUInt32BE(56) > 3) return "its header is damaged";
  for (let i = 72; i < 92; i++) if (bytes[i] !== 0) return "its header is damaged";
  const reservedBytes = bytes[20] as number;
  if (pageSize - reservedBytes < 480) return "its header is damaged";
  const says = bytes.readUInt32BE(24) === bytes.readUInt32BE(92);
  return {
    pageSize,
    pages: says ? bytes.readUInt32BE(28) : 0,
    wal: write === 2,
    reservedBytes,
    freelist: bytes.readUInt32BE(32),
    freePages: bytes.readUInt32BE(36),
  };
}
