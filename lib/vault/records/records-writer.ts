import { tell } from "../../diagnostics/channels.ts";
import type { Operation } from "../../diagnostics/events.ts";
import { tellError } from "../../diagnostics/observe.ts";
import { isVaultError } from "../../errors.ts";
import { deleteSession } from "../deletion.ts";
import { currentOf, type EntryName, type LogState } from "../entry.ts";
import type { Draft, EntryFacts } from "../entry-draft.ts";
import type { VaultLease } from "../lease.ts";
import type { Chunk } from "../manifest.ts";
import { notDeleted, pruneSettled } from "../prune.ts";
import { newLink } from "../save.ts";
import { Folding } from "./folding.ts";
import type { StoredRecords } from "./read-records.ts";
import { encodeRecords } from "./record-bytes.ts";
import { changesOf, type QueuedClear, type QueuedSet, RecordQueue } from "./record-queue.ts";
import { SentEntries } from "./sent-entries.ts";
import { draftFold, type WholeRecords } from "./store-fold.ts";
import { storeParts } from "./store-parts.ts";

/** Bytes that an entry may need beside its records. */
export const ENTRY_ROOM: number = 32 * 1024;
/** The first pause after the store did not answer, in milliseconds; later ones are longer. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

/** After so many sets that were refused alone, one after the other, the store is taken to refuse all. */
const MOST_ALONE = 3;

/** What {@link RecordsWriter} takes. */
export interface RecordsWriterOptions {
  /** Id of the key that encrypts; `undefined` without encryption. */
  readonly keyId: string | undefined;
  /** The largest content of a chunk, in bytes. */
  readonly chunkBytes: number;
  /** Called when the store does not answer, or an entry cannot be stored. */
  readonly onError: (error: unknown) => void;
}

/** Records that are too large for an entry, in chunks. */
interface LargeSet {
  readonly set: QueuedSet;
  readonly tailChunks: readonly Chunk[];
}

/** Brings the sets and clears of one holder to the log, in order, and waits through outages. */
export class RecordsWriter {
  readonly #lease: VaultLease;
  readonly #keyId: string | undefined;
  readonly #onError: (error: unknown) => void;
  /** The largest tail of an entry, in bytes. */
  readonly #mostBytes: number;
  readonly #table: StoredRecords["table"];
  /** What waits. */
  readonly queue: RecordQueue;
  readonly #folding: Folding;
  readonly #sent = new SentEntries();
  /** The sets in the log, as far as it is known: another holder may have come before. */
  #unconfirmed: QueuedSet[] = [];
  /** Their entries, of which nobody was told yet. */
  #untold: { entry: number; sets: readonly QueuedSet[]; bytes: number }[] = [];
  /** When the newest entry was sent, by `performance.now()`. */
  #sentAt = 0;
  #writing: Promise<void> | undefined;
  /** Those of an entry that the store has refused: each is sent alone. */
  readonly #suspects = new WeakSet<QueuedSet>();
  /** How many sets were refused alone since one was taken. */
  #refusedAlone = 0;
  /** Aborts when nothing more is sent. */
  readonly #stopped = new AbortController();

