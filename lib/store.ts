import type { Capture } from "./store/capture.ts";
import type { HistoryEntry } from "./store/history.ts";
import type { RestoreReport, SaveReport } from "./store/reports.ts";
import type { SessionState } from "./store/session-state.ts";

export type { Capture, CaptureFile, ProfileFacts, StorageBackend } from "./store/capture.ts";
export type { GenerationCheck, ProbeStep, ProbeStepName, StoreProbe } from "./store/checks.ts";
export type { EntryKind, HistoryEntry } from "./store/history.ts";
export type { RestoreReport, SaveReport } from "./store/reports.ts";
export type { SessionDetails, SessionFacts, SessionSummary, UnreadableSession } from "./store/session-facts.ts";
export type { GenerationInfo, SessionState } from "./store/session-state.ts";

/**
 * The store of a strategy: whatsapp-web.js's own contract, with the obligations it leaves unsaid.
 *
 * - `sessionExists` resolves to `true` or `false` only when the store knows. An outage is not an absence: it throws.
 * - `save` stores the zip of a profile. The version before stays readable until the new one is committed.
 * - `extract` writes the zip at `path` atomically: when it resolves the whole, verified file is there.
 * - `delete` resolves when the session is gone; a session that is not there is fine.
 *
 * Stores written elsewhere may answer `sessionExists` with other values: those are taken for an outage.
 */
export interface SessionStore {
  /** Whether the session is stored. Throws, or rejects, when the store does not know. */
  sessionExists(options: { session: string }): Promise<boolean> | boolean;
  /**
   * Stores the zip at `path`. @param options.path path of the zip. @default `<session>.zip` in the working directory
   */
  save(options: { session: string; path?: string }): Promise<unknown>;
  /** Writes the stored zip to `path`, whole. */
  extract(options: { session: string; path: string }): Promise<unknown>;
  /** Removes the session; one that is not there is fine. */
  delete(options: { session: string }): Promise<unknown>;
}

/**
 * A store that takes profiles file by file: no zip, no staging copy, only changes are sent, older generations are kept.
 * `RemoteAuth` prefers these methods when a store has them, as the vault has.
 *
 * All methods reject with a `VaultError`, and with the reason of `signal` when that aborts. `UNAVAILABLE`, `CORRUPT` and
 * `ABSENT` are never confused.
 */
export interface ProfileStore extends SessionStore {
  /** Names of the sessions that the store has, or had, in no order. @default the store cannot list */
  sessions?(options: { signal?: AbortSignal }): AsyncIterable<string>;

  /** The state of the session; `undefined` when and only when nothing was ever written for it. */
  state(options: { session: string; signal?: AbortSignal }): Promise<SessionState | undefined>;

  /**
   * Takes the session with a lease: from now on no earlier holder can commit anything, and no other process can take the
   * session, or change it by a call without a lease, until the lease is released or has ended. A lease ends by itself when
   * its process has gone and renews it no more. A holder that has ended for certain (on this machine, say) is not waited
   * for.
   * @param options.waitMs how long to wait for a holder that is alive, in milliseconds. @default 0
   * @throws `LEASE_HELD`, with `owner` and `expiresAt`, when another process, or another part of this one, holds the session
   *   and has not released it in time.
   */
  acquire(options: { session: string; waitMs?: number; signal?: AbortSignal }): Promise<Lease>;

  /**
   * Takes the session from the process that holds it, alive or not, and keeps nobody out afterwards: that process can
   * commit nothing more, and its {@link Lease.lost} aborts at its next renewal. For people who know that it is gone, or that
   * it must end. Does nothing to a session that was never written. `RemoteAuth` does not need this method.
   * @param options.holder the process that is meant, as `state` and `facts` name it. @default whoever has the session
   * @throws `LEASE_HELD` when yet another process takes the session at this moment, or has taken it after `holder`.
   */
  breakLease?(options: { session: string; holder?: BrokenLease; signal?: AbortSignal }): Promise<BrokenLease>;

  /**
   * Commits the capture as a new generation. When nothing changed since the current generation, writes nothing and
   * reports `unchanged`. The capture is not closed.
   * @throws `LEASE_LOST` when another process has taken the session, or the lease was released; `UNAVAILABLE` when the
   *   store does not answer: the save may have been committed, or be committed later; `INVALID` when the capture carries
   *   no storage of the site and the session has a generation that does.
   */
  saveProfile(options: SaveProfileOptions): Promise<SaveReport>;

