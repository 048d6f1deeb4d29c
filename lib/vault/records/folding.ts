import { type Deferred, deferred } from "../../async/deferred.ts";
import { isVaultError } from "../../errors.ts";
import type { EntryName } from "../entry.ts";
import { chunkKey } from "../layout.ts";
import type { VaultLease } from "../lease.ts";
import { deleteChunks, deleteEntries, pruneOverdue } from "../prune.ts";
import { type Fold, partsOf, type Segment } from "./fold.ts";
import { isWhole } from "./is-whole.ts";
import type { LooseEntry, StoredRecords } from "./read-records.ts";
import type { RecordTable } from "./record-table.ts";
import { storeFold } from "./store-fold.ts";

/** Bytes of entries that are put together into a segment, however few they are. */
const MOST_LOOSE_BYTES = 512 * 1024;
/** After so many milliseconds without a set, fewer entries are put together, so that the next open has little to read. */
const IDLE_MS = 5 * 60 * 1000;
const IDLE_LOOSE = 8;
/** A fold that is due for so many times the entries waits for nothing any more. */
const OVERDUE = 2;
/** How long a fold waits for a set to travel with, in milliseconds. */
const RIDE_MS = 1_000;
/** The pause after an attempt that has failed, in milliseconds. */
const RETRY_MS = 30_000;

/** Puts the records of many entries together into segments, beside the sets: so an open reads little, and space is bounded. */
export class Folding {
  readonly #lease: VaultLease;
  readonly #table: RecordTable;
  readonly #keyId: string | undefined;
  /** Appends an entry that carries {@link ready}, also when there is no set. */
  readonly #append: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #segments: readonly Segment[];
  #loose: LooseEntry[];
  #ready: Fold | undefined;
  /** Goes on with the fold that is ready: it is in the log, or need not wait for a set. */
  #goOn: () => void = () => {};
  /** Whether something waits until the fold is in the log. */
  #isAwaited = false;
  /** The chunks that folds in the log have replaced, and that are not deleted yet. */
  #replaced: string[] = [];
  /** Whether a fold is in the log whose entries, and replaced chunks, are not deleted yet. */
  #mustDelete = false;
  /** Whether an entry was appended after that fold. */
  #mayDelete = false;
  #isWorking = false;
  #working: Promise<void> | undefined;
  /** Ends the pause after an attempt that has failed. */
  #endPause: () => void = () => {};
  /** Whether chunks may be left that nothing needs, and that are not among {@link #replaced}. */
  #mustSweep = false;
  /** Whether the store does not answer. */
  #isInDoubt = false;
  /** Whether the store may have lost what it had confirmed. */
  #mustCheck = false;
  /** Whether it has: everything is put together anew, from memory. */
  #isTorn = false;
  /** Until it is known that nothing is lost, or all is stored anew. */
  #mending: Deferred | undefined;
  /** Whether there are loose entries whose records are in chunks. */
  #hasTails: boolean;
  readonly #ended = new AbortController();

  constructor(
    lease: VaultLease,
    { table, segments, loose }: StoredRecords,
    {
      keyId,
      append,
      onError,
    }: { keyId: string | undefined; append: () => Promise<void>; onError: (error: unknown) => void },
  ) {
    this.#lease = lease;
    this.#table = table;
    this.#segments = segments;
    this.#loose = [...loose];
    this.#keyId = keyId;
    this.#append = append;
    this.#onError = onError;
    this.#hasTails = this.#areTailsLoose;
  }

