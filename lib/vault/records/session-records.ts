import { setImmediate } from "node:timers/promises";
import { tell } from "../../diagnostics/channels.ts";
import type { CallEvent } from "../../diagnostics/events.ts";
import { isVaultError, VaultError } from "../../errors.ts";
import type { VaultLease } from "../lease.ts";
import { whole } from "../options.ts";
import { readRecords, refuseProfile, refuseShared, type StoredRecords } from "./read-records.ts";
import { checkKey, type RecordChange } from "./record-bytes.ts";
import { changesOf } from "./record-queue.ts";
import { RecordTable } from "./record-table.ts";
import { RecordsWriter, type RecordsWriterOptions } from "./records-writer.ts";

/** How long {@link SessionRecords.close} waits for sets by default, in milliseconds. */
const CLOSE_MS = 8_000;

/** What {@link SessionRecords} takes. */
export interface RecordsOptions {
  /** Called when the store does not answer, or an entry cannot be stored. */
  readonly onError: (error: unknown) => void;
}

/**
 * The records of one session, for as long as one holder has it. They are read from memory. A set is in the log when it
 * resolves: all of it or nothing, in the order of the calls. Sets that wait travel in one entry. A set waits while the
 * store does not answer, and rejects when the session is lost or was closed.
 */
export class SessionRecords {
  readonly session: string;
  readonly #lease: VaultLease;
  readonly #writer: RecordsWriter;
  /** What was not stored when nothing more was sent. */
  #left: readonly RecordChange[] = [];
  /** Why nothing more is taken. */
  #ended: unknown;

