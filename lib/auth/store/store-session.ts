import type { OtherNames } from "../../other-sessions.ts";
import type { Capture, RestoreReport, SaveReport } from "../../store.ts";

/** One version of a session that a store has, or had. */
export interface StoredVersion {
  /** Names the exact content of the version: the id of a generation's log entry, or the SHA-256 of a zip. */
  readonly id: string;
  /** Number of the version, if the store numbers its versions. */
  readonly generation?: number | undefined;
}

/** The state of a session in a store. An outage is no state: it throws. */
export type RemoteSession = {
  /** Number of the newest log entry, the entry of this run's lease included, if the store has a log: it only grows. */
  readonly entry?: number;
} /** The session was never saved. */ & (
  | { readonly kind: "absent" }
  /** The session was deleted on purpose. */
  | { readonly kind: "deleted"; readonly at: Date; readonly until?: Date }
  /** The session is stored. */
  | ({ readonly kind: "current" } & StoredVersion & Refusal)
);

/** A stored session. */
export type CurrentSession = RemoteSession & { kind: "current" };

/** What is known of WhatsApp's refusal of the current version, in a store that keeps marks. */
interface Refusal {
  /** Whether a browser that started from the current version was asked to link again. @default false */
  readonly isRejected?: boolean;
  /** The older versions that may be opened once the current one is rejected, newest first. @default none */
  readonly older?: readonly StoredVersion[];
  /** How many of them are opened at most; those that cannot be read do not count. @default none */
  readonly steps?: number;
}

export interface SaveOptions {
  /** Id of the stored version as far as this run knows, for stores that cannot tell it cheaply. */
  readonly stored: string | undefined;
  /** WhatsApp id of the linked phone; `undefined` while it is not known. */
  readonly wid: string | undefined;
  /** Throws when the capture must not become the session. */
  readonly beforeCommit: () => void;
  readonly signal: AbortSignal;
}

/**
 * One session in a store during one run of a client: the same few steps, whether the store takes profiles or only zips.
 * Every method rejects with a `VaultError`.
 */
export interface StoreSession {
  /**
   * Acquires the lease, if the store has leases, and resolves to the state of the session. Called once.
   * @throws `LEASE_HELD` when another process does not release the session in time
   */
  open(signal: AbortSignal): Promise<RemoteSession>;
  /** The local profile was chosen: removes the files that `open` fetched for a restore. Never rejects. */
  keepLocal(): Promise<void>;
  /**
   * Restores a stored profile into `into`, an empty or missing directory, and verifies it.
   * @param version an older version; only for a store with generations. @default the current one
   */
  restore(into: string, signal: AbortSignal, version?: StoredVersion): Promise<RestoreReport>;
  /**
   * The other sessions that the store has, for a person: at most a few names, after a few seconds. `undefined` when there are none, or the store does not tell. Never rejects.
   */
  others(signal: AbortSignal): Promise<OtherNames | undefined>;
  /** Whether the store can list sessions. */
  readonly canList: boolean;
  /** Commits a capture. */
  save(capture: Capture, options: SaveOptions): Promise<SaveReport>;
  /** Records that a browser that started from this generation reached `ready`. */
  prove(generation: number, signal: AbortSignal): Promise<void>;
  /**
   * Records that a browser that started from this version was asked to link again. Does nothing where a store keeps no
   * marks. After an error {@link open} of a later run of this strategy records it first, or throws.
   */
  reject(version: StoredVersion, signal: AbortSignal): Promise<void>;
  /**
   * Makes the newest of these versions that the store still has the one which the next start restores; none that is
   * unencrypted in place of an encrypted one.
   * @returns that version; `undefined` when the store has none of them, or keeps one version only
   */
  rollBack(versions: readonly StoredVersion[], signal: AbortSignal): Promise<StoredVersion | undefined>;
  /**
   * Deletes the session, softly if the store supports it.
   * @param retainMs how long the session can be undeleted, in milliseconds; `undefined`: the store decides
   */
  delete(retainMs: number | undefined): Promise<void>;
  /** Aborts when another process has taken the session over; never without leases. */
  readonly lost: AbortSignal;
  /** Releases the lease. Never rejects. */
  close(): Promise<void>;
}
