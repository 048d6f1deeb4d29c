import { mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { VaultError } from "../errors.ts";
import { codeOf } from "./errors.ts";

/** The environment variable that names the folder for temporary files, where it is not set otherwise. */
const VARIABLE = process.platform === "win32" ? "TEMP" : "TMPDIR";

/** How often a removal is tried again while somebody, such as a browser that is just ending, still writes there. */
const RETRIES = 10;
const RETRY_MS = 50;

/** Folders that this process has made and will remove. */
const inUse = new Set<string>();

/**
 * Makes a private folder for temporary files, which the caller gives to {@link removeTemporary}: in the system's folder for
 * them, else in the folder of `beside`. In a container whose root is read-only there may be no folder for them.
 * @param beside a file whose folder this process can write to, if there is one
 * @throws `UNAVAILABLE` that names the folders and the variable
 */
export async function makeTemporary(beside?: string): Promise<string> {
  const system = tmpdir();
  try {
    return made(join(system, "wa-vault-"));
  } catch (cause) {
    const other = beside === undefined ? undefined : dirname(beside);
    try {
      if (other !== undefined) return made(join(other, ".wa-vault-"));
    } catch {
      // The first folder is the one to be mended.
    }
    throw noTemporary(system, other, cause);
  }
}

/** Made and known in one step: a process that is ended between two would leave it. */
function made(beginning: string): string {
  const folder = mkdtempSync(beginning);
  inUse.add(folder);
  return folder;
}

/** Removes a folder of {@link makeTemporary} with all that is in it. */
export async function removeTemporary(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: RETRIES, retryDelay: RETRY_MS });
  inUse.delete(folder);
}

/** @param isKept whether the folder holds what must outlive this process, however it ends */
export function keepTemporary(folder: string, isKept: boolean): void {
  if (isKept) inUse.delete(folder);
  else inUse.add(folder);
}

/** Removes all folders that this process has made, and not removed yet: for its exit, at which nothing can be awaited. */
export function removeAllTemporary(): void {
  for (const folder of inUse) {
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: RETRIES, retryDelay: RETRY_MS });
    } catch {
      // It stays, as after a `kill -9`.
    }
  }
  inUse.clear();
}

/**
 * Does `work` with a folder of {@link makeTemporary}, which is removed afterwards with all that is in it.
 * @throws as {@link makeTemporary}, and what `work` throws
 */
export async function withTemporary<T>(work: (folder: string) => Promise<T>, beside?: string): Promise<T> {
  const folder = await makeTemporary(beside);
  try {
    return await work(folder);
  } finally {
    await removeTemporary(folder);
  }
}

/** No folder takes temporary files. @param other the second folder that was tried */
export function noTemporary(folder: string, other: string | undefined, cause: unknown): VaultError {
  const where = other === undefined ? folder : `${folder}, nor in ${other}`;
  const reason = codeOf(cause) ?? "unknown error";
  return new VaultError("UNAVAILABLE", `Could not write temporary files in ${where}: ${reason}.`, {
    cause,
    hint: `Set ${VARIABLE} to a folder that exists and that this process may write to. In a container with a read-only root, mount one at /tmp.`,
  });
}
