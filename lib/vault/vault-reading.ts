import type {
  GenerationCheck,
  HistoryEntry,
  SessionDetails,
  SessionFacts,
  SessionState,
  SessionSummary,
  StoreProbe,
} from "../store.ts";
import type { VaultContext } from "./context.ts";
import { sessionState } from "./entry.ts";
import { readHistory } from "./history.ts";
import { sessionName } from "./layout.ts";
import { LeaseBlobs } from "./lease/lease-blobs.ts";
import { logOf } from "./log.ts";
import { probeStore } from "./probe-store.ts";
import { peekRecords } from "./records/read-records.ts";
import type { SessionRecords } from "./records/session-records.ts";
import { sessionDetails, sessionFacts, sessionNames, sessionSummaries } from "./session-list.ts";
import { VaultCalls } from "./vault-calls.ts";
import { type VerifyGenerations, verifyGenerations } from "./verify-session.ts";

/** The calls of a vault that only look: none takes a session, and another process may hold it. */
export class VaultReading {
  readonly #context: VaultContext;
  readonly #calls: VaultCalls;

  constructor(context: VaultContext) {
    this.#context = context;
    this.#calls = new VaultCalls(this, context.kind);
  }

  /** Kind of the backend, as diagnostics events name it: `s3`, say. */
  get kind(): string {
    return this.#context.kind;
  }

  /**
   * Names of all sessions that were ever written, deleted ones included, in no order. With `details`, what is known of each
   * without opening it: one that cannot be read comes with its `problem`, and stops no listing. Of each session the details
   * take a listing of its log and its newest entry, and where a process has it or had it last, one or two requests more;
   * eight sessions are read at once. No chunk is read, and nothing is written.
   * @throws the store's error when it cannot list sessions; the reason of `signal`
   */
  sessions(options?: { details?: false; signal?: AbortSignal }): AsyncGenerator<string>;
  sessions(options: { details: true; signal?: AbortSignal }): AsyncGenerator<SessionSummary>;
  sessions({
    details = false,
    signal,
  }: {
    details?: boolean;
    signal?: AbortSignal;
  } = {}): AsyncGenerator<string | SessionSummary> {
    return details ? sessionSummaries(this.#context, signal) : sessionNames(this.#context, signal);
  }

  async state(options: { session: string; signal?: AbortSignal }): Promise<SessionState | undefined> {
    const { session, signal } = options;
    return await this.#calls.run("state", options, async () => {
      const newest = await logOf(this.#context, session).newest(signal);
      if (!newest?.lease) return newest && sessionState(newest);
      const lease = new LeaseBlobs(this.#context, sessionName(session), newest.epoch, newest.lease);
      return sessionState(newest, await lease.isReleased(signal));
    });
  }

  /**
   * What the newest entry of the session tells, and its lease, as {@link sessions} with `details` does of each; `undefined`
   * when nothing was ever written for it. Reads no chunk, and writes nothing. With `details`, all that is known without the
   * contents: the kept generations, what a restore tries, and how much is stored. That takes a listing of all that the store
   * has of the session, and a request for the entry of the current generation.
   * @throws what is wrong with the session, or with the store: `CORRUPT` or `WRONG_KEY` when its newest entry cannot be read
   */
  facts(options: { session: string; details: true; signal?: AbortSignal }): Promise<SessionDetails | undefined>;
  facts(options: { session: string; details?: false; signal?: AbortSignal }): Promise<SessionFacts | undefined>;
  async facts({
    session,
    details = false,
    signal,
  }: {
    session: string;
    details?: boolean;
    signal?: AbortSignal;
  }): Promise<SessionDetails | SessionFacts | undefined> {
    const read = details ? sessionDetails : sessionFacts;
    return await read(this.#context, sessionName(session), signal);
  }

  /**
   * The entries of the session's log, newest first: none when nothing was ever written for it.
   * @throws `CORRUPT` when the store has lost the log. A single entry that cannot be read is reported as `unreadable`.
   */
  async *history({ session, signal }: { session: string; signal?: AbortSignal }): AsyncGenerator<HistoryEntry> {
    yield* readHistory(logOf(this.#context, session), signal);
  }

  /**
   * Reads what is stored of a session and checks it: every chunk against its id, and records for gaps. The databases of a
   * profile are verified too, unless they were before they were stored; for that the profile is written to a private folder
   * below the system's folder for temporary files, which is removed in any case. Reads only: another process may hold the
   * session. Of a deleted session the generation is checked that `undelete` brings back.
   * @param options.all whether every generation that is kept is checked, newest first. @default false, the current one
   * @param options.deep whether databases are verified that were verified before. @default false
   * @returns what was found of each generation; none when nothing is saved
   * @throws `CORRUPT` or `WRONG_KEY` when the newest entry of the session cannot be read; `UNAVAILABLE` or `DENIED` when the
   *   store, or the disk for temporary files, does not answer
   */
  async *verifySession({
    session,
    ...options
  }: { session: string } & VerifyGenerations): AsyncGenerator<GenerationCheck, void, undefined> {
    yield* verifyGenerations(this.#context, sessionName(session), options);
  }

  /**
   * Whether these records, which a store of this process has open, are those of this store's session: two stores may have
   * one backend.
   */
  async hasOpen(records: SessionRecords, { signal }: { signal?: AbortSignal } = {}): Promise<boolean> {
    const newest = await logOf(this.#context, records.session).newest(signal);
    return newest?.lease?.hold === records.hold;
  }

  /**
   * The records of a session as they are now, by key; another process may hold it. `undefined` when it has none.
   * @param options.generation number of one of `generations` of the session's state: one that was deleted before the
   *   present link, say. @default the current one
   * @throws as `openRecords`; `ABSENT` when there is no such generation
   */
  async peekRecords(options: {
    session: string;
    generation?: number;
    signal?: AbortSignal;
  }): Promise<ReadonlyMap<string, Buffer> | undefined> {
    const peek = async (): Promise<ReadonlyMap<string, Buffer> | undefined> =>
      (await peekRecords(this.#context, logOf(this.#context, options.session), options))?.values();
    return await this.#calls.run("records", options, peek);
  }

  /**
   * Tries all that a vault asks of its store: lists, reads, writes, deletes, creates one key several times at once. Its keys
   * begin with `_vault/probe`, and are removed. No session is touched, nothing is tried again, and each request has 10 s.
   * @throws the reason of `signal`; what the store refuses is told by the steps
   */
  async probe({ signal }: { signal?: AbortSignal } = {}): Promise<StoreProbe> {
    return await probeStore(this.#context, signal);
  }
}
