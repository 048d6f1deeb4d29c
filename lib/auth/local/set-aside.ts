import { lstat, rename } from "node:fs/promises";
import type { RemoteSession } from "../store/store-session.ts";
import type { LocalProfile } from "./local-profile.ts";
import type { OpenOptions } from "./opened-profile.ts";
import { DELETED } from "./remove-profile.ts";

/** Suffix of the name of a profile that was set aside although no store has its session. */
const UNSAVED = ".unsaved";

/** Moves a profile aside whose session was deleted: a later start removes it. */
export async function setAsideDeleted(dir: string): Promise<void> {
  await setAside(dir, DELETED);
}

/** Moves a profile aside that no store has, where no start removes it, and warns. @param why for the warning */
export async function setAsideUnsaved({ session, dir, onWarning }: OpenOptions, why: string): Promise<void> {
  const aside = await setAside(dir, UNSAVED);
  onWarning(
    `The local profile of ${session} is no copy of the stored session; ${why}, and the profile was moved to ${aside}.`,
  );
}

/** Renames the profile to a free name with the suffix. @returns its new path */
async function setAside(dir: string, suffix: typeof DELETED | typeof UNSAVED): Promise<string> {
  for (let n = 1; ; n++) {
    const aside = n === 1 ? `${dir}${suffix}` : `${dir}${suffix}-${n}`;
    if ((await lstat(aside).catch(() => undefined)) !== undefined) continue;
    await rename(dir, aside);
    return aside;
  }
}

/** Warns that the local profile is used, because the store has lost saves that were made from it. */
export function warnAhead({ session, onWarning }: OpenOptions, remote: RemoteSession, { version }: LocalProfile): void {
  const found =
    remote.kind === "current" ? `generation ${remote.generation} is current` : `the session is ${remote.kind}`;
  onWarning(
    `The store has lost the newest saves of ${session}, or is another store: the local profile was saved as generation ` +
      `${version?.generation}, and in the store ${found}. The local profile is used, and saved once it is ready.`,
  );
}

/** Warns when the log of the store has fewer entries than this machine has seen there. */
export function warnWentBack(
  { session, onWarning }: OpenOptions,
  remote: RemoteSession,
  local: LocalProfile | undefined,
): void {
  const seen = local?.entrySeen(remote);
  if (seen === undefined) return;
  onWarning(
    `The store has gone back: this start wrote log entry ${remote.entry} of ${session}, and this machine has seen entry ` +
      `${seen} there. The store was restored from an older backup, has lost entries, or is another store.`,
  );
}
