import type { VaultLease } from "../lease.ts";
import { deleteChunks, deleteEntries } from "../prune.ts";

/** What a fold has replaced: nothing needs it once an entry after the fold is in the log. */
interface Replaced {
  /** Keys. */
  readonly chunks: readonly string[];
  /** Numbers. */
  readonly entries: readonly number[];
}

/** What the folds in the log have replaced, and is not deleted yet. */
export class ReplacedByFolds {
  readonly #lease: VaultLease;
  #newest: Replaced | undefined;
  #deletable: Replaced[] = [];

  constructor(lease: VaultLease) {
    this.#lease = lease;
  }

  /** To be called for each entry in the log, before what its own fold has replaced is added. */
  appended(): void {
    if (this.#newest) this.#deletable.push(this.#newest);
    this.#newest = undefined;
  }

  /** @param chunks keys of the parts that the fold of the newest entry has replaced */
  add(chunks: readonly string[]): void {
    this.#newest = { chunks, entries: this.#lease.writer.state.dead };
  }

  /** Whether {@link delete} has something to do. */
  get isDeletable(): boolean {
    return this.#deletable.length > 0;
  }

  /** Deletes what nothing needs. To be called by work that the lease runs. @throws `LEASE_LOST` */
  async delete(signal: AbortSignal): Promise<void> {
    const { memory } = this.#lease.writer;
    for (let next = this.#deletable[0]; next; next = this.#deletable[0]) {
      await deleteChunks(this.#lease, next.chunks, signal);
      await deleteEntries(this.#lease, memory.undeleted(next.entries), signal);
      this.#deletable.shift();
    }
  }

  /** Leaves all of it to a sweep. */
  forget(): void {
    this.#newest = undefined;
    this.#deletable = [];
  }
}
