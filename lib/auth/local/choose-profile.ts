// `lib/auth/local` decides which profile a start of `RemoteAuth` opens, from the local profile, its marker and the
// stored session, and removes profiles. It imports `../store`, and `../saving/credentials.ts` alone of `../saving`,
// beside the imports of `lib/auth`. Only `lib/auth` may import it.
import { lstat, mkdir, rename, rm } from "node:fs/promises";
import type { ProfileLock } from "../../browser/profile-lock.ts";
import { removeStaleLocks } from "../../browser/singleton-lock.ts";
import { VaultError } from "../../errors.ts";
import { CheckedFiles } from "../../profile/checked-files.ts";
import { newStagingPath, recoverSwap, swapIn } from "../../profile/swap.ts";
import type { ProfileFacts, RestoreReport } from "../../store.ts";
import type { RemoteSession, StoredVersion, StoreSession } from "../store/store-session.ts";
import { LocalProfile } from "./local-profile.ts";
import { removeMarker, writeMarker } from "./marker.ts";
import { DELETED } from "./remove-profile.ts";

type CurrentSession = RemoteSession & { kind: "current" };

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
}

/** Suffix of the name of a profile that was set aside although no store has its session. */
const UNSAVED = ".unsaved";

const UNKNOWN: Omit<OpenedProfile, "checked"> = { history: [], profile: {}, restored: undefined, linked: false };

/**
 * Decides which profile the browser opens, and puts it in place: the local profile when it verifies and descends from
 * the stored version (or was saved after it, in a store that has lost that save), else the stored version, else (only
 * when the store knows that it has no session) a local profile that was never stored, or an empty profile. On any error
 * the local profile is left as it was, except for torn ends of logs, which are cut off.
 * @throws the error of the disk; `UNAVAILABLE` when the store does not answer; `LEASE_HELD` when a browser has the
 *   profile open; `CORRUPT` when the stored session, or a linked local profile that was never stored, does not verify.
 */
export async function chooseProfile(options: OpenOptions): Promise<OpenedProfile> {
  const { store, session, dir, lock, signal, onWarning } = options;
  await removeStaleLocks(dir);
  await recoverSwap(dir, onWarning);
  const remote = await store.open(signal);
  // The store may have taken long, and the next steps change the profile.
  await mayChange(dir, lock);
  const local = await LocalProfile.inspect(dir, session, signal);
  if (remote.kind === "current") {
    return (local && (await keep(options, remote, local))) ?? (await restore(options, remote, local));
  }
  if (local === undefined || local.empty) return await startEmpty(dir);
  const isAhead = local.isAhead(remote);
  if (remote.kind === "deleted" && (local.marker !== undefined || local.writtenAt <= remote.at.getTime())) {
    if (!isAhead) {
      await setAside(dir, DELETED);
      return await startEmpty(dir);
    }
    if (local.problem === undefined && !(await local.isLinked(signal))) {
      warnUnsaved(options, "no session is stored", await setAside(dir, UNSAVED));
      return await startEmpty(dir);
    }
  }
  if (local.problem !== undefined) {
    throw new VaultError("CORRUPT", `The local profile of ${session} is damaged and not stored: ${local.problem}.`, {
      hint: `Keep a copy of ${dir}; move it away to link the device again.`,
    });
  }
  if (isAhead) {
    // The version that the profile descends from is not stored. As the numbers of the log grow again, the marker would
    // make the deletion look newer than the profile.
    if (remote.kind === "deleted") await removeMarker(dir);
    // A log with no entry except this start's is a new store, as after a move: no save is known to be lost.
    if (remote.entry !== 1) warnAhead(options, remote, local);
  }
  const { profile, checked } = local;
  return { ...UNKNOWN, profile, checked, linked: await local.isLinked(signal) };
}

/** Keeps the local profile when it descends from the stored version; else resolves to `undefined`. */
async function keep(
  options: OpenOptions,
  remote: CurrentSession,
  local: LocalProfile,
): Promise<OpenedProfile | undefined> {
  const { store, session, dir, signal } = options;
  const standing = await local.standing(remote, signal);
  if (standing === undefined) return undefined;
  const { id, generation } = remote;
  const known = local.marker?.history ?? [];
  const before = known.slice(
    0,
    known.findIndex((version) => version.id === id),
  );
  if (standing === "ahead") {
    // The store has lost the version that the profile was saved as, and gives its number to another entry.
    await writeMarker(dir, { session, history: [...before, { id }] });
    warnAhead(options, remote, local);
  }
  await store.keepLocal();
  // A profile that is ahead of the store must not mark the stored generation as proven, now or after a restart.
  const isOfGeneration = standing === "copy" && local.version?.generation !== undefined;
  const history = [...before, isOfGeneration ? { id, generation } : { id }];
  return { ...UNKNOWN, history, profile: local.profile, linked: true, checked: local.checked };
}

async function restore(
  options: OpenOptions,
  remote: CurrentSession,
  local: LocalProfile | undefined,
): Promise<OpenedProfile> {
  const { store, session, dir, lock, signal, onWarning: warn } = options;
  const staging = newStagingPath(dir);
  const report = await store.restore(staging, signal).catch(async (error: unknown) => {
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  });
  const version =
    remote.generation === undefined ? { id: report.id } : { id: report.id, generation: report.generation };
  await writeMarker(staging, { session, history: [version] });
  // The store has verified the files that it wrote there, and no other process knows that directory.
  const checked = new CheckedFiles();
  await checked.addRestored(staging);
  const beforeMove = async (): Promise<void> => {
    // Another process may have opened the profile during the restore.
    await mayChange(dir, lock);
    if (!local?.isAhead(remote) && !(await local?.mayBeOnlyCopy(signal))) return;
    warnUnsaved(options, "the stored session is used", await setAside(dir, UNSAVED));
  };
  await swapIn({ from: staging, to: dir, beforeMove, warn });
  return { history: [version], profile: report.profile, restored: report, linked: true, checked };
}

function warnUnsaved({ session, onWarning }: OpenOptions, why: string, aside: string): void {
  onWarning(
    `The local profile of ${session} is no copy of the stored session; ${why}, and the profile was moved to ${aside}.`,
  );
}

function warnAhead({ session, onWarning }: OpenOptions, remote: RemoteSession, { version }: LocalProfile): void {
  const found =
    remote.kind === "current" ? `generation ${remote.generation} is current` : `the session is ${remote.kind}`;
  onWarning(
    `The store has lost the newest saves of ${session}, or is another store: the local profile was saved as generation ` +
      `${version?.generation}, and in the store ${found}. The local profile is used, and saved once it is ready.`,
  );
}

/** @throws `LEASE_HELD` when a browser, or another start, has the profile open */
async function mayChange(dir: string, lock: ProfileLock): Promise<void> {
  await lock.check();
  await removeStaleLocks(dir);
}

async function startEmpty(dir: string): Promise<OpenedProfile> {
  await mkdir(dir, { recursive: true });
  return { ...UNKNOWN, checked: new CheckedFiles() };
}

/** Renames the profile to a free name with the suffix. @returns its new path */
async function setAside(dir: string, suffix: typeof DELETED | typeof UNSAVED): Promise<string> {
  for (let n = 1; ; n++) {
    const aside = n === 1 ? `${dir}${suffix}` : `${dir}${suffix}-${n}`;
    if ((await lstat(aside).catch(() => undefined)) !== undefined) continue;
    await rename(dir, aside);
    return aside;
  }
}
