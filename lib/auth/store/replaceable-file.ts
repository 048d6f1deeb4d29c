import { statSync, unlinkSync } from "node:fs";
import { copyFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { uniqueName } from "../../disk/durable.ts";

/** A file at a path to which other processes may write too; tells whether the file there is still this one. */
export class ReplaceableFile {
  readonly path: string;
  readonly #identity: string | undefined;

  private constructor(path: string, identity: string | undefined) {
    this.path = path;
    this.#identity = identity;
  }

  /** Renames `from` to `path`, replacing a file there. @param path on the same disk */
  static async move(from: string, path: string): Promise<ReplaceableFile> {
    const identity = identityOf(from);
    await rename(from, path);
    return new ReplaceableFile(path, identity);
  }

  /** Copies `from` to `path`, replacing a file there only by the whole copy. */
  static async copy(from: string, path: string): Promise<ReplaceableFile> {
    const temporary = `${uniqueName(join(dirname(path), `.${basename(path)}.`))}.tmp`;
    try {
      await copyFile(from, temporary);
      return await ReplaceableFile.move(temporary, path);
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw cause;
    }
  }

  /** Whether the file at the path is still this one. */
  isThere(): boolean {
    try {
      return this.#identity !== undefined && identityOf(this.path) === this.#identity;
    } catch {
      return false;
    }
  }

  /** Removes the file, unless another file has replaced it. Never throws. */
  remove(): void {
    // Synchronously, to leave little time between the check and the removal.
    if (!this.isThere()) return;
    try {
      unlinkSync(this.path);
    } catch {
      // The next file at this path replaces it.
    }
  }
}

/** Device, inode, size and time of the last change of the content, which a rename keeps. */
function identityOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`;
}
