import type { Entry, LogState } from "../../../../lib/vault/entry.ts";
import { RecordReader } from "../../../../lib/vault/records/record-bytes.ts";

/** What the keys of markers begin with: each set has one. */
export const SET_PREFIX = "set ";

/** The records that the entries of a log say, deleted or not. */
export class TrueRecords {
  /** By moment. */
  readonly #moments: ReadonlyMap<string, string>[] = [new Map()];
  /** By the id of a generation whose link was deleted, and followed by another one. */
  readonly #earlier = new Map<string, ReadonlyMap<string, string>>();
  /** The sets that entries have said that were the newest. */
  readonly #said = new Set<string>();
  /** Those that were deleted, and cannot be brought back any more. */
  readonly #deleted = new Set<string>();

  /** The records at some moment, as if no deletion were there that can be taken back. */
  at(moment: number): ReadonlyMap<string, string> {
    return this.#moments[moment] ?? new Map();
  }

  of(id: string): ReadonlyMap<string, string> | undefined {
    return this.#earlier.get(id);
  }

  wasDeleted(name: string): boolean {
    return this.#deleted.has(name);
  }

  /** The store has lost entries: the records are as they were at this moment. */
  goBack(moment: number): void {
    this.#moments.push(this.at(moment));
  }

  /** The entry has become the newest. @returns a set that it says, and one before it has said already */
  add({ n, content, kind, tail }: Entry, before: LogState): string | undefined {
    const last = this.#moments.at(-1) ?? new Map<string, string>();
    const isNewLink = kind === "records" && before.deleted !== undefined;
    const isGone = isNewLink || content === 0;
    if (isGone) for (const key of last.keys()) if (key.startsWith(SET_PREFIX)) this.#deleted.add(key);
    const deleted = before.live.find((one) => one.n === before.content);
    if (isNewLink && deleted) this.#earlier.set(deleted.id, last);
    const records = new Map(isGone ? [] : last);
    this.#moments.push(records);
    let again: string | undefined;
    for (const [key, value] of new RecordReader(`entry ${n}`).read(tail ?? Buffer.alloc(0))) {
      if (value) records.set(key, textOf(value));
      else records.delete(key);
      if (!key.startsWith(SET_PREFIX)) continue;
      if (this.#said.has(key)) again = key;
      this.#said.add(key);
    }
    return again;
  }
}

/** The value of a record as a schedule knows it: large ones begin with what tells them apart. */
export function textOf(value: Buffer): string {
  return value.toString("latin1", 0, 20);
}
