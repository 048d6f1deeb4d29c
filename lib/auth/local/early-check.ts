import { CheckedFiles } from "../../profile/checked-files.ts";
import { verifyProfile } from "../../profile/verify.ts";
import { checkLine } from "../lines.ts";

/** A check of the local profile beside the requests to the store. */
export interface EarlyCheck {
  /** The files that were found sound. */
  readonly checked: CheckedFiles;
  /** Resolves when the profile was read, or could not be. Never rejects. */
  readonly ended: Promise<void>;
}

/**
 * Begins to check the local profile, so that a start takes as long as that or the store, whichever is longer. The check
 * reads only, and decides nothing: the inspection that follows reads no file again that is as it was when it was found
 * sound, and tells what keeps the others from being read.
 * @param dir the profile, which need not exist
 */
export function beginEarlyCheck(dir: string, signal: AbortSignal): EarlyCheck {
  const checked = new CheckedFiles();
  const done = checkLine.run(() => verifyProfile(dir, { signal, checked }), signal);
  const end = (): void => {};
  return { checked, ended: done.then(end, end) };
}
