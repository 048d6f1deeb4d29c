// `lib/profile/sqlite` reads and checks SQLite databases with their write-ahead logs and takes captures of live ones.
// It does not know where a profile keeps them. Only `lib/profile` may import it, and `capture.ts` of it only
// `lib/profile/capture`.
import { existsSync, readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { threads } from "../../async/threads/thread-pool.ts";
import { type FileIdentity, prefixIdentity } from "../../disk/file-identity.ts";
import { readExactly } from "../../disk/file-source.ts";
import type { CaptureFile } from "../../store.ts";
import { captureFile, DatabaseCapture, type DatabaseOptions, type PollResult } from "../capture/database-capture.ts";
import { InconsistentCapture } from "../capture/errors.ts";
import type { SpoolRegion } from "../capture/spool.ts";
import type { PieceSource } from "../pieces.ts";
import { prefixSource } from "../sources.ts";
import { abortableSource, unchangedSource, withParts } from "./capture-sources.ts";
import { job as checkingTrees } from "./check-trees-job.ts";
import { CopiedWal } from "./copied-wal.ts";
import { HEADER_BYTES } from "./header.ts";
import { openPages, type SqlitePages } from "./pages.ts";
import { checkTrees } from "./tree.ts";
import { WAL_HEADER_BYTES, WAL_TAIL_BYTES, type WalReport } from "./wal.ts";

/** Polls are synchronous: one buffer serves them all. */
const SCRATCH: Buffer = Buffer.allocUnsafeSlow(WAL_TAIL_BYTES);

const NO_HEADER: Buffer = Buffer.alloc(0);

/** A file as it was when it was opened. */
interface OpenFile {
  readonly handle: FileHandle;
  readonly identity: FileIdentity;
  /**
   * Its header. That of a database changes with every transaction that goes without a log; that of a log changes when
   * SQLite resets the log.
   */
  readonly header: Buffer;
}

/** The capture of a SQLite database with its write-ahead log and its blob directories. */
export class SqliteCapture extends DatabaseCapture {
  /** The database, with the source of its captured bytes; `undefined` until it was read with its log. */
  #database: (OpenFile & { readonly source: PieceSource }) | undefined;
  #databaseCopy: SpoolRegion | undefined;
  #wal: OpenFile | undefined;
  readonly #copiedWal: CopiedWal;

  constructor(options: DatabaseOptions) {
    super(options);
    this.#copiedWal = new CopiedWal(options.pool, options.live);
  }

  override async prepare(): Promise<void> {
    await super.prepare();
    // As long as SQLite has not reset the log, the log makes the earlier copy of the database whole.
    if (this.#copiedWal.scanner.header && !(await this.#wasWalReset()) && (await this.#isReadable())) return;
    for (const file of [this.#database, this.#wal]) await this.options.pool.release(file?.handle);
    this.#database = undefined;
    this.#wal = undefined;
    const database = await this.#open("", HEADER_BYTES);
    if (database === undefined) throw this.#inconsistent("it is missing", true);
    await this.#mustHaveNoJournal();
    this.#wal = await this.#open("-wal", WAL_HEADER_BYTES);
    const source = await this.#readDatabase(database);
    await this.#readWal();
    this.#database = { ...database, source };
  }

  protected override pollDatabase(): PollResult {
    if (this.#wal === undefined) return existsSync(this.#pathOf("-wal")) ? "unprepared" : "unchanged";
    const { handle, header } = this.#wal;
    const { scanner } = this.#copiedWal;
    const read = (position: number, length: number): Buffer =>
      SCRATCH.subarray(0, readSync(handle.fd, SCRATCH, 0, length, position));
    if (!header.equals(read(0, WAL_HEADER_BYTES))) return "unprepared";
    const before = scanner.end;
    scanner.recheck(read);
    while (scanner.feed(read(scanner.next, SCRATCH.length)) > 0);
    return scanner.end === before ? "unchanged" : "changed";
  }

  override async holdFiles(): Promise<void> {
    await super.holdFiles();
    // The bytes of a commit stay where they are until the log is reset.
    if (this.#wal) await this.#copiedWal.copyCommits(this.#wal.handle, await this.#isUnchanged(this.#wal));
    // The log was not reset so far, and all that changes is copied: the checks of `finish` may take their time.
    if (this.#database) await this.#mustBeUnchanged(this.#database);
  }

  override get newBytes(): number {
    const { identity } = this.#database ?? {};
    return identity && !this.isStored(this.options.path, identity) ? identity.size : 0;
  }

  override async finish(): Promise<CaptureFile[]> {
    const { path, pool, checked } = this.options;
    const [database, wal] = [this.#database, this.#wal];
    if (database === undefined) throw this.#inconsistent("it is missing", true);
    const report = this.#copiedWal.scanner.report();
    const log = wal && prefixSource(this.#copiedWal.source ?? unchangedSource(pool, wal, path), report.end);
    const carried = report.end > 0 ? report : undefined;
    const pages = await openPages(abortableSource(pool, database.source), log && abortableSource(pool, log), carried);
    if (typeof pages !== "object") throw this.#inconsistent(pages ?? "it is empty", true);
    // The frames that its log got since the database was checked have checksums.
    const isChecked = this.isStored(path, database.identity) || checked.hasDatabase(path, database.identity);
    const problem = isChecked ? undefined : await this.#treeProblem(pages, database.source, log, carried);
    if (problem) throw this.#inconsistent(problem, true);
    checked.addDatabase(path, database.identity);

    const files = [await this.#file(path, database.source, database)];
    if (!(await this.#isReadable())) throw this.#inconsistent("a checkpoint wrote its log into it", false);
    // Its copy is all that the next attempt needs.
    if (wal && this.#copiedWal.isKept && !(await this.#isUnchanged(wal)))
      throw this.#inconsistent("its log was written meanwhile", false);
    if (wal && log && carried) files.push(await this.#file(`${path}-wal`, log, wal));
    return [...files, ...(await super.finish())];
  }

  /** Checks the trees, on another thread where one can be had: a large database takes long. */
  async #treeProblem(
    pages: SqlitePages,
    database: PieceSource,
    log: PieceSource | undefined,
    report: WalReport | undefined,
  ): Promise<string | undefined> {
    const { stop } = this.options.pool;
    const logs = log === undefined ? [] : (this.#copiedWal.regions ?? [log]);
    const checked = await withParts(
      [database, ...logs],
      async ([first, ...wal]) =>
        first && (await threads.offer(checkingTrees, { database: first, wal, report, stop }, first.size)),
    );
    return checked ? checked.problem : await checkTrees(pages);
  }

  async #readDatabase(database: OpenFile): Promise<PieceSource> {
    const { path, pool, live } = this.options;
    if (!live || this.isStored(path, database.identity)) return unchangedSource(pool, database, path);
    this.#databaseCopy = await pool.copy(database.handle, database.identity.size, this.#databaseCopy);
    return this.#databaseCopy;
  }

  /** Scans the log, and copies it where that is needed; one that was scanned before and has not changed since is not read. */
  async #readWal(): Promise<void> {
    const { path, checked, stored, live } = this.options;
    const scanned = this.#wal && checked.walOf(`${path}-wal`, this.#wal.identity);
    // Every reset of the log changes its header, whatever the timestamps say.
    const known = this.#wal && (scanned?.header ?? NO_HEADER).equals(this.#wal.header) ? scanned : undefined;
    const identity = this.#wal && known && prefixIdentity(this.#wal.identity, known.end);
    const isStored = identity !== undefined && stored.get(`${path}-wal`) === identity;
    if (known && (isStored || !live)) return this.#copiedWal.goOn(known, isStored);
    await this.#copiedWal.read(this.#wal?.handle, this.#wal?.identity.size ?? 0);
    if (this.#wal && (await this.#isUnchanged(this.#wal)))
      checked.addWal(`${path}-wal`, this.#wal.identity, this.#copiedWal.scanner);
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
    const { handle, header } = database;
    const isSame = (await this.#isUnchanged(database)) && (await readExactly(handle, 0, header.length)).equals(header);
    if (!isSame) throw this.#inconsistent("it was written meanwhile", false);
  }

  /** Whether the captured bytes of the database can be read: it was copied, or has not changed. */
  async #isReadable(): Promise<boolean> {
    if (this.#database === undefined) return false;
    return this.#database.source === this.#databaseCopy || (await this.#isUnchanged(this.#database));
  }

  async #mustHaveNoJournal(): Promise<void> {
    const journal = await this.#open("-journal", 0);
    await this.options.pool.release(journal?.handle);
    if (journal && journal.identity.size > 0)
      throw this.#inconsistent("its rollback journal is in use", !this.options.live);
  }

  async #wasWalReset(): Promise<boolean> {
    const now = await this.#open("-wal", WAL_HEADER_BYTES);
    await this.options.pool.release(now?.handle);
    if (now?.identity.file !== this.#wal?.identity.file) return true;
    const opened = this.#wal?.header ?? NO_HEADER;
    const scanned = this.#copiedWal.scanner.header ?? opened;
    return !opened.equals(scanned) || !opened.equals(now?.header ?? NO_HEADER);
  }

  #inconsistent(reason: string, damage: boolean): InconsistentCapture {
    return new InconsistentCapture(`${this.options.path}: ${reason}`, damage);
  }

  #pathOf(suffix: string): string {
    return join(this.options.dir, `${this.options.path}${suffix}`);
  }

  async #open(suffix: string, headerBytes: number): Promise<OpenFile | undefined> {
    const { pool } = this.options;
    const handle = await pool.openChanging(this.#pathOf(suffix));
    if (handle === undefined) return undefined;
    try {
      const identity = await pool.identify(handle);
      return { handle, identity, header: await readExactly(handle, 0, Math.min(identity.size, headerBytes)) };
    } catch (error) {
      await pool.release(handle);
      throw error;
    }
  }

  async #isUnchanged({ handle, identity }: OpenFile): Promise<boolean> {
    return await this.options.pool.isUnchanged(handle, identity);
  }

  /** The identity counts only when the file has not changed since it was opened. */
  async #file(path: string, source: PieceSource, file: OpenFile): Promise<CaptureFile> {
    const identity = (await this.#isUnchanged(file)) ? prefixIdentity(file.identity, source.size) : undefined;
    return captureFile(path, "anywhere", source, identity);
  }
}
