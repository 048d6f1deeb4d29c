import { isVaultError, VaultError } from "../errors.ts";
import { changesWithin, LOOK_TIMES, printOfProfile } from "./look.ts";
import { lockProfile } from "./profile-lock.ts";
import { checkClosed } from "./singleton-lock.ts";

/** What {@link withClosedProfile} takes. */
export interface ClosedProfileOptions {
  /**
   * Whether the profile is read only: then it may lie on a disk that cannot be written, where nobody can be kept out, and
   * the profile is looked at for a while instead.
   */
  readonly isRead: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Does `work` while no browser and no bot has the profile at `dir`, as a start of `LocalAuth` makes sure of it. The lock keeps
 * out the bots of this package alone: so a profile that was only read is looked at again after it.
 * @throws `LEASE_HELD` when somebody has it, or has used it while it was read; the errors of `work`; the reason of the signal
 */
export async function withClosedProfile<T>(
  dir: string,
  { isRead, signal, onWarning }: ClosedProfileOptions,
  work: () => Promise<T>,
): Promise<T> {
  const lock = await lockProfile(dir, { signal, onWarning }).catch((error: unknown) => {
    if (isRead && isVaultError(error, "DENIED")) return undefined;
    throw error;
  });
  try {
    const checkUnused = isRead ? await watchUse(dir, signal) : undefined;
    await checkClosed(dir, { signal, ...(lock?.hasLooked ? { lockMs: 0 } : {}) });
    if (lock === undefined && (await changesWithin(LOOK_TIMES.lockMs, () => printOfProfile(dir), signal))) {
      throw inUse(dir);
    }
    const result = await work().catch(async (error: unknown) => {
      signal?.throwIfAborted();
      // Files of two moments look damaged.
      await checkUnused?.();
      throw error;
    });
    await checkUnused?.();
    await lock?.check();
    return result;
  } finally {
    await lock?.release();
  }
}

/**
 * A function that looks whether anybody uses the profile at `dir`, or has used it since this call: a bot that takes no claim
 * is the one of another package.
 * @returns it throws `LEASE_HELD`
 */
export async function watchUse(dir: string, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
  const before = await printOfProfile(dir);
  return async () => {
    // Names the process, where one is known.
    await checkClosed(dir, { signal, lockMs: 0 });
    // A browser may keep no lock, or have ended again.
    if ((await printOfProfile(dir)) !== before) throw inUse(dir);
  };
}

function inUse(dir: string): VaultError {
  return new VaultError("LEASE_HELD", `The profile ${dir} is in use: its files change.`, { hint: "End its bot." });
}
