import type { BlobStore } from "../blobs.ts";
import { tell } from "../diagnostics/channels.ts";
import type { CallEvent, Operation } from "../diagnostics/events.ts";
import { observe } from "../diagnostics/observe.ts";
import { tellRestore, tellSave } from "../diagnostics/reports.ts";
import { VaultError } from "../errors.ts";
import type {
  BrokenLease,
  GenerationCheck,
  HistoryEntry,
  Lease,
  MarkOptions,
  ProfileStore,
  RestoreProfileOptions,
  RestoreReport,
  SaveProfileOptions,
  SaveReport,
  SessionDetails,
  SessionFacts,
  SessionState,
  SessionSummary,
  StoreProbe,
} from "../store.ts";
import { callListener } from "../warnings.ts";
import { AbsentSession, namingOthers } from "./absent-session.ts";
import { VaultContext, type VaultInternals } from "./context.ts";
import { deleteSession, draftUndeletion, neverSaved } from "./deletion.ts";
import { keptGeneration, type LogState, sessionState } from "./entry.ts";
import { readHistory } from "./history.ts";
import { sessionName } from "./layout.ts";
import { LeaseBlobs } from "./lease/lease-blobs.ts";
import { ownerName } from "./lease/owner.ts";
import type { VaultLease } from "./lease.ts";
import { SessionLog } from "./log.ts";
import { checkOptions, type VaultOptions, whole } from "./options.ts";
import { probeStore } from "./probe-store.ts";
import { pruneOverdue, pruneWhenDue, pruneWhole } from "./prune.ts";
import { peekRecords } from "./records/read-records.ts";
import { SessionRecords } from "./records/session-records.ts";
import { type RekeyReport, rekey } from "./rekey.ts";
import { presentState, refuseRecords, refuseRollback, restoreGeneration } from "./restore.ts";
import { saveCapture } from "./save.ts";
import { sessionDetails, sessionFacts, sessionNames, sessionSummaries } from "./session-list.ts";
import type { SessionWriter } from "./session-writer.ts";
import { type LeasedOptions, VaultLeases } from "./vault-leases.ts";
import { type VerifyGenerations, verifyGenerations } from "./verify-session.ts";
import { ZipSearch } from "./zip-search.ts";
import { extractZip, saveZip } from "./zip-transfer.ts";

export type { Encryption, EncryptionWays } from "./encryption.ts";
export type { EncryptionKey } from "./key-text.ts";
export type { VaultOptions } from "./options.ts";
export type { RekeyReport } from "./rekey.ts";
export type { LeasedOptions } from "./vault-leases.ts";
export type { VerifyGenerations, VerifyProgress } from "./verify-session.ts";

/**
 * Sessions in any {@link BlobStore}: every change is a new entry of the session's log, older generations are kept, and a
 * process that has lost its lease can commit nothing (see FORMAT.md). `session` is a name, or a path that ends in it.
 */
export class Vault implements ProfileStore {
  readonly #context: VaultContext;
  /** Sessions of which a person was told that a part is not encrypted. */
  readonly #warned = new Set<string>();
  readonly #leases: VaultLeases;
  readonly #zips: ZipSearch;

