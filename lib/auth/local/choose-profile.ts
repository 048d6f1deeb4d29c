// `lib/auth/local` decides which profile a start of `RemoteAuth` opens, from the local profile, its marker and the
// stored session, and removes profiles. It imports `../store`, and `../saving/credentials.ts` alone of `../saving`,
// beside the imports of `lib/auth`. Only `lib/auth` may import it.
import { mkdir } from "node:fs/promises";
import { withSignal } from "../../async/deadline.ts";
import { VaultError } from "../../errors.ts";
import { CheckedFiles } from "../../profile/checked-files.ts";
import { recoverSwap } from "../../profile/swap.ts";
import { startLine } from "../lines.ts";
import type { RemoteSession } from "../store/store-session.ts";
import { warnOfStrangers } from "../stranger-warnings.ts";
import { beginEarlyCheck } from "./early-check.ts";
import { LocalProfile } from "./local-profile.ts";
import { removeMarker } from "./marker.ts";
import { openStored } from "./open-stored.ts";
import { mayChange, type OpenedProfile, type OpenOptions, UNKNOWN } from "./opened-profile.ts";
import { setAsideDeleted, setAsideUnsaved, warnAhead, warnWentBack } from "./set-aside.ts";
import { warnOfAbsence } from "./warn-of-absence.ts";

/**
 * Decides which profile the browser opens, and puts it in place: the local profile when it verifies and descends from
 * the stored version (or was saved after it, in a store that has lost that save), else a stored version (see
 * {@link openStored}), else (only when the store knows that it has no session) a local profile that was never stored, or
 * an empty profile. A local profile of which nothing says that it is of a deleted session is kept: the times of two clocks
 * do not say it, and a page that was logged out asks for a link by itself. On any error the local profile is left as it was, except for torn ends of logs, which are cut off.
 * @throws the error of the disk; `UNAVAILABLE` when the store does not answer; `LEASE_HELD` when a browser has the
 *   profile open; `CORRUPT` when the stored session, or a linked local profile that was never stored, does not verify.
 */
export async function chooseProfile(options: OpenOptions): Promise<OpenedProfile> {
  const { store, dir, signal, onWarning } = options;
  await recoverSwap(dir, onWarning);
  const { checked, ended } = beginEarlyCheck(dir, signal);
  const remote = await store.open(signal);
  await withSignal(ended, signal);
  const opened = await startLine.run(() => chooseOf(options, remote, checked), signal);
  if (remote.kind !== "current" && !opened.linked && options.tellsAbsence) await warnOfAbsence(options, remote);
  return opened;
}

/**
 * @param remote the stored session
 * @param checked files of the local profile that are sound
 */
async function chooseOf(options: OpenOptions, remote: RemoteSession, checked: CheckedFiles): Promise<OpenedProfile> {
  const { session, dir, signal } = options;
  // The store may have taken long, and the next steps change the profile.
  await mayChange(options);
  const local = await LocalProfile.inspect({ dir, session, signal, refused: options.refused.local, checked });
  warnOfStrangers(options.onWarning, session, local?.strangers ?? []);
  warnWentBack(options, remote, local);
  if (remote.kind === "current") return await openStored(options, remote, local);
  const { entry } = remote;
  if (local === undefined || local.empty) return await startEmpty(dir, entry);
  const isAhead = local.isAhead(remote);
  if (remote.kind === "deleted") {
    if (await local.isOfDeleted(remote, signal)) {
      await setAsideDeleted(dir);
      return await startEmpty(dir, entry);
    }
    if (isAhead && local.problem === undefined && !(await local.isLinked(signal))) {
      await setAsideUnsaved(options, "no session is stored");
      return await startEmpty(dir, entry);
    }
  }
  if (local.problem !== undefined) {
    throw new VaultError("CORRUPT", `The local profile of ${session} is damaged and not stored: ${local.problem}.`, {
      hint: local.hint ?? `Keep a copy of ${dir}; move it away to link the device again.`,
    });
  }
  // What the marker names is not stored. As the numbers of the log grow, it would make the deletion look newer than the
  // profile.
  if (remote.kind === "deleted") await removeMarker(dir);
  // A log with no entry except this start's is a new store, as after a move: no save is known to be lost.
  if (isAhead && entry !== 1) warnAhead(options, remote, local);
  const { profile } = local;
  return { ...UNKNOWN, entry, profile, checked, linked: await local.isLinked(signal) };
}

async function startEmpty(dir: string, entry: number | undefined): Promise<OpenedProfile> {
  await mkdir(dir, { recursive: true });
  return { ...UNKNOWN, entry, checked: new CheckedFiles() };
}
