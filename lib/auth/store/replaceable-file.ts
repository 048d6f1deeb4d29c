import { statSync, unlinkSync } from "node:fs";
import { copyFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { uniqueName } from "../../disk/durable.ts";

/**
 * A file that was put where others may put theirs: knows whether it is still the one that lies there. It is put there
 * whole, in the place of whatever was there.
 */
export class ReplaceableFile {
  readonly path: string;
  readonly #identity: string | undefined;

  private constructor(path: string, identity: string | undefined) {
    this.path = path;
    this.#identity = identity;
  }

  /** @param path on the same disk */
  static async move(from: string, path: string): Promise<ReplaceableFile> {
    const identity = identityOf(from);
    await rename(from, path);
    return new ReplaceableFile(path, identity);
  }

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

  isThere(): boolean {
    try {
      return this.#identity !== undefined && identityOf(this.path) === this.#identity;
    } catch {
      return false;
    }
  }

  /** Leaves what somebody else has put there. Never rejects. */
  remove(): void {
    // At once, so that nobody comes between the look and the removal.
    if (!this.isThere()) return;
    try {
      unlinkSync(this.path);
    } catch {
      // The next one takes its place.
    }
  }
}

/** A rename changes none of these. */
function identityOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`;
}
