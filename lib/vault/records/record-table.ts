import { type RecordChange, sizeOf } from "./record-bytes.ts";

/** A record in memory. */
interface StoredRecord {
  /** Absent: the record was deleted, and an earlier segment may still have it. */
  readonly value: Buffer | undefined;
  /** Number of the entry that said so, or of the last one of its segment. */
  readonly n: number;
  /** Bytes that it takes where it is stored. */
  readonly bytes: number;
}

/** How many records there are. */
export interface RecordsSize {
  readonly files: number;
  /** Of all values. */
  readonly bytes: number;
}

/** The records of a session in memory, each with the entry that it comes from. */
export class RecordTable {
  readonly #records = new Map<string, StoredRecord>();
  /** Keys of records that were deleted. */
  readonly #deleted = new Set<string>();
  #bytes = 0;
  #valueBytes = 0;

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

  get size(): RecordsSize {
    return { files: this.#records.size - this.#deleted.size, bytes: this.#valueBytes };
  }

  /** The {@link size} after these changes, each of another record. */
  sizeAfter(changes: Iterable<RecordChange>): RecordsSize {
    let { files, bytes } = this.size;
    for (const [key, value] of changes) {
      const before = this.get(key);
      files += Number(value !== undefined) - Number(before !== undefined);
      bytes += (value?.length ?? 0) - (before?.length ?? 0);
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
      this.#count(this.#records.get(key), -1);
      const record = { value, n, bytes: sizeOf([key, value]) };
      this.#records.set(key, record);
      this.#count(record, 1);
      if (value) this.#deleted.delete(key);
      else this.#deleted.add(key);
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
    const sums = Array.from({ length: ends.length + 1 }, () => 0);
    for (const { n, bytes } of this.#records.values()) {
      const index = firstFrom(ends, n);
      sums[index] = (sums[index] ?? 0) + bytes;
    }
    return sums;
  }

  /** Forgets the deletions up to entry `to`: no segment has the records that they deleted. */
  forgetDeleted(to: number): void {
    for (const key of this.#deleted) {
      const { n = to } = this.#records.get(key) ?? {};
      if (n > to) continue;
      this.#records.delete(key);
      this.#deleted.delete(key);
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#records.clear();
    this.#deleted.clear();
    this.#bytes = 0;
    this.#valueBytes = 0;
  }

  #count(record: StoredRecord | undefined, sign: 1 | -1): void {
    if (!record?.value) return;
    this.#bytes += sign * record.bytes;
    this.#valueBytes += sign * record.value.length;
  }
}

/** Index of the first of these ends, in order, that is `n` or more. */
function firstFrom(ends: readonly number[], n: number): number {
  let [from, to] = [0, ends.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((ends[middle] ?? n) < n) from = middle + 1;
    else to = middle;
  }
  return from;
}
