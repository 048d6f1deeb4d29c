import { VaultError } from "../../lib/errors.ts";
import { probeCredentials } from "../../lib/profile/credentials.ts";
import { sessionProblem, verifyProfile } from "../../lib/profile/verify.ts";
import type { RestoreReport } from "../../lib/store.ts";
import type { HeldSession } from "./link-store.ts";

/**
 * Restores what is stored into an empty folder, as another machine would, and verifies it: both storages, and that the login
 * is in them.
 * @throws `CORRUPT` when it is not what was stored; the store's error
 */
export async function readBack(
  { vault, session }: HeldSession,
  { into, generation, signal }: { into: string; generation: number; signal: AbortSignal },
): Promise<RestoreReport> {
  const report = await vault.restoreProfile({ session, into, signal });
  if (report.generation !== generation) {
    throw new VaultError("CORRUPT", `Generation ${generation} of ${session} cannot be read back.`, {
      hint: "`wa-vault verify` tells what is wrong with it.",
    });
  }
  const verified = await verifyProfile(into, { signal });
  const { hasCredentials, reason } = await probeCredentials(into, { signal });
  const problem = sessionProblem(verified) ?? (hasCredentials ? undefined : reason);
  if (problem !== undefined) throw new VaultError("CORRUPT", `What is stored of ${session} is not whole: ${problem}.`);
  return report;
}
