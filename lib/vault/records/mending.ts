import { type Deferred, deferred } from "../../async/deferred.ts";
import type { VaultLease } from "../lease.ts";
import type { Segment } from "./fold.ts";
import { isWhole } from "./is-whole.ts";
import type { LooseEntry } from "./read-records.ts";
import { areTrusted } from "./store-fold.ts";

/** What an open would read. */
export interface NeededRecords {
  readonly segments: readonly Segment[];
  readonly loose: readonly LooseEntry[];
  /** Whether there are loose entries whose records are in chunks. */
  readonly hasTails: boolean;
}

/**
 * Knows whether the store has lost something that it had confirmed, as a server that was killed does: what comes after it
 * could not be read. The holder has all of it in memory.
 */
export class Mending {
  readonly #lease: VaultLease;
  /** Whether the store does not answer. */
  #isInDoubt = false;
  #mustCheck = false;
  #isTorn = false;
  /** Until it is known that nothing is lost, or all is stored anew. */
  #mended: Deferred | undefined;

  constructor(lease: VaultLease) {
    this.#lease = lease;
  }

  /** Whether something is lost: everything is to be put together anew, from memory. */
  get isTorn(): boolean {
    return this.#isTorn;
  }

  /** Whether the store answers, and is to be looked at. */
  get mustCheck(): boolean {
    return this.#mustCheck;
  }

  /** Resolves when nothing is lost, as far as is known, or no more is done about it. */
  get mended(): Promise<void> | undefined {
    return this.#mended?.promise;
  }

  /** The store does not answer: what it had confirmed is looked at once it does. */
  doubt(): void {
    this.#isInDoubt = true;
    this.#mended ??= deferred();
  }

  /** It answers again. @returns whether it had not */
  endDoubt(): boolean {
    if (!this.#isInDoubt) return false;
    this.#isInDoubt = false;
    this.#mustCheck = true;
    return true;
  }

  /** Something failed in what may be an outage: the store is looked at in the next attempt. */
  distrust(): void {
    this.#mustCheck = true;
    this.#mended ??= deferred();
  }

  /** Looks at the store, where that is due. @throws as {@link isWhole} */
  async check({ segments, loose, hasTails }: NeededRecords, signal: AbortSignal): Promise<void> {
    if (!this.#mustCheck) return;
    this.#mustCheck = false;
    let hasAll: boolean;
    try {
      // Not what is appended while it looks.
      hasAll = await isWhole(this.#lease, [...loose], segments, signal);
    } catch (error) {
      this.#mustCheck = true;
      throw error;
    }
    // Which chunks a large set needs is in its entry alone: it is put together in any case.
    this.#isTorn ||= !hasAll || hasTails;
    this.#endWhenMended();
    if (!hasAll) this.#warn();
  }

  /** A sweep may have missed parts of these segments. */
  swept(segments: readonly Segment[]): void {
    if (areTrusted(this.#lease, segments)) return;
    this.#isTorn = true;
    this.#mended ??= deferred();
  }

  /** As {@link check}, due or not, for a fold that is made at once. */
  async look({ segments, loose }: NeededRecords, signal: AbortSignal): Promise<void> {
    this.#isTorn ||= !(await isWhole(this.#lease, [...loose], segments, signal));
  }

  /** Everything is in the log anew, or nothing is needed any more. */
  renewed(): void {
    this.#isTorn = false;
    this.#endWhenMended();
  }

  /** Does no more about it. */
  end(): void {
    this.#mended?.resolve();
  }

  #endWhenMended(): void {
    if (this.#isTorn || this.#mustCheck || this.#isInDoubt) return;
    this.#mended?.resolve();
    this.#mended = undefined;
  }

  #warn(): void {
    const { context, session } = this.#lease;
    context.warn(
      `The store has lost entries or chunks of ${session} that it had confirmed. All records are stored anew.`,
    );
  }
}
