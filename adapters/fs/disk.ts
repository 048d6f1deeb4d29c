// `adapters/fs` keeps blobs in a directory. This file has its calls to the disk, and the meaning of their errors. An
// adapter imports the contract of blobs, `lib/blobs`, `lib/vault/vault.ts`, `lib/disk`, `lib/async` and the errors, and
// no other adapter; no folder of `lib` may import it.
import { link, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../../lib/disk/durable.ts";
import { asDiskError, codeOf } from "../../lib/disk/errors.ts";
import { VaultError } from "../../lib/errors.ts";

const DIRECTORY_MODE = 0o700;
/** Of files: readable by their owner only. */
export const FILE_MODE = 0o600;

/** Makes the directory and those above it; their names are on the disk when it resolves. */
export async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  if (first === undefined) return;
  // Each new name has to reach the disk too.
  for (let made = directory; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
}

/** Whether this disk has hard links. @param probe a path where nothing is */
export async function hasLinks(probe: string): Promise<boolean> {
  const second = `${probe}=2`;
  try {
    await (await open(probe, "wx", FILE_MODE)).close();
    await link(probe, second);
    return true;
  } catch (error) {
    if (isWithoutLinks(error)) return false;
    throw error;
  } finally {
    await rm(second, { force: true });
    await rm(probe, { force: true });
  }
}

/** Whether a disk without hard links refuses one with this error; a disk that has them may do so too. */
export function isWithoutLinks(error: unknown): boolean {
  return ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(codeOf(error) ?? "");
}

/** The one place that decides absence: `undefined` when the file to be read does not exist. */
export async function unlessAbsent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    // Not ENOTDIR: no blob has the name of a directory, so a directory of the store was replaced by a file.
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** An error of the disk as a {@link VaultError}; any other as it is. @param what named in the message, e.g. "read s/a" */
export function toVaultError(what: string, cause: unknown): unknown {
  if (codeOf(cause) === "EEXIST" && (cause as NodeJS.ErrnoException).syscall === "link") {
    return new VaultError("CONFLICT", `Could not ${what}: it exists.`, { cause });
  }
  if (codeOf(cause) === "EFBIG") return new VaultError("TOO_LARGE", `Could not ${what}: EFBIG.`, { cause });
  return asDiskError(what, cause);
}
