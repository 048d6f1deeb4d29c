import { existsSync, readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { readExactly } from "../../disk/file-source.ts";
import { BlobFiles } from "../capture/blob-files.ts";
import { identified, type Part, type PartFile, type Stored, Unsettled } from "../capture/database-capture.ts";
import type { Holder } from "../capture/file-pool.ts";
import type { Room } from "../capture/spool.ts";
import { identityOf, type Stamp } from "../file-identity.ts";
import { cached, firstBytes, Overtaken, type Source } from "../source.ts";
import { openPages } from "./check.ts";
import { CopiedLog } from "./copied-wal.ts";
import type { SqlitePages } from "./header.ts";
import { checkTrees } from "./tree.ts";
import { WAL_HEADER_BYTES, WAL_TAIL_BYTES } from "./wal.ts";

/** With the number that a database without a log counts its changes by. */
const HEAD_BYTES = 100;
/** Marks are synchronous: one buffer does for all. */
const SCRATCH: Buffer = Buffer.allocUnsafeSlow(WAL_TAIL_BYTES);

/** What a SQLite part needs to know. Paths are relative to the profile. */
export interface SqlitePartOptions {
  readonly dir: string;
  readonly path: string;
  /** Directories of blob files that belong to it. */
  readonly blobs: readonly string[];
  readonly holder: Holder;
  readonly stored: Stored;
  /** Whether a browser may be writing: then the database is copied, a checkpoint overwrites it in place. */
  readonly live: boolean;
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly stamp: Stamp;
}

/** A SQLite database with its write-ahead log, and the blob directories that go with it. */
export class SqlitePart implements Part {
  readonly #options: SqlitePartOptions;
  readonly #blobs: BlobFiles;
  #database: OpenFile | undefined;
  #wal: OpenFile | undefined;
  /** The first bytes of the database before it was read: they change with every transaction that goes without a log. */
  #head: Buffer = Buffer.alloc(0);
  /** The first bytes of the log before the database was read: they change when the log starts over. */
  #header: Buffer = Buffer.alloc(0);
  #databaseSource: Source | undefined;
  #databaseRoom: Room | undefined;
  readonly #log: CopiedLog;

  constructor(options: SqlitePartOptions) {
    this.#options = options;
    this.#blobs = new BlobFiles(options.dir, options.blobs, options.holder, options.stored);
    this.#log = new CopiedLog(options.holder, options.live);
  }

  async prepare(): Promise<void> {
    const { holder } = this.#options;
    await this.#blobs.prepare();
    // As long as the log goes on from the same header, what was copied of the database is made whole by it.
    if (this.#log.scanner.header && !(await this.#hasStartedOver()) && (await this.#isReadable(this.#database))) return;
    for (const file of [this.#database, this.#wal]) await holder.release(file?.handle);
    this.#database = undefined;
    this.#wal = undefined;
    const database = await this.#open("");
    if (database === undefined) throw this.#unsettled("it is missing", true);
    this.#head = await readExactly(database.handle, 0, Math.min(database.stamp.size, HEAD_BYTES));
    await this.#mustHaveNoJournal();
    this.#wal = await this.#open("-wal");
    this.#header = await this.#readHeader(this.#wal);
    await this.#readDatabase(database);
    await this.#log.read(this.#wal?.handle, this.#wal?.stamp.size ?? 0);
    this.#database = database;
  }

  mark(): "same" | "moved" | "unprepared" {
    const { dir, path } = this.#options;
    this.#blobs.forget();
    if (this.#wal === undefined && existsSync(join(dir, `${path}-wal`))) return "unprepared";
    const [scanner, fd] = [this.#log.scanner, this.#wal?.handle.fd];
    const before = scanner.end;
    if (fd !== undefined) {
      const read = (position: number, length: number): Buffer =>
        SCRATCH.subarray(0, readSync(fd, SCRATCH, 0, length, position));
      if (!this.#header.equals(read(0, WAL_HEADER_BYTES))) return "unprepared";
      scanner.recheck(read);
      while (scanner.feed(read(scanner.next, SCRATCH.length)) > 0);
    }
    if (scanner.end !== before) return "moved";
    this.#blobs.mark();
    return "same";
  }

  async follow(): Promise<void> {
    await this.prepare();
  }

  see(): void {
    this.#blobs.see();
  }

  async secure(): Promise<void> {
    await this.#blobs.secure();
    // A commit stays as it is until the log starts over.
    if (this.#wal) await this.#log.catchUp(this.#wal.handle);
    // It has not yet; what else is gone through from here on may take its time.
    if (this.#database) await this.#mustNotHaveMoved(this.#database);
  }

  async settle(): Promise<PartFile[]> {
    const { path, holder } = this.#options;
    const [database, source, wal] = [this.#database, this.#databaseSource, this.#wal];
    if (database === undefined || source === undefined) throw this.#unsettled("it is missing", true);
    const report = this.#log.scanner.report();
    const log = wal && firstBytes(this.#log.source ?? this.#guarded(wal), report.end);
    const pages = await openPages(cached(source), log && cached(log), report.end > 0 ? report : undefined);
    if (pages === undefined) throw this.#unsettled("it is empty", true);
    if (typeof pages === "string") throw this.#unsettled(pages, true);
    // One that is stored was gone through when it was; what its log has since has checksums.
    const problem = this.#isStored(database.stamp) ? undefined : await this.#checkTrees(pages);
    if (problem) throw this.#unsettled(problem, true);

    const files = [file(path, source, same(database.stamp, await holder.stamp(database.handle)))];
    if (!(await this.#isReadable(database))) throw this.#unsettled("its log was written into it", false);
    if (wal && log && report.end > 0) {
      files.push(file(`${path}-wal`, log, same(wal.stamp, await holder.stamp(wal.handle))));
    }
    files.push(...this.#blobs.files());
    return files;
  }

  async #readDatabase({ handle, stamp }: OpenFile): Promise<void> {
    if (this.#options.live && !this.#isStored(stamp)) {
      this.#databaseRoom = await this.#options.holder.copy(handle, stamp.size, this.#databaseRoom);
      this.#databaseSource = this.#databaseRoom;
    } else {
      this.#databaseSource = this.#guarded({ handle, stamp });
    }
  }

  /** The log must be the one it was, in the same round, from before the database was read until after the log was. */
  async #mustNotHaveMoved(database: OpenFile): Promise<void> {
    if (await this.#hasStartedOver()) throw this.#unsettled("its log was started over", false);
    // A log without a header holds nothing, and then the database itself must have stood still.
    if (this.#log.scanner.header) return;
    // Its times may not tell: a clock ticks in milliseconds at best. While it is written it has a journal, and each time
    // it was written its head has another number.
    await this.#mustHaveNoJournal();
    const after = await this.#options.holder.stamp(database.handle);
    const head = await readExactly(database.handle, 0, Math.min(after.size, HEAD_BYTES));
    if (after.size !== database.stamp.size || after.times !== database.stamp.times || !head.equals(this.#head)) {
      throw this.#unsettled("it was written", false);
    }
  }

  /** Whether what the capture shall give can be read: it was copied, or is still what it was. */
  async #isReadable(database: OpenFile | undefined): Promise<boolean> {
    if (database === undefined || this.#databaseSource === this.#databaseRoom) return database !== undefined;
    return (await this.#options.holder.stamp(database.handle)).times === database.stamp.times;
  }

  async #mustHaveNoJournal(): Promise<void> {
    const journal = await this.#open("-journal");
    await this.#options.holder.release(journal?.handle);
    if (journal && journal.stamp.size > 0) throw this.#unsettled("its rollback journal is in use", !this.#options.live);
  }

  async #hasStartedOver(): Promise<boolean> {
    const wal = await this.#open("-wal");
    try {
      const scanned = this.#log.scanner.header ?? this.#header;
      const isSameFile = wal?.stamp.file === this.#wal?.stamp.file;
      return !isSameFile || !this.#header.equals(scanned) || !this.#header.equals(await this.#readHeader(wal));
    } finally {
      await this.#options.holder.release(wal?.handle);
    }
  }

  #unsettled(reason: string, damage: boolean): Unsettled {
    return new Unsettled(`${this.#options.path}: ${reason}`, damage);
  }

  #isStored(stamp: Stamp): boolean {
    const { path, stored } = this.#options;
    const identity = identityOf(stamp, stamp.size);
    return identity !== undefined && stored.get(path) === identity;
  }

  async #checkTrees(pages: SqlitePages): Promise<string | undefined> {
    const page = (number: number): Promise<Buffer> => {
      this.#options.holder.mustGoOn();
      return pages.page(number);
    };
    return await checkTrees({ ...pages, page });
  }

  /** Reads where the file lies; a read that a write may have overtaken is refused. */
  #guarded({ handle, stamp }: OpenFile): Source {
    const source = this.#options.holder.source(handle, stamp.size);
    return {
      size: stamp.size,
      read: async (position, length) => {
        const read = await source.read(position, length).catch((cause: unknown) => ({ cause }));
        // First: one that has become shorter has been overtaken too.
        if ((await this.#options.holder.stamp(handle)).times !== stamp.times) throw new Overtaken(this.#options.path);
        if (Buffer.isBuffer(read)) return read;
        throw read.cause;
      },
    };
  }

  async #open(suffix: string): Promise<OpenFile | undefined> {
    const { dir, path, holder } = this.#options;
    const handle = await holder.follow(join(dir, `${path}${suffix}`));
    return handle && { handle, stamp: await holder.stamp(handle) };
  }

  async #readHeader(wal: OpenFile | undefined): Promise<Buffer> {
    if (wal === undefined) return Buffer.alloc(0);
    return await readExactly(wal.handle, 0, Math.min(wal.stamp.size, WAL_HEADER_BYTES));
  }
}

/** The stamp of a file that did not change between two looks. */
function same(before: Stamp, after: Stamp): Stamp {
  return { ...before, settled: before.settled && before.times === after.times && before.size === after.size };
}

function file(path: string, source: Source, stamp: Stamp): PartFile {
  return {
    path,
    change: "anywhere",
    size: source.size,
    read: (at, length) => source.read(at, length),
    ...identified(stamp, source.size),
  };
}
