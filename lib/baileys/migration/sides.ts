import { VaultError } from "../../errors.ts";
import type { BaileysModule } from "../types.ts";
import type { AuthRecords, ValueComparison } from "./auth-records.ts";

/** How far a migration is. */
export interface MigrationProgress {
  /** The step that it is at. */
  readonly step: "reading" | "writing" | "verifying";
  /** Records that are done in this step. */
  readonly records: number;
  /** Records that there are, once it is known. */
  readonly total?: number;
}

/** What a migration gives to its sides. */
export interface MigrationRun {
  readonly baileys: BaileysModule;
  readonly values: ValueComparison;
  /** Records that are read or set at once, where a side takes several. */
  readonly batchSize: number;
  readonly skipExisting: boolean;
  readonly verify: boolean;
  readonly signal: AbortSignal | undefined;
  /** Told of a store that is away, which is tried again. */
  readonly onError: (error: unknown) => void;
  /** Tells how far it is. */
  readonly tell: (progress: MigrationProgress) => void;
  /** Adds a warning to the report. */
  readonly warn: (message: string) => void;
}

/** What a source has. */
export interface SourceContent {
  readonly records: AuthRecords;
  /** Files that are not a part of it. */
  readonly skipped: readonly string[];
}

/** Where a state comes from. It is only read. */
export interface AuthSource {
  /** For messages. */
  readonly label: string;
  /** @throws `ABSENT` when it has no credentials; `CORRUPT` when a part is damaged; what the place throws */
  read(): Promise<SourceContent>;
  /** @throws `CONFLICT` or `LEASE_LOST` when it has changed since {@link read}, or may have */
  assertUnchanged(): Promise<void>;
  /** Gives it back. Never rejects. */
  close(): Promise<void>;
}

/** A place, as a side of a migration. */
export abstract class Side<P> {
  /** For messages. */
  readonly label: string;
  protected readonly place: P;
  protected readonly run: MigrationRun;

  constructor(label: string, place: P, run: MigrationRun) {
    this.label = label;
    this.place = place;
    this.run = run;
  }
}

/** What a target has done. */
export interface WrittenState {
  /** Whether anything was written; if not, it had exactly this already. */
  readonly isWritten: boolean;
  /** Records that it had already, and that were not written again. */
  readonly existing: number;
  /** Whether what it has was read again, and is equal. */
  readonly isVerified: boolean;
}

/** Where a state goes to. */
export interface AuthTarget {
  /** For messages. */
  readonly label: string;
  /**
   * Writes all of it, or nothing that a bot could take for a session.
   * @param isReady called right before it becomes a session; what it throws ends the migration
   * @throws `CONFLICT` when there is another session already; `CORRUPT` when it does not return what it was given; what the
   *   place throws
   */
  write(records: AuthRecords, isReady: () => Promise<void>): Promise<WrittenState>;
  /** Gives it back. Never rejects. */
  close(): Promise<void>;
}

/** @param label of the source @param difference as a clause */
export function changed(label: string, difference: string): VaultError {
  return new VaultError("CONFLICT", `Could not migrate ${label}: it has changed meanwhile: ${difference}.`, {
    hint: "End the bot that uses it, and migrate again. Nothing was written that a bot could use.",
  });
}

/** @param label of the target */
export function occupied(label: string): VaultError {
  const what = "another session, another state of this one, or something else";
  return new VaultError("CONFLICT", `Could not write ${label}: there is ${what} already.`, {
    hint: "Nothing was changed. Name a free place, or free this one: log out there, or delete what nobody needs any more.",
  });
}
