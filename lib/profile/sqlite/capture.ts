// `lib/profile/sqlite` reads and checks SQLite databases with their write-ahead logs and takes captures of live ones.
// It does not know where a profile keeps them. Only `lib/profile` may import it, and `capture.ts` of it only
// `lib/profile/capture`.
import { existsSync, readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { type FileSource, readExactly } from "../../disk/file-source.ts";
import { BlobFiles } from "../capture/blob-files.ts";
import {
  type DatabaseCapture,
  type DatabaseFile,
  databaseFile,
  type PollResult,
  type StoredIdentities,
} from "../capture/database-capture.ts";
import { InconsistentCapture, StaleRead } from "../capture/errors.ts";
import type { FilePool } from "../capture/file-pool.ts";
import type { SpoolRegion } from "../capture/spool.ts";
import type { CheckedFiles } from "../checked-files.ts";
import { type FileIdentity, prefixIdentity } from "../file-identity.ts";
import { cachedSource, prefixSource } from "../sources.ts";
import { CopiedWal } from "./copied-wal.ts";
import { openPages, type SqlitePages } from "./pages.ts";
import { checkTrees } from "./tree.ts";
import { WAL_HEADER_BYTES, WAL_TAIL_BYTES } from "./wal.ts";

/** The header of a database: it holds the change counter of transactions that go without a write-ahead log. */
const HEAD_BYTES = 100;
/** Polls are synchronous: one buffer serves them all. */
const SCRATCH: Buffer = Buffer.allocUnsafeSlow(WAL_TAIL_BYTES);

/** What the capture of a SQLite database is taken of. Paths are relative to the profile at `dir`. */
export interface SqliteCaptureOptions {
  readonly dir: string;
  /** The database file. */
  readonly path: string;
  /** Directories of blob files that belong to it. */
  readonly blobs: readonly string[];
  readonly pool: FilePool;
  readonly stored: StoredIdentities;
  readonly checked: CheckedFiles;
  /** Whether a browser may be writing: then the database is copied, since a checkpoint overwrites it in place. */
  readonly live: boolean;
}

interface OpenFile {
  readonly handle: FileHandle;
  /** As it was when it was opened. */
  readonly identity: FileIdentity;
}

/** The capture of a SQLite database with its write-ahead log and its blob directories. */
export class SqliteCapture implements DatabaseCapture {
  readonly #options: SqliteCaptureOptions;
  readonly #blobs: BlobFiles;
  #database: OpenFile | undefined;
  #wal: OpenFile | undefined;
  /** The header of the database before it was read: it changes with every transaction that goes without a log. */
  #head: Buffer = Buffer.alloc(0);
  /** The header of the log before the database was read: it changes when SQLite resets the log. */
  #walHeader: Buffer = Buffer.alloc(0);
  #databaseSource: FileSource | undefined;
  #databaseCopy: SpoolRegion | undefined;
  readonly #copiedWal: CopiedWal;

  constructor(options: SqliteCaptureOptions) {
    this.#options = options;
    this.#blobs = new BlobFiles(options.dir, options.blobs, options.pool, options.stored);
    this.#copiedWal = new CopiedWal(options.pool, options.live);
  }

  async prepare(): Promise<void> {
    const { pool } = this.#options;
    await this.#blobs.prepare();
    // As long as SQLite has not reset the log, the log makes the earlier copy of the database whole.
    if (this.#copiedWal.scanner.header && !(await this.#wasWalReset()) && (await this.#isReadable(this.#database)))
      return;
    for (const file of [this.#database, this.#wal]) await pool.release(file?.handle);
    this.#database = undefined;
    this.#wal = undefined;
    const database = await this.#open("");
    if (database === undefined) throw this.#inconsistent("it is missing", true);
    this.#head = await readExactly(database.handle, 0, Math.min(database.identity.size, HEAD_BYTES));
    await this.#mustHaveNoJournal();
    this.#wal = await this.#open("-wal");
    this.#walHeader = await this.#readHeader(this.#wal);
    await this.#readDatabase(database);
    await this.#copiedWal.read(this.#wal?.handle, this.#wal?.identity.size ?? 0);
    this.#database = database;
  }

  poll(): PollResult {
    const { dir, path } = this.#options;
    this.#blobs.clearList();
    if (this.#wal === undefined && existsSync(join(dir, `${path}-wal`))) return "unprepared";
    const [scanner, fd] = [this.#copiedWal.scanner, this.#wal?.handle.fd];
    const before = scanner.end;
    if (fd !== undefined) {
      const read = (position: number, length: number): Buffer =>
        SCRATCH.subarray(0, readSync(fd, SCRATCH, 0, length, position));
      if (!this.#walHeader.equals(read(0, WAL_HEADER_BYTES))) return "unprepared";
      scanner.recheck(read);
      while (scanner.feed(read(scanner.next, SCRATCH.length)) > 0);
    }
    if (scanner.end !== before) return "changed";
    this.#blobs.list();
    return "unchanged";
  }

  async refresh(): Promise<void> {
    await this.prepare();
  }

  noteFiles(): void {
    this.#blobs.noteFiles();
  }

  async holdFiles(): Promise<void> {
    await this.#blobs.holdFiles();
    // The bytes of a commit stay where they are until the log is reset.
    if (this.#wal) await this.#copiedWal.copyCommits(this.#wal.handle);
    // The log was not reset so far, and all that changes is copied: the checks of `finish` may take their time.
    if (this.#database) await this.#mustBeUnchanged(this.#database);
  }

  async finish(): Promise<DatabaseFile[]> {
    const { path } = this.#options;
    const [database, source, wal] = [this.#database, this.#databaseSource, this.#wal];
    if (database === undefined || source === undefined) throw this.#inconsistent("it is missing", true);
    const report = this.#copiedWal.scanner.report();
    const log = wal && prefixSource(this.#copiedWal.source ?? this.#unchangedSource(wal), report.end);
    const pages = await openPages(cachedSource(source), log && cachedSource(log), report.end > 0 ? report : undefined);
    if (pages === undefined) throw this.#inconsistent("it is empty", true);
    if (typeof pages === "string") throw this.#inconsistent(pages, true);
    // The frames that its log got since the database was checked have checksums.
    const problem = this.#isChecked(database.identity) ? undefined : await this.#checkTrees(pages);
    if (problem) throw this.#inconsistent(problem, true);
    this.#options.checked.addDatabase(path, database.identity);

    const files = [await this.#file(path, source, database)];
    if (!(await this.#isReadable(database))) throw this.#inconsistent("a checkpoint wrote its log into it", false);
    if (wal && log && report.end > 0) {
      files.push(await this.#file(`${path}-wal`, log, wal));
    }
    files.push(...this.#blobs.files());
    return files;
  }

  async #readDatabase({ handle, identity }: OpenFile): Promise<void> {
    if (this.#options.live && !this.#isStored(identity)) {
      this.#databaseCopy = await this.#options.pool.copy(handle, identity.size, this.#databaseCopy);
      this.#databaseSource = this.#databaseCopy;
    } else {
      this.#databaseSource = this.#unchangedSource({ handle, identity });
    }
  }

  /**
   * The log must not have been reset between the first read of the database and the last read of the log.
   * @throws InconsistentCapture when it was, or when a database without a log was written
   */
  async #mustBeUnchanged(database: OpenFile): Promise<void> {
    if (await this.#wasWalReset()) throw this.#inconsistent("its log was reset meanwhile", false);
    // A log without a header holds nothing: then the database itself must not have changed.
    if (this.#copiedWal.scanner.header) return;
    // Its timestamps may hide a write within one tick of the disk's clock. But while a database is written it has a
    // rollback journal, and every write increases the change counter in its header.
    await this.#mustHaveNoJournal();
    const after = await this.#options.pool.identify(database.handle);
    const head = await readExactly(database.handle, 0, Math.min(after.size, HEAD_BYTES));
    if (after.size !== database.identity.size || after.times !== database.identity.times || !head.equals(this.#head)) {
      throw this.#inconsistent("it was written meanwhile", false);
    }
  }

  /** Whether the captured bytes of the database can be read: it was copied, or has not changed. */
  async #isReadable(database: OpenFile | undefined): Promise<boolean> {
    if (database === undefined || this.#databaseSource === this.#databaseCopy) return database !== undefined;
    return (await this.#options.pool.identify(database.handle)).times === database.identity.times;
  }

  async #mustHaveNoJournal(): Promise<void> {
    const journal = await this.#open("-journal");
    await this.#options.pool.release(journal?.handle);
    if (journal && journal.identity.size > 0)
      throw this.#inconsistent("its rollback journal is in use", !this.#options.live);
  }

  async #wasWalReset(): Promise<boolean> {
    const wal = await this.#open("-wal");
    try {
      const scanned = this.#copiedWal.scanner.header ?? this.#walHeader;
      const isSameFile = wal?.identity.file === this.#wal?.identity.file;
      return !isSameFile || !this.#walHeader.equals(scanned) || !this.#walHeader.equals(await this.#readHeader(wal));
    } finally {
      await this.#options.pool.release(wal?.handle);
    }
  }

  #inconsistent(reason: string, damage: boolean): InconsistentCapture {
    return new InconsistentCapture(`${this.#options.path}: ${reason}`, damage);
  }

  #isStored(identity: FileIdentity): boolean {
    const { path, stored } = this.#options;
    const text = prefixIdentity(identity, identity.size);
    return text !== undefined && stored.get(path) === text;
  }

  #isChecked(identity: FileIdentity): boolean {
    // A stored database was checked before it was stored.
    return this.#isStored(identity) || this.#options.checked.hasDatabase(this.#options.path, identity);
  }

  async #checkTrees(pages: SqlitePages): Promise<string | undefined> {
    const page = (number: number): Promise<Buffer> => {
      this.#options.pool.throwIfAborted();
      return pages.page(number);
    };
    return await checkTrees({ ...pages, page });
  }

  /** Reads from the file itself. A read rejects with `StaleRead` when the file has changed since it was opened. */
  #unchangedSource({ handle, identity }: OpenFile): FileSource {
    const source = this.#options.pool.source(handle, identity.size);
    return {
      size: identity.size,
      read: async (position, length) => {
        const read = await source.read(position, length).catch((cause: unknown) => ({ cause }));
        // Before the result of the read: a file that has become shorter has changed too.
        if ((await this.#options.pool.identify(handle)).times !== identity.times)
          throw new StaleRead(this.#options.path);
        if (Buffer.isBuffer(read)) return read;
        throw read.cause;
      },
    };
  }

  async #open(suffix: string): Promise<OpenFile | undefined> {
    const { dir, path, pool } = this.#options;
    const handle = await pool.openChanging(join(dir, `${path}${suffix}`));
    return handle && { handle, identity: await pool.identify(handle) };
  }

  async #readHeader(wal: OpenFile | undefined): Promise<Buffer> {
    if (wal === undefined) return Buffer.alloc(0);
    return await readExactly(wal.handle, 0, Math.min(wal.identity.size, WAL_HEADER_BYTES));
  }

  /** The identity counts only when the file has not changed since it was opened. */
  async #file(path: string, source: FileSource, { handle, identity }: OpenFile): Promise<DatabaseFile> {
    const after = await this.#options.pool.identify(handle);
    const isUnchanged = identity.times === after.times && identity.size === after.size;
    return databaseFile(path, "anywhere", source, isUnchanged ? prefixIdentity(identity, source.size) : undefined);
  }
}
