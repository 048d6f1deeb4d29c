import { type RecordChange, sizeOf } from "./record-bytes.ts";

/** Changes that are not known to be in the log. */
export interface QueuedSet {
  readonly changes: ReadonlyMap<string, Buffer | undefined>;
  /** Bytes of the changes in an entry. */
  readonly bytes: number;
  /** Resolves when they are in the log. */
  readonly stored: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The sets of one holder that wait for the log, in order, as what reads see of them. */
export class RecordQueue {
  #sets: QueuedSet[] = [];
  /** By key, the newest set that changes it. */
  readonly #newest = new Map<string, QueuedSet>();

  get isEmpty(): boolean {
    return this.#sets.length === 0;
  }

  /** The newest set. */
  get last(): QueuedSet | undefined {
    return this.#sets.at(-1);
  }

  /** Whether a set that waits changes this record. */
  has(key: string): boolean {
    return this.#newest.has(key);
  }

  /** The value that it will have. */
  get(key: string): Buffer | undefined {
    return this.#newest.get(key)?.changes.get(key);
  }

  /** The keys that sets change which wait. */
  keys(): Iterable<string> {
    return this.#newest.keys();
  }

  add(changes: ReadonlyMap<string, Buffer | undefined>): QueuedSet {
    const bytes = [...changes].reduce((sum, change) => sum + sizeOf(change), 0);
    let settle: Pick<QueuedSet, "resolve" | "reject"> | undefined;
    const stored = new Promise<void>((resolve, reject) => {
      settle = { resolve, reject };
    });
    const set = { changes, bytes, stored, ...(settle as unknown as Pick<QueuedSet, "resolve" | "reject">) };
    this.#sets.push(set);
    for (const key of changes.keys()) this.#newest.set(key, set);
    return set;
  }

  /** The oldest sets, of at most `most` bytes together; one at least, if there is any. */
  oldest(most: number): readonly QueuedSet[] {
    let bytes = 0;
    const end = this.#sets.findIndex((set) => {
      bytes += set.bytes;
      return bytes > most;
    });
    return this.#sets.slice(0, end === -1 ? undefined : Math.max(1, end));
  }

  /** Removes sets, whatever became of them. */
  remove(sets: readonly QueuedSet[]): void {
    const gone = new Set(sets);
    this.#sets = this.#sets.filter((set) => !gone.has(set));
    for (const key of sets.flatMap(({ changes }) => [...changes.keys()])) {
      const newest = this.#newest.get(key);
      if (!newest || !gone.has(newest)) continue;
      const before = this.#sets.findLast(({ changes }) => changes.has(key));
      if (before) this.#newest.set(key, before);
      else this.#newest.delete(key);
    }
  }

  /** Removes all sets. */
  clear(): readonly QueuedSet[] {
    const sets = this.#sets;
    this.#sets = [];
    this.#newest.clear();
    return sets;
  }
}

/** What the sets do together: the last change of each record. */
export function changesOf(sets: readonly QueuedSet[]): RecordChange[] {
  const changes = new Map<string, Buffer | undefined>();
  for (const set of sets) for (const [key, value] of set.changes) changes.set(key, value);
  return [...changes];
}