  /** The fold that the next entry carries. */
  get ready(): Fold | undefined {
    return this.#ready;
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
    if (this.#ended.signal.aborted) return;
    this.#isInDoubt = true;
    this.#mending ??= deferred();
  }

  /** To be called when it answers again. */
  endDoubt(): void {
    if (!this.#isInDoubt || this.#ended.signal.aborted) return;
    this.#isInDoubt = false;
    this.#mustCheck = true;
    if (!this.#isWorking) this.#begin();
  }

  /** Resolves when nothing is lost that the store had confirmed, as far as is known, or no more is done about it. */
  get mended(): Promise<void> | undefined {
    return this.#mending?.promise;
  }

  /**
   * All records, put together up to the entry `through`, which is the last one; from memory, where the store has lost what
   * it had confirmed. To be called by work that the lease runs.
   */
  async storeAll(through: EntryName, signal: AbortSignal): Promise<Fold> {
    this.#isTorn ||= !(await isWhole(this.#lease, [...this.#loose], this.#segments, signal));
    return await this.#store(through, signal);
  }

  /** To be called once all records are deleted: begins anew. */
  restart(): void {
    // A fold of the records before would come into the next link.
    this.#ready = undefined;
    this.#goOn();
    this.#segments = [];
    this.#loose = [];
    this.#replaced = [];
    this.#mustDelete = false;
    this.#mayDelete = false;
    this.#hasTails = false;
    this.#nothingIsTorn();
    this.sweep();
  }

  /** An entry was appended. @param fold the one that it carries */
  appended(entry: LooseEntry, fold: Fold | undefined): void {
    this.#loose.push(entry);
    if (fold) this.#foldAppended(fold);
    else this.#mayDelete = this.#mustDelete;
    this.#hasTails = this.#areTailsLoose;
    this.#next();
  }

  /** To be called by work that waits for the end of a fold: it does not wait for a set. */
  hurry(): void {
    this.#endPause();
    this.#isAwaited = this.#isWorking || this.#mending !== undefined;
    this.#goOn();
  }

  /** Ends what is under way, and begins nothing more. */
  end(): void {
    this.#ended.abort();
    this.#lease.context.timer.clear(this);
    this.#goOn();
    this.#mending?.resolve();
  }

  #foldAppended(fold: Fold): void {
    // No two of them have one key, whatever they hold: see `renew` of uploads.
    const kept = new Set(partsOf(fold));
    const parts = partsOf({ ...fold, segments: this.#segments }).filter((part) => !kept.has(part));
    this.#replaced = [...this.#replaced, ...parts.map((part) => chunkKey(this.#lease.session, part))];
    this.#mustDelete = true;
    this.#mayDelete = false;
    this.#mustSweep ||= this.#hasTails;
    this.#segments = fold.segments;
    if (fold.segments.length <= 1) this.#isTorn = false;
    this.#endMending();
    this.#loose = this.#loose.filter(({ n }) => n > fold.through.n);
    if (fold.segments.length === 1) this.#table.forgetDeleted(fold.through.n);
    this.#ready = undefined;
    this.#goOn();
  }

  /** Begins what is due. */
  #next(): void {
    if (this.#ended.signal.aborted || this.#isWorking) return;
    if (this.#isFoldDue || this.#mayDelete || this.#mustCheck) this.#begin();
    else if (this.#loose.length > IDLE_LOOSE) {
      const { timer, clock } = this.#lease.context;
      timer.set(this, clock.monotonicMs() + IDLE_MS, () => this.#begin({ isIdle: true }));
    }
  }

  get #isFoldDue(): boolean {
    const { mostLoose } = this.#lease.context;
    if (this.#isTorn || this.#loose.length >= mostLoose || this.#looseBytes >= MOST_LOOSE_BYTES) return true;
    // Holds between them are listed in each entry.
    const { n, records } = this.#lease.writer.state;
    return this.#loose.length > 0 && n - (records?.through ?? n) >= OVERDUE * mostLoose;
  }

  /** Whether a fold was due for so long that nothing may put it off. */
  get isOverdue(): boolean {
    return this.#loose.length >= OVERDUE * this.#lease.context.mostLoose;
  }

  /** Resolves when the work that is under way has ended, or was put off after a failure. */
  get idle(): Promise<void> | undefined {
    return this.#working;
  }

  get #looseBytes(): number {
    return this.#loose.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #begin({ isIdle = false } = {}): void {
    this.#working = this.#work(isIdle);
  }

  /** Deletes what a fold has replaced, and puts together what is loose when that is due. Never rejects. */
  async #work(isIdle: boolean): Promise<void> {
    const { signal } = this.#ended;
    this.#lease.context.timer.clear(this);
    this.#isWorking = true;
    try {
      // Beside the sets, and not beside a prune: it would take the parts of a fold that is under way for leftovers.
      await this.#lease.run(async () => {
        if (this.#mustCheck) await this.#check(signal);
        if (this.#mustSweep) this.#mustSweep = !(await pruneOverdue(this.#lease, signal));
        if (!this.#areTrusted) {
          this.#isTorn = true;
          this.#mending ??= deferred();
        }
        if (this.#mayDelete) await this.#delete(signal);
        if (isIdle || this.#isFoldDue) await this.#fold(signal);
      }, signal);
      this.#isWorking = false;
      this.#isAwaited = false;
      this.#next();
    } catch (error) {
      if (signal.aborted || this.#lease.lost.aborted) return;
      this.#onError(error);
      // Parts may be stored that no entry names.
      this.#mustSweep = true;
      const { timer, clock } = this.#lease.context;
      // The store may have lost something in what looks like an outage.
      if (isVaultError(error, "UNAVAILABLE")) {
        this.#mustCheck = true;
        this.#mending ??= deferred();
      }
      this.#endPause = () => {
        this.#endPause = () => {};
        timer.clear(this);
        this.#isWorking = false;
        if (!signal.aborted) this.#begin();
      };
      timer.set(this, clock.monotonicMs() + (this.#isAwaited ? RIDE_MS : RETRY_MS), () => this.#endPause());
    }
  }

  get #areTrusted(): boolean {
    const { context, session } = this.#lease;
    return context.chunkTrust.areTrusted(partsOf({ segments: this.#segments }).map((part) => chunkKey(session, part)));
  }

  #nothingIsTorn(): void {
    this.#isTorn = false;
    this.#endMending();
  }

  #endMending(): void {
    if (this.#isTorn || this.#mustCheck || this.#isInDoubt) return;
    this.#mending?.resolve();
    this.#mending = undefined;
  }

  async #check(signal: AbortSignal): Promise<void> {
    this.#mustCheck = false;
    let hasAll: boolean;
    try {
      // Not what is appended while it looks.
      hasAll = await isWhole(this.#lease, [...this.#loose], this.#segments, signal);
    } catch (error) {
      this.#mustCheck = true;
      throw error;
    }
    // Which chunks a large set needs is in its entry alone: it is put together in any case.
    this.#isTorn ||= !hasAll || this.#hasTails;
    this.#endMending();
    if (hasAll) return;
    const { context, session } = this.#lease;
    context.warn(
      `The store has lost entries or chunks of ${session} that it had confirmed. All records are stored anew.`,
    );
  }

  get #areTailsLoose(): boolean {
    return (this.#lease.writer.state.records?.tails.length ?? 0) > 0;
  }

  async #delete(signal: AbortSignal): Promise<void> {
    const { writer } = this.#lease;
    await deleteChunks(this.#lease, this.#replaced, signal);
    this.#replaced = [];
    await deleteEntries(this.#lease, writer.memory.undeleted(writer.state.dead), signal);
    this.#mustDelete = false;
    this.#mayDelete = false;
  }

  /** Puts together what is loose, or all where something is lost. Resolves when that is in the log. */
  async #fold(signal: AbortSignal): Promise<void> {
    // After a deletion that was taken back nothing is loose.
    const last = this.#loose.at(-1) ?? this.#lease.writer.state.records?.last;
    if (!last || this.#segments.length + this.#loose.length === 0) return this.#nothingIsTorn();
    const segments = this.#segments;
    const fold = await this.#store(last, signal);
    // What was sent before has arrived meanwhile: it was put together from there.
    if (this.#segments !== segments) return;
    this.#ready = fold;
    try {
      if (!this.#isAwaited && !this.isOverdue) await this.#ride(signal);
      if (this.#ready === fold) await this.#append();
    } finally {
      if (this.#ready === fold) this.#ready = undefined;
    }
  }

  async #store({ n, id }: EntryName, signal: AbortSignal | undefined): Promise<Fold> {
    const segments = this.#segments;
    const options = { table: this.#table, segments, through: { n, id }, looseBytes: this.#looseBytes };
    return await storeFold(this.#lease, { ...options, isTorn: this.#isTorn, keyId: this.#keyId }, signal);
  }

  /** Waits until a set has taken the fold along, if one comes soon. */
  async #ride(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const late = this.#lease.context.clock.sleep(RIDE_MS, AbortSignal.any([signal, over.signal])).catch(() => {});
    const goesOn = new Promise<void>((resolve) => {
      this.#goOn = resolve;
    });
    await Promise.race([goesOn, late]);
    over.abort();
    signal.throwIfAborted();
  }
}
