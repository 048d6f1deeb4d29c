import { lstat, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { NearestNames } from "../../nearest-names.ts";
import { deletedWarning, OtherNames } from "../../other-sessions.ts";
import type { RemoteSession } from "../store/store-session.ts";
import type { OpenOptions } from "./opened-profile.ts";

/** How many folders are named at most. */
const MOST_NAMES = 5;
/**
 * The folders of profiles of which this process has told what there is. On a server that links one customer after another
 * each of them would be told of all the others: from the second one on, only names that are near are told.
 */
const told = new Set<string>();
/** The folders that strategies keep profiles in. */
const PROFILE = /^(?:RemoteAuth|session)(?:-[-\w]+)?$/;
/** Of those, the folders of `LocalAuth`. */
const LOCAL_AUTH = /^session/;

/**
 * Says what else there is, when a bot of `RemoteAuth` is about to show a QR because its session is absent or deleted: a bot
 * that is started with another name shows one as well, and its session is there all the same. Never rejects, and takes a few
 * seconds at most.
 */
export async function warnOfAbsence(options: OpenOptions, remote: RemoteSession): Promise<void> {
  const { store, session, dir, signal, onWarning } = options;
  if (remote.kind === "deleted") return onWarning(deletedWarning(session, remote));
  const found = await Promise.all([store.others(signal), profilesBeside(dir, store.canList)]);
  if (signal.aborted) return;
  const [stored, beside] = worthTelling(dir, session, found);
  if (stored === undefined && beside === undefined) return;
  const has = stored === undefined ? "" : ` It has ${stored}.`;
  const folders = beside === undefined ? "" : ` ${dirname(dir)} has the profiles ${beside}.`;
  onWarning(`The store has no session ${session}: this bot links a new device.${has}${folders}`);
}

/** As {@link warnOfAbsence}, for a bot of `LocalAuth`, when there is no profile at `dir`. */
export async function warnOfAbsentProfile(dir: string, onWarning: (message: string) => void): Promise<void> {
  if (await isProfile(dir)) return;
  const [beside] = worthTelling(dir, basename(dir), [await profilesBeside(dir, false)]);
  if (beside === undefined) return;
  onWarning(`There is no profile at ${dir}: this bot links a new device. Beside it are the profiles ${beside}.`);
}

/**
 * What is to be told of the names that were found: all of them once in a process and for each folder of profiles, since a name may
 * have been changed to any other.
 */
function worthTelling(
  dir: string,
  name: string,
  found: readonly (OtherNames | undefined)[],
): readonly (OtherNames | undefined)[] {
  if (found.every((names) => names === undefined)) return [];
  const place = dirname(dir);
  if (told.has(place)) return found.map((names) => names?.nearTo(name));
  told.add(place);
  return found;
}

/**
 * The profiles beside `dir`.
 * @param onlyLocalAuth leaves out those of `RemoteAuth`, which a store has as well
 */
async function profilesBeside(dir: string, onlyLocalAuth: boolean): Promise<OtherNames | undefined> {
  const entries = await readdir(dirname(dir), { withFileTypes: true }).catch(() => []);
  const nearest = new NearestNames(basename(dir), MOST_NAMES);
  for (const entry of entries) {
    if (onlyLocalAuth && !LOCAL_AUTH.test(entry.name)) continue;
    if (!entry.isDirectory() || !PROFILE.test(entry.name)) continue;
    if (await isProfile(join(dirname(dir), entry.name))) nearest.add(entry.name);
  }
  const names = nearest.names.map((name) => ({ name }));
  return names.length === 0 ? undefined : new OtherNames(names, nearest.count - names.length);
}

/** Whether there is more than an empty folder. */
async function isProfile(dir: string): Promise<boolean> {
  const found = await lstat(join(dir, "Default")).catch(() => undefined);
  return found?.isDirectory() === true;
}
