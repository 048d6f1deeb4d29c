import { tell } from "../../diagnostics/channels.ts";
import { isVaultError, type VaultError } from "../../errors.ts";
import type { EntryName } from "../entry.ts";
import { chunkKey } from "../layout.ts";
import type { VaultLease } from "../lease.ts";
import { pruneOverdue } from "../prune.ts";
import { type Fold, partsOf, type Segment } from "./fold.ts";
import { FoldRide } from "./fold-ride.ts";
import { LooseEntries } from "./loose-entries.ts";
import { Mending, type NeededRecords } from "./mending.ts";
import type { LooseEntry, StoredRecords } from "./read-records.ts";
import type { RecordTable } from "./record-table.ts";
import { ReplacedByFolds } from "./replaced.ts";
import { storeFold } from "./store-fold.ts";

/** A fold that is due for so many times as much waits for nothing any more. */
const OVERDUE = 2;
/** Sets wait for the fold that is under way when so many times as much is loose: they come faster than it is put together. */
const MOST_AHEAD = 4;
/** After so many milliseconds without a set, fewer entries are put together, so that the next open has little to read. */
const IDLE_MS = 5 * 60 * 1000;
/** The pause after an attempt that has failed, in milliseconds; and where something waits for the next one. */
const RETRY_MS = 30_000;
const RETRY_SOON_MS = 1_000;

/** What {@link Folding} takes. */
export interface FoldingOptions {
  /** Id of the key that encrypts; `undefined` without encryption. */
  readonly keyId: string | undefined;
  /** Appends an entry with the {@link Folding.ready} fold, also when there is no set. */
  readonly append: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Puts the records of many entries together into segments, beside the sets: so an open reads little, and space is bounded. */
export class Folding {
  readonly #lease: VaultLease;
  readonly #table: RecordTable;
  readonly #options: FoldingOptions;
  readonly #replaced: ReplacedByFolds;
  readonly #mending: Mending;
  readonly #loose: LooseEntries;
  #segments: readonly Segment[];
  readonly #ride: FoldRide;
  /** Whether something waits until the fold is in the log. */
  #isAwaited = false;
  /** While a fold is under way; resolves when it has ended, however it did. */
  #ending: Promise<void> | undefined;
  /** How many wait until what is due is done: it is tried again sooner. */
  #finishing = 0;
  #isWorking = false;
  #working: Promise<void> | undefined;
  /** Ends the pause after an attempt that has failed. */
  #endPause: () => void = () => {};
  /** Whether chunks may be left that nothing needs, and that no fold has replaced. */
  #mustSweep = false;
  readonly #ended = new AbortController();

  constructor(lease: VaultLease, { table, segments, loose }: StoredRecords, options: FoldingOptions) {
    this.#lease = lease;
    this.#table = table;
    this.#segments = segments;
    this.#loose = new LooseEntries(lease, table, loose);
    this.#options = options;
    this.#ride = new FoldRide(lease.context.clock, options.append);
    this.#replaced = new ReplacedByFolds(lease);
    this.#mending = new Mending(lease);
  }

  /** The fold that the next entry carries. */
  get ready(): Fold | undefined {
    return this.#ride.ready;
  }

  /** Resolves when the work that is under way has ended, or was put off after a failure. */
  get idle(): Promise<void> | undefined {
    return this.#working;
  }

