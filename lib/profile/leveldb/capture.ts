// `lib/profile/leveldb` reads and checks LevelDB directories and takes captures of live ones. It does not know
// where a profile keeps them. Only `lib/profile` may import it, and `capture.ts` of it only `lib/profile/capture`.
import { fstatSync, readdirSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { readExactly } from "../../disk/file-source.ts";
import { BlobFiles } from "../capture/blob-files.ts";
import {
  type DatabaseCapture,
  type DatabaseFile,
  databaseFile,
  type PollResult,
  type StoredIdentities,
  smallFile,
} from "../capture/database-capture.ts";
import { InconsistentCapture } from "../capture/errors.ts";
import type { FilePool, PooledFile } from "../capture/file-pool.ts";
import type { CheckedFiles } from "../checked-files.ts";
import { prefixIdentity } from "../file-identity.ts";
import { namesOf } from "../listing.ts";
import { checkLogs, type LogBytes } from "./check.ts";
import { manifestOf, parseLevelDbName, type Replay, replayManifest } from "./manifest.ts";
import { checkTable } from "./table.ts";

/** `CURRENT` holds one file name; more bytes than this are damage. */
const MAX_CURRENT_BYTES = 100;

/** A table, with the name it has in the directory. */
interface HeldTable {
  readonly name: string;
  readonly held: PooledFile;
}

/** A log or manifest, opened before the moment of the capture. */
interface GrowingFile {
  readonly name: string;
  readonly number: number;
  readonly handle: FileHandle;
  /** Bytes at the last poll. */
  size: number;
}

/** What the capture of a LevelDB is taken of. Paths are relative to the profile at `dir`. */
export interface LevelDbCaptureOptions {
  readonly dir: string;
  /** The LevelDB directory. */
  readonly path: string;
  /** Directories of blob files that belong to it. */
  readonly blobs: readonly string[];
  readonly pool: FilePool;
  readonly stored: StoredIdentities;
  readonly checked: CheckedFiles;
}

/** The capture of a LevelDB directory with its blob directories. */
export class LevelDbCapture implements DatabaseCapture {
  /** The LevelDB directory on disk. */
  readonly #folder: string;
  readonly #path: string;
  readonly #pool: FilePool;
  readonly #stored: StoredIdentities;
  readonly #blobs: BlobFiles;
  readonly #tables = new Map<number, HeldTable>();
  /** Tables whose checksums were verified, by this capture or before. */
  readonly #checked: CheckedFiles;
  readonly #logs = new Map<number, GrowingFile>();
  readonly #manifests = new Map<string, GrowingFile>();
  #current: Buffer = Buffer.alloc(0);

  constructor({ dir, path, blobs, pool, stored, checked }: LevelDbCaptureOptions) {
    this.#folder = join(dir, path);
    this.#path = path;
    this.#blobs = new BlobFiles(dir, blobs, pool, stored);
    this.#pool = pool;
    this.#stored = stored;
    this.#checked = checked;
  }

  async prepare(): Promise<void> {
    for (const { handle } of [...this.#logs.values(), ...this.#manifests.values()]) await this.#pool.release(handle);
    this.#logs.clear();
    this.#manifests.clear();
    await this.#holdTables();
    await this.#blobs.prepare();
    await this.refresh();
  }

  /**
   * Opens logs and manifests that LevelDB has begun. Those they replace stay open: together they are still a whole
   * state.
   */
  async refresh(): Promise<void> {
    this.#blobs.noteFiles();
    for (const name of await namesOf(this.#folder)) {
      const parsed = parseLevelDbName(name);
      if (parsed?.kind !== "log" && parsed?.kind !== "manifest") continue;
      if (parsed.kind === "log" ? this.#logs.has(parsed.number) : this.#manifests.has(name)) continue;
      const handle = await this.#pool.openChanging(join(this.#folder, name));
      if (handle === undefined) continue;
      const file = { name, number: parsed.number, handle, size: 0 };
      if (parsed.kind === "log") this.#logs.set(parsed.number, file);
      else this.#manifests.set(name, file);
    }
    this.#current = await this.#readCurrent();
  }

  poll(): PollResult {
    // Manifests first: a log that a manifest names has then grown at least as far as the manifest says.
    const manifests = [...this.#manifests.values()];
    const logs = [...this.#logs.values()].sort((a, b) => a.number - b.number);
    let changed = false;
    for (const file of [...manifests, ...logs]) {
      const { size } = fstatSync(file.handle.fd);
      changed ||= size !== file.size;
      file.size = size;
    }
    this.#blobs.clearList();
    if (this.#hasUnopenedFiles()) return "unprepared";
    if (changed) return "changed";
    this.#blobs.list();
    return "unchanged";
  }

  noteFiles(): void {
    this.#blobs.noteFiles();
  }

  async holdFiles(): Promise<void> {
    await this.#blobs.holdFiles();
    await this.#holdTables();
  }

  async finish(): Promise<DatabaseFile[]> {
    const manifest = this.#manifests.get(manifestOf(this.#current) ?? "");
    if (manifest === undefined) throw this.#damage("CURRENT", "it names no manifest that is there");
    const replay = replayManifest(await readExactly(manifest.handle, 0, manifest.size), {
      table: (number) => this.#tables.get(number)?.held.size,
      log: (number) => this.#logs.has(number),
      logs: [...this.#logs.keys()],
    });
    if (replay.scan.tail === "damaged") throw this.#damage(manifest.name, replay.scan.reason);
    if (replay.version === undefined) throw this.#damage(manifest.name, replay.behind);

    const files: DatabaseFile[] = [
      smallFile(this.#under("CURRENT"), this.#current),
      await this.#growingFile(manifest, replay.version.end),
    ];
    for (const { number } of replay.version.tables.values()) files.push(await this.#table(number));
    files.push(...(await this.#liveLogs(replay)));

    files.push(...this.#blobs.files());
    return files;
  }

  /** Holds the tables, the newest first: the next compaction deletes those. */
  async #holdTables(): Promise<void> {
    const names = await namesOf(this.#folder);
    if (names.includes("corruption_info.json")) {
      throw this.#damage("corruption_info.json", "Chromium has found this storage corrupt");
    }
    const tables = names.flatMap((name) => {
      const parsed = parseLevelDbName(name);
      return parsed?.kind === "table" ? [{ name, number: parsed.number }] : [];
    });
    for (const { name, number } of tables.sort((a, b) => b.number - a.number)) {
      const held = await this.#pool.hold(join(this.#folder, name), this.#stored.get(this.#under(name)));
      if (held) this.#tables.set(number, { name, held });
    }
  }

  /** Whether LevelDB has begun a log or manifest that is not open here. */
  #hasUnopenedFiles(): boolean {
    try {
      return readdirSync(this.#folder).some((name) => {
        const parsed = parseLevelDbName(name);
        if (parsed?.kind === "log") return !this.#logs.has(parsed.number);
        return parsed?.kind === "manifest" && !this.#manifests.has(name);
      });
    } catch {
      return true;
    }
  }

  async #readCurrent(): Promise<Buffer> {
    const handle = await this.#pool.openChanging(join(this.#folder, "CURRENT"));
    if (handle === undefined) throw this.#damage("CURRENT", "it is missing");
    try {
      const { size } = await handle.stat();
      if (size > MAX_CURRENT_BYTES) throw this.#damage("CURRENT", "it does not name a manifest");
      return await readExactly(handle, 0, size);
    } finally {
      await this.#pool.release(handle);
    }
  }

  async #table(number: number): Promise<DatabaseFile> {
    const { name, held } = this.#tables.get(number) as HeldTable;
    const file = databaseFile(this.#under(name), "never", held, prefixIdentity(held.identity, held.size));
    // A stored table was checked before it was stored, and tables never change.
    const isStored = file.identity !== undefined && this.#stored.get(file.path) === file.identity;
    const isChecked = isStored || this.#checked.hasTable(file.path, held.identity);
    const reason = isChecked ? undefined : await checkTable(held);
    if (reason) throw this.#damage(name, reason);
    this.#checked.addTable(file.path, held.identity);
    return file;
  }

  /** The logs that the version needs, checked, the last one cut after its last whole record. */
  async #liveLogs(replay: Replay): Promise<DatabaseFile[]> {
    const version = replay.version;
    if (version === undefined) return [];
    const live = [...this.#logs.values()].filter(({ number }) => number >= version.logNumber);
    live.sort((a, b) => a.number - b.number);
    const logs: LogBytes[] = [];
    for (const { number, handle, size } of live) logs.push({ number, bytes: await readExactly(handle, 0, size) });
    const report = checkLogs(logs, version, replay.sequences);
    if (report.problem) {
      // When the version is not the manifest's newest, the file that the newest lacks tells more than logs that do not
      // fit.
      if (replay.behind) throw this.#damage(manifestOf(this.#current) ?? "", replay.behind);
      throw this.#damage(this.#logs.get(report.problem.number)?.name ?? "", report.problem.reason);
    }
    return await Promise.all(live.map((log) => this.#growingFile(log, log === live.at(-1) ? report.end : log.size)));
  }

  /** The first `size` bytes of a log or manifest. */
  async #growingFile(file: GrowingFile, size: number): Promise<DatabaseFile> {
    const now = await this.#pool.identify(file.handle);
    const identity = now.size === file.size ? prefixIdentity(now, size) : undefined;
    return databaseFile(this.#under(file.name), "append", this.#pool.source(file.handle, size), identity);
  }

  #under(name: string): string {
    return `${this.#path}/${name}`;
  }

  #damage(name: string, reason: string): InconsistentCapture {
    return new InconsistentCapture(`${this.#under(name)}: ${reason}`, true);
  }
}
