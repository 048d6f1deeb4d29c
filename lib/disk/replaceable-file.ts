import { statSync, unlinkSync } from "node:fs";

/** A file at a path to which other processes may write too; tells whether the file there is still this one. */
export class ReplaceableFile {
  readonly path: string;
  /** Device, inode, size and time of the last change of the content: no other file has them. `undefined`: no file. */
  readonly identity: string | undefined;

  constructor(path: string, identity: string | undefined) {
    this.path = path;
    this.identity = identity;
  }

  /** Whether the file at the path is still this one. */
  isThere(): boolean {
    try {
      return this.identity !== undefined && identityOf(this.path) === this.identity;
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
export function identityOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}`;
}
