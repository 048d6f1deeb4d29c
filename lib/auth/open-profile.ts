import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { isVaultError, VaultError } from "../errors.ts";
import { codeOf } from "../profile/disk-error.ts";
import { repairProfile } from "../profile/repair.ts";
import { profileFacts } from "../profile/select.ts";
import { probeSettled } from "../profile/settled.ts";
import { newStagingPath, recoverSwap, swapIn } from "../profile/swap.ts";
import { verifyProfile } from "../profile/verify.ts";
import type { ProfileFacts, RestoreReport } from "../store.ts";
import { removeStaleLocks } from "./browser-locks.ts";
import { type Marker, readMarker, writeMarker } from "./marker.ts";
import type { ProfileClaim } from "./profile-claim.ts";
import { DELETED } from "./remove-profile.ts";
import type { RemoteSession, StoreLink } from "./store-link.ts";

/** The profile a browser may now be started on. */
export interface OpenedProfile {
  /** The stored session it is a copy of; absent for an empty one and for one that was never stored. */
  readonly base: string | undefined;
  /** Its generation, where the store numbers them. */
  readonly generation: number | undefined;
  readonly profile: ProfileFacts;
  /** Set when it was restored from the store rather than found on disk. */
  readonly restored: RestoreReport | undefined;
  /** Whether it carries a session, as far as can be told: then a QR is news. */
  readonly linked: boolean;
}

/** What {@link openProfile} takes. */
export interface OpenOptions {
  readonly link: StoreLink;
  readonly session: string;
  /** The local profile. */
  readonly dir: string;
  /** The right to change it. */
  readonly claim: ProfileClaim;
  readonly signal: AbortSignal;
  /** Told what a person should know. */
  readonly warn: (message: string) => void;
}

/** What is found on disk before anything is decided. */
interface LocalProfile {
  readonly marker: Marker | undefined;
  readonly profile: ProfileFacts;
  readonly empty: boolean;
  /** Why it must not be opened; absent when it verifies. */
  readonly problem: string | undefined;
  /** When anything of the site's storage was last written. */
  readonly writtenAt: number;
}

/** What follows the name of a profile that was set aside although its session is stored nowhere. */
const UNSAVED = ".unsaved";

const EMPTY: OpenedProfile = {
  base: undefined,
  generation: undefined,
  profile: {},
  restored: undefined,
  linked: false,
};

/**
 * Decides which profile the browser opens, and puts it in place: the local one when it verifies and descends from what
 * is stored, else what is stored, else (only when the store knows that it has nothing) a local one nobody stored yet
 * or an empty one. On any error the local profile is left as it was, but for torn ends that Chromium would choke on.
 * @throws what the disk throws; `UNAVAILABLE` when the store cannot be asked; `LEASE_HELD` when a browser has the profile
 *   open; `CORRUPT` when the stored session, or a linked local profile that nobody stored, does not verify.
 */
export async function openProfile(options: OpenOptions): Promise<OpenedProfile> {
  const { link, session, dir, claim, signal, warn } = options;
  await removeStaleLocks(dir);
  await recoverSwap(dir, warn);
  const remote = await link.open(signal);
  // The store may have taken long; what follows changes the profile.
  await mayChange(dir, claim);
  const local = await inspect(dir, signal);
  if (remote.kind === "current") {
    if (local !== undefined && descends(local, session, remote)) {
      await link.keepLocal();
      return { ...EMPTY, ...numbered(remote), profile: local.profile, linked: true };
    }
    return await restore(options, remote, local);
  }
  if (local === undefined || local.empty) return await startEmpty(dir);
  if (remote.kind === "deleted" && (local.marker !== undefined || local.writtenAt <= remote.at.getTime())) {
    await setAside(dir, DELETED);
    return await startEmpty(dir);
  }
  if (local.problem !== undefined) {
    throw new VaultError("CORRUPT", `The local profile of ${session} is damaged and not stored: ${local.problem}.`, {
      hint: `Keep a copy of ${dir}; move it away to link the device again.`,
    });
  }
  return { ...EMPTY, profile: local.profile, linked: (await probeSettled(dir, { signal })).settled };
}

