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

/** The profile a browser may now be started on. */
export interface OpenedProfile {
  /**
   * The stored versions it comes from, oldest first; none for an empty profile and for one that was never stored. The
   * newest has no generation when the profile is ahead of the store.
   */
  readonly history: readonly StoredVersion[];
  readonly profile: ProfileFacts;
  /** Set when it was restored from the store rather than found on disk. */
  readonly restored: RestoreReport | undefined;
  /** Whether it carries a session, as far as can be told: then a QR is news. */
  readonly linked: boolean;
  /** Its files that were checked by this start. */
  readonly checked: CheckedFiles;
}

/** What {@link chooseProfile} takes. */
export interface OpenOptions {
  readonly store: StoreSession;
  readonly session: string;
  /** The local profile. */
  readonly dir: string;
  /** The right to change it. */
  readonly lock: ProfileLock;
  readonly signal: AbortSignal;
  /** Told what a person should know. */
  readonly warn: (message: string) => void;
}

/** What follows the name of a profile that was set aside although its session is stored nowhere. */
const UNSAVED = ".unsaved";

const UNKNOWN: Omit<OpenedProfile, "checked"> = { history: [], profile: {}, restored: undefined, linked: false };

/**
 * Decides which profile the browser opens, and puts it in place: the local one when it verifies and descends from what
 * is stored (or was saved after that, by a store that has lost it), else what is stored, else (only when the store knows
 * that it has nothing) a local one nobody stored yet or an empty one. On any error the local profile is left as it was,
 * but for torn ends that Chromium would choke on.
 * @throws what the disk throws; `UNAVAILABLE` when the store cannot be asked; `LEASE_HELD` when a browser has the profile
 *   open; `CORRUPT` when the stored session, or a linked local profile that nobody stored, does not verify.
 */
export async function chooseProfile(options: OpenOptions): Promise<OpenedProfile> {
  const { store, session, dir, lock, signal, warn } = options;
  await removeStaleLocks(dir);
  await recoverSwap(dir, warn);
  const remote = await store.open(signal);
  // The store may have taken long; what follows changes the profile.
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
      tellUnsaved(options, "nothing is stored", await setAside(dir, UNSAVED));
      return await startEmpty(dir);
    }
  }
  if (local.problem !== undefined) {
    throw new VaultError("CORRUPT", `The local profile of ${session} is damaged and not stored: ${local.problem}.`, {
      hint: `Keep a copy of ${dir}; move it away to link the device again.`,
    });
  }
  if (isAhead) {
    // The numbers grow again, and would prove a deletion newer than it: what it descends from is not stored.
    if (remote.kind === "deleted") await removeMarker(dir);
    // With no entry but that of this start it is a new store, as after a move: nothing is known to be lost.
    if (remote.entry !== 1) tellAhead(options, remote, local);
  }
  const { profile, checked } = local;
  return { ...UNKNOWN, profile, checked, linked: await local.isLinked(signal) };
}

/** The local profile, when it is at least what is stored. */
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
    // The version it was saved as is lost, and the store numbers its entries as if that had never been.
    await writeMarker(dir, {
      session,
      history: [...before, { id }],
      isSuperseded: false,
      refusedCredentials: undefined,
    });
    tellAhead(options, remote, local);
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
  const { store, session, dir, lock, signal, warn } = options;
  const staging = newStagingPath(dir);
  const report = await store.restore(staging, signal).catch(async (error: unknown) => {
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  });
  const version =
    remote.generation === undefined ? { id: report.id } : { id: report.id, generation: report.generation };
  await writeMarker(staging, { session, history: [version], isSuperseded: false, refusedCredentials: undefined });
  // The store has verified what it wrote there, and nothing else knows that directory.
  const checked = new CheckedFiles();
  await checked.addVerified(staging);
  const beforeMove = async (): Promise<void> => {
    // While it was fetched another process may have opened the profile.
    await mayChange(dir, lock);
    if (!local?.isAhead(remote) && !(await local?.isOfItsOwn(signal))) return;
    tellUnsaved(options, "what is stored is used", await setAside(dir, UNSAVED));
  };
  await swapIn({ from: staging, to: dir, beforeMove, warn });
  return { history: [version], profile: report.profile, restored: report, linked: true, checked };
}

function tellUnsaved({ session, warn }: OpenOptions, why: string, aside: string): void {
  warn(`The local profile of ${session} is no copy of what is stored; ${why}, and it is at ${aside}.`);
}

function tellAhead({ session, warn }: OpenOptions, remote: RemoteSession, { version }: LocalProfile): void {
  const found =
    remote.kind === "current" ? `generation ${remote.generation} is current` : `the session is ${remote.kind}`;
  warn(
    `The store has lost the newest saves of ${session}, or is another one: the local profile was saved as generation ` +
      `${version?.generation}, and there ${found}. The local profile is used, and saved once it is ready.`,
  );
}

/** @throws `LEASE_HELD` when a browser, or another start, has the profile */
async function mayChange(dir: string, lock: ProfileLock): Promise<void> {
  await lock.check();
  await removeStaleLocks(dir);
}

async function startEmpty(dir: string): Promise<OpenedProfile> {
  await mkdir(dir, { recursive: true });
  return { ...UNKNOWN, checked: new CheckedFiles() };
}

/** Moves the profile out of the way, under a name that is free. @returns where it is */
async function setAside(dir: string, why: typeof DELETED | typeof UNSAVED): Promise<string> {
  for (let n = 1; ; n++) {
    const aside = n === 1 ? `${dir}${why}` : `${dir}${why}-${n}`;
    if ((await lstat(aside).catch(() => undefined)) !== undefined) continue;
    await rename(dir, aside);
    return aside;
  }
}