  /**
   * Writes a generation (the current one by default) into `into`, a directory that is empty or does not exist, and
   * verifies it; one without storage of the site does not verify. A current generation that does not is skipped for the newest proven one before it that verifies
   * and whose key is there (those passed over are named in `skipped`). After an error `into` may hold a part of the files:
   * throw it away.
   * @throws `ABSENT` when there is no session (never saved, or deleted); `CORRUPT` when no generation verifies;
   *   `WRONG_KEY` when the key of the current one is missing, or of an older one and no other verifies.
   */
  restoreProfile(options: RestoreProfileOptions): Promise<RestoreReport>;

  /** Records that a browser started from exactly this generation reached `ready`, or that it was rejected. */
  mark(options: MarkOptions): Promise<void>;

  /** Makes an older kept generation the current one. Nothing is deleted. */
  rollback(options: { session: string; lease: Lease; generation: number; signal?: AbortSignal }): Promise<void>;

  /**
   * Deletes softly: `undelete` brings it back for `retainMs`. Without `lease` it takes the session and keeps nobody out.
   * @throws `LEASE_HELD` without `lease`, when another process holds the session.
   * @param options.retainMs milliseconds; 0 keeps nothing. @default `retainDeletedMs` of the store, which is 7 days by default
   */
  delete(options: { session: string; lease?: Lease; retainMs?: number; signal?: AbortSignal }): Promise<void>;

  /**
   * Takes a soft deletion back.
   * @throws `ABSENT` when there is nothing to bring back; `LEASE_HELD` as {@link delete}.
   */
  undelete(options: { session: string; lease?: Lease; signal?: AbortSignal }): Promise<void>;

  /**
   * The entries of the session's log, newest first, for people; none when nothing was ever written for it. Reads only:
   * another process may hold the session.
   */
  history?(options: { session: string; signal?: AbortSignal }): AsyncIterable<HistoryEntry>;

  /** Removes the data that no kept generation needs. */
  prune(options: { session: string; lease: Lease; signal?: AbortSignal }): Promise<void>;
}

/** What {@link ProfileStore.saveProfile} takes. */
export interface SaveProfileOptions {
  /** Name of the session. */
  session: string;
  /** The files to save. */
  capture: Capture;
  /** The lease of `acquire`. */
  lease: Lease;
  /** The WhatsApp id of the linked phone; stored as a keyed hash only. */
  wid?: string | undefined;
  /**
   * Called once, after every byte is uploaded and before the commit; when it throws, nothing is committed and
   * `saveProfile` rejects with the same error.
   */
  beforeCommit?: (() => void) | undefined;
  /** Ends the save, with its reason; a commit that is under way may still take effect. */
  signal?: AbortSignal | undefined;
}

/** What {@link ProfileStore.restoreProfile} takes. */
export interface RestoreProfileOptions {
  /** Name of the session. */
  session: string;
  /** Path of the directory to write to: empty, or not there. */
  into: string;
  /** @default the current one */
  generation?: number | undefined;
  /** Ends the restore, with its reason. */
  signal?: AbortSignal | undefined;
}

/** What {@link ProfileStore.mark} takes. */
export interface MarkOptions {
  /** Name of the session. */
  session: string;
  /** The lease of `acquire`. */
  lease: Lease;
  /** Number of the generation. */
  generation: number;
  /** The mark: a browser that started from it was `ready`, or was asked to link again. */
  as: "proven" | "rejected";
  /** Ends the call, with its reason. */
  signal?: AbortSignal;
}

/** The right to run and write a session. */
export interface Lease {
  /** The fencing number: only grows. */
  readonly epoch: number;
  /**
   * Aborts when another process has taken the session: at the next call on this lease, or at the next renewal. The reason is
   * a `LEASE_LOST` error. From then on no call on this lease commits anything.
   */
  readonly lost: AbortSignal;
  /** The state of the session when it was taken. @default the store does not tell, and is asked by `state` */
  readonly state?: SessionState;
  /**
   * Gives the session back: another process can take it at once, and calls on this lease fail with `LEASE_LOST`. Does not
   * wait for calls that are under way. Takes a few seconds at most and never rejects; twice is fine. When the store does not
   * answer, the lease ends by itself later.
   */
  release(): Promise<void>;
}

/** The process that {@link ProfileStore.breakLease} took a session from. Empty when no process had a lease. */
export interface BrokenLease {
  /** `host:pid` */
  readonly owner?: string;
  /** Since when that process had the session. */
  readonly since?: Date;
}

/** Whether `store` takes profiles file by file. */
export function isProfileStore(store: SessionStore): store is ProfileStore {
  return ["state", "acquire", "saveProfile", "restoreProfile"].every(
    (method) => typeof (store as unknown as Record<string, unknown>)[method] === "function",
  );
}
