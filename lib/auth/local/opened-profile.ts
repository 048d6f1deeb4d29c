import type { ProfileLock } from "../../browser/profile-lock.ts";
import { removeStaleLocks } from "../../browser/singleton-lock.ts";
import type { CheckedFiles } from "../../profile/checked-files.ts";
import type { ProfileFacts, RestoreReport } from "../../store.ts";
import type { StoredVersion, StoreSession } from "../store/store-session.ts";

/** The profile that was chosen, on which the browser may be started. */
export interface OpenedProfile {
  /**
   * The stored versions that the profile descends from, oldest first; none for an empty profile and for a profile that
   * was never stored. The newest version has no generation when the profile is ahead of the store.
   */
  readonly history: readonly StoredVersion[];
  readonly profile: ProfileFacts;
  /** The report of the restore; `undefined` when the profile was found on disk. */
  readonly restored: RestoreReport | undefined;
  /** Whether the profile carries a session, as far as can be told: then a QR is reported as an error. */
  readonly linked: boolean;
  /** The files of the profile that this start has checked. */
  readonly checked: CheckedFiles;
  /** The stored version that the next start opens when WhatsApp refuses the profile; `undefined`: the page shows a QR. */
  readonly next: StoredVersion | undefined;
  /** Whether the profile is of an older generation than the current one: READY makes that generation the current one. */
  readonly isOlder: boolean;
  /** Whether no store has the profile as it is, although its marker names a stored version. */
  readonly isUnsaved: boolean;
  /** Number of the newest log entry, if the store has a log. */
  readonly entry: number | undefined;
}

export interface OpenOptions {
  readonly store: StoreSession;
  readonly session: string;
  /** Path of the local profile. */
  readonly dir: string;
  /** The lock of the local profile. */
  readonly lock: ProfileLock;
  readonly signal: AbortSignal;
  /** Called with warnings for a person. */
  readonly onWarning: (message: string) => void;
  /** What WhatsApp has refused, and no marker says. */
  readonly refused: UnrecordedRefusal;
  /** Whether a person is told what else there is, when the session is absent. @default false */
  readonly tellsAbsence?: boolean;
}

/** What WhatsApp has refused in this process, as far as it may be written nowhere: the next start of this process heeds it. */
export interface UnrecordedRefusal {
  /** Id of the version that a refused local profile descends from, whose marker could not be written. */
  local?: string | undefined;
  /** Ids of the stored versions that were restored and refused since the last READY. */
  stored?: Set<string>;
}

export const UNKNOWN: Omit<OpenedProfile, "checked"> = {
  history: [],
  profile: {},
  restored: undefined,
  linked: false,
  next: undefined,
  isOlder: false,
  isUnsaved: false,
  entry: undefined,
};

/** @throws `LEASE_HELD` when a browser, or another run, has the profile open */
export async function mayChange({ dir, lock, signal }: Pick<OpenOptions, "dir" | "lock" | "signal">): Promise<void> {
  await lock.check();
  await removeStaleLocks(dir, { signal });
}