  constructor(lease: VaultLease, stored: StoredRecords, { keyId, chunkBytes, onError }: RecordsWriterOptions) {
    this.#lease = lease;
    this.#keyId = keyId;
    this.#onError = onError;
    this.#mostBytes = chunkBytes - ENTRY_ROOM;
    this.#table = stored.table;
    this.queue = new RecordQueue(stored.table);
    this.#folding = new Folding(lease, stored, {
      keyId,
      append: () => this.#append(),
      onError: (error) => this.#failed(error),
    });
    lease.writer.listener = {
      appended: (entry) => this.#appended(entry),
      confirmed: () => this.#confirmed(),
      retried: () => this.#folding.recheck(),
    };
    this.#folding.sweep();
  }

  /** Resolves when all that is on its way and changes one of these records is in the log. Rejects when a part of it does. */
  async stored(keys: readonly string[]): Promise<void> {
    const changing = this.#left.filter((one) => !("changes" in one) || keys.some((key) => one.changes.has(key)));
    await Promise.all(changing.map(({ stored }) => stored));
  }

  /**
   * Resolves when all that was set and cleared until now has ended, what the store has lost is there again, and a fold that
   * is long overdue was made: a process that is closed at once after each set would never make one.
   */
  async flush(): Promise<void> {
    await Promise.allSettled(this.#left.map(({ stored }) => stored));
    await this.#folding.finish();
  }

  /** What is not known to be in the log. */
  get #left(): readonly (QueuedSet | QueuedClear)[] {
    return [...this.#unconfirmed, ...this.queue.waiting];
  }

  /** All records in the log, and the bytes of their keys and values. */
  get size(): { records: number; bytes: number } {
    return { records: this.#table.size.files, bytes: this.#table.bytes };
  }

  /** Whether a set or clear that was refused changes this record, and an entry with it may arrive all the same. */
  mayChange(key: string): boolean {
    return !this.queue.isChanging(key) && this.#sent.mayChange(key);
  }

  /** Ids of entries that were sent, and of which nothing is known. */
  get sentIds(): string[] {
    return this.#sent.ids;
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await Promise.all([this.#writing, this.#folding.idle]);
  }

  /** Sends what waits, unless that is under way. */
  write(): void {
    this.#writing ??= this.#writeAll();
  }

  /** Sends nothing more. @returns what is not known to be in the log */
  end(reason: unknown): readonly (QueuedSet | QueuedClear)[] {
    this.#stopped.abort(reason);
    this.#folding.end();
    const left = this.#left;
    this.queue.removeAll();
    this.#unconfirmed = [];
    this.#untold = [];
    return left;
  }

  async #writeAll(): Promise<void> {
    const { signal } = this.#stopped;
    // Sets of the same moment travel together.
    await Promise.resolve();
    try {
      for (let pauseMs = FIRST_PAUSE_MS; this.#hasWork && !signal.aborted; ) {
        try {
          await this.#writeNext(signal);
          this.#folding.endDoubt();
          pauseMs = FIRST_PAUSE_MS;
        } catch (error) {
          if (signal.aborted || this.#lease.lost.aborted) return;
          const isRefused = isVaultError(error) && !error.retryable;
          if (!isRefused) this.#folding.doubt();
          this.#failed(error, this.queue.nextClear ? "delete" : "records");
          if (isRefused && this.#refuse(error)) continue;
          try {
            await this.#lease.context.clock.sleep(pauseMs, signal);
          } catch {
            // Nothing else ends a pause.
            return;
          }
          pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
        }
      }
    } finally {
      this.#folding.endDoubt();
      // In the moment in which nothing waited: a set that comes right after it begins anew.
      this.#writing = undefined;
    }
  }

  get #hasWork(): boolean {
    return !this.queue.isEmpty || this.#unconfirmed.length > 0;
  }

  async #writeNext(signal: AbortSignal): Promise<void> {
    await this.#folding.room();
    // The entry of a fold may have taken them along.
    if (!this.#hasWork) return;
    this.#lease.assertHeld();
    const { nextClear } = this.queue;
    const [first] = this.#nextSets;
    if (nextClear) await this.#clear(nextClear, signal);
    else if (first && first.bytes > this.#mostBytes) await this.#appendLarge(first, signal);
    else await this.#append();
  }

  /** Appends what waits, if anything does: sets, and a fold. */
  async #append(): Promise<void> {
    const draft = (state: LogState, next: EntryFacts): Draft | undefined => this.#draft(state, next);
    await this.#lease.writer.commit(draft, this.#stopped.signal, { isFinal: false });
  }

  async #appendLarge(set: QueuedSet, signal: AbortSignal): Promise<void> {
    this.#folding.hurry();
    // Not beside a prune: no entry refers to these chunks yet.
    await this.#lease.run(async () => {
      const large = { set, tailChunks: await storeParts(this.#lease, set.changes, signal) };
      const draft = (state: LogState, next: EntryFacts): Draft | undefined => this.#draft(state, next, large);
      await this.#lease.writer.commit(draft, signal, { isFinal: false });
    }, signal);
  }

  /** Deletes all records: what was set before is in the log by now. */
  async #clear(clear: QueuedClear, signal: AbortSignal): Promise<void> {
    const { retainMs } = clear;
    const began = performance.now();
    let isMade = false;
    const onSending = (id: string): void => {
      isMade = true;
      this.#sent.add(id, "clear");
    };
    this.#folding.hurry();
    // Not tried again here: nobody knows for how long, and the next set waits for it.
    const isDone = await this.#lease.run(async () => {
      await deleteSession(this.#lease, { retainMs, wholeRecords: () => this.#wholeRecords(signal), onSending }, signal);
      return retainMs > 0 || (await pruneSettled(this.#lease, signal));
    }, signal);
    this.queue.remove([clear]);
    const { session, context } = this.#lease;
    const place = { session, store: context.kind };
    if (!isDone) {
      const error = notDeleted(session);
      tellError("delete", place, error);
      clear.reject(error);
      return;
    }
    if (isMade) {
      const ms = performance.now() - began;
      tell("delete", () => ({ ...place, change: "deleted", retainMs, ms, retries: 0 }));
    }
    clear.resolve();
  }

  #failed(error: unknown, operation: Operation = "records"): void {
    const { session, context } = this.#lease;
    tellError(operation, { session, store: context.kind }, error);
    this.#onError(error);
  }

  async #wholeRecords(signal: AbortSignal): Promise<WholeRecords | undefined> {
    const { last } = this.#lease.writer.state.records ?? {};
    if (!last) return undefined;
    const fold = await this.#folding.storeAll(last, signal);
    return { fold, keyId: this.#keyId, ...this.#table.size };
  }

  /** The entry of the sets that wait; none when there are none, since an earlier entry has arrived late. */
  #draft(state: LogState, next: EntryFacts, large?: LargeSet): Draft | undefined {
    const current = state.deleted ? undefined : currentOf(state);
    const oldest = this.#nextSets;
    const isLarge = (oldest[0]?.bytes ?? 0) > this.#mostBytes;
    const sets = isLarge && !large ? [] : oldest;
    if (large ? oldest[0] !== large.set : sets.length === 0 && !this.#folding.ready) return undefined;
    const fold = current ? this.#folding.ready : { through: { n: state.n, id: state.id }, segments: [] };
    const changes = changesOf(sets);
    const whole = { keyId: this.#keyId, ...this.#table.sizeAfter(changes) };
    const folded = fold ? draftFold(state, next, { fold, ...whole }) : undefined;
    const bytes = sets.reduce((sum, set) => sum + set.bytes, 0);
    const hasOverdue = folded !== undefined && (folded.live ?? []).length < state.live.length;
    this.#sentAt = performance.now();
    this.#sent.add(next.id, { sets, bytes, fold: current && fold, hasOverdue });
    return {
      kind: "records",
      ...(large ? { tailChunks: large.tailChunks } : { tail: encodeRecords(changes) }),
      ...folded,
      ...(folded && state.deleted ? newLink(state, state.deleted, next) : {}),
    };
  }

  #appended({ n, id }: EntryName): void {
    const sent = this.#sent.arrived(id);
    if (!sent) return;
    if (sent === "clear") {
      this.#table.clear();
      this.#folding.restart();
      return;
    }
    const { sets, bytes, fold, hasOverdue } = sent;
    if (sets.length > 0) this.#refusedAlone = 0;
    this.#table.apply(n, changesOf(sets));
    this.queue.remove(sets);
    this.#unconfirmed.push(...sets);
    if (sets.length > 0) this.#untold.push({ entry: n, sets, bytes });
    this.#folding.appended({ n, id, bytes }, fold);
    if (hasOverdue) this.#folding.sweep();
  }

  #confirmed(): void {
    const sets = this.#unconfirmed;
    this.#unconfirmed = [];
    this.#tellSets();
    for (const { resolve } of sets) resolve();
  }

  #tellSets(): void {
    const entries = this.#untold;
    this.#untold = [];
    const { session, epoch, context } = this.#lease;
    for (const { entry, sets, bytes } of entries) {
      tell("records", () => {
        const ms = performance.now() - this.#sentAt;
        const records = changesOf(sets).length;
        return { session, store: context.kind, change: "set", epoch, entry, records, bytes, sets: sets.length, ms };
      });
    }
  }

  /**
   * The store does not take what comes next: what is after it may be taken. Of several sets one may be the cause.
   * @returns whether the next attempt is another one
   */
  #refuse(error: unknown): boolean {
    const { nextClear } = this.queue;
    const sets = this.#nextSets;
    if (!nextClear && sets.length > 1 && this.#refusedAlone < MOST_ALONE) {
      for (const set of sets) this.#suspects.add(set);
      return true;
    }
    const refused = nextClear ? [nextClear] : sets;
    if (sets.length > 0) this.#refusedAlone++;
    this.queue.remove(refused);
    for (const { reject } of refused) reject(error);
    return false;
  }

  /** The sets of the next entry. */
  get #nextSets(): readonly QueuedSet[] {
    const sets = this.queue.nextSets(this.#mostBytes);
    const [first] = sets;
    return first && this.#suspects.has(first) && this.#refusedAlone < MOST_ALONE ? [first] : sets;
  }
}
