import { exactIdentity, type FileIdentity, hasIdentity } from "../disk/file-identity.ts";
import type { CheckedVersion } from "./leveldb/checked-version.ts";
import { parseLevelDbName } from "./leveldb/manifest.ts";
import { filesOf } from "./listing.ts";
import type { WalScanner } from "./sqlite/wal.ts";
import { probeProfile } from "./storage-layout.ts";

/**
 * The files of one profile whose checksums or trees this process has checked, and what it has found in them: a file is
 * not read again for that as long as it is the same. Whether a store has a file is another question; see
 * `CaptureOptions.stored`.
 */
export class CheckedFiles {
  readonly #identities = new Map<string, string>();
  /** By path of a database that was verified at rest, what tells it and its logs from others. */
  readonly #atRest = new Map<string, string>();
  readonly #versions = new Map<string, { readonly key: string; readonly version: CheckedVersion }>();
  readonly #wals = new Map<string, { readonly identity: string; readonly scanner: WalScanner }>();
  readonly #firstKeys = new Map<string, { readonly identity: string; readonly firstKey: Buffer }>();
  /** Identities by path of tables without credentials. */
  readonly #plain = new Map<string, string>();
  #localStorage: { readonly identities: string; readonly credentialsHash: string | undefined } | undefined;

  /**
   * A LevelDB table, which Chromium never changes: a table with the same inode, size and times has the same bytes.
   * @param firstKey its first key, by the manifest, if that is known
   */
  addTable(path: string, identity: FileIdentity, firstKey?: Buffer): void {
    this.#identities.set(path, exactIdentity(identity));
    if (firstKey) this.#firstKeys.set(path, { identity: exactIdentity(identity), firstKey });
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

  /**
   * What the manifest and logs of a LevelDB say.
   * @param path of its directory
   * @param key of {@link versionKey}
   */
  addVersion(path: string, key: string, version: CheckedVersion): void {
    this.#versions.set(path, { key, version });
  }

  versionOf(path: string, key: string): CheckedVersion | undefined {
    const known = this.#versions.get(path);
    return known?.key === key ? known.version : undefined;
  }

  /** A database at rest with nothing wrong in it or in its logs. @param key tells it and its logs from others */
  addAtRest(path: string, key: string): void {
    this.#atRest.set(path, key);
  }

  isAtRest(path: string, key: string): boolean {
    return this.#atRest.get(path) === key;
  }

  /** What a scan has found in the write-ahead log at `path`, which had this identity then. */
  addWal(path: string, identity: FileIdentity, scanner: WalScanner): void {
    if (identity.trustworthy) this.#wals.set(path, { identity: exactIdentity(identity), scanner: scanner.clone() });
  }

  /** A scanner that has scanned all of a write-ahead log. */
  walOf(path: string, identity: FileIdentity): WalScanner | undefined {
    const known = this.#wals.get(path);
    return known && hasIdentity(identity, known.identity) ? known.scanner.clone() : undefined;
  }

  /** The first key of a LevelDB table, if it is known. @param identity as a capture has it */
  firstKeyOf(path: string, identity: string | undefined): Buffer | undefined {
    const known = this.#firstKeys.get(path);
    return known && known.identity === identity ? known.firstKey : undefined;
  }

  /** A LevelDB table that holds none of the entries that tell of credentials. @param identity as a capture has it */
  addPlain(path: string, identity: string): void {
    this.#plain.set(path, identity);
  }

  isPlain(path: string, identity: string | undefined): boolean {
    return identity !== undefined && this.#plain.get(path) === identity;
  }

  /** The hash of the credentials in Local Storage, whose files have these identities. */
  addLocalStorage(identities: string, credentialsHash: string | undefined): void {
    this.#localStorage = { identities, credentialsHash };
  }

  localStorageOf(identities: string): { readonly credentialsHash: string | undefined } | undefined {
    return this.#localStorage?.identities === identities ? this.#localStorage : undefined;
  }

  /** Forgets all files but these. */
  retain(paths: ReadonlySet<string>): void {
    for (const known of [this.#identities, this.#firstKeys, this.#plain, this.#wals]) {
      for (const path of known.keys()) if (!paths.has(path)) known.delete(path);
    }
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
