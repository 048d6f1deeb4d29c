import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { codeOf, diskError } from "../disk/errors.ts";
import { exactIdentity, type FileIdentity, identifyFile, prefixIdentity } from "./file-identity.ts";
import { parseLevelDbName } from "./leveldb/manifest.ts";
import { namesOf } from "./listing.ts";
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
    const text = prefixIdentity(identity, identity.size);
    if (text !== undefined) this.#identities.set(path, text);
  }

  hasDatabase(path: string, identity: FileIdentity): boolean {
    const text = prefixIdentity(identity, identity.size);
    return text !== undefined && this.#identities.get(path) === text;
  }

  /**
   * Adds the files of a profile that was verified just now, before anything else could write to it.
   * @throws `UNAVAILABLE` or `DENIED` when the disk refuses; `CORRUPT` as `probeProfile`
   */
  async addVerified(dir: string): Promise<void> {
    for (const { backend, path, databases } of (await probeProfile(dir)).storages) {
      for (const name of backend === "leveldb" ? await namesOf(join(dir, path)) : databases) {
        if (backend === "leveldb" && parseLevelDbName(name)?.kind !== "table") continue;
        const identity = await identityAt(join(dir, path, name));
        if (identity === undefined) continue;
        if (backend === "leveldb") this.addTable(`${path}/${name}`, identity);
        else this.addDatabase(`${path}/${name}`, identity);
      }
    }
  }
}

async function identityAt(path: string): Promise<FileIdentity | undefined> {
  try {
    return identifyFile(await lstat(path, { bigint: true }));
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw diskError("read the profile", cause);
  }
}
