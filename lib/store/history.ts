import type { VaultError } from "../errors.ts";
import type { GenerationInfo } from "./session-state.ts";

/** One entry of the log of a session. Entries that nothing needs any more are removed, so the numbers have gaps. */
export interface HistoryEntry {
  /** Number of the entry. */
  readonly entry: number;
  /** `unreadable`: the entry is damaged or missing, or this store has no key for it. */
  readonly kind: EntryKind | "unreadable";
  /** The time, by the clock of the process that wrote it. Absent when `unreadable`, as all that follows but `error`. */
  readonly at?: Date;
  /** The process that wrote it (`host:pid`). */
  readonly by?: string;
  /** The fencing number of the process that wrote it. */
  readonly epoch?: number;
  /**
   * `save`: the generation that was saved. `rekeyed`: the one that was encrypted anew. `records` and `deleted` of a session
   * of records: the generation that holds all records up to this entry, where there is one.
   */
  readonly saved?: GenerationInfo & {
    /** Whether it can be restored: after a deletion, once that is taken back. */
    readonly isKept: boolean;
    /** Whether a restore brings it. */
    readonly isCurrent: boolean;
  };
  /** `proven`, `rejected`: the generation that was marked. `rollback`, `undeleted`: the generation that became the current one. */
  readonly generation?: number;
  /** `records`: how many records were set and deleted; absent when an entry cannot hold so many. */
  readonly changes?: number;
  /** `deleted`: until when the deletion can be taken back. */
  readonly until?: Date;
  /** `unreadable`: the reason, `CORRUPT`, `WRONG_KEY`, or `INVALID` for an entry of a newer version. */
  readonly error?: VaultError;
}

/** What an entry of the log did. */
export type EntryKind =
  /** Took the session. */
  | "hold"
  /** Committed a generation. */
  | "save"
  /** Marked a generation. */
  | "proven"
  | "rejected"
  /** Made an older generation the current one. */
  | "rollback"
  /** About the whole session. */
  | "deleted"
  | "undeleted"
  /** Changed nothing that people see. */
  | "retained"
  /** Encrypted a generation anew. */
  | "rekeyed"
  /** Changed nothing: its holder has renewed its lease late. */
  | "renewed"
  /** Set and deleted records. */
  | "records";
