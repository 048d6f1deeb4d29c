import { type RecordChange, sizeOf } from "./record-bytes.ts";
import type { RecordTable } from "./record-table.ts";

/** Something that is not known to be in the log. */
interface Queued {
  /** Resolves when it is in the log. */
  readonly stored: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Changes of records that belong together. */
export interface QueuedSet extends Queued {
  readonly changes: ReadonlyMap<string, Buffer | undefined>;
  /** Bytes of the changes in an entry. */
  readonly bytes: number;
}

/** A deletion of all records that the sets before it have left. */
export interface QueuedClear extends Queued {
  /** How long it can be taken back, in milliseconds. */
  readonly retainMs: number;
}

/** The sets and clears of one holder that wait for the log, in order, and the records as reads see them meanwhile. */
export class RecordQueue {
  readonly #table: RecordTable;
  #waiting: (QueuedSet | QueuedClear)[] = [];
  /** By key, the newest set after the last clear that changes it. */
  readonly #newest = new Map<string, QueuedSet>();
  /** Whether a clear waits: nothing of the table is seen any more. */
  #hidesTable = false;

  /** @param table the records in the log */
  constructor(table: RecordTable) {
    this.#table = table;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** All sets and clears, in order. */
  get waiting(): readonly (QueuedSet | QueuedClear)[] {
    return this.#waiting;
  }

  /** The value of a record once all that waits is in the log. */
  get(key: string): Buffer | undefined {
    const newest = this.#newest.get(key);
    if (newest) return newest.changes.get(key);
    return this.#hidesTable ? undefined : this.#table.get(key);
  }

  /** Whether something waits that changes this record. */
  isChanging(key: string): boolean {
    return this.#hidesTable || this.#newest.has(key);
  }

  /** The keys of all records then, in no order. */
  keys(): string[] {
    const stored = this.#hidesTable ? [] : this.#table.keys();
    return [...new Set([...stored, ...this.#newest.keys()])].filter((key) => this.get(key) !== undefined);
  }

  set(changes: ReadonlyMap<string, Buffer | undefined>): QueuedSet {
    const bytes = [...changes].reduce((sum, change) => sum + sizeOf(change), 0);
    return this.#add({ changes, bytes, ...queued() });
  }

  clear(retainMs: number): QueuedClear {
    return this.#add({ retainMs, ...queued() });
  }

  /** The clear that comes next, when no set is before it. */
  get nextClear(): QueuedClear | undefined {
    const [first] = this.#waiting;
    return first && isClear(first) ? first : undefined;
  }

  /** The sets that come next, of at most `most` bytes together; one at least, unless a clear comes first. */
  nextSets(most: number): readonly QueuedSet[] {
    const sets: QueuedSet[] = [];
    let bytes = 0;
    for (const one of this.#waiting) {
      if (isClear(one)) break;
      bytes += one.bytes;
      if (bytes > most && sets.length > 0) break;
      sets.push(one);
    }
    return sets;
  }

  /** Removes sets and clears, whatever became of them. */
  remove(some: Iterable<QueuedSet | QueuedClear>): void {
    const gone = new Set(some);
    const left = this.#waiting.filter((one) => !gone.has(one));
    this.removeAll();
    for (const one of left) this.#add(one);
  }

  /** Removes all sets and clears. */
  removeAll(): readonly (QueuedSet | QueuedClear)[] {
    const all = this.#waiting;
    this.#waiting = [];
    this.#newest.clear();
    this.#hidesTable = false;
    return all;
  }

  #add<T extends QueuedSet | QueuedClear>(one: T): T {
    this.#waiting.push(one);
    if (isClear(one)) {
      this.#newest.clear();
      this.#hidesTable = true;
    } else {
      for (const key of one.changes.keys()) this.#newest.set(key, one);
    }
    return one;
  }
}

/** What the sets do together: the last change of each record. */
export function changesOf(sets: readonly QueuedSet[]): RecordChange[] {
  const changes = new Map<string, Buffer | undefined>();
  for (const set of sets) for (const [key, value] of set.changes) changes.set(key, value);
  return [...changes];
}

function isClear(one: QueuedSet | QueuedClear): one is QueuedClear {
  return "retainMs" in one;
}

function queued(): Queued {
  let settle: Pick<Queued, "resolve" | "reject"> | undefined;
  const stored = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { stored, ...(settle as unknown as Pick<Queued, "resolve" | "reject">) };
}
