import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { VaultError } from "../errors.ts";
import { codeOf } from "./errors.ts";

/** The environment variable that names the folder for temporary files, where it is not set otherwise. */
const VARIABLE = process.platform === "win32" ? "TEMP" : "TMPDIR";

/**
 * Makes a private folder for temporary files, which the caller removes: in the system's folder for them, else in the
 * folder of `beside`. In a container whose root is read-only there may be no folder for them.
 * @param beside a file whose folder this process can write to, if there is one
 * @throws `UNAVAILABLE` that names the folders and the variable
 */
export async function makeTemporary(beside?: string): Promise<string> {
  const system = tmpdir();
  try {
    return await mkdtemp(join(system, "wa-vault-"));
  } catch (cause) {
    const other = beside === undefined ? undefined : dirname(beside);
    if (other !== undefined) {
      const made = await mkdtemp(join(other, ".wa-vault-")).catch(() => undefined);
      if (made !== undefined) return made;
    }
    throw noTemporary(system, other, cause);
  }
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
    await rm(folder, { recursive: true, force: true });
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
