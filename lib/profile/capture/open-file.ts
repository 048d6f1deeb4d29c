import { constants, fstatSync } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { codeOf } from "../../disk/errors.ts";
import { VaultError } from "../../errors.ts";

const FALLBACK_BUDGET = 128;
const MAX_BUDGET = 1_024;
/** Absent on Windows, where a symlink needs privileges. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
/** Opening a pipe must not block. */
const NO_BLOCK = constants.O_NONBLOCK ?? 0;

/**
 * Opens a file of a profile for reading; `undefined` when it does not exist.
 * @throws `CORRUPT` for a symlink and for anything else that is not a file; else the error of the disk
 */
export async function openFile(path: string): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | NO_FOLLOW | NO_BLOCK);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    if (code !== "ELOOP") throw cause;
    throw new VaultError("CORRUPT", `Could not read ${basename(path)}: it is a symbolic link.`, { cause });
  }
  try {
    if (fstatSync(handle.fd, { bigint: true }).isFile()) return handle;
    throw new VaultError("CORRUPT", `Could not read ${basename(path)}: it is not a file.`);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

let budget: Promise<number> | undefined;

/** The default of `CaptureOptions.maxOpenFiles`: a quarter of the process's limit on descriptors, at most 1,024. */
export async function descriptorBudget(): Promise<number> {
  budget ??= findBudget();
  return await budget;
}

async function findBudget(): Promise<number> {
  try {
    const limits = await readFile("/proc/self/limits", "latin1");
    const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.NaN);
    if (Number.isNaN(limit)) return FALLBACK_BUDGET;
    return Math.max(8, Math.min(MAX_BUDGET, Math.floor(limit / 4)));
  } catch {
    return process.platform === "win32" ? MAX_BUDGET : FALLBACK_BUDGET;
  }
}
