import { lstat, open, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf } from "./errors.ts";

const BUSY_ATTEMPTS = 10;
const BUSY_PAUSE_MS = 100;
const SYNCS_AT_ONCE = 16;
/** What a disk says that does not do that, or not for a descriptor that only reads. */
const NOT_SYNCED = ["EINVAL", "EBADF", "ENOTSUP", "EROFS"];

/** Every file and directory below `dir` on disk, itself last. */
export async function syncTree(dir: string): Promise<void> {
  const entries = await readdir(dir, { withFileTypes: true });
  for (const entry of entries.filter((each) => each.isDirectory())) await syncTree(join(dir, entry.name));
  const files = entries.filter((entry) => entry.isFile());
  // A disk that is asked for several at once writes them in fewer goes.
  for (let i = 0; i < files.length; i += SYNCS_AT_ONCE) {
    await Promise.all(files.slice(i, i + SYNCS_AT_ONCE).map((file) => syncFile(join(dir, file.name))));
  }
  await syncDirectory(dir);
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The names in `dir` on disk. Windows opens no directories, and needs no sync of them; some mounted disks cannot do it. */
export async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!NOT_SYNCED.includes(codeOf(error) ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/** The bytes that somebody else has written into `path`. One that is gone is fine; Windows syncs only for who may write. */
export async function syncWritten(path: string): Promise<void> {
  const mayBeRefused = process.platform === "win32" ? [...NOT_SYNCED, "EPERM", "EACCES"] : NOT_SYNCED;
  await unlessGone(async () => {
    const handle = await open(path, "r");
    try {
      await handle.sync();
    } catch (error) {
      if (!mayBeRefused.includes(codeOf(error) ?? "")) throw error;
    } finally {
      await handle.close();
    }
  });
}

/** As {@link syncDirectory}, for one that may be gone. */
export async function syncNames(dir: string): Promise<void> {
  await unlessGone(() => syncDirectory(dir));
}

async function unlessGone(sync: () => Promise<void>): Promise<void> {
  try {
    await sync();
  } catch (error) {
    if (!["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "")) throw error;
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
