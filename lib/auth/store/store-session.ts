import type { Capture, RestoreReport, SaveReport } from "../../store.ts";

/** One version of a session that a store has, or had. */
export interface StoredVersion {
  /** Names its exact content: the id of a generation's log entry, or the SHA-256 of a zip. */
  readonly id: string;
  /** Its number, where the store numbers them. */
  readonly generation?: number | undefined;
}

/** What a store answered about a session. An outage is not among these: it throws. */
export type RemoteSession = {
  /** Number of the newest entry, that of taking the session included, where the store numbers them: it only grows. */
  readonly entry?: number;
} /** Nothing was ever saved. */ & (
  | { readonly kind: "absent" }
  /** There was one, and it was deleted on purpose. */
  | { readonly kind: "deleted"; readonly at: Date }
  /** There is one. */
  | ({ readonly kind: "current" } & StoredVersion)
);

/**
 * How `RemoteAuth` talks to a store during one run of a client: the same few steps, whether the store takes profiles
 * or only zips. Every method rejects with a `VaultError`.
 */
export interface StoreSession {
  /** Takes the session and says what is stored. */
  open(signal: AbortSignal): Promise<RemoteSession>;
  /** The local profile was chosen: what was fetched for a restore is not needed. Never rejects. */
  keepLocal(): Promise<void>;
  /** Brings what is stored into `into`, an empty or missing directory, verified. */
  restore(into: string, signal: AbortSignal): Promise<RestoreReport>;
  /**
   * Commits a capture.
   * @param beforeCommit throws when the capture must not become the session after all.
   * @param stored id of what the store holds as far as this run knows, for stores that cannot say so cheaply.
   */
  save(
    capture: Capture,
    options: {
      stored: string | undefined;
      wid: string | undefined;
      beforeCommit: () => void;
      signal: AbortSignal;
    },
  ): Promise<SaveReport>;
  /** Records that a browser that started from this generation reached `ready`. */
  prove(generation: number, signal: AbortSignal): Promise<void>;
  /**
   * Makes the newest of these generations that is still kept what the next start restores.
   * @returns what that is; `undefined` when none of them is kept, or the store keeps only one
   */
  rollBack(generations: readonly number[], signal: AbortSignal): Promise<StoredVersion | undefined>;
  /**
   * Deletes the session, softly where the store can.
   * @param retainMs how long that can be taken back; `undefined`: the store decides
   */
  delete(retainMs: number | undefined): Promise<void>;
  /** Aborts when somebody else has taken the session. */
  readonly lost: AbortSignal | undefined;
  /** Gives the session back. Never rejects. */
  close(): Promise<void>;
}
