import { setImmediate } from "node:timers/promises";
import { isVaultError, VaultError } from "../../errors.ts";
import { ChunkWriter } from "../chunk-writer.ts";
import { currentOf, type EntryName, type Generation, type LogState } from "../entry.ts";
import type { Draft, EntryFacts } from "../entry-draft.ts";
import { withoutOverdue } from "../kept-until.ts";
import type { VaultLease } from "../lease.ts";
import type { Chunk } from "../manifest.ts";
import { newLink } from "../save.ts";
import type { Fold } from "./fold.ts";
import { Folding } from "./folding.ts";
import { readRecords } from "./read-records.ts";
import { encodeRecords, type RecordChange } from "./record-bytes.ts";
import { changesOf, type QueuedSet, RecordQueue } from "./record-queue.ts";
import { RecordTable } from "./record-table.ts";

/** Bytes that an entry may need beside its records. */
const ENTRY_ROOM = 32 * 1024;
/** The first pause after the store did not answer, in milliseconds; later ones are longer. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;
/** How long {@link SessionRecords.close} waits for sets by default, in milliseconds. */
const CLOSE_MS = 8_000;

/** What {@link SessionRecords} takes. */
export interface RecordsOptions {
  /** Called when the store does not answer, or an entry cannot be stored. */
  readonly onError: (error: unknown) => void;
}

/** What an entry that was sent says. */
interface Sent {
  readonly sets: readonly QueuedSet[];
  readonly changes: readonly RecordChange[];
  readonly bytes: number;
  readonly fold: Fold | undefined;
}

/** Records that are too large for an entry, in chunks. */
interface LargeSet {
  readonly set: QueuedSet;
  readonly tailChunks: readonly Chunk[];
}

/**
 * The records of one session, for as long as one holder has it. They are read from memory. A set is in the log when it
 * resolves: all of it or nothing, in the order of the calls. Sets that wait travel in one entry. A set waits while the
 * store does not answer, and rejects when the session is lost or was closed.
 */
export class SessionRecords {
  readonly session: string;
  readonly #lease: VaultLease;
  readonly #onError: (error: unknown) => void;
  readonly #keyId: string | undefined;
  /** The largest tail of an entry, in bytes. */
  readonly #mostBytes: number;
  readonly #table: RecordTable;
  readonly #queue = new RecordQueue();
  readonly #folding: Folding;
  /** By id, the entries that were sent since the last one that is in the log. */
  readonly #sent = new Map<string, Sent>();
  /** The sets in the log, as far as it is known: another holder may have come before. */
  #unconfirmed: QueuedSet[] = [];
  #writing: Promise<void> | undefined;
  /** Why nothing more is taken. */
  #ended: unknown;
  /** Aborts when nothing more is sent. */
  readonly #stopped = new AbortController();