  private constructor(lease: VaultLease, stored: StoredRecords, options: RecordsWriterOptions) {
    this.session = lease.session;
    this.#lease = lease;
    this.#writer = new RecordsWriter(lease, stored, options);
    lease.lost.addEventListener("abort", () => this.#end(lease.lost.reason), { once: true });
  }

  /**
   * The records of a session that was taken.
   * @throws `INVALID` when it holds a profile; `CORRUPT` when a part of them is missing or damaged; `LEASE_LOST` when
   *   another process has taken it
   */
  static async open(lease: VaultLease, options: RecordsOptions, signal?: AbortSignal): Promise<SessionRecords> {
    const { context, session, writer } = lease;
    await refuseShared(context, session, signal);
    // What came before under this lease, a deletion say, must not take effect later.
    if (!writer.pending.isEmpty) await writer.settle(signal);
    const { state } = writer;
    refuseProfile(session, state);
    const stored = await readRecords(context, writer.log, state, signal).catch(async (error: unknown) => {
      // Another holder may have put together, and deleted, what was to be read.
      if (isVaultError(error, "CORRUPT")) await writer.look(signal);
      throw error;
    });
    const [keyId, chunkBytes] = await Promise.all([context.frames(session).keyId(), context.chunkBytes(signal)]);
    const { table, segments, loose } = stored ?? { table: new RecordTable(), segments: [], loose: [] };
    return new SessionRecords(lease, { table, segments, loose }, { keyId, chunkBytes, ...options });
  }

  /** Tells that they were opened. */
  tellOpened(call: CallEvent): void {
    const { epoch, writer } = this.#lease;
    tell("records", () => {
      const entry = writer.state.records?.last?.n;
      const size = this.#writer.size;
      return { ...call, change: "opened", epoch, ...(entry === undefined ? {} : { entry }), ...size };
    });
  }

  /** Aborts when another process has taken the session. */
  get lost(): AbortSignal {
    return this.#lease.lost;
  }

  /**
   * The value of a record as the last {@link set} or {@link clear} has left it, stored or not. The caller does not change it.
   */
  get(key: string): Buffer | undefined {
    return this.#writer.queue.get(key);
  }

  /** The keys of all records, as {@link get} knows them, in no order. */
  keys(): string[] {
    return this.#writer.queue.keys();
  }

  /**
   * Sets records, and deletes those whose value is `undefined`. The caller does not change the values afterwards.
   * @throws `LEASE_LOST` when another process has taken the session; `CANCELLED` when it was closed before they were
   *   stored; `INVALID` or `DENIED` when the store refuses them
   */
  async set(changes: Iterable<RecordChange>): Promise<void> {
    if (this.#ended) throw this.#ended;
    const { queue } = this.#writer;
    const given = [...changes];
    for (const [key] of given) checkKey(key);
    const isEqual = ([key, value]: RecordChange): boolean =>
      isSame(this.get(key), value) && !this.#writer.mayChange(key);
    // Equal to what is on its way is stored when that is.
    if (given.every(isEqual)) return await this.#writer.stored(given.map(([key]) => key));
    // What is on its way may be refused, and this not.
    const news = given.filter((change) => queue.isChanging(change[0]) || !isEqual(change));
    const { stored } = queue.set(new Map(news));
    this.#writer.write();
    await stored;
  }

  /**
   * Deletes the session, as a logout does. Sets that were called before are stored first; those that are called later begin
   * a new link, beside which what was deleted stays as one generation until its time ends. {@link get} finds nothing from
   * now on. Does nothing to a session that is deleted, or was never set. Waits while the store does not answer.
   * @param options.retainMs how long `undelete` of the store brings all records back, in milliseconds; with 0 nothing is
   *   left of the session when the call resolves. @default `retainDeletedMs` of the store
   * @throws as {@link set}; with `retainMs` 0 `UNAVAILABLE` as well, when the session is deleted and something may be left
   */
  async clear({ retainMs }: { retainMs?: number | undefined } = {}): Promise<void> {
    const { retainDeletedMs } = this.#lease.context.options;
    const forMs = whole("retainMs", retainMs, retainDeletedMs, 0);
    if (this.#ended) throw this.#ended;
    const { stored } = this.#writer.queue.clear(forMs);
    this.#writer.write();
    await stored;
  }

  /** Names the holder of the session, in whatever process: the id of the `hold` that gave it. */
  get hold(): string {
    return this.#lease.writer.hold.id;
  }

  /** After {@link close}: what was set, and is not known to be stored. Nothing when a {@link clear} was on its way too. */
  get unstored(): readonly RecordChange[] {
    return this.#left;
  }

  /**
   * Where these records are in the log: ids of the newest entry of records that is known, and of those that may have come after it.
   */
  get place(): { log: string; last: string | undefined; sent: readonly string[] } {
    const { salt, records } = this.#lease.writer.state;
    return { log: salt, last: records?.last?.id, sent: this.#writer.sentIds };
  }

  /** Resolves when all that was set and cleared until now is stored, or no more is sent. Never rejects. */
  async flush(): Promise<void> {
    await this.#writer.flush();
  }

  /** Waits for sets and clears, for `timeoutMs` milliseconds at most, and gives the session back. Never rejects. */
  async close(timeoutMs: number = CLOSE_MS): Promise<void> {
    const closed = new VaultError("CANCELLED", `The records of ${this.session} were closed.`);
    this.#ended ??= closed;
    const limit = new AbortController();
    const patience = this.#lease.context.clock.sleep(timeoutMs, limit.signal).catch(() => {});
    await Promise.race([this.#writer.flush(), patience]);
    limit.abort();
    this.#end(closed);
    await this.#writer.idle();
    await this.#lease.release();
  }

  /** Ends everything: what is not stored by now is told so, after whoever listens to `lost`. */
  #end(reason: unknown): void {
    this.#ended ??= reason;
    const left = this.#writer.end(reason);
    const sets = left.filter((one) => "changes" in one);
    if (sets.length > 0 && sets.length === left.length) this.#left = changesOf(sets);
    void setImmediate().then(() => {
      for (const { reject } of left) reject(reason);
    });
  }
}

function isSame(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && one.equals(other));
}