async function restore(
  { link, session, dir, claim, signal, warn }: OpenOptions,
  remote: RemoteSession & { kind: "current" },
  local: LocalProfile | undefined,
): Promise<OpenedProfile> {
  const staging = newStagingPath(dir);
  const { report, base, profile } = await link.restore(staging, signal).catch(async (error: unknown) => {
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  });
  const generation = remote.generation === undefined ? undefined : report.generation;
  await writeMarker(staging, { session, base, ...(generation === undefined ? {} : { generation }) });
  const beforeMove = async (): Promise<void> => {
    // While it was fetched another process may have opened the profile.
    await mayChange(dir, claim);
    if (local === undefined || !(await isOfItsOwn(local, dir, signal))) return;
    const aside = await setAside(dir, UNSAVED);
    warn(
      `The local profile of ${session} is no copy of what is stored; what is stored is used, and it is at ${aside}.`,
    );
  };
  await swapIn({ from: staging, to: dir, beforeMove, warn });
  return { base, generation, profile, restored: report, linked: true };
}

/** @throws `LEASE_HELD` when a browser, or another start, has the profile */
async function mayChange(dir: string, claim: ProfileClaim): Promise<void> {
  await claim.check();
  await removeStaleLocks(dir);
}

/** Whether a profile may be a session that exists nowhere else. */
async function isOfItsOwn(
  { marker, empty, problem, profile }: LocalProfile,
  dir: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (marker !== undefined || empty || problem !== undefined || !isWhole(profile)) return false;
  return (await probeSettled(dir, { signal })).settled;
}

/** A session is in both: a profile that has lost one of them verifies, and shows a QR. */
function isWhole({ indexedDb, localStorage }: ProfileFacts): boolean {
  return indexedDb !== undefined && localStorage !== undefined;
}

async function startEmpty(dir: string): Promise<OpenedProfile> {
  await mkdir(dir, { recursive: true });
  return EMPTY;
}

async function inspect(dir: string, signal: AbortSignal): Promise<LocalProfile | undefined> {
  let entries: string[];
  try {
    entries = await readdir(dir);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  if (entries.length === 0) return undefined;
  const marker = await readMarker(dir);
  try {
    await repairProfile(dir);
    const { problems, empty } = await verifyProfile(dir, { signal });
    const [first] = problems;
    return {
      marker,
      profile: await profileFacts(dir),
      empty,
      problem: first === undefined ? undefined : `${first.path}: ${first.reason}`,
      writtenAt: await lastWrite(join(dir, "Default")),
    };
  } catch (error) {
    // A disk that does not answer is no damage: nothing is known then, and nothing may be replaced.
    if (!isVaultError(error, "CORRUPT")) throw error;
    const { message: problem } = error;
    return { marker, profile: {}, empty: false, problem, writtenAt: await lastWrite(join(dir, "Default")) };
  }
}

function descends(local: LocalProfile, session: string, remote: RemoteSession & { kind: "current" }): boolean {
  if (local.empty || local.problem !== undefined || !isWhole(local.profile)) return false;
  return local.marker?.session === session && local.marker.base === remote.base && !local.marker.disowned;
}

function numbered(remote: RemoteSession & { kind: "current" }): Pick<OpenedProfile, "base" | "generation"> {
  return { base: remote.base, generation: remote.generation };
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

/** The newest modification below the site's storage folders, in milliseconds since the epoch; 0 when there is none. */
async function lastWrite(defaultDir: string): Promise<number> {
  let newest = 0;
  for (const name of ["IndexedDB", "Local Storage", "LocalStorage", "LocalStorage-wal"]) {
    const top = join(defaultDir, name);
    const below = await readdir(top, { recursive: true }).catch(() => []);
    for (const path of [top, ...below.map((entry) => join(top, entry))]) {
      const found = await lstat(path).catch(() => undefined);
      if (found !== undefined) newest = Math.max(newest, found.mtimeMs);
    }
  }
  return newest;
}
