import { rm } from "node:fs/promises";
import { zipFiles } from "./archive/zip.ts";
import { type ClosedProfileOptions, withClosedProfile } from "./browser/closed-profile.ts";
import { captureProfile } from "./profile/capture/capture.ts";

/**
 * Writes the zip of the profile at `dir`, as `LocalAuth` keeps one. Nothing in the profile is changed. Meanwhile it is locked,
 * where its folder can be written.
 * @throws `LEASE_HELD` when a browser or a bot has it open, or has opened it while it was read: there is no zip then; `CORRUPT`
 *   when it is damaged; `UNAVAILABLE` when it has no storage, or the disk fails; the reason of the signal
 */
export async function zipProfile(
  dir: string,
  zip: string,
  { signal, onWarning }: Omit<ClosedProfileOptions, "isRead"> = {},
): Promise<void> {
  let isWritten = false;
  try {
    await withClosedProfile(dir, { isRead: true, signal, onWarning }, async () => {
      const capture = await captureProfile(dir, { live: false, signal });
      try {
        await zipFiles(capture.files, zip, { signal });
        isWritten = true;
      } finally {
        await capture.close();
      }
    });
  } catch (error) {
    // Its files may be of two moments.
    if (isWritten) await rm(zip, { force: true });
    throw error;
  }
}
