import { rm } from "node:fs/promises";
import { isVaultError, VaultError } from "../../errors.ts";
import { CheckedFiles } from "../../profile/checked-files.ts";
import { newStagingPath, swapIn } from "../../profile/swap.ts";
import type { RestoreReport } from "../../store.ts";
import type { CurrentSession, StoredVersion } from "../store/store-session.ts";
import type { LocalProfile } from "./local-profile.ts";
import { writeMarker } from "./marker.ts";
import { mayChange, type OpenedProfile, type OpenOptions, UNKNOWN } from "./opened-profile.ts";
import { setAsideUnsaved, warnAhead } from "./set-aside.ts";

/**
 * Opens a session that is stored. Each step is opened only when WhatsApp has refused the step before, as the marker of
 * the local profile and the marks of the store tell: the local profile, the current generation, older proven ones. When
 * all were refused, the current generation once more: the page shows a QR, and nothing stored is replaced by it.
 */
export async function openStored(
  options: OpenOptions,
  remote: CurrentSession,
  local: LocalProfile | undefined,
): Promise<OpenedProfile> {
  const { isRejected = false, older = [], steps = 0 } = remote;
  const firstOlder = steps > 0 ? older[0] : undefined;
  const kept = local && (await keep(options, remote, local));
  if (kept) return { ...kept, next: isRejected ? firstOlder : remote };
  if (!isRejected) {
    const opened = await restore(options, remote, local);
    // When the current generation is damaged, the store has gone back to an older one already.
    return { ...opened, next: opened.restored?.skipped.length === 0 ? firstOlder : undefined };
  }
  return (await openOlder(options, remote, local)) ?? (await restore(options, remote, local));
}

/**
 * @returns `undefined` when no older generation may be opened, or none is whole
 * @throws `WRONG_KEY` when none can be opened, and one of them only lacks its key: a QR would hide that
 */
async function openOlder(
  options: OpenOptions,
  remote: CurrentSession,
  local: LocalProfile | undefined,
): Promise<OpenedProfile | undefined> {
  const { session, signal, onWarning } = options;
  const { older = [], steps = 0 } = remote;
  const withoutKey: { version: StoredVersion; cause: VaultError }[] = [];
  const refused = `WhatsApp has refused generation ${remote.generation} of ${session}`;
  for (const [index, version] of steps > 0 ? older.entries() : []) {
    onWarning(`${refused}: the older generation ${version.generation} is opened.`);
    if ((await local?.standing({ kind: "current", ...version }, signal)) === "copy") {
      const kept = await keepCopy(options, { ...remote, ...version }, local as LocalProfile);
      return { ...kept, isOlder: true, next: version };
    }
    const opened = await restore(options, remote, local, version).catch((error: unknown) => {
      onWarning(notOpened(`Generation ${version.generation} of ${session}`, error));
      if (isVaultError(error, "WRONG_KEY")) withoutKey.push({ version, cause: error });
    });
    const next = older[index + 1] ?? withoutKey[0]?.version;
    if (opened) return { ...opened, isOlder: true, next: steps > 1 ? next : undefined };
  }
  if (withoutKey[0] !== undefined) {
    const { cause } = withoutKey[0];
    throw new VaultError("WRONG_KEY", `${refused}, and an older one cannot be opened: ${cause.message}`, {
      cause,
      hint: "Add the key to `encryption.keys` of the store. `rollbackOnAuthFailure: 0` shows a QR instead.",
    });
  }
  onWarning(`${refused}, and there is no older one to open: it is opened once more.`);
  return undefined;
}

/** The warning for a generation that cannot be read. @throws the error when it says nothing of the generation */
function notOpened(generation: string, error: unknown): string {
  if (isVaultError(error, "CORRUPT")) return `${generation} is damaged, and is not opened: ${error.message}`;
  if (!isVaultError(error, "WRONG_KEY")) throw error;
  return `${generation} is not opened, because its key is missing: ${error.message} ${error.hint ?? ""}`;
}

/** Keeps the local profile when it descends from the current version; else resolves to `undefined`. */
async function keep(
  options: OpenOptions,
  remote: CurrentSession,
  local: LocalProfile,
): Promise<OpenedProfile | undefined> {
  const standing = await local.standing(remote, options.signal);
  if (standing === undefined) return undefined;
  if (standing === "copy") return await keepCopy(options, remote, local);
  const { session, dir, store } = options;
  const { id, entry } = remote;
  // The store has lost the version that the profile was saved as, and gives its number to another entry.
  const history = [...local.ancestorsOf(id), { id }];
  await writeMarker(dir, { session, history, isUnsaved: true, entry });
  warnAhead(options, remote, local);
  await store.keepLocal();
  return openedLocal(local, { history, isUnsaved: true, entry });
}

async function keepCopy(options: OpenOptions, remote: CurrentSession, local: LocalProfile): Promise<OpenedProfile> {
  const { session, dir, store } = options;
  const { id, generation, entry } = remote;
  await store.keepLocal();
  const isUnsaved = local.marker?.isUnsaved === true;
  // A profile that is ahead of the store must not mark the stored generation as proven, now or after a restart.
  const isOfGeneration = local.version?.generation !== undefined;
  const history = [...local.ancestorsOf(id), isOfGeneration ? { id, generation } : { id }];
  if (entry !== local.marker?.entry) {
    // Without the number a later start only misses a warning.
    await writeMarker(dir, { session, history, isUnsaved, entry }).catch(() => undefined);
  }
  return openedLocal(local, { history, isUnsaved, entry });
}

function openedLocal(
  { profile, checked }: LocalProfile,
  known: Pick<OpenedProfile, "history" | "isUnsaved" | "entry">,
): OpenedProfile {
  return { ...UNKNOWN, ...known, profile, linked: true, checked };
}

/** @param version an older version. @default the current one, or the newest one before it that is whole */
async function restore(
  options: OpenOptions,
  remote: CurrentSession,
  local: LocalProfile | undefined,
  version?: StoredVersion,
): Promise<OpenedProfile> {
  const { store, session, dir, signal, onWarning: warn } = options;
  const { entry } = remote;
  const staging = newStagingPath(dir);
  const report = await store.restore(staging, signal, version).catch(async (error: unknown) => {
    await rm(staging, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  });
  const history = [versionOf(remote, report)];
  await writeMarker(staging, { session, history, entry });
  // The store has verified the files that it wrote there, and no other process knows that directory.
  const checked = new CheckedFiles();
  await checked.addRestored(staging);
  const beforeMove = async (): Promise<void> => {
    // Another process may have opened the profile during the restore.
    await mayChange(options);
    const mayBeLost = local?.marker?.isUnsaved || local?.isAhead(remote) || (await local?.mayBeOnlyCopy(signal));
    if (mayBeLost) await setAsideUnsaved(options, "the stored session is used");
  };
  await swapIn({ from: staging, to: dir, isOnDisk: report.isOnDisk === true, beforeMove, warn });
  options.refused.local = undefined;
  return { ...UNKNOWN, history, entry, profile: report.profile, restored: report, linked: true, checked };
}

function versionOf({ generation }: CurrentSession, report: RestoreReport): StoredVersion {
  return generation === undefined ? { id: report.id } : { id: report.id, generation: report.generation };
}
