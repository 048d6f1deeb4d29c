// What a directory of blobs asks of a disk, and what the disk's refusals mean.
import { link, mkdir, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isVaultError, VaultError } from "../../lib/errors.ts";

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

/** Names that were made or removed in `directory` are on the disk when it resolves, as far as the disk can say so. */
export async function syncDirectory(directory: string): Promise<void> {
  // Windows opens no directories, and needs no such sync for names.
  if (process.platform === "win32") return;
  const handle = await unlessAbsent(open(directory, "r"));
  try {
    await handle?.sync();
  } catch (error) {
    // Some disks (of other machines, mostly) know no such thing as the sync of a directory.
    if (!["EINVAL", "EBADF"].includes(codeOf(error))) throw error;
  } finally {
    await handle?.close();
  }
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

/** Whether `error` is what a disk without hard links says to one; a disk that has them may say the same. */
export function isWithoutLinks(error: unknown): boolean {
  return ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(codeOf(error));
}

/** The one place that decides absence: `undefined` when what was to be read is not there. */
export async function unlessAbsent<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    // Not ENOTDIR: no blob's name is ever a directory's, so then the directory itself is not what it was.
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** What `work` gives; its errors as {@link VaultError}s, or the signal's reason once it aborted. */
export async function during<T>(what: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await work();
  } catch (error) {
    throw signal?.aborted ? signal.reason : classify(what, error);
  }
}

function classify(what: string, cause: unknown): unknown {
  const code = codeOf(cause);
  if (isVaultError(cause) || code === "") return cause;
  if (code === "EEXIST" && (cause as NodeJS.ErrnoException).syscall === "link") {
    return new VaultError("CONFLICT", `Could not ${what}: it exists.`, { cause });
  }
  if (["EACCES", "EPERM", "EROFS"].includes(code)) {
    return new VaultError("DENIED", `Could not ${what}: ${code}.`, {
      cause,
      hint: "The directory and what is in it must be writable by this process.",
    });
  }
  if (code === "EFBIG") return new VaultError("TOO_LARGE", `Could not ${what}: ${code}.`, { cause });
  return new VaultError("UNAVAILABLE", `Could not ${what}: ${code}.`, {
    cause,
    ...(["ENOSPC", "EDQUOT"].includes(code) ? { hint: "The disk is full." } : {}),
  });
}

/** The system's code of the error, "" when it is not one of the file system. */
export function codeOf(error: unknown): string {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code !== undefined && syscall !== undefined ? code : "";
}
