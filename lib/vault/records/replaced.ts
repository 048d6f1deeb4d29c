import type { VaultLease } from "../lease.ts";
import { deleteChunks, deleteEntries } from "../prune.ts";

/** What folds have replaced: nothing needs it once an entry after them is in the log. */
interface Replaced {
  /** Keys. */
  readonly chunks: readonly string[];
  /** Numbers: those of a later fold have those of the ones before it. */
  readonly entries: readonly number[];
}

/** What the folds in the log have replaced, and is not deleted yet. */
export class ReplacedByFolds {
  readonly #lease: VaultLease;
  #newest: Replaced | undefined;
  #deletable: Replaced | undefined;

  constructor(lease: VaultLease) {
    this.#lease = lease;
  }

  /** To be called for each entry in the log, before what its own fold has replaced is added. */
  appended(): void {
    if (!this.#newest) return;
    const { chunks, entries } = this.#newest;
    this.#deletable = { chunks: [...(this.#deletable?.chunks ?? []), ...chunks], entries };
    this.#newest = undefined;
  }

  /** @param chunks keys of the parts that the fold of the newest entry has replaced */
  add(chunks: readonly string[]): void {
    this.#newest = { chunks, entries: this.#lease.writer.state.dead };
  }

  /** Whether {@link delete} has something to do. */
  get isDeletable(): boolean {
    return this.#deletable !== undefined;
  }

  /** Deletes what nothing needs. To be called by work that the lease runs. @throws `LEASE_LOST` */
  async delete(signal: AbortSignal): Promise<void> {
    const { memory } = this.#lease.writer;
    for (let some = this.#deletable; some; some = this.#deletable) {
      await deleteChunks(this.#lease, some.chunks, signal);
      await deleteEntries(this.#lease, memory.undeleted(some.entries), signal);
      // More may have come meanwhile.
      const { chunks, entries } = this.#deletable ?? some;
      this.#deletable = entries === some.entries ? undefined : { chunks: chunks.slice(some.chunks.length), entries };
    }
  }

  /** Leaves all of it to a sweep. */
  forget(): void {
    this.#newest = undefined;
    this.#deletable = undefined;
  }
}
