import type { Capture, ProfileFacts, RestoreReport, SaveReport } from "../../store.ts";

/** What a store answered about a session. An outage is not among these: it throws. */
export type RemoteSession = {
  /** Number of the newest entry, that of taking the session included, where the store numbers them: it only grows. */
  readonly entry?: number;
} /** Nothing was ever saved. */ & (
  | { readonly kind: "absent" }
  /** There was one, and it was deleted on purpose. */
  | { readonly kind: "deleted"; readonly at: Date }
  /** There is one. `base` names its exact content; `generation` its number, where the store numbers them. */
  | { readonly kind: "current"; readonly base: string; readonly generation?: number }
);

/** What a profile descends from: `base` and `generation` as in {@link RemoteSession}. */
export interface StoredBase {
  readonly base: string;
  readonly generation: number;
}

/** What a capture became in the store. */
export interface SavedSession {
  readonly report: SaveReport;
  /** Names the exact content, as {@link RemoteSession} does. */
  readonly base: string;
}

/** What a restore brought. */
export interface RestoredSession {
  readonly report: RestoreReport;
  readonly base: string;
  readonly profile: ProfileFacts;
}

/**
 * How `RemoteAuth` talks to a store during one run of a client: the same few steps, whether the store takes profiles
 * or only zips. Every method rejects with a `VaultError`.
 */
export interface StoreLink {
  /** Takes the session and says what is stored. */
  open(signal: AbortSignal): Promise<RemoteSession>;
  /** The local profile was chosen: what was fetched for a restore is not needed. Never rejects. */
  keepLocal(): Promise<void>;
  /** Brings what is stored into `into`, an empty or missing directory, verified. */
  restore(into: string, signal: AbortSignal): Promise<RestoredSession>;
  /**
   * Commits a capture.
   * @param beforeCommit throws when the capture must not become the session after all.
   * @param base what the store holds as far as we know, for stores that cannot say so cheaply.
   */
  save(
    capture: Capture,
    options: {
      base: string | undefined;
      wid: string | undefined;
      beforeCommit: () => void;
      signal: AbortSignal;
    },
  ): Promise<SavedSession>;
  /** Records that a browser that started from this generation reached `ready`. */
  prove(generation: number, signal: AbortSignal): Promise<void>;
  /**
   * Makes the newest of these generations that is still kept what the next start restores.
   * @returns what that is; `undefined` when none of them is kept, or the store keeps only one
   */
  goBack(generations: readonly number[], signal: AbortSignal): Promise<StoredBase | undefined>;
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
