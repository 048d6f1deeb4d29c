import type { VaultError } from "../errors.ts";
import type { ProfileFacts } from "./capture.ts";
import type { GenerationInfo } from "./session-state.ts";

/** What a listing tells of one session: facts, or why it cannot be read. */
export type SessionSummary = SessionFacts | UnreadableSession;

/** A session that a listing has found and cannot read, e.g. because it is damaged, or its key is missing: without facts. */
export type UnreadableSession = {
  readonly [Name in Exclude<keyof SessionFacts, "session" | "problem">]?: undefined;
} & {
  /** Name of the session. */
  readonly session: string;
  /** Why it cannot be read. */
  readonly problem: VaultError;
};

/** What the newest log entry of a session tells. */
export interface SessionFacts {
  /** Name of the session. */
  readonly session: string;
  /** Always absent: the session was read. */
  readonly problem?: undefined;
  /** As that of `SessionState`. */
  readonly kind?: "profile" | "records";
  /**
   * The current generation, whose `keyId` says whether it is encrypted; of a deleted session the one that `undelete` brings
   * back. Absent while nothing is saved, and once nothing is left. Of records, the ones that were last put together.
   */
  readonly saved?: GenerationInfo;
  /** How many generations are kept. */
  readonly generations: number;
  /** When the oldest of those that belong to the present link was saved: the device was linked then, or before. */
  readonly oldestAt?: Date;
  /** When the newest entry was written: by a start, a save, a change of records, a mark. */
  readonly changedAt: Date;
  /** Set when the session is deleted: since when, and until when `undelete` can bring it back at least. */
  readonly deleted?: { readonly at: Date; readonly until: Date };
  /** As that of `SessionState`. */
  readonly holder?: string;
  /**
   * As that of `SessionState`, with the time at which it ends unless it is renewed, by the clock of its owner. An owner
   * that was killed leaves a lease that has ended.
   */
  readonly lease?: {
    readonly owner: string;
    readonly since: Date;
    readonly expiresAt: Date;
    /** How long it lasts after each renewal, in milliseconds. Its owner renews it three times in that time. */
    readonly ttlMs: number;
    /** Grows with each renewal: when it does, the owner is alive. */
    readonly renewals: number;
  };
  /** Why nobody can tell whether there is a lease: what is stored of it cannot be read. */
  readonly leaseProblem?: VaultError;
  /** The browser and the forms of its storage, where the newest entry is that of the save. */
  readonly profile?: ProfileFacts;
}

/** All that is known of one session without its contents. */
export type SessionDetails = SessionFacts & {
  /** Number of the newest log entry. */
  readonly entry: number;
  /** The newest fencing number. */
  readonly epoch: number;
  /**
   * Numbers of the generations that a restore tries, in this order, when those before do not verify. Empty when the session
   * is deleted, or nothing is saved.
   */
  readonly restores: readonly number[];
  /** All generations that are kept, oldest first; of a deleted session those that `undelete` brings back. */
  readonly kept: readonly GenerationInfo[];
  /** What the store has of the session, as it is stored: entries, chunks and leases. Sizes are bytes. */
  readonly stored: { readonly values: number; readonly bytes: number };
  /** Of a session of records: how many pieces they are put together in, and how many entries came after those. */
  readonly folds?: { readonly segments: number; readonly entriesAfter: number };
};