  /** Removes in the background what nobody needs: what earlier holders have left, say. */
  sweep(): void {
    this.#mustSweep = true;
    if (!this.#isWorking && !this.#ended.signal.aborted) this.#begin();
  }

  /**
   * To be called when the store answers again: a server that was killed may have lost its newest entries, and what follows
   * them could not be read without them.
   */
  recheck(): void {
    this.doubt();
    this.endDoubt();
  }

  /** To be called when the store does not answer: what was confirmed is looked at once it does, see {@link recheck}. */
  doubt(): void {
    if (!this.#ended.signal.aborted) this.#mending.doubt();
  }

  /** To be called when it answers again. */
  endDoubt(): void {
    if (this.#ended.signal.aborted || !this.#mending.endDoubt()) return;
    if (!this.#isWorking) this.#begin();
  }

  /**
   * All records, put together up to the entry `through`, which is the last one; from memory, where the store has lost what
   * it had confirmed. To be called by work that the lease runs.
   */
  async storeAll(through: EntryName, signal: AbortSignal): Promise<Fold> {
    await this.#mending.look(this.#needed, signal);
    return await this.#store(through, signal);
  }

  /** To be called once all records are deleted: begins anew. */
  restart(): void {
    // A fold of the records before would come into the next link.
    this.#ride.drop();
    this.#segments = [];
    this.#loose.clear();
    this.#replaced.forget();
    this.#mending.renewed();
    this.sweep();
  }

  /** An entry was appended. @param fold the one that it carries */
  appended(entry: LooseEntry, fold: Fold | undefined): void {
    this.#replaced.appended();
    this.#loose.add(entry);
    if (fold) this.#foldAppended(fold);
    this.#loose.changed();
    this.#next();
  }

  /** To be awaited before a set is sent. Never rejects. */
  async room(): Promise<void> {
    if (!this.#ending || !this.#loose.areMany(MOST_AHEAD)) return;
    this.#ride.hurry();
    await this.#ending;
  }

  /** To be called by work that waits for the end of a fold: it does not wait for a set. */
  hurry(): void {
    this.#isAwaited = this.#isWorking;
    this.#ride.hurry();
  }

  /**
   * Resolves when what the store has lost is there again, as far as is known, and a fold that is long overdue was made, or no
   * more is done about it.
   */
  async finish(): Promise<void> {
    const { mended } = this.#mending;
    if (!mended && !this.#isOverdue) return;
    this.#finishing++;
    this.#endPause();
    this.#ride.hurry();
    await (mended ?? this.#working);
    this.#finishing--;
  }

  /** Ends what is under way, and begins nothing more. */
  end(): void {
    this.#ended.abort();
    this.#lease.context.timer.clear(this);
    this.#ride.hurry();
    this.#mending.end();
  }

  #foldAppended(fold: Fold): void {
    // No two of them have one key, whatever they hold: see `renew` of uploads.
    const kept = new Set(partsOf(fold));
    const parts = partsOf({ segments: this.#segments }).filter((part) => !kept.has(part));
    this.#replaced.add(parts.map((part) => chunkKey(this.#lease.session, part)));
    this.#mustSweep ||= this.#loose.hasTails;
    this.#segments = fold.segments;
    this.#loose.removeThrough(fold.through.n);
    if (fold.segments.length <= 1) {
      this.#table.forgetDeleted(fold.through.n);
      this.#mending.renewed();
    }
    this.#ride.drop();
    const { session, epoch, context } = this.#lease;
    const { n: entry } = fold.through;
    const { files: records } = this.#table.size;
    tell("records", () => ({ session, store: context.kind, change: "folded", epoch, entry, records }));
  }

  /** Begins what is due. */
  #next(): void {
    if (this.#ended.signal.aborted || this.#isWorking) return;
    if (this.#isFoldDue || this.#replaced.isDeletable || this.#mending.mustCheck) this.#begin();
    else if (!this.#loose.areFew) {
      const { timer, clock } = this.#lease.context;
      timer.set(this, clock.monotonicMs() + IDLE_MS, () => this.#begin({ isIdle: true }));
    }
  }

  /** Whether a fold was due for so long that nothing may put it off. */
  get #isOverdue(): boolean {
    return this.#loose.areMany(OVERDUE);
  }

  get #isFoldDue(): boolean {
    if (this.#mending.isTorn || this.#loose.areMany(1)) return true;
    // Holds between them are listed in each entry.
    const { n, records } = this.#lease.writer.state;
    return this.#loose.list.length > 0 && n - (records?.through ?? n) >= OVERDUE * this.#lease.context.mostLoose;
  }

  get #needed(): NeededRecords {
    return { segments: this.#segments, loose: this.#loose.list, hasTails: this.#loose.hasTails };
  }

  #begin({ isIdle = false } = {}): void {
    this.#working = this.#work(isIdle);
  }

  /** Deletes what folds have replaced, and puts together what is loose when that is due. Never rejects. */
  async #work(isIdle: boolean): Promise<void> {
    const { signal } = this.#ended;
    this.#lease.context.timer.clear(this);
    this.#isWorking = true;
    try {
      // Beside the sets, and not beside a prune: it would take the parts of a fold that is under way for leftovers.
      await this.#lease.run(async () => {
        await this.#mending.check(this.#needed, signal);
        const refused = await this.#clean(signal);
        this.#mending.swept(this.#segments);
        if (isIdle || this.#isFoldDue) await this.#fold(signal);
        if (refused) throw refused;
      }, signal);
      this.#isWorking = false;
      this.#isAwaited = false;
      this.#next();
    } catch (error) {
      if (signal.aborted || this.#lease.lost.aborted) return;
      this.#isAwaited = false;
      this.#options.onError(error);
      // Parts may be stored that no entry names.
      this.#mustSweep = true;
      // The store may have lost something in what looks like an outage.
      if (isVaultError(error, "UNAVAILABLE")) this.#mending.distrust();
      this.#pause();
    }
  }

  /** Begins again in a while. */
  #pause(): void {
    const { timer, clock } = this.#lease.context;
    this.#endPause = () => {
      this.#endPause = () => {};
      timer.clear(this);
      this.#isWorking = false;
      if (!this.#ended.signal.aborted) this.#begin();
    };
    timer.set(this, clock.monotonicMs() + (this.#finishing > 0 ? RETRY_SOON_MS : RETRY_MS), () => this.#endPause());
  }

  /** Deletes what nobody needs. @returns why the store refuses that: a fold is made all the same */
  async #clean(signal: AbortSignal): Promise<VaultError | undefined> {
    try {
      if (this.#mustSweep) this.#mustSweep = !(await pruneOverdue(this.#lease, signal));
      await this.#replaced.delete(signal);
    } catch (error) {
      if (!isVaultError(error) || error.retryable || this.#lease.lost.aborted) throw error;
      return error;
    }
    signal.throwIfAborted();
    return undefined;
  }

  async #fold(signal: AbortSignal): Promise<void> {
    const fold = this.#makeFold(signal);
    this.#ending = fold
      .catch(() => {})
      .finally(() => {
        this.#ending = undefined;
      });
    await fold;
  }

  /** Puts together what is loose, or all where something is lost. Resolves when that is in the log. */
  async #makeFold(signal: AbortSignal): Promise<void> {
    // After a deletion that was taken back nothing is loose.
    const last = this.#loose.list.at(-1) ?? this.#lease.writer.state.records?.last;
    if (!last || this.#segments.length + this.#loose.list.length === 0) return this.#mending.renewed();
    const segments = this.#segments;
    const fold = await this.#store(last, signal);
    // What was sent before has arrived meanwhile: it was put together from there.
    if (this.#segments !== segments) {
      // No entry will name these parts.
      this.#mustSweep = true;
      return;
    }
    const mayWait = !this.#isAwaited && this.#finishing === 0 && !this.#isOverdue;
    await this.#ride.take(fold, mayWait, signal);
  }

  async #store({ n, id }: EntryName, signal: AbortSignal | undefined): Promise<Fold> {
    const segments = this.#segments;
    const options = { table: this.#table, segments, through: { n, id }, looseBytes: this.#loose.bytes };
    const { isTorn } = this.#mending;
    return await storeFold(this.#lease, { ...options, isTorn, keyId: this.#options.keyId }, signal);
  }
}
