import { type RecordChange, sizeOf } from "./record-bytes.ts";

/** A record in memory. */
interface StoredRecord {
  /** Absent: the record was deleted, and an earlier segment may still have it. */
  readonly value: Buffer | undefined;
  /** Number of the entry that said so, or of the last one of its segment. */
  readonly n: number;
}

/** The records of a session in memory, each with the entry that it comes from. */
export class RecordTable {
  readonly #records = new Map<string, StoredRecord>();
  #bytes = 0;

  /** Bytes of all records with a value, as they are stored. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): Buffer | undefined {
    return this.#records.get(key)?.value;
  }

  /** All keys with a value, in no order. */
  *keys(): Generator<string> {
    for (const [key, { value }] of this.#records) if (value) yield key;
  }

  /** How many records have a value, and the bytes of all values. */
  get size(): { files: number; bytes: number } {
    let files = 0;
    let bytes = 0;
    for (const { value } of this.#records.values()) {
      if (!value) continue;
      files++;
      bytes += value.length;
    }
    return { files, bytes };
  }

  /** All records with a value, by key. */
  values(): Map<string, Buffer> {
    const values = new Map<string, Buffer>();
    for (const [key, { value }] of this.#records) if (value) values.set(key, value);
    return values;
  }

  /** Takes in the records of entry `n`, or of a segment that ends with it. */
  apply(n: number, records: Iterable<RecordChange>): void {
    for (const [key, value] of records) {
      this.#bytes += bytesOf(key, value) - bytesOf(key, this.get(key));
      this.#records.set(key, { value, n });
    }
  }

  /**
   * The newest state of each record that the entries after `after`, up to `to`, have changed. The deletions are left out
   * when there is nothing before them.
   */
  changed(after: number, to: number): RecordChange[] {
    const changes: RecordChange[] = [];
    for (const [key, { value, n }] of this.#records) {
      if (n > after && n <= to && (value || after > 0)) changes.push([key, value]);
    }
    return changes;
  }

  /**
   * Bytes of the newest states of the records, by the segment that has them; those after the last segment come last.
   * @param ends the last entry of each segment, in order
   */
  newestBytes(ends: readonly number[]): number[] {
    const bytes = Array.from({ length: ends.length + 1 }, () => 0);
    for (const [key, { value, n }] of this.#records) {
      const found = ends.findIndex((end) => n <= end);
      const index = found === -1 ? ends.length : found;
      bytes[index] = (bytes[index] ?? 0) + sizeOf([key, value]);
    }
    return bytes;
  }

  /** Forgets the deletions up to entry `to`: no segment has the records that they deleted. */
  forgetDeleted(to: number): void {
    for (const [key, { value, n }] of this.#records) if (!value && n <= to) this.#records.delete(key);
  }

  /** Forgets everything. */
  clear(): void {
    this.#records.clear();
    this.#bytes = 0;
  }
}

function bytesOf(key: string, value: Buffer | undefined): number {
  return value ? sizeOf([key, value]) : 0;
}
