import { lstat, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { lockProfile, type ProfileLock } from "../../browser/profile-lock.ts";
import { removeStaleLocks } from "../../browser/singleton-lock.ts";
import { uniqueName } from "../../disk/durable.ts";
import { codeOf } from "../../disk/errors.ts";
import { isVaultError } from "../../errors.ts";

const RETRY_MS = 100;
const WEEK_MS = 7 * 86_400_000;
const SUFFIX = ".removed-";
/** Suffix of the name of a profile that was set aside because its session was deleted. */
export const DELETED = ".deleted";
/** The same for a profile that was found to be old enough once. */
const OLD = `${DELETED}-old-`;

/**
 * Removes the profile at `dir`: renames it first, so that the next start does not find it, and deletes it then. Files
 * that cannot be deleted now (because a process has them open) are left to {@link removeLeftovers}. Never rejects, also
 * without a profile.
 * @param retries how often a failed step is tried again; each wait is 100 ms longer than the one before
 * @returns whether there is no profile at `dir` any more
 */
export async function removeProfile(dir: string, retries: number): Promise<boolean> {
  const aside = uniqueName(`${dir}${SUFFIX}`);
  for (let attempt = 0; attempt <= retries; attempt++) {
    if (attempt > 0) await delay(RETRY_MS * attempt);
    const code = codeOf(await rename(dir, aside).catch((cause: unknown) => cause));
    if (code === "ENOENT") return true;
    if (code !== undefined) continue;
    await removeTree(aside, retries);
    return true;
  }
  // A mount point cannot be renamed, but its entries can be deleted.
  return await emptyDirectory(dir, retries);
}

/**
 * As {@link removeProfile}, for a profile that this process has not open. Never rejects.
 * @returns whether there is nothing left to remove: also when somebody else has the profile open, which stays then
 */
export async function removeUnused(dir: string, retries: number): Promise<boolean> {
  if (codeOf(await lstat(dir).catch((cause: unknown) => cause)) === "ENOENT") return true;
  let lock: ProfileLock | undefined;
  try {
    lock = await lockProfile(dir, { heldMs: 0 });
    await removeStaleLocks(dir);
    return await removeProfile(dir, retries);
  } catch (error) {
    return isVaultError(error, "LEASE_HELD");
  } finally {
    await lock?.release();
  }
}

/** Deletes the files that earlier removals of `dir` left behind. Never rejects. */
export async function removeLeftovers(dir: string): Promise<void> {
  for (const path of await pathsOf(dir, SUFFIX)) await removeTree(path, 0);
}

/**
 * Deletes profiles that were set aside because their session was deleted, once the session cannot be undeleted any
 * more: after a first time, which ends with a rename, and a second one, which begins with it. The clock may have been wrong
 * when the profile was set aside, or may be wrong now: no one wrong clock ends both times. Never rejects.
 * @param retainMs how long a session can be undeleted, in milliseconds. @default 7 days
 */
export async function removeDeleted(dir: string, retainMs: number = WEEK_MS): Promise<void> {
  for (const path of await pathsOf(dir, DELETED)) {
    // The time of the last rename: the directory has not changed since.
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined || Date.now() - found.ctimeMs < retainMs) continue;
    if (path.startsWith(`${dir}${OLD}`)) await removeTree(path, 0);
    else await rename(path, uniqueName(`${dir}${OLD}`)).catch(() => undefined);
  }
}

/** The entries beside `dir` whose name is that of `dir`, then `suffix`, then anything. */
async function pathsOf(dir: string, suffix: string): Promise<string[]> {
  const names = await readdir(dirname(dir)).catch(() => []);
  return names.filter((name) => name.startsWith(`${basename(dir)}${suffix}`)).map((name) => join(dirname(dir), name));
}

async function emptyDirectory(dir: string, retries: number): Promise<boolean> {
  const names = await readdir(dir).catch(() => undefined);
  if (names === undefined) return false;
  const removed = await Promise.all(names.map((name) => removeTree(join(dir, name), retries)));
  return removed.every(Boolean);
}

async function removeTree(path: string, retries: number): Promise<boolean> {
  return await rm(path, { recursive: true, force: true, maxRetries: retries, retryDelay: RETRY_MS }).then(
    () => true,
    () => false,
  );
}