  private constructor(
    lease: VaultLease,
    stored: Awaited<ReturnType<typeof readRecords>>,
    { keyId, chunkBytes }: { keyId: string | undefined; chunkBytes: number },
    { onError }: RecordsOptions,
  ) {
    const { table, segments, loose } = stored ?? { table: new RecordTable(), segments: [], loose: [] };
    this.session = lease.session;
    this.#lease = lease;
    this.#onError = onError;
    this.#keyId = keyId;
    this.#mostBytes = chunkBytes - ENTRY_ROOM;
    this.#table = table;
    this.#folding = new Folding(lease, { table, segments, loose }, { keyId, append: () => this.#append(), onError });
    lease.writer.listener = { appended: (entry) => this.#appended(entry), confirmed: () => this.#confirmed() };
    lease.lost.addEventListener("abort", () => this.#end(lease.lost.reason), { once: true });
  }

  /**
   * The records of a session that was taken.
   * @throws `INVALID` when it holds a profile; `CORRUPT` when a part of them is missing or damaged; `LEASE_LOST` when
   *   another process has taken it
   */
  static async open(lease: VaultLease, options: RecordsOptions, signal?: AbortSignal): Promise<SessionRecords> {
    const { context, session, writer } = lease;
    const { state } = writer;
    const { exclusiveCreate } = await context.traits(signal);
    if (!exclusiveCreate) {
      throw new VaultError(
        "INVALID",
        `Could not open the records of ${session}: this store cannot create a key exclusively.`,
        {
          hint: "Records need a store that keeps out a second writer: two processes that use the same keys break the session.",
        },
      );
    }
    if (!state.records && state.live.length > 0) {
      throw new VaultError("INVALID", `Could not open the records of ${session}: it holds the profile of a browser.`, {
        hint: "Use another name.",
      });
    }
    const stored = await readRecords(context, writer.log, state, signal).catch(async (error: unknown) => {
      // Another holder may have put together, and deleted, what was to be read.
      if (isVaultError(error, "CORRUPT")) await writer.look(signal);
      throw error;
    });
    const [keyId, chunkBytes] = await Promise.all([context.frames(session).keyId(), context.chunkBytes(signal)]);
    const records = new SessionRecords(lease, stored, { keyId, chunkBytes }, options);
    records.#folding.begin();
    return records;
  }

  /** Aborts when another process has taken the session. */
  get lost(): AbortSignal {
    return this.#lease.lost;
  }

  /** The value of a record as the last {@link set} has left it, stored or not. The caller does not change it. */
  get(key: string): Buffer | undefined {
    return this.#queue.has(key) ? this.#queue.get(key) : this.#table.get(key);
  }

  /** The keys of all records, as {@link get} knows them, in no order. */
  keys(): string[] {
    const keys = new Set([...this.#table.keys(), ...this.#queue.keys()]);
    return [...keys].filter((key) => this.get(key) !== undefined);
  }

  /**
   * Sets records, and deletes those whose value is `undefined`. The caller does not change the values afterwards.
   * @throws `LEASE_LOST` when another process has taken the session; `CANCELLED` when it was closed before they were
   *   stored; `INVALID` or `DENIED` when the store refuses them
   */
  async set(changes: Iterable<RecordChange>): Promise<void> {
    if (this.#ended) throw this.#ended;
    const news = new Map([...changes].filter(([key, value]) => !isSame(this.get(key), value)));
    // Equal to what is on its way is stored when that is.
    if (news.size === 0) return await (this.#queue.last ?? this.#unconfirmed.at(-1))?.stored;
    const { stored } = this.#queue.add(news);
    this.#write();
    await stored;
  }

  /** Waits for the sets, for `timeoutMs` milliseconds at most, and gives the session back. Never rejects. */
  async close(timeoutMs: number = CLOSE_MS): Promise<void> {
    const closed = new VaultError("CANCELLED", `The records of ${this.session} were closed.`);
    this.#ended ??= closed;
    const limit = new AbortController();
    const patience = this.#lease.context.clock.sleep(timeoutMs, limit.signal).catch(() => {});
    await Promise.race([this.#writing, patience]);
    limit.abort();
    this.#end(closed);
    await this.#writing;
    await this.#lease.release();
  }

  /** Sends what waits, unless that is under way. */
  #write(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    const { signal } = this.#stopped;
    // Sets of the same moment travel together.
    await Promise.resolve();
    for (let pauseMs = FIRST_PAUSE_MS; this.#hasWork && !signal.aborted; ) {
      try {
        await this.#writeNext(signal);
        pauseMs = FIRST_PAUSE_MS;
      } catch (error) {
        if (signal.aborted || this.lost.aborted) return;
        this.#onError(error);
        if (isVaultError(error) && !error.retryable) this.#refuse(error);
        try {
          await this.#lease.context.clock.sleep(pauseMs, signal);
        } catch (reason) {
          return this.#end(reason);
        }
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      }
    }
  }

  get #hasWork(): boolean {
    return !this.#queue.isEmpty || this.#unconfirmed.length > 0;
  }

  async #writeNext(signal: AbortSignal): Promise<void> {
    const { writer } = this.#lease;
    this.#lease.assertHeld();
    const [first] = this.#queue.oldest(this.#mostBytes);
    if (!first || first.bytes <= this.#mostBytes) {
      await this.#append();
      return;
    }
    this.#folding.hurry();
    // Not beside a prune: no entry refers to these chunks yet.
    await this.#lease.run(async () => {
      const large = { set: first, tailChunks: await this.#storeLarge(first, signal) };
      await writer.commit((state, next) => this.#draft(state, next, large), signal, { isFinal: false });
    }, signal);
  }

  /** Appends what waits, if anything does: sets, and a fold. */
  async #append(): Promise<void> {
    const draft = (state: LogState, next: EntryFacts): Draft | undefined => this.#draft(state, next);
    await this.#lease.writer.commit(draft, this.#stopped.signal, { isFinal: false });
  }

  async #storeLarge({ changes }: QueuedSet, signal: AbortSignal): Promise<Chunk[]> {
    const chunks = await ChunkWriter.open(this.#lease, signal);
    this.#lease.writer.memory.uploads.renew();
    const bytes = encodeRecords(changes);
    const tail: Chunk[] = [];
    try {
      for (let at = 0; at < bytes.length; at += chunks.chunkBytes) {
        tail.push(await chunks.placeAlone(bytes.subarray(at, at + chunks.chunkBytes)));
      }
      await chunks.finish();
      return tail;
    } catch (error) {
      await chunks.abandon(error);
      throw error;
    }
  }

  /** The entry of the sets that wait; none when there are none, since an earlier entry has arrived late. */
  #draft(state: LogState, next: EntryFacts, large?: LargeSet): Draft | undefined {
    const current = state.deleted ? undefined : currentOf(state);
    const oldest = this.#queue.oldest(this.#mostBytes);
    const isLarge = (oldest[0]?.bytes ?? 0) > this.#mostBytes;
    const sets = isLarge && !large ? [] : oldest;
    const fold = current ? this.#folding.ready : { through: { n: state.n, id: state.id }, segments: [] };
    if (large ? oldest[0] !== large.set : sets.length === 0 && !this.#folding.ready) return undefined;
    const changes = changesOf(sets);
    const tail = large ? undefined : encodeRecords(changes);
    const bytes = sets.reduce((sum, set) => sum + set.bytes, 0);
    this.#sent.set(next.id, { sets, changes, bytes, fold: current && fold });
    return {
      kind: "records",
      ...(large ? { tailChunks: large.tailChunks } : { tail }),
      ...(fold ? { fold, ...this.#generation(state, next) } : {}),
    };
  }

  /** What an entry with a fold says of the generations: it takes the place of the one before it. */
  #generation(state: LogState, next: EntryFacts): Omit<Draft, "kind"> {
    const { n, id, at } = next;
    const keys = this.keys();
    const bytes = keys.reduce((sum, key) => sum + (this.get(key)?.length ?? 0), 0);
    const key = this.#keyId === undefined ? {} : { key: this.#keyId };
    const generation: Generation = { n, id, at, bytes, files: keys.length, ...key };
    const others = withoutOverdue(state, next).filter((one) => state.deleted || one.n !== state.content);
    return {
      content: n,
      live: [...others, generation],
      ...(state.deleted ? newLink(state, state.deleted, next) : {}),
    };
  }

  #appended({ n, id }: EntryName): void {
    const sent = this.#sent.get(id);
    this.#sent.clear();
    if (!sent) return;
    const { sets, changes, bytes, fold } = sent;
    this.#table.apply(n, changes);
    this.#queue.remove(sets);
    this.#unconfirmed.push(...sets);
    this.#folding.appended({ n, id, bytes }, fold);
  }

  #confirmed(): void {
    const sets = this.#unconfirmed;
    this.#unconfirmed = [];
    for (const { resolve } of sets) resolve();
  }

  /** The store does not take the oldest sets: those after them may be taken. */
  #refuse(error: unknown): void {
    const sets = this.#queue.oldest(this.#mostBytes);
    this.#queue.remove(sets);
    for (const { reject } of sets) reject(error);
  }

  /** Ends everything: what is not stored by now is told so, after whoever listens to `lost`. */
  #end(reason: unknown): void {
    this.#ended ??= reason;
    this.#stopped.abort(reason);
    this.#folding.end();
    const sets = [...this.#unconfirmed, ...this.#queue.clear()];
    this.#unconfirmed = [];
    void setImmediate().then(() => {
      for (const { reject } of sets) reject(reason);
    });
  }
}

function isSame(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && one.equals(other));
}
