import { readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { zipFiles } from "./archive/zip.ts";
import { changesWithin, LOOK_TIMES, printOfProfile } from "./browser/look.ts";
import { lockProfile, type ProfileLock } from "./browser/profile-lock.ts";
import { checkNoBrowser, openElsewhere } from "./browser/singleton-lock.ts";
import { isVaultError } from "./errors.ts";
import { captureProfile } from "./profile/capture/capture.ts";

/**
 * Writes the zip of the profile at `dir`, as `LocalAuth` keeps one. Nothing in the profile is changed. Meanwhile it is locked,
 * where its folder can be written.
 * @throws `LEASE_HELD` when a browser or a bot has it open; `CORRUPT` when it is damaged; `UNAVAILABLE` when it has no storage,
 *   or the disk fails; the reason of the signal
 */
export async function zipProfile(
  dir: string,
  zip: string,
  { signal, onWarning }: { signal?: AbortSignal | undefined; onWarning?: ((message: string) => void) | undefined } = {},
): Promise<void> {
  const lock = await lockIfWritable(dir, { signal, onWarning });
  try {
    await checkNoBrowser(dir);
    await refuseElsewhere(dir, signal);
    const capture = await captureProfile(dir, { live: false, signal });
    try {
      await zipFiles(capture.files, zip, { signal });
    } finally {
      await capture.close();
    }
  } finally {
    await lock?.release();
  }
}

/** A backup may be mounted read-only: nobody runs in it then. */
async function lockIfWritable(
  dir: string,
  options: Parameters<typeof lockProfile>[1],
): Promise<ProfileLock | undefined> {
  try {
    return await lockProfile(dir, options);
  } catch (error) {
    if (isVaultError(error, "DENIED")) return undefined;
    throw error;
  }
}

/** A browser of another machine, or in another container, cannot be asked: its files change while it runs. */
async function refuseElsewhere(dir: string, signal: AbortSignal | undefined): Promise<void> {
  const owner = await readlink(join(dir, "SingletonLock")).catch(() => undefined);
  if (owner === undefined || owner.startsWith(`${hostname()}-`)) return;
  if (await changesWithin(LOOK_TIMES.lockMs, () => printOfProfile(dir), signal)) throw openElsewhere(dir, owner);
}
