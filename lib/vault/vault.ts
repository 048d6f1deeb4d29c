import type { BlobStore } from "../blobs.ts";
import { tell } from "../diagnostics/channels.ts";
import { tellRestore, tellSave } from "../diagnostics/reports.ts";
import { VaultError } from "../errors.ts";
import type {
  BrokenLease,
  Lease,
  MarkOptions,
  ProfileStore,
  RestoreProfileOptions,
  RestoreReport,
  SaveProfileOptions,
  SaveReport,
} from "../store.ts";
import { callListener } from "../warnings.ts";
import { AbsentSession } from "./absent-session.ts";
import { type Change, commitChange, draftMark, draftRollback, refuseOpenRecords } from "./change.ts";
import { VaultContext, type VaultInternals } from "./context.ts";
import { deleteSession, draftUndeletion, isDeletedFor, neverSaved } from "./deletion.ts";
import { type EntryName, type LogState, sessionState } from "./entry.ts";
import { sessionName } from "./layout.ts";
import { ownerName } from "./lease/owner.ts";
import type { VaultLease } from "./lease.ts";
import { logOf } from "./log.ts";
import { checkOptions, type VaultOptions, whole } from "./options.ts";
import { pruneOverdue, pruneWhenDue, pruneWhole } from "./prune.ts";
import { checkRecords, sizeOf } from "./records/record-bytes.ts";
import { replaceRecords } from "./records/replace-records.ts";
import { SessionRecords } from "./records/session-records.ts";
import { type RekeyReport, rekey } from "./rekey.ts";
import { restoreGeneration } from "./restore.ts";
import { saveCapture } from "./save.ts";
import { UnencryptedWarnings } from "./unencrypted.ts";
import { VaultCalls } from "./vault-calls.ts";
import {
  type AcquireOptions,
  type LeasedOptions,
  type OpenRecordsOptions,
  type ReplaceRecordsOptions,
  VaultLeases,
} from "./vault-leases.ts";
import { VaultReading } from "./vault-reading.ts";
import { ZipSearch } from "./zip-search.ts";
import { extractZip, saveZip } from "./zip-transfer.ts";

export type { Encryption, EncryptionWays } from "./encryption.ts";
export type { EncryptionKey } from "./key-text.ts";
export type { VaultOptions } from "./options.ts";
export type { RekeyReport } from "./rekey.ts";
export type { AcquireOptions, LeasedOptions, OpenRecordsOptions, ReplaceRecordsOptions } from "./vault-leases.ts";
export type { VerifyGenerations, VerifyProgress } from "./verify-session.ts";

/**
 * Sessions in any {@link BlobStore}: every change is a new entry of the session's log, older generations are kept, and a
 * process that has lost its lease can commit nothing (see FORMAT.md). `session` is a name, or a path that ends in it.
 */
export class Vault extends VaultReading implements ProfileStore {
  readonly #context: VaultContext;
  readonly #calls: VaultCalls;
  readonly #leases: VaultLeases;
  readonly #zips: ZipSearch;
  readonly #unencrypted: UnencryptedWarnings;

  /**
   * Does no I/O.
   * @param internals for tests
   * @throws `INVALID` when an option is wrong.
   */
  constructor(options: VaultOptions & { blobs: BlobStore }, internals?: VaultInternals) {
    const context = new VaultContext(checkOptions(options), internals);
    super(context);
    const { dataPath } = context.options;
    this.#context = context;
    this.#calls = new VaultCalls(this, context.kind);
    this.#leases = new VaultLeases(context);
    this.#zips = new ZipSearch({ dataPath, clock: context.clock, warn: (message) => context.warn(message) });
    this.#unencrypted = new UnencryptedWarnings(context);
  }

  async acquire(options: AcquireOptions): Promise<Lease> {
    const most = whole("waitMs", options.waitMs, 0, 0);
    const name = sessionName(options.session);
    const take = (): Promise<VaultLease> => this.#leases.acquire(name, most, options.signal);
    const lease = await this.#calls.run("acquire", options, take, (taken, { ms }) => taken.tell("acquired", { ms }));
    this.#unencrypted.look(lease);
    return lease;
  }