  /**
   * Does no I/O.
   * @param internals for tests
   * @throws `INVALID` when an option is wrong.
   */
  constructor(options: VaultOptions & { blobs: BlobStore }, internals?: VaultInternals) {
    this.#context = new VaultContext(checkOptions(options), internals);
    this.#leases = new VaultLeases(this.#context);
    const { options: checked, clock } = this.#context;
    this.#zips = new ZipSearch({ dataPath: checked.dataPath, clock, warn: (message) => this.#context.warn(message) });
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
    return await this.#observe("state", options, async () => {
      const newest = await this.#newest(session, signal);
      if (!newest?.lease) return newest && sessionState(newest);
      const lease = new LeaseBlobs(this.#context, sessionName(session), newest.epoch, newest.lease);
      return sessionState(newest, await lease.isReleased(signal));
    });
  }

  /**
   * What the newest entry of the session tells, and its lease, as {@link sessions} with `details` does of each; `undefined`
   * when nothing was ever written for it. Reads no chunk, and writes nothing.
   * @throws what is wrong with the session, or with the store
   */
  async facts({ session, signal }: { session: string; signal?: AbortSignal }): Promise<SessionFacts | undefined> {
    return await sessionFacts(this.#context, sessionName(session), signal);
  }

  async acquire(options: AcquireOptions): Promise<Lease> {
    const { waitMs, signal } = options;
    const most = whole("waitMs", waitMs, 0, 0);
    const name = sessionName(options.session);
    const take = (): Promise<VaultLease> => this.#leases.acquire(name, most, signal);
    const lease = await this.#observe("acquire", options, take, (taken, { ms }) => taken.tell("acquired", { ms }));
    this.#warnOfPlain(name, lease);
    return lease;
  }

  async breakLease(options: { session: string; signal?: AbortSignal }): Promise<BrokenLease> {
    const { session, signal } = options;
    const breakIt = async (): Promise<BrokenLease | undefined> => {
      const breaks = await this.#newest(session, signal);
      if (!breaks) return undefined;
      const { earlier } = await this.#leases.take(sessionName(session), { breaks, signal });
      return earlier ? { owner: ownerName(earlier), since: new Date(earlier.since) } : {};
    };
    const broken = await this.#observe("breakLease", options, breakIt, (taken, { session, store }) => {
      if (!taken) return;
      const { owner } = taken;
      tell("lease", () => ({ session, store, change: "broken", ...(owner === undefined ? {} : { owner }) }));
    });
    return broken ?? {};
  }

  async saveProfile(options: SaveProfileOptions): Promise<SaveReport> {
    const save = async (): Promise<SaveReport> => {
      const lease = this.#leases.of(options.session, options.lease);
      return await lease.run(() => saveCapture({ ...options, lease }), options.signal);
    };
    return await this.#observe("save", options, save, (report, call) =>
      tellSave(report, call, "profile", options.lease.epoch),
    );
  }

  async restoreProfile(options: RestoreProfileOptions): Promise<RestoreReport> {
    const session = sessionName(options.session);
    const restore = (): Promise<RestoreReport> => restoreGeneration(this.#context, { ...options, session });
    return await this.#observe(
      "restore",
      options,
      () => this.#namingOthers(options, restore),
      (report, call) => tellRestore(report, call, "profile"),
    );
  }

  async mark(options: MarkOptions): Promise<void> {
    const { session, generation, as } = options;
    const change: Change = (state, { n }) => {
      refuseRecords(session, state);
      const marked = keptGeneration(session, state, generation);
      if (as === "proven" ? marked.proven && !marked.rejected : marked.rejected) return undefined;
      const now =
        as === "proven"
          ? { ...marked, proven: true, rejected: undefined, rejectedIn: undefined }
          : { ...marked, rejected: true, rejectedIn: n };
      return { kind: as, marked: generation, live: state.live.map((one) => (one === marked ? now : one)) };
    };
    await this.#observe(
      "mark",
      options,
      () => this.#change(options, change),
      (isMade, call) => {
        if (isMade) tell("mark", () => ({ ...call, generation, as }));
      },
    );
  }

  async rollback(options: { session: string; lease: Lease; generation: number; signal?: AbortSignal }): Promise<void> {
    const { session, generation } = options;
    let from = 0;
    const change = (): Promise<boolean> =>
      this.#change(options, (state) => {
        refuseRollback(session, state);
        const { n } = keptGeneration(session, presentState(session, state), generation);
        const since = Math.min(state.since ?? 0, n);
        from = state.content;
        return n === state.content ? undefined : { kind: "rollback", content: n, since };
      });
    await this.#observe(
      "rollback",
      options,
      () => this.#namingOthers(options, change),
      (isMade, call) => {
        if (isMade) tell("rollback", () => ({ ...call, generation, from }));
      },
    );
  }

  async delete(options: { session: string; lease?: Lease; retainMs?: number; signal?: AbortSignal }): Promise<void> {
    const { session, signal } = options;
    const { retainDeletedMs } = this.#context.options;
    const retainMs = whole("retainMs", options.retainMs, retainDeletedMs, 0);
    let isMade = false;
    const onSending = (): void => {
      isMade = true;
    };
    const work = async (): Promise<void> => {
      // With nothing to delete the session is not taken either.
      if (!options.lease && !(await this.#mayNeedDelete(session, retainMs, signal))) return;
      await this.#leases.run(options, async (lease) => {
        refuseOpenRecords(lease);
        await deleteSession(lease, { retainMs, onSending }, signal);
        await (retainMs === 0 ? pruneWhole(lease, signal) : pruneWhenDue(lease, signal));
      });
    };
    await this.#observe("delete", options, work, (_, call) => {
      if (isMade) tell("delete", () => ({ ...call, change: "deleted", retainMs }));
    });
  }

  async undelete(options: { session: string; lease?: Lease; signal?: AbortSignal }): Promise<void> {
    const change = async (): Promise<boolean> => {
      // A name that was never written stays unknown.
      if (!options.lease && !(await this.#newest(options.session, options.signal))) {
        throw neverSaved(options.session);
      }
      return await this.#change(options, (state, next) => draftUndeletion(options.session, state, next));
    };
    await this.#observe(
      "undelete",
      options,
      () => this.#namingOthers(options, change),
      (isMade, call) => {
        if (isMade) tell("delete", () => ({ ...call, change: "undeleted" }));
      },
    );
  }

  /**
   * The entries of the session's log, newest first: none when nothing was ever written for it.
   * @throws `CORRUPT` when the store has lost the log. A single entry that cannot be read is reported as `unreadable`.
   */
  async *history({ session, signal }: { session: string; signal?: AbortSignal }): AsyncGenerator<HistoryEntry> {
    yield* readHistory(this.#log(session), signal);
  }

  /**
   * All that is known of a session without its contents; `undefined` when nothing was ever written for it. Takes a listing of
   * the session beside the requests that a listing of all sessions makes for each.
   * @throws `CORRUPT` or `WRONG_KEY` when its newest entry cannot be read
   */
  async details({ session, signal }: { session: string; signal?: AbortSignal }): Promise<SessionDetails | undefined> {
    return await sessionDetails(this.#context, sessionName(session), signal);
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
   * Tries all that a vault asks of its store: lists, reads, writes, deletes, creates one key several times at once. Its keys
   * begin with `_vault/probe`, and are removed. No session is touched, nothing is tried again, and each request has 10 s.
   * @throws the reason of `signal`; what the store refuses is told by the steps
   */
  async probe({ signal }: { signal?: AbortSignal } = {}): Promise<StoreProbe> {
    return await probeStore(this.#context, signal);
  }

  async prune(options: { session: string; lease: Lease; signal?: AbortSignal }): Promise<void> {
    const work = (): Promise<unknown> => this.#leases.run(options, (lease) => pruneOverdue(lease, options.signal));
    await this.#observe("prune", options, work);
  }

  /**
   * Encrypts a session anew with the first key of the store: all of it that is unencrypted, or encrypted with another key.
   * Generations keep their numbers, ids, times and marks; what was stored before is deleted. It can be interrupted at any
   * point and called again. Takes the session unless it is given a lease.
   * @throws `ABSENT` when there is no session; `INVALID` when the store has no key; `WRONG_KEY` when the key of a part was
   *   not given; `CORRUPT` naming the generations that are damaged, in which case nothing is deleted.
   */
  async rekey(options: LeasedOptions): Promise<RekeyReport> {
    const { session, signal } = options;
    const work = async (): Promise<RekeyReport> => {
      await this.#namingOthers(options, async () => {
        if (await this.#newest(session, signal)) return;
        throw new AbsentSession(`There is no session ${sessionName(session)} in this store.`);
      });
      return await this.#leases.run(options, (lease) => {
        refuseOpenRecords(lease);
        return rekey(lease, signal);
      });
    };
    return await this.#observe("rekey", options, work, ({ generations, entries }, call) =>
      tell("rekey", () => ({ ...call, generations: generations.length, entries })),
    );
  }

  /** Whether a session of this name can be restored. @throws the error of the store, which does not know then */
  async sessionExists(options: { session: string }): Promise<boolean> {
    this.#zips.look(options.session);
    return await this.#observe("state", options, async () => {
      const newest = await this.#newest(options.session);
      return newest !== undefined && sessionState(newest).current !== undefined;
    });
  }

  /**
   * Saves the zip of a profile: the one at `path`, or the one that whatsapp-web.js's own `RemoteAuth` has just written, which
   * is not as it was when this store last looked (a first look comes with `sessionExists` and `extract`). A profile that does not verify is kept as `suspect`, and is current only where there is no better generation.
   * @throws `INVALID` naming every path that was tried when there is no zip, or none but one of an earlier run.
   */
  async save({ session, path }: { session: string; path?: string }): Promise<SaveReport> {
    let epoch = 0;
    const work = async (): Promise<SaveReport> => {
      const zip = await this.#zips.find({ session, path });
      const report = await this.#leases.runOwn(sessionName(session), (lease) => {
        epoch = lease.epoch;
        return saveZip(lease, zip.path);
      });
      zip.saved();
      return report;
    };
    return await this.#observe("save", { session }, work, (report, call) => tellSave(report, call, "zip", epoch));
  }

  /** Writes the session as a zip to `path`, whole. @throws as {@link Vault.restoreProfile} */
  async extract({ session, path }: { session: string; path: string }): Promise<RestoreReport> {
    const work = async (): Promise<RestoreReport> => {
      this.#zips.look(session);
      const report = await extractZip(this.#context, sessionName(session), path);
      await this.#zips.wrote(path);
      return report;
    };
    return await this.#observe(
      "restore",
      { session },
      () => this.#namingOthers({ session }, work),
      (report, call) => tellRestore(report, call, "zip"),
    );
  }

  /**
   * Takes a session and opens its records. It is given back by `close` of what is returned.
   * @throws `LEASE_HELD` as `acquire`; `INVALID` when the session holds a profile; `CORRUPT` when a part of its records is
   *   missing or damaged; `WRONG_KEY` when their key was not given.
   */
  async openRecords({ onError = () => {}, ...options }: OpenRecordsOptions): Promise<SessionRecords> {
    const open = async (): Promise<SessionRecords> => {
      const lease = (await this.acquire(options)) as VaultLease;
      try {
        const told = (error: unknown): void => callListener(() => onError(error));
        return await SessionRecords.open(lease, { onError: told }, options.signal);
      } catch (error) {
        await lease.release();
        throw error;
      }
    };
    return await this.#observe("records", options, open, (records, call) => records.tellOpened(call));
  }

  /**
   * Whether these records, which a store of this process has open, are those of this store's session: two stores may have
   * one backend.
   */
  async hasOpen(records: SessionRecords, { signal }: { signal?: AbortSignal } = {}): Promise<boolean> {
    const newest = await this.#newest(records.session, signal);
    return newest?.lease?.hold === records.hold;
  }

  /**
   * The records of a session as they are now, by key; another process may hold it. `undefined` when it has none.
   * @param options.generation number of one of `generations` of the session's state: one that was deleted before the
   *   present link, say. @default the current one
   * @throws as {@link openRecords}; `ABSENT` when there is no such generation
   */
  async peekRecords(options: {
    session: string;
    generation?: number;
    signal?: AbortSignal;
  }): Promise<ReadonlyMap<string, Buffer> | undefined> {
    const peek = async (): Promise<ReadonlyMap<string, Buffer> | undefined> =>
      (await peekRecords(this.#context, this.#log(options.session), options))?.values();
    return await this.#observe("records", options, peek);
  }

  /** Does `work`, and tells how it has ended. @throws `INVALID` for a session of no possible name, and what `work` throws */
  async #observe<T>(
    operation: Operation,
    { session, signal }: { session: string; signal?: AbortSignal | undefined },
    work: () => Promise<T>,
    told?: (result: T, call: CallEvent) => void,
  ): Promise<T> {
    const place = { session: sessionName(session), store: this.#context.kind, signal };
    return await observe(operation, place, work, told);
  }

  /** Does `work`; the hint of its error names the sessions that are there, when this one is not. */
  #namingOthers<T>(options: { session: string; signal?: AbortSignal | undefined }, work: () => Promise<T>): Promise<T> {
    const { session, signal } = options;
    return namingOthers(this, { session: sessionName(session), signal }, work);
  }

  #log(session: string): SessionLog {
    return new SessionLog(this.#context.blobs, this.#context.frames(sessionName(session)));
  }

  /**
   * Commits a change, and deletes what has become dead by it and by earlier ones, in batches.
   * @returns whether there was anything to change
   */
  async #change(options: LeasedOptions, draft: Change): Promise<boolean> {
    return await this.#leases.run(options, async (lease) => {
      refuseOpenRecords(lease);
      let isMade = false;
      const drafted: Change = (state, next) => {
        const made = draft(state, next);
        isMade = made !== undefined;
        return made;
      };
      await lease.writer.commit(drafted, options.signal);
      await pruneWhenDue(lease, options.signal);
      return isMade;
    });
  }

  /** Whether `delete` has anything to do. */
  async #mayNeedDelete(session: string, retainMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const state = await this.#newest(session, signal);
    if (!state) return false;
    // A pending save may still take effect.
    if (this.#leases.hasPending(sessionName(session))) return true;
    return state.content === 0 ? retainMs === 0 && state.dead.length > 0 : !(state.deleted && retainMs > 0);
  }

  async #newest(session: string, signal?: AbortSignal): Promise<LogState | undefined> {
    return await this.#log(session).newest(signal);
  }

  /** Says once which generations were stored before encryption was turned on. */
  #warnOfPlain(session: string, { writer }: VaultLease): void {
    const plain = writer.state.live.filter(({ key }) => key === undefined).map(({ n }) => n);
    if (!this.#context.options.keyring.isOn || plain.length === 0 || this.#warned.has(session)) return;
    this.#warned.add(session);
    this.#context.warn(
      `Stored without encryption: generation ${plain.join(", ")} of ${session}, from before it was turned on. \`rekey({ session })\` of the store encrypts them; without it they stay until newer ones have taken their place.`,
    );
  }
}

/** @throws `INVALID` when the records of the session are open under this lease: they would not learn of a change. */
function refuseOpenRecords({ session, writer }: VaultLease): void {
  if (!writer.listener) return;
  throw new VaultError("INVALID", `Could not change ${session}: its records are open under this lease.`, {
    hint: "`clear` of what `openRecords` returned deletes them. For all else close them first.",
  });
}

type Change = Parameters<SessionWriter["commit"]>[0];

/** What {@link Vault.acquire} takes. */
export interface AcquireOptions {
  /** Name of the session. */
  session: string;
  /** How long to wait for a holder that is alive, in milliseconds. @default 0 */
  waitMs?: number;
  /** Ends the wait, with its reason. */
  signal?: AbortSignal;
}

/** What {@link Vault.openRecords} takes. */
export interface OpenRecordsOptions extends AcquireOptions {
  /** Called when the store does not answer while a set waits, or an entry cannot be stored. @default nothing is told */
  onError?: (error: unknown) => void;
}
