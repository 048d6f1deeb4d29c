import { createHash } from "node:crypto";
import { join } from "node:path";
import { type FileIdentity, hasIdentity, prefixIdentity } from "../../disk/file-identity.ts";
import type { FileSource } from "../../disk/file-source.ts";
import type { CaptureFile } from "../../store.ts";
import type { CheckedFiles } from "../checked-files.ts";
import { walk, walkSync } from "../listing.ts";
import { bufferSource } from "../sources.ts";
import { InconsistentCapture } from "./errors.ts";
import type { FilePool } from "./file-pool.ts";
import type { PooledFile } from "./pooled-file.ts";

/** What the capture of a database is taken of. Paths are relative to the profile at `dir`. */
export interface DatabaseOptions {
  readonly dir: string;
  /** The LevelDB directory, or the SQLite database. */
  readonly path: string;
  /** Directories of blob files that belong to it. */
  readonly blobs: readonly string[];
  readonly pool: FilePool;
  /** Identities by path of the files that are stored already: they need not be checked, nor copied, again. */
  readonly stored: ReadonlyMap<string, string>;
  readonly checked: CheckedFiles;
  /** Whether a browser may be writing: then files that are overwritten in place are copied. */
  readonly live: boolean;
}

/** `unprepared`: the database has files, or a new round of its log, that `refresh` has to open first. */
export type PollResult = "unchanged" | "changed" | "unprepared";

/**
 * The capture of one database with its blob files. `captureProfile` takes each step for all databases of the profile
 * before the next step, so that all of them are captured at one moment.
 *
 * The base class captures the blob files. Chromium writes a blob file before it commits the reference to it, and
 * deletes it after the commit that removes the last reference: the blob files present at a moment are all that the
 * database needs then.
 */
export abstract class DatabaseCapture {
  protected readonly options: DatabaseOptions;
  /** The blob files present at the last poll; `undefined` when that poll did not find the database unchanged. */
  #listed: readonly string[] | undefined;
  /** The blob files that were present at any time since `prepare`. */
  #noted = new Set<string>();
  #held: ReadonlyMap<string, PooledFile> = new Map();

  constructor(options: DatabaseOptions) {
    this.options = options;
  }

  /**
   * Opens the files that may be deleted, and copies those that may be overwritten. Keeps what is still valid of an
   * earlier attempt.
   */
  async prepare(): Promise<void> {
    this.#noted = new Set();
    for (const path of this.options.blobs) {
      for (const file of await walk(this.options.dir, path)) if (await this.hold(file)) this.#noted.add(file);
    }
  }

  /** Opens the files that made a poll `unprepared`; reads as little as possible. */
  async refresh(): Promise<void> {
    await this.prepare();
  }

  /**
   * Records how far every growing file has come. Synchronous and quick: when two rounds of polls over all databases,
   * one right after the other, find nothing new, all databases were as recorded at a moment between the two.
   */
  poll(): PollResult {
    const result = this.pollDatabase();
    this.#listed = result === "unchanged" ? this.#listBlobs() : undefined;
    return result;
  }

  /** As {@link poll}, without the blob files. */
  protected abstract pollDatabase(): PollResult;

  /** Fallback when no consistent moment was found: records every blob file present, before and after the last poll. */
  noteFiles(): void {
    for (const path of this.#listBlobs()) this.#noted.add(path);
  }

  /**
   * Holds the files that were there at the last poll and may be deleted later. Without a list of the last poll it holds
   * all noted blob files: a superfluous file is better than a missing one.
   * @throws InconsistentCapture when one is gone
   */
  async holdFiles(): Promise<void> {
    const held = new Map<string, PooledFile>();
    for (const path of this.#listed ?? this.#noted) {
      const file = await this.hold(path);
      if (file === undefined) throw new InconsistentCapture(`${path}: it was deleted before it could be opened`, false);
      held.set(path, file);
    }
    this.#held = held;
  }

  /** Bytes of the held files that are not stored as they are, about. */
  abstract get newBytes(): number;

  /**
   * Reads and checks the database.
   * @returns its files, as they were at the last poll
   * @throws InconsistentCapture when they do not fit together
   */
  async finish(): Promise<CaptureFile[]> {
    return [...this.#held].map(([path, held]) => heldFile(path, held));
  }

  /** Holds a file whose bytes never change; `undefined` when it does not exist. */
  protected hold(path: string): Promise<PooledFile | undefined> {
    return this.options.pool.hold(join(this.options.dir, path), this.options.stored.get(path));
  }

  /** Whether a file is stored as it is. Such a file was checked before it was stored. */
  protected isStored(path: string, identity: FileIdentity): boolean {
    return hasIdentity(identity, this.options.stored.get(path));
  }

  #listBlobs(): string[] {
    return this.options.blobs.flatMap((path) => walkSync(this.options.dir, path));
  }
}

/** A file of a capture; without `identity` nothing tells later whether it has changed. */
export function captureFile(
  path: string,
  change: CaptureFile["change"],
  source: FileSource,
  identity?: string,
): CaptureFile {
  return {
    path,
    change,
    size: source.size,
    read: (position, length) => source.read(position, length),
    withDescriptor: (work) => source.withDescriptor?.(work),
    ...(identity === undefined ? {} : { identity }),
  };
}

/** A file whose bytes never change. */
export function heldFile(path: string, held: PooledFile): CaptureFile {
  return captureFile(path, "never", held, prefixIdentity(held.identity, held.size));
}

/** A file of a few bytes in memory; its identity is the hash of the bytes. */
export function smallFile(path: string, bytes: Buffer): CaptureFile {
  return captureFile(path, "anywhere", bufferSource(bytes), createHash("sha256").update(bytes).digest("hex"));
}
