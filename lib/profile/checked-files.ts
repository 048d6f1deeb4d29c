import { exactIdentity, type FileIdentity, hasIdentity } from "./file-identity.ts";
import { parseLevelDbName } from "./leveldb/manifest.ts";
import { filesOf } from "./listing.ts";
import { probeProfile } from "./storage-layout.ts";

/**
 * The files of one profile whose checksums or trees this process has checked: a file is not checked again as long as it is
 * the same. Whether a store has a file is another question; see `CaptureOptions.stored`.
 */
export class CheckedFiles {
  readonly #identities = new Map<string, string>();

  /** A LevelDB table, which Chromium never changes: a table with the same inode, size and times has the same bytes. */
  addTable(path: string, identity: FileIdentity): void {
    this.#identities.set(path, exactIdentity(identity));
  }

  hasTable(path: string, identity: FileIdentity): boolean {
    return this.#identities.get(path) === exactIdentity(identity);
  }

  /** A SQLite database, which Chromium overwrites in place: only a trustworthy identity tells that it is the same. */
  addDatabase(path: string, identity: FileIdentity): void {
    if (identity.trustworthy) this.#identities.set(path, exactIdentity(identity));
  }

  hasDatabase(path: string, identity: FileIdentity): boolean {
    return hasIdentity(identity, this.#identities.get(path));
  }

  /** Forgets all files but these. */
  retain(paths: ReadonlySet<string>): void {
    for (const path of this.#identities.keys()) if (!paths.has(path)) this.#identities.delete(path);
  }

  /**
   * Adds the files of a profile that a store has restored and verified just now, before anything else could write to it.
   * @throws `UNAVAILABLE` or `DENIED` when the disk refuses; `CORRUPT` as `probeProfile`
   */
  async addRestored(dir: string): Promise<void> {
    for (const { backend, path, databases } of (await probeProfile(dir)).storages) {
      for (const [name, { identity }] of await filesOf(dir, path)) {
        if (databases.includes(name)) this.addDatabase(`${path}/${name}`, identity);
        if (backend === "leveldb" && parseLevelDbName(name)?.kind === "table")
          this.addTable(`${path}/${name}`, identity);
      }
    }
  }
}
