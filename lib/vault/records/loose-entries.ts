import type { VaultLease } from "../lease.ts";
import type { LooseEntry } from "./read-records.ts";
import type { RecordTable } from "./record-table.ts";

/** Bytes of entries that are put together into a segment, however few they are; or such a share of all records. */
const MOST_BYTES = 1024 * 1024;
const MOST_SHARE = 1 / 32;
/** Of so many entries the next open has little to read. */
const FEW = 8;

/** The entries in the log whose records are in no segment. */
export class LooseEntries {
  readonly #lease: VaultLease;
  readonly #table: RecordTable;
  #entries: LooseEntry[];
  #bytes: number;
  #hasTails = false;

  constructor(lease: VaultLease, table: RecordTable, entries: readonly LooseEntry[]) {
    this.#lease = lease;
    this.#table = table;
    this.#entries = [...entries];
    this.#bytes = bytesOf(entries);
    this.changed();
  }

  get list(): readonly LooseEntry[] {
    return this.#entries;
  }

  /** Bytes of their records. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether there were some whose records are in chunks when {@link changed} was called last. */
  get hasTails(): boolean {
    return this.#hasTails;
  }

  get areFew(): boolean {
    return this.#entries.length <= FEW;
  }

  /** Whether they are so many times as much as is put together at once. */
  areMany(times: number): boolean {
    const mostBytes = Math.max(MOST_BYTES, this.#table.bytes * MOST_SHARE);
    return this.#entries.length >= times * this.#lease.context.mostLoose || this.bytes >= times * mostBytes;
  }

  add(entry: LooseEntry): void {
    this.#entries.push(entry);
    this.#bytes += entry.bytes;
  }

  /** The records up to entry `n` are in segments. */
  removeThrough(n: number): void {
    this.#entries = this.#entries.filter((entry) => entry.n > n);
    this.#bytes = bytesOf(this.#entries);
  }

  /** To be called when another entry is the newest one in the log. */
  changed(): void {
    this.#hasTails = (this.#lease.writer.state.records?.tails.length ?? 0) > 0;
  }

  /** There are none any more. */
  clear(): void {
    this.#entries = [];
    this.#bytes = 0;
    this.#hasTails = false;
  }
}

/** Bytes of the records of these entries. */
export function bytesOf(entries: readonly LooseEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}
