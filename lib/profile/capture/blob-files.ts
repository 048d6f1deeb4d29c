// `lib/profile/capture` takes a consistent view of a live profile: `capture.ts` for all databases,
// `database-capture.ts` the steps of one. It imports `leveldb` and `sqlite`, which import from here `blob-files`,
// `database-capture`, `errors`, `file-pool` and `spool`. Outside of `lib/profile` only `capture.ts` and `errors.ts` may
// be imported.
import { join } from "node:path";
import { prefixIdentity } from "../file-identity.ts";
import { entriesOfSync, walk } from "../listing.ts";
import { type DatabaseFile, databaseFile, type StoredIdentities } from "./database-capture.ts";
import { InconsistentCapture } from "./errors.ts";
import type { FilePool, PooledFile } from "./file-pool.ts";

/**
 * The blob files of one database. Chromium writes a blob file before it commits the reference to it, and deletes it
 * after the commit that removes the last reference: the blob files present at a moment are all that the database needs
 * then.
 */
export class BlobFiles {
  readonly #dir: string;
  readonly #paths: readonly string[];
  readonly #pool: FilePool;
  readonly #stored: StoredIdentities;
  #listed: readonly string[] | undefined;
  /** Paths that were present at any time since `prepare`. */
  #noted = new Set<string>();
  #held: ReadonlyMap<string, PooledFile> = new Map();

  /** @param paths directories, relative to the profile at `dir` */
  constructor(dir: string, paths: readonly string[], pool: FilePool, stored: StoredIdentities) {
    this.#dir = dir;
    this.#paths = paths;
    this.#pool = pool;
    this.#stored = stored;
  }

  /** Holds the blob files present now, so that few are left to be held after the moment. */
  async prepare(): Promise<void> {
    this.#noted = new Set();
    for (const path of this.#paths) {
      for (const file of await walk(this.#dir, path)) if (await this.#hold(file)) this.#noted.add(file);
    }
  }

  /** Lists the blob files of this moment. Synchronous. */
  list(): void {
    this.#listed = this.#paths.flatMap((path) => walkSync(this.#dir, path));
  }

  /** The list is of another moment: `holdFiles` must not go by it. */
  clearList(): void {
    this.#listed = undefined;
  }

  /**
   * Adds the blob files present now to the noted ones: without a moment, a superfluous file is better than a missing
   * one.
   */
  noteFiles(): void {
    for (const path of this.#paths) for (const file of walkSync(this.#dir, path)) this.#noted.add(file);
  }

  /** Holds the listed files; without a list, all noted ones. @throws InconsistentCapture when one is gone */
  async holdFiles(): Promise<void> {
    const held = new Map<string, PooledFile>();
    for (const path of this.#listed ?? this.#noted) {
      const file = await this.#hold(path);
      if (file === undefined) throw new InconsistentCapture(`${path}: it was deleted before it could be opened`, false);
      held.set(path, file);
    }
    this.#held = held;
  }

  files(): DatabaseFile[] {
    return [...this.#held].map(([path, held]) =>
      databaseFile(path, "never", held, prefixIdentity(held.identity, held.size)),
    );
  }

  #hold(path: string): Promise<PooledFile | undefined> {
    return this.#pool.hold(join(this.#dir, path), this.#stored.get(path));
  }
}

function walkSync(dir: string, path: string): string[] {
  return entriesOfSync(join(dir, path)).flatMap((entry) => {
    const below = `${path}/${entry.name}`;
    if (entry.isDirectory()) return walkSync(dir, below);
    return entry.isFile() ? [below] : [];
  });
}
