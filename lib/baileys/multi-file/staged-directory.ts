import { mkdir, open, readdir, readFile, realpath, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { renameBusy, syncDirectory, uniqueName } from "../../disk/durable.ts";
import { codeOf, diskError, isMissing } from "../../disk/errors.ts";
import { keepTemporary, removeTemporary } from "../../disk/temporary.ts";
import { invalidOption, VaultError } from "../../errors.ts";

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** Disks that are in use take no longer names. */
const LONGEST_NAME = 255;
/** The ends of the names of directories that are being filled, and that are being removed. */
const FILLED = ".migrating";
const REMOVED = ".removed";

/**
 * A directory that is filled beside the place that it is for, and appears there whole or not at all, on disk. One at a time:
 * to begin the next one for the same place removes what is left of the one before it, which can appear no more then.
 */
export class StagedDirectory {
  /** Where it is filled. */
  readonly #path: string;
  readonly #target: string;

  private constructor(target: string, path: string) {
    this.#target = target;
    this.#path = path;
  }

  /**
   * @param target absolute, as {@link resolveDirectory} makes it
   * @throws `DENIED` or `UNAVAILABLE` when the disk fails
   */
  static async begin(target: string): Promise<StagedDirectory> {
    const parent = dirname(target);
    const prefix = join(parent, `.${basename(target)}.`);
    try {
      await makeDirectory(parent);
      await removeLeftovers(parent, basename(prefix));
      const path = uniqueName(prefix) + FILLED;
      // Who ends this process at once leaves no half of a session here.
      keepTemporary(path, false);
      await mkdir(path, { mode: DIRECTORY_MODE });
      return new StagedDirectory(target, path);
    } catch (cause) {
      throw diskError(`make a directory beside ${target}`, cause);
    }
  }

  /**
   * Adds a file. It is on disk when it resolves.
   * @throws `INVALID` when a disk cannot have the name, or has it already; `DENIED` or `UNAVAILABLE` when the disk fails
   */
  async add(name: string, text: string): Promise<void> {
    if (basename(name) !== name || name.includes("\0") || Buffer.byteLength(name) > LONGEST_NAME) {
      throw unnamable(this.#target, name, "no disk takes this name");
    }
    try {
      const file = await open(join(this.#path, name), "wx", FILE_MODE);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (cause) {
      if (codeOf(cause) === "EEXIST") throw unnamable(this.#target, name, "two records have this name", cause);
      if (isMissing(cause)) throw overtaken(this.#target, cause);
      throw diskError(`write ${name} for ${this.#target}`, cause);
    }
  }

  /** Reads a file again. @throws as {@link add} */
  async read(name: string): Promise<string> {
    try {
      return await readFile(join(this.#path, name), "utf8");
    } catch (cause) {
      throw isMissing(cause) ? overtaken(this.#target, cause) : diskError(`read ${name} of ${this.#target}`, cause);
    }
  }

  /**
   * Puts the directory in its place.
   * @throws `CONFLICT` when something has appeared there meanwhile; `DENIED` or `UNAVAILABLE` when the disk fails
   */
  async commit(): Promise<void> {
    try {
      await syncDirectory(this.#path);
      await removeEmpty(this.#target);
      await renameBusy(this.#path, this.#target);
      keepTemporary(this.#path, true);
      await syncDirectory(dirname(this.#target));
    } catch (cause) {
      const isTaken = ["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(codeOf(cause) ?? "");
      if (isTaken) throw new VaultError("CONFLICT", `Could not write ${this.#target}: it is there by now.`, { cause });
      throw isMissing(cause) ? overtaken(this.#target, cause) : diskError(`write ${this.#target}`, cause);
    }
  }

  /** Removes what is there of it. Never rejects: the next one removes what is left. */
  async discard(): Promise<void> {
    await removeTemporary(this.#path).catch(() => {});
  }
}

/**
 * The place that a path names: absolute, behind links.
 * @throws `INVALID` when it is no path; `DENIED` or `UNAVAILABLE` when the disk fails
 */
export async function resolveDirectory(directory: unknown): Promise<string> {
  if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
    throw invalidOption("multiFile", "the path of a directory", directory);
  }
  const path = resolve(directory);
  try {
    return await realpath(path);
  } catch (cause) {
    if (isMissing(cause)) return path;
    throw diskError(`read ${path}`, cause);
  }
}

/** Whether a directory is absent or empty. @throws `INVALID` when there is a file; `DENIED` or `UNAVAILABLE` when the disk fails */
export async function isFree(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length === 0;
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return true;
    if (codeOf(cause) !== "ENOTDIR") throw diskError(`read ${directory}`, cause);
    throw new VaultError("INVALID", `Could not write ${directory}: it is no directory.`, { cause });
  }
}

/** Sees to it that a directory which an earlier migration has put in its place is on disk. */
export async function syncPlace(directory: string): Promise<void> {
  try {
    await syncDirectory(dirname(directory));
  } catch (cause) {
    throw diskError(`write ${directory}`, cause);
  }
}

/** Makes the directory and those above it; their names are on the disk when it resolves. */
async function makeDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  if (first === undefined) return;
  for (let made = directory; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
}

/** Removes what interrupted migrations have left: renamed first, so that none of it can appear in the place half removed. */
async function removeLeftovers(parent: string, prefix: string): Promise<void> {
  for (const name of await readdir(parent)) {
    // Not those for a place whose name only begins like this one's.
    const isOfPlace =
      name.startsWith(prefix) && /^[0-9a-f]{12}\.(?:migrating|removed)$/.test(name.slice(prefix.length));
    if (!isOfPlace) continue;
    const aside = uniqueName(join(parent, prefix)) + REMOVED;
    try {
      await rename(join(parent, name), aside);
    } catch (error) {
      if (isMissing(error)) continue;
      throw error;
    }
    await rm(aside, { recursive: true, force: true });
  }
}

/** Removes an empty directory: Windows does not rename over one. */
async function removeEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function overtaken(target: string, cause: unknown): VaultError {
  const message = `Could not write ${target}: another migration to it has begun, and has removed the files of this one.`;
  return new VaultError("CONFLICT", message, { cause });
}

function unnamable(target: string, name: string, why: string, cause?: unknown): VaultError {
  const shown = name.length > 80 ? `${name.slice(0, 80)}…` : name;
  return new VaultError("INVALID", `Could not write the file ${JSON.stringify(shown)} for ${target}: ${why}.`, {
    cause,
    hint: "The files of `useMultiFileAuthState` cannot hold this record; a store of wa-vault can.",
  });
}
