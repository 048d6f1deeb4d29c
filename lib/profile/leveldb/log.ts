import { PIECE_BYTES, type PieceSource, piecesOf, readRanges, whileOpen } from "../pieces.ts";
import { crc32c, maskCrc } from "./crc32c.ts";

// LevelDB's own doc/log_format.md.
const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const FULL = 1;
const FIRST = 2;
const MIDDLE = 3;
const LAST = 4;

/** How a log or manifest ends. */
export interface LogScan {
  /** Position just after its last whole record. */
  readonly end: number;
  /**
   * `whole`: nothing follows. `partial`: the beginning of a record follows, as after a crash or during a write.
   * `damaged`: bytes follow that LevelDB does not write; see `reason`.
   */
  readonly tail: "whole" | "partial" | "damaged";
  readonly reason: string;
}

/** Called for each whole record, with the position where the record ends. */
export type OnRecord = (data: Buffer, end: number) => void;

/** Scans a log or manifest. Never throws, whatever the bytes are. */
export function scanLog(bytes: Buffer, onRecord: OnRecord): LogScan {
  const scanner = new LogScanner(bytes.length, onRecord);
  scanner.feed(bytes);
  return scanner.result();
}

/** As {@link scanLog}, in the memory of two pieces and the largest record. `data` is valid during the call. */
export async function scanLogFile(log: PieceSource, onRecord: OnRecord): Promise<LogScan> {
  const scanner = new LogScanner(log.size, onRecord);
  await whileOpen(log, (open) =>
    // A piece is a whole number of blocks, so that no fragment of a record lies in two pieces.
    readRanges(open, piecesOf(0, log.size, PIECE_BYTES), (bytes) => scanner.feed(bytes)),
  );
  return scanner.result();
}

/** Scans a log or manifest in pieces of whole blocks. */
class LogScanner {
  readonly #size: number;
  readonly #onRecord: OnRecord;
  /** Position of the next piece. */
  #from = 0;
  #end = 0;
  /** The fragments before the next one of a record that is not whole. */
  #parts: Buffer[] | undefined;
  /** How many of them are copies. */
  #copied = 0;
  /** Where zeros begin that may go on to the end. */
  #zerosFrom: number | undefined;
  #stopped: LogScan | undefined;

  constructor(size: number, onRecord: OnRecord) {
    this.#size = size;
    this.#onRecord = onRecord;
  }

  /** @returns whether the bytes that follow matter */
  feed(piece: Buffer): boolean {
    const from = this.#from;
    this.#from += piece.length;
    this.#stopped = this.#zerosFrom === undefined ? this.#scan(piece, from) : this.#skipZeros(piece, 0);
    // The bytes of the piece are valid during this call.
    if (this.#parts && this.#from < this.#size)
      this.#copied = this.#parts.push(Buffer.concat(this.#parts.splice(this.#copied)));
    return this.#stopped === undefined;
  }

  /** To be called when all pieces were fed, or one was the last that matters. */
  result(): LogScan {
    if (this.#stopped) return this.#stopped;
    if (this.#zerosFrom !== undefined) return this.#stop("partial", "ends in zeros");
    return this.#parts ? this.#stop("partial", "ends inside a record") : this.#stop("whole", "");
  }

  #stop(tail: LogScan["tail"], reason: string): LogScan {
    return { end: this.#end, tail, reason };
  }

  /** @returns why the scan ends here; `undefined` when it goes on */
  #scan(bytes: Buffer, from: number): LogScan | undefined {
    for (let at = 0; at < bytes.length; ) {
      const left = BLOCK_BYTES - (at % BLOCK_BYTES);
      if (left < HEADER_BYTES) {
        at += left;
        continue;
      }
      if (at + HEADER_BYTES > bytes.length) return this.#stop("partial", "ends inside a record header");
      const length = bytes.readUInt16LE(at + 4);
      const type = bytes[at + 6] as number;
      if (type === 0) {
        this.#zerosFrom = from + at;
        return this.#skipZeros(bytes, at);
      }
      if (type > LAST) return this.#stop("damaged", `unknown record type ${type} at ${from + at}`);
      if (HEADER_BYTES + length > left)
        return this.#stop("damaged", `a record at ${from + at} is longer than its block`);
      const next = at + HEADER_BYTES + length;
      if (next > bytes.length) return this.#stop("partial", "ends inside a record");
      if (maskCrc(crc32c(bytes, at + 6, next)) !== bytes.readUInt32LE(at)) {
        return this.#stop("damaged", `wrong checksum of the record at ${from + at}`);
      }
      const begins = type === FULL || type === FIRST;
      if (begins === (this.#parts !== undefined)) return this.#stop("damaged", `records out of order at ${from + at}`);
      this.#take(type, bytes.subarray(at + HEADER_BYTES, next), from + next);
      at = next;
    }
    return undefined;
  }

  #take(type: number, data: Buffer, end: number): void {
    if (type === FIRST) [this.#parts, this.#copied] = [[data], 0];
    else if (type === MIDDLE) this.#parts?.push(data);
    else {
      const record = this.#parts ? Buffer.concat([...this.#parts, data]) : data;
      this.#parts = undefined;
      this.#end = end;
      this.#onRecord(record, end);
    }
  }

  /** Zeros up to the end are what a power failure leaves. */
  #skipZeros(bytes: Buffer, from: number): LogScan | undefined {
    for (let at = from; at < bytes.length; at++) {
      if (bytes[at] !== 0) return this.#stop("damaged", `unknown record type 0 at ${this.#zerosFrom}`);
    }
    return undefined;
  }
}
