import { changesWithin, LOOK_TIMES, printOfProfile } from "../browser/look.ts";
import { lockProfile } from "../browser/profile-lock.ts";
import { checkClosed } from "../browser/singleton-lock.ts";
import { isVaultError, VaultError } from "../errors.ts";

/**
 * Does `work` while no browser and no bot has the profile at `dir`, as a start of `LocalAuth` makes sure of it.
 * @param isRead whether the profile is read only: then it may lie on a disk that cannot be written, where nobody can be kept
 *   out, and the profile is looked at for a while instead
 * @throws `LEASE_HELD` when somebody has it; the errors of `work`; the reason of the signal
 */
export async function withClosedProfile<T>(
  dir: string,
  {
    isRead,
    signal,
    onWarning,
  }: { isRead: boolean; signal: AbortSignal | undefined; onWarning?: ((message: string) => void) | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const lock = await lockProfile(dir, { signal, onWarning }).catch((error: unknown) => {
    if (isRead && isVaultError(error, "DENIED")) return undefined;
    throw error;
  });
  try {
    await checkClosed(dir, { signal, ...(lock?.hasLooked ? { lockMs: 0 } : {}) });
    if (lock === undefined && (await changesWithin(LOOK_TIMES.lockMs, () => printOfProfile(dir), signal))) {
      throw new VaultError("LEASE_HELD", `The profile ${dir} is in use: its files change.`, { hint: "End its bot." });
    }
    const result = await work();
    await lock?.check();
    return result;
  } finally {
    await lock?.release();
  }
}