  async breakLease(options: { session: string; holder?: BrokenLease; signal?: AbortSignal }): Promise<BrokenLease> {
    const { session, holder, signal } = options;
    const breakIt = async (): Promise<BrokenLease | undefined> => {
      const breaks = await this.#newest(session, signal);
      if (!breaks) return undefined;
      if (holder) refuseOtherHolder(sessionName(session), breaks, holder);
      const { earlier } = await this.#leases.take(sessionName(session), { breaks, signal });
      return earlier ? { owner: ownerName(earlier), since: new Date(earlier.since) } : {};
    };
    const broken = await this.#calls.run("breakLease", options, breakIt, (taken, { session, store }) => {
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
    return await this.#calls.run("save", options, save, (report, call) =>
      tellSave(report, call, "profile", options.lease.epoch),
    );
  }

  async restoreProfile(options: RestoreProfileOptions): Promise<RestoreReport> {
    const session = sessionName(options.session);
    const restore = (): Promise<RestoreReport> => restoreGeneration(this.#context, { ...options, session });
    return await this.#calls.run("restore", options, restore, (report, call) => tellRestore(report, call, "profile"));
  }

  async mark(options: MarkOptions): Promise<void> {
    const { generation, as } = options;
    const mark = (): Promise<boolean> => this.#change(options, (state, next) => draftMark(options, state, next));
    await this.#calls.run("mark", options, mark, (isMade, call) => {
      if (isMade) tell("mark", () => ({ ...call, generation, as }));
    });
  }

  async rollback(options: { session: string; lease: Lease; generation: number; signal?: AbortSignal }): Promise<void> {
    const { session, generation } = options;
    let from = 0;
    const rollback = (): Promise<boolean> =>
      this.#change(options, (state) => {
        from = state.content;
        return draftRollback(session, state, generation);
      });
    await this.#calls.run("rollback", options, rollback, (isMade, call) => {
      if (isMade) tell("rollback", () => ({ ...call, generation, from }));
    });
  }

  async delete(options: { session: string; lease?: Lease; retainMs?: number; signal?: AbortSignal }): Promise<void> {
    const { session, signal } = options;
    const retainMs = whole("retainMs", options.retainMs, this.#context.options.retainDeletedMs, 0);
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
    await this.#calls.run("delete", options, work, (_, call) => {
      if (isMade) tell("delete", () => ({ ...call, change: "deleted", retainMs }));
    });
  }

  async undelete(options: { session: string; lease?: Lease; signal?: AbortSignal }): Promise<void> {
    const { session, lease, signal } = options;
    const undelete = async (): Promise<boolean> => {
      // A name that was never written stays unknown.
      if (!lease && !(await this.#newest(session, signal))) throw neverSaved(session);
      return await this.#change(options, (state, next) => draftUndeletion(session, state, next));
    };
    await this.#calls.run("undelete", options, undelete, (isMade, call) => {
      if (isMade) tell("delete", () => ({ ...call, change: "undeleted" }));
    });
  }

  async prune(options: { session: string; lease: Lease; signal?: AbortSignal }): Promise<void> {
    const work = (): Promise<unknown> => this.#leases.run(options, (lease) => pruneOverdue(lease, options.signal));
    await this.#calls.run("prune", options, work);
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
      if (!(await this.#newest(session, signal)))
        throw new AbsentSession(`There is no session ${sessionName(session)} in this store.`);
      return await this.#leases.run(options, (lease) => {
        refuseOpenRecords(lease);
        return rekey(lease, signal);
      });
    };
    return await this.#calls.run("rekey", options, work, ({ generations, entries }, call) =>
      tell("rekey", () => ({ ...call, generations: generations.length, entries })),
    );
  }

  /** Whether a session of this name can be restored. @throws the error of the store, which does not know then */
  async sessionExists(options: { session: string }): Promise<boolean> {
    this.#zips.look(options.session);
    return await this.#calls.run("state", options, async () => {
      const newest = await this.#newest(options.session);
      return newest !== undefined && sessionState(newest).current !== undefined;
    });
  }

  /**
   * Saves the zip of a profile: the one at `path`, or the one that whatsapp-web.js's own `RemoteAuth` has just written, which
   * is not as it was when this store last looked (a first look comes with `sessionExists` and `extract`). A profile that does not verify is kept as `suspect`, and is current only where there is no better generation.
   * @param options.current id of the generation that must be the current one still, `null` where there must be none: nothing
   *   that somebody else has saved meanwhile is replaced. @default any
   * @throws `INVALID` naming every path that was tried when there is no zip, or none but one of an earlier run; `CONFLICT` when
   *   the current generation is not the one of `current`
   */
  async save(options: { session: string; path?: string; current?: string | null }): Promise<SaveReport> {
    const { session, path, current } = options;
    let epoch = 0;
    const work = async (): Promise<SaveReport> => {
      const zip = await this.#zips.find({ session, path });
      const report = await this.#leases.runOwn(sessionName(session), (lease) => {
        epoch = lease.epoch;
        return saveZip(lease, zip.path, current);
      });
      zip.saved();
      return report;
    };
    return await this.#calls.run("save", { session }, work, (report, call) => tellSave(report, call, "zip", epoch));
  }

  /** Writes the session as a zip to `path`, whole. @throws as {@link Vault.restoreProfile} */
  async extract({ session, path }: { session: string; path: string }): Promise<RestoreReport> {
    const work = async (): Promise<RestoreReport> => {
      this.#zips.look(session);
      const report = await extractZip(this.#context, sessionName(session), path);
      await this.#zips.wrote(path);
      return report;
    };
    return await this.#calls.run("restore", { session }, work, (report, call) => tellRestore(report, call, "zip"));
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
    return await this.#calls.run("records", options, open, (records, call) => records.tellOpened(call));
  }

  /**
   * Makes `records` all that a session of records has, in one step: a reader finds what was there, or all of these. What was
   * there stays beside them for `retainDeletedMs`, as a generation of an earlier link.
   * @throws `LEASE_HELD` as `acquire`; `INVALID` when the session holds a profile, and for records that are none; what `check`
   *   throws: nothing is written then
   */
  async replaceRecords({ records, check = () => {}, ...options }: ReplaceRecordsOptions): Promise<void> {
    const { signal } = options;
    checkRecords(records);
    const began = performance.now();
    const replace = async (): Promise<EntryName & { epoch: number }> => {
      const lease = (await this.acquire(options)) as VaultLease;
      try {
        const entry = await lease.run(() => replaceRecords(lease, { records, check }, signal), signal);
        return { ...entry, epoch: lease.epoch };
      } finally {
        await lease.release();
      }
    };
    await this.#calls.run("records", options, replace, ({ n: entry, epoch }, { session, store }) => {
      tell("records", () => {
        const bytes = [...records].reduce((sum, record) => sum + sizeOf(record), 0);
        const ms = performance.now() - began;
        return { session, store, change: "set", epoch, entry, records: records.size, bytes, sets: 1, ms };
      });
    });
  }

  async #newest(session: string, signal?: AbortSignal): Promise<LogState | undefined> {
    return await logOf(this.#context, session).newest(signal);
  }

  /** @returns whether there was anything to change */
  async #change(options: LeasedOptions, change: Change): Promise<boolean> {
    return await this.#leases.run(options, (lease) => commitChange(lease, change, options.signal));
  }

  async #mayNeedDelete(session: string, retainMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const state = await this.#newest(session, signal);
    if (!state) return false;
    // A pending save may still take effect.
    return this.#leases.hasPending(sessionName(session)) || !isDeletedFor(state, retainMs);
  }
}

/** @throws `LEASE_HELD` when another process has the session than the one that is meant */
function refuseOtherHolder(session: string, { lease }: LogState, { owner, since }: BrokenLease): void {
  if (!lease || (ownerName(lease) === owner && lease.since === since?.getTime())) return;
  const now = ownerName(lease);
  throw new VaultError("LEASE_HELD", `Could not end the lease of ${session}: ${now} has the session by now.`, {
    hint: "Nothing was changed.",
    owner: now,
  });
}
