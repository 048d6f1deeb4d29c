import type { VaultError } from "../errors.ts";
import type { GenerationInfo } from "./session-state.ts";

/** What the check of one generation has found. */
export interface GenerationCheck {
  /** The generation. */
  readonly generation: GenerationInfo;
  /** Whether a restore brings it. */
  readonly isCurrent: boolean;
  /** How many chunks it needs. */
  readonly chunks: number;
  /** How many of these are missing or damaged. */
  readonly damagedChunks: number;
  /**
   * When the databases of a profile were verified: `now`, or `before` they were stored, where the hashes have shown that
   * these are the same bytes. Absent when there is a problem, and of records.
   */
  readonly databases?: "now" | "before";
  /** What is wrong: `CORRUPT`, or `WRONG_KEY` where its key was not given. Absent when all is good. */
  readonly problem?: VaultError;
}

/** What a store can do, as far as trying shows. */
export interface StoreProbe {
  /** What was tried, in order; steps that need an earlier one which has failed are left out. */
  readonly steps: readonly ProbeStep[];
  /** Whether a key can be created exclusively: without that there are no leases. Absent when it was not tried. */
  readonly exclusiveCreate?: boolean;
  /** Why not, and what to do. */
  readonly exclusiveCreateHint?: string;
  /** The largest value that the store says it takes, in bytes. */
  readonly maxBlobBytes?: number;
  /** The largest value that was written, in bytes. */
  readonly largestBytes?: number;
  /**
   * By how much the clock of the store is ahead of that of this host, in milliseconds; negative when it is behind, 0 when
   * they agree within a second, or when the store goes by the clock of this host. Absent when it was not told.
   */
  readonly clockAheadMs?: number;
  /** The key of a small value that could not be removed. */
  readonly leftBehind?: string;
}

/** One thing that was tried. */
export interface ProbeStep {
  /** What was tried. */
  readonly name: ProbeStepName;
  /** How long it took, in milliseconds. */
  readonly ms: number;
  /** Why it has failed; absent when it has not. */
  readonly error?: VaultError;
}

/** What {@link StoreProbe} tries, in this order. */
export type ProbeStepName =
  /** Lists the sessions. */
  | "list"
  /** Reads and deletes a key that is absent. */
  | "read"
  | "delete"
  /** Writes a small value, reads it, finds it in a listing, removes it. */
  | "write"
  | "readBack"
  | "findInListing"
  | "remove"
  /** Lets a few create one and the same key at once. */
  | "exclusiveCreate"
  /** Writes a value of the largest size that a vault writes. */
  | "largest";
