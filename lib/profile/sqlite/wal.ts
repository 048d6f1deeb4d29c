import type { FileSource } from "../../disk/file-source.ts";
import { PIECE_BYTES } from "../pieces.ts";
import { FRAME_HEADER_BYTES, WalSum } from "./wal-sum.ts";

// SQLite's own fileformat2.html, "The Write-Ahead Log".
export const WAL_HEADER_BYTES = 32;
const MAGIC_LITTLE = 0x377f0682;
const MAGIC_BIG = 0x377f0683;
/** Bytes per read of the end of a log that is scanned again and again; more than the largest frame. */
export const WAL_TAIL_BYTES: number = 256 << 10;

/** What a write-ahead log holds. */
export interface WalReport {
  /** Position just after its last commit; 0 when it holds none. */
  readonly end: number;
  readonly pageSize: number;
  /** Pages of the database after its last commit; 0 when it holds none. */
  readonly pages: number;
  /** The pages that its commits carry, each with the position of its newest content in the log. */
  readonly carried: ReadonlyMap<number, number>;
  /**
   * Why bytes after the last commit are not whole: a frame or transaction that was not finished. Empty when nothing
   * follows, or frames from before the log was reset.
   */
  readonly reason: string;
}

/** Why bytes are not a valid header of a write-ahead log; `undefined` when they are. */
function checkWalHeader(header: Buffer): string | undefined {
  if (header.length < WAL_HEADER_BYTES) return "its header is short";
  const magic = header.readUInt32BE(0);
  if (magic !== MAGIC_LITTLE && magic !== MAGIC_BIG) return "it does not begin with a WAL's magic number";
  if (header.readUInt32BE(4) !== 3_007_000) return "its format version is not known";
  if (!isPageSize(header.readUInt32BE(8))) return "its page size is not one";
  const sum = new WalSum(magic === MAGIC_BIG);
  sum.add(header, 0, 24);
  return sum.matches(header, 24) ? undefined : "wrong checksum of its header";
}

export function isPageSize(size: number): boolean {
  return size >= 512 && size <= 65_536 && (size & (size - 1)) === 0;
}

/** A frame of a transaction that has not committed. */
interface OpenFrame {
  readonly page: number;
  readonly at: number;
  readonly head: Buffer;
}

/**
 * Scans a write-ahead log, also one that is being written: bytes that are not yet a whole frame are fed again later.
 * Frames with other salts than the header's are from before the log was reset: SQLite ignores them, and so does the
 * scan.
 */
export class WalScanner {
  /** Frames after the last commit: SQLite overwrites them after a rollback, and when a page changes again. */
  #open: OpenFrame[] = [];
  readonly #carried = new Map<number, number>();
  #header: Buffer | undefined;
  #sum: WalSum | undefined;
  /** The checksum just after the frame that was classified last. */
  #sumAfter: WalSum | undefined;
  /** The checksum just after the last commit. */
  #sumAtEnd: WalSum | undefined;
  #next = 0;
  #end = 0;
  #pages = 0;
  /** What follows `next`, as of the last feed. */
  #rest: "nothing" | "stale" | "bad" | "short" = "nothing";
  #broken = "";

  /** A scanner that has scanned the same bytes. */
  clone(): WalScanner {
    const scanner = new WalScanner();
    scanner.#open = [...this.#open];
    for (const [page, at] of this.#carried) scanner.#carried.set(page, at);
    scanner.#header = this.#header;
    scanner.#sum = this.#sum;
    scanner.#sumAtEnd = this.#sumAtEnd;
    scanner.#next = this.#next;
    scanner.#end = this.#end;
    scanner.#pages = this.#pages;
    scanner.#rest = this.#rest;
    scanner.#broken = this.#broken;
    return scanner;
  }

  /** Position of the bytes to be fed next. */
  get next(): number {
    return this.#next;
  }

  /** Position just after the last commit; 0 when there is none. */
  get end(): number {
    return this.#end;
  }

  /** The header that the scan began with; `undefined` while there was no valid one. */
  get header(): Buffer | undefined {
    return this.#header;
  }

  /**
   * Goes back to just after the last commit when a frame after it was overwritten since it was fed.
   * @param read reads the bytes at a position, or fewer when the log ends before; called for at most `WAL_TAIL_BYTES`
   */
  recheck(read: (position: number, length: number) => Buffer): void {
    const length = FRAME_HEADER_BYTES + this.#pageSize;
    const atOnce = Math.floor(WAL_TAIL_BYTES / length);
    for (let first = 0; first < this.#open.length; first += atOnce) {
      const frames = this.#open.slice(first, first + atOnce);
      const from = (frames[0] as OpenFrame).at - FRAME_HEADER_BYTES;
      const bytes = read(from, frames.length * length);
      const isSame = ({ head }: OpenFrame, index: number): boolean =>
        head.equals(bytes.subarray(index * length, index * length + FRAME_HEADER_BYTES));
      if (frames.every(isSame)) continue;
      this.#rewind();
      return;
    }
  }

  #rewind(): void {
    this.#open = [];
    this.#sum = this.#sumAtEnd;
    this.#next = this.#end || WAL_HEADER_BYTES;
  }

