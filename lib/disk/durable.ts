import { randomBytes } from "node:crypto";
import { type FileHandle, lstat, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { forEachConcurrent } from "../async/semaphore.ts";
import { codeOf } from "./errors.ts";

const BUSY_ATTEMPTS = 10;
const BUSY_PAUSE_MS = 100;
/** A disk that is asked for several at once writes them in fewer goes. */
export const SYNCS_AT_ONCE = 16;
/** What a disk says that does not do that, or not for a descriptor that only reads. */
const NOT_SYNCED = ["EINVAL", "EBADF", "ENOTSUP", "EROFS"];

/** Every file and directory below `dir` on disk, itself last. */
export async function syncTree(dir: string): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true });
  for (const entry of entries.filter((each) => each.isDirectory())) await syncTree(join(dir, entry.name));
  const files = entries.filter((entry) => entry.isFile());
  await forEachConcurrent(files, SYNCS_AT_ONCE, (file) => syncFile(join(dir, file.name)));
  await syncDirectory(dir);
}

/** The bytes of a file of ours on disk. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The names in `dir` on disk. Windows opens no directories and needs no sync of them; one that is gone has no names. */
export async function syncDirectory(dir: string): Promise<void> {
  if (process.platform !== "win32") await syncForgiving(dir, NOT_SYNCED);
}

/** The bytes that somebody else has written into `path`. One that is gone is fine; Windows syncs only for who may write. */
export async function syncWritten(path: string): Promise<void> {
  await syncForgiving(path, process.platform === "win32" ? [...NOT_SYNCED, "EPERM", "EACCES"] : NOT_SYNCED);
}

async function syncForgiving(path: string, forgiven: readonly string[]): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "")) return;
    throw error;
  }
  try {
    await handle.sync();
  } catch (error) {
    if (!forgiven.includes(codeOf(error) ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/** A name that nothing has: `prefix`, and twelve random digits. */
export function uniqueName(prefix: string): string {
  return `${prefix}${randomBytes(6).toString("hex")}`;
}

/**
 * Writes `path` whole or not at all, readable by its owner only: `write` fills a temporary file beside it, which takes its
 * place once it is on disk. When it rejects, the temporary file is gone, and what was at `path` stands, unless only the
 * directory could not be synced after the rename.
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
 * Removes `path` if it still is what was judged. It is renamed first and looked at then, because somebody else may have
 * removed it since and have put its own there: that is given back.
 * @param isJudged looks at what was renamed
 */
export async function removeJudged(
  path: string,
  isJudged: (aside: string) => Promise<boolean>,
): Promise<"removed" | "gone" | "given back"> {
  const aside = uniqueName(`${path}.`);
  try {
    await rename(path, aside);
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(cause) ?? "")) return "gone";
    throw cause;
  }
  if (await isJudged(aside)) {
    await rm(aside, { force: true });
    return "removed";
  }
  await rename(aside, path);
  return "given back";
}

/** Writes all of `bytes`: one call of the system may take fewer. */
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

/** Whether anything has this name, a link that leads nowhere too. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
