import { randomBytes } from "node:crypto";
import { type FileHandle, link, lstat, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { forEachConcurrent } from "../async/semaphore.ts";
import { codeOf, isMissing } from "./errors.ts";

const BUSY_ATTEMPTS = 10;
const BUSY_PAUSE_MS = 100;
/** The number of syncs at once: disks write several files together in fewer operations. */
export const SYNCS_AT_ONCE = 16;
/** Errors of disks that cannot sync, or not by a descriptor that was opened for reading. */
const NOT_SYNCED = ["EINVAL", "EBADF", "ENOTSUP"];
/** A disk that became read-only has lost what this process wrote to it; what others wrote may be there. */
const NOT_SYNCED_OF_OTHERS = [...NOT_SYNCED, "EROFS"];

/** Syncs every file and directory below `dir` to disk, and `dir` last. */
export async function syncTree(dir: string): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true });
  for (const entry of entries.filter((each) => each.isDirectory())) await syncTree(join(dir, entry.name));
  const files = entries.filter((entry) => entry.isFile());
  await forEachConcurrent(files, SYNCS_AT_ONCE, (file) => syncFile(join(dir, file.name)));
  await syncDirectory(dir);
}

/** Syncs the bytes of a file that this process has written to disk. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** By path, the syncs of directories that are under way, and the ones after them, which have not begun. */
const syncing = new Map<string, Promise<void>>();
const following = new Map<string, Promise<void>>();

/**
 * Syncs the names in `dir` to disk, unless `dir` was removed. Windows cannot open directories, and needs no sync. Callers
 * that come while a sync of this directory is under way share the next one: each sees to the names of all before it.
 */
export async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === "win32") return;
  const underWay = syncing.get(dir);
  if (underWay === undefined) return await beginSync(dir);
  // An error of the disk is told once: it may be about the names of those who wait.
  const shared = following.get(dir) ?? afterwards(dir, underWay);
  following.set(dir, shared);
  await shared;
}

async function afterwards(dir: string, underWay: Promise<void>): Promise<void> {
  try {
    await underWay;
  } catch (error) {
    following.delete(dir);
    throw error;
  }
  await beginSync(dir);
}

function beginSync(dir: string): Promise<void> {
  following.delete(dir);
  const sync = syncForgiving(dir, NOT_SYNCED).finally(() => {
    if (syncing.get(dir) === sync) syncing.delete(dir);
  });
  syncing.set(dir, sync);
  return sync;
}

/** Syncs the bytes that another process has written into `path` to disk, unless the file was removed. */
export async function syncWritten(path: string): Promise<void> {
  const isWindows = process.platform === "win32";
  // Windows syncs only files that were opened for writing.
  await syncForgiving(path, isWindows ? [...NOT_SYNCED_OF_OTHERS, "EPERM", "EACCES"] : NOT_SYNCED_OF_OTHERS);
}

/** As {@link syncDirectory}, for names that another process has written. */
export async function syncWrittenNames(dir: string): Promise<void> {
  if (process.platform !== "win32") await syncForgiving(dir, NOT_SYNCED_OF_OTHERS);
}

async function syncForgiving(path: string, forgiven: readonly string[]): Promise<void> {
  const handle = await open(path, "r").catch((error: unknown) => {
    if (!isMissing(error)) throw error;
  });
  if (handle === undefined) return;
  try {
    await handle.sync();
  } catch (error) {
    if (!forgiven.includes(codeOf(error) ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/** A name that no file has: `prefix`, and twelve random digits. */
export function uniqueName(prefix: string): string {
  return `${prefix}${randomBytes(6).toString("hex")}`;
}

/**
 * Writes `path` whole or not at all, readable by its owner only: `write` fills a temporary file beside it, which is
 * renamed to `path` once it is on disk.
 * @throws the error of the disk or of `write`: the temporary file is removed, and the old file is still at `path`,
 *   unless only the sync of the directory after the rename failed
 */
export async function replaceFile<T>(
  path: string,
  write: (file: FileHandle) => Promise<T>,
  temporary: string = `${uniqueName(join(dirname(path), `.${basename(path)}.`))}.tmp`,
): Promise<T> {
  try {
    const file = await open(temporary, "wx+", 0o600);
    let written: T;
    try {
      written = await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
    return written;
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    throw cause;
  }
}

/**
 * Removes the file at `path` if it is still the file that the caller has judged. The file is renamed and checked again
 * then, because another process may have replaced it meanwhile: such a file gets its name back, unless a newer one has it.
 * @param isJudged whether the file at the given path is the judged one; called before and after the rename
 * @returns `removed`; `gone` when there was no file; `given back` when there was another file
 */
export async function removeJudged(
  path: string,
  isJudged: (aside: string) => Promise<boolean>,
): Promise<"removed" | "gone" | "given back"> {
  const aside = uniqueName(`${path}.`);
  try {
    await lstat(path);
    if (!(await isJudged(path))) return "given back";
    await rename(path, aside);
  } catch (cause) {
    if (isMissing(cause)) return "gone";
    throw cause;
  }
  if (await isJudged(aside)) {
    await rm(aside, { force: true });
    return "removed";
  }
  await giveBack(aside, path);
  return "given back";
}

async function giveBack(aside: string, path: string): Promise<void> {
  try {
    // Replaces no file, as a rename would.
    await link(aside, path);
  } catch (cause) {
    // Not every disk has links.
    if (codeOf(cause) !== "EEXIST") return await rename(aside, path);
  }
  await rm(aside, { force: true });
}

/** Writes all of `bytes`: one call of the system may write fewer. */
export async function writeFully(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

/** Renames a directory. A browser that has just ended may keep it busy for a moment on Windows. */
export async function renameBusy(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await rename(from, to);
    } catch (error) {
      const code = codeOf(error) ?? "";
      const isBusy = process.platform === "win32" && ["EBUSY", "EPERM", "EACCES"].includes(code);
      if (!isBusy || attempt === BUSY_ATTEMPTS) throw error;
      await sleep(BUSY_PAUSE_MS);
    }
  }
}

/** Whether a file, a directory or a link (also to a missing target) has this name. @throws the error of the disk */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
