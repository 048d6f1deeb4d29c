import { invalidOption, VaultError } from "../../errors.ts";

/** A record's key, and its value; `undefined` where the record was deleted. */
export type RecordChange = readonly [key: string, value: Buffer | undefined];

/** Before the key: 2 bytes with its length, and 4 bytes with the length of the value. */
const HEAD_BYTES = 6;
const LONGEST_KEY = 0xffff;
/** In the place of the length of a value: the record was deleted. */
const DELETED = 0xffffffff;

/** Bytes of a record in a log or a segment. */
export function sizeOf([key, value]: RecordChange): number {
  return HEAD_BYTES + Buffer.byteLength(key) + (value?.length ?? 0);
}

/** @throws `INVALID` when a key has more than 65,535 bytes */
export function checkKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes <= LONGEST_KEY) return;
  throw new VaultError("INVALID", `Could not store a record: its key has ${bytes} bytes.`, {
    hint: `A key has at most ${LONGEST_KEY} bytes.`,
  });
}

/** @throws `INVALID` unless these are all records of a session, and at least one: without any there is none to go back to */
export function checkRecords(records: ReadonlyMap<string, Buffer>): void {
  if (!(records instanceof Map) || records.size === 0) throw invalidOption("records", "a Map with a record", records);
  for (const [key, value] of records) {
    if (typeof key !== "string") throw invalidOption("records", "a Map whose keys are strings", key);
    if (!Buffer.isBuffer(value)) throw invalidOption("records", "a Map whose values are Buffers", value);
    checkKey(key);
  }
}

/** The records as bytes, one after the other. @throws `INVALID` when a key has more than 65,535 bytes */
export function encodeRecords(records: Iterable<RecordChange>): Buffer {
  const parts: Buffer[] = [];
  for (const [key, value] of records) {
    const name = Buffer.from(key);
    if (name.length > LONGEST_KEY) {
      throw new VaultError("INVALID", `Could not store a record: its key has ${name.length} bytes.`, {
        hint: `A key has at most ${LONGEST_KEY} bytes.`,
      });
    }
    const head = Buffer.allocUnsafe(HEAD_BYTES);
    head.writeUInt16BE(name.length, 0);
    head.writeUInt32BE(value?.length ?? DELETED, 2);
    parts.push(head, name, ...(value ? [value] : []));
  }
  return Buffer.concat(parts);
}

/** Reads records from bytes that come in parts, cut anywhere. */
export class RecordReader {
  readonly #what: string;
  #rest: Buffer = Buffer.alloc(0);

  /** @param what named in errors, e.g. "log entry 7" */
  constructor(what: string) {
    this.#what = what;
  }

  /** The records that end in this part. Their values are copies, so that none keeps the part in memory. */
  *read(part: Buffer): Generator<RecordChange> {
    const bytes = this.#rest.length === 0 ? part : Buffer.concat([this.#rest, part]);
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const nameBytes = bytes.readUInt16BE(at);
      const length = bytes.readUInt32BE(at + 2);
      const valueAt = at + HEAD_BYTES + nameBytes;
      const end = valueAt + (length === DELETED ? 0 : length);
      if (end > bytes.length) break;
      const key = bytes.toString("utf8", at + HEAD_BYTES, valueAt);
      yield [key, length === DELETED ? undefined : Buffer.from(bytes.subarray(valueAt, end))];
      at = end;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  /** To be called after the last part. @throws `CORRUPT` when a record is cut */
  end(): void {
    if (this.#rest.length > 0) {
      throw new VaultError("CORRUPT", `Could not read ${this.#what}: its last record is cut.`);
    }
  }
}