  /**
   * Scans the whole frames of `bytes`, which begin at position `next`.
   * @returns how many bytes those frames have
   */
  feed(bytes: Buffer): number {
    const from = this.#next;
    for (;;) {
      const rest = bytes.subarray(this.#next - from);
      const length = this.#header ? FRAME_HEADER_BYTES + this.#pageSize : WAL_HEADER_BYTES;
      this.#rest = this.#classify(rest, length);
      if (this.#rest !== "nothing" || rest.length === 0) return this.#next - from;
      if (this.#header) this.#take(rest.subarray(0, length));
      else this.#begin(Buffer.from(rest.subarray(0, length)));
      if (this.#broken) return this.#next - from;
      this.#next += length;
    }
  }

  report(): WalReport {
    let reason = this.#broken;
    if (!reason && this.#rest === "bad") reason = `wrong checksum of the frame at ${this.#next}`;
    if (!reason && this.#rest === "short") reason = "ends inside a frame";
    if (!reason && this.#open.length > 0) reason = "ends inside a transaction";
    return {
      end: this.#end,
      pageSize: this.#header ? this.#pageSize : 0,
      pages: this.#pages,
      carried: this.#carried,
      reason,
    };
  }

  get #pageSize(): number {
    return this.#header?.readUInt32BE(8) ?? 0;
  }

  /** Why the first `length` bytes are not a valid frame; `nothing` when they are, or when there are no bytes. */
  #classify(bytes: Buffer, length: number): "nothing" | "stale" | "bad" | "short" {
    const header = this.#header;
    if (header && bytes.length >= 16 && bytes.compare(header, 16, 24, 8, 16) !== 0) return "stale";
    if (bytes.length < length) return bytes.length === 0 ? "nothing" : "short";
    if (header === undefined) return "nothing";
    const sum = (this.#sum as WalSum).with(bytes, length);
    this.#sumAfter = sum;
    return sum.matches(bytes, 16) && bytes.readUInt32BE(0) > 0 ? "nothing" : "bad";
  }

  #begin(header: Buffer): void {
    this.#broken = checkWalHeader(header) ?? "";
    if (this.#broken) return;
    this.#header = header;
    this.#sum = new WalSum(header.readUInt32BE(0) === MAGIC_BIG);
    this.#sum.add(header, 0, 24);
    this.#sumAtEnd = this.#sum;
  }

  #take(frame: Buffer): void {
    this.#sum = this.#sumAfter;
    const head = Buffer.from(frame.subarray(0, FRAME_HEADER_BYTES));
    this.#open.push({ page: frame.readUInt32BE(0), at: this.#next + FRAME_HEADER_BYTES, head });
    const pages = frame.readUInt32BE(4);
    if (pages === 0) return;
    for (const { page, at } of this.#open) this.#carried.set(page, at);
    this.#open = [];
    this.#sumAtEnd = this.#sum;
    this.#pages = pages;
    this.#end = this.#next + frame.length;
  }
}

/**
 * Scans a write-ahead log at rest.
 * @param scanner with which it is scanned
 */
export async function scanWal(wal: FileSource, scanner: WalScanner = new WalScanner()): Promise<WalReport> {
  for (;;) {
    const piece = await wal.read(scanner.next, Math.min(PIECE_BYTES, wal.size - scanner.next));
    if (scanner.feed(piece) === 0) return scanner.report();
  }
}
