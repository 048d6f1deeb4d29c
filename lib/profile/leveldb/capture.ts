// `lib/profile/leveldb` reads and checks LevelDB directories and takes captures of live ones. It does not know
// where a profile keeps them. Only `lib/profile` may import it, and `capture.ts` of it only `lib/profile/capture`.
import { type Dirent, fstatSync, readdirSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { type FileIdentity, identifyFile, prefixIdentity } from "../../disk/file-identity.ts";
import { readExactly } from "../../disk/file-source.ts";
import type { CaptureFile } from "../../store.ts";
import { captureFile, DatabaseCapture, heldFile, type PollResult, smallFile } from "../capture/database-capture.ts";
import { InconsistentCapture } from "../capture/errors.ts";
import type { PooledFile } from "../capture/pooled-file.ts";
import { entriesOf } from "../listing.ts";
import { checkLogs } from "./check.ts";
import { checkTables } from "./check-tables.ts";
import { type CheckedVersion, versionKey } from "./checked-version.ts";
import type { TableEntry } from "./format.ts";
import { MAX_CURRENT_BYTES, MAX_MANIFEST_BYTES, manifestOf, parseLevelDbName, replayManifest } from "./manifest.ts";

/** A table, with the name it has in the directory. */
interface HeldTable {
  readonly name: string;
  readonly source: PooledFile;
}

/** A log or manifest, opened before the moment of the capture. */
interface GrowingFile {
  readonly name: string;
  readonly kind: "log" | "manifest";
  readonly number: number;
  readonly handle: FileHandle;
  /** Bytes at the last poll. */
  size: number;
}

/** The capture of a LevelDB directory with its blob directories. */
export class LevelDbCapture extends DatabaseCapture {
  readonly #tables = new Map<number, HeldTable>();
  /** The open logs and manifests by name. */
  readonly #growing = new Map<string, GrowingFile>();
  #current: Buffer = Buffer.alloc(0);

  override async prepare(): Promise<void> {
    for (const { handle } of this.#growing.values()) await this.options.pool.release(handle);
    this.#growing.clear();
    await this.#holdTables();
    await super.prepare();
    await this.refresh();
  }

  /**
   * Opens logs and manifests that LevelDB has begun. Those they replace stay open: together they are still a whole
   * state.
   */
  override async refresh(): Promise<void> {
    this.noteFiles();
    for (const { name } of (await entriesOf(this.#folder)).filter(mayBeFile)) {
      const growing = parseGrowingName(name);
      if (growing === undefined || this.#growing.has(name)) continue;
      const handle = await this.options.pool.openChanging(join(this.#folder, name));
      if (handle) this.#growing.set(name, { ...growing, name, handle, size: 0 });
    }
    this.#current = await this.#readCurrent();
  }

  protected override pollDatabase(): PollResult {
    let changed = false;
    // Manifests first: a log that a manifest names has then grown at least as far as the manifest says.
    for (const file of [...this.#opened("manifest"), ...this.#opened("log")]) {
      const { size } = fstatSync(file.handle.fd);
      changed ||= size !== file.size;
      file.size = size;
    }
    if (this.#hasUnopenedFiles()) return "unprepared";
    return changed ? "changed" : "unchanged";
  }

  override async holdFiles(): Promise<void> {
    await super.holdFiles();
    await this.#holdTables();
  }

  override get newBytes(): number {
    const fresh = [...this.#tables.values()].filter(
      ({ name, source }) => !this.isStored(this.#under(name), source.identity),
    );
    return fresh.reduce((sum, { source }) => sum + source.size, 0);
  }

  override async finish(): Promise<CaptureFile[]> {
    const manifest = this.#growing.get(manifestOf(this.#current) ?? "");
    if (manifest === undefined) throw this.#damage("CURRENT", "it names no manifest that is there");
    const logs = this.#opened("log");
    const identities = new Map([manifest, ...logs].map((file) => [file, this.#unchangedIdentity(file)]));
    const { version, end } = await this.#checkedVersion(manifest, logs, identities);
    const files = [
      smallFile(this.#under("CURRENT"), this.#current),
      this.#growingFile(manifest, version.end, identities.get(manifest)),
    ];
    const tables = [...version.tables.values()].map(({ number, firstKey }) => ({
      ...(this.#tables.get(number) as HeldTable),
      firstKey,
    }));
    await this.#checkTables(tables);
    for (const { name, source } of tables) files.push(heldFile(this.#under(name), source));
    const live = logs.filter(({ number }) => number >= version.logNumber);
    // The last log is cut after its last whole record.
    for (const log of live)
      files.push(this.#growingFile(log, log === live.at(-1) ? end : log.size, identities.get(log)));
    return [...files, ...(await super.finish())];
  }

  /** Checks the manifest and the logs, unless they are as they were when they were checked before. */
  async #checkedVersion(
    manifest: GrowingFile,
    logs: readonly GrowingFile[],
    identities: ReadonlyMap<GrowingFile, FileIdentity | undefined>,
  ): Promise<CheckedVersion> {
    const { path, checked } = this.options;
    const withIdentity = (file: GrowingFile) => ({ number: file.number, identity: identities.get(file) });
    const key = versionKey({
      manifest: withIdentity(manifest),
      logs: logs.map(withIdentity),
      tables: [...this.#tables].map(([number, { source }]) => [number, source.size] as const),
    });
    const known = key === undefined ? undefined : checked.versionOf(path, key);
    if (known) return known;
    const found = await this.#checkVersion(manifest, logs);
    if (key !== undefined) checked.addVersion(path, key, found);
    return found;
  }

  async #checkVersion(manifest: GrowingFile, logs: readonly GrowingFile[]): Promise<CheckedVersion> {
    const { pool } = this.options;
    const available = { tables: this.#tables, logs: new Set(logs.map(({ number }) => number)) };
    if (manifest.size > MAX_MANIFEST_BYTES) throw this.#damage(manifest.name, `it has ${manifest.size} bytes`);
    const bytes = await readExactly(manifest.handle, 0, manifest.size);
    const { scan, version, behind, sequences } = replayManifest(bytes, available);
    if (scan.tail === "damaged") throw this.#damage(manifest.name, scan.reason);
    if (version === undefined) throw this.#damage(manifest.name, behind);
    const live = logs.filter(({ number }) => number >= version.logNumber);
    const sources = live.map(({ name, handle, size }) => ({ name, source: pool.source(handle, size) }));
    const { end, problem } = await checkLogs(sources, version, sequences);
    // When the version is not the manifest's newest, the file that the newest lacks tells more than logs that do not
    // fit.
    if (problem && behind) throw this.#damage(manifest.name, behind);
    if (problem) throw this.#damage(problem.name, problem.reason);
    return { version, end };
  }

  /** The LevelDB directory on disk. */
  get #folder(): string {
    return join(this.options.dir, this.options.path);
  }

  /** The open logs or manifests, by ascending number. */
  #opened(kind: GrowingFile["kind"]): GrowingFile[] {
    return [...this.#growing.values()].filter((file) => file.kind === kind).sort((a, b) => a.number - b.number);
  }

  /** Holds the tables, the newest first: the next compaction deletes those. */
  async #holdTables(): Promise<void> {
    const names = (await entriesOf(this.#folder)).filter(mayBeFile).map(({ name }) => name);
    // Between this look and the next one at the layout, Chromium may wipe the directory together with this file.
    if (names.includes("corruption_info.json")) {
      throw this.#damage("corruption_info.json", "Chromium has found this storage corrupt");
    }
    const tables = names.flatMap((name) => {
      const parsed = parseLevelDbName(name);
      return parsed?.kind === "table" ? [{ name, number: parsed.number }] : [];
    });
    for (const { name, number } of tables.sort((a, b) => b.number - a.number)) {
      const source = await this.hold(this.#under(name));
      if (source) this.#tables.set(number, { name, source });
    }
  }

  /** Whether LevelDB has begun a log or manifest that is not open here. */
  #hasUnopenedFiles(): boolean {
    try {
      const names = readdirSync(this.#folder, { withFileTypes: true })
        .filter(mayBeFile)
        .map(({ name }) => name);
      return names.some((name) => parseGrowingName(name) && !this.#growing.has(name));
    } catch {
      return true;
    }
  }

  async #readCurrent(): Promise<Buffer> {
    const handle = await this.options.pool.openChanging(join(this.#folder, "CURRENT"));
    if (handle === undefined) throw this.#damage("CURRENT", "it is missing");
    try {
      const { size } = await handle.stat();
      if (size > MAX_CURRENT_BYTES) throw this.#damage("CURRENT", "it does not name a manifest");
      return await readExactly(handle, 0, size);
    } finally {
      await this.options.pool.release(handle);
    }
  }

  /** Checks the tables that are neither stored nor checked as they are: tables never change. */
  async #checkTables(tables: readonly (HeldTable & Pick<TableEntry, "firstKey">)[]): Promise<void> {
    const { checked, pool } = this.options;
    const unread: (typeof tables)[number][] = [];
    for (const table of tables) {
      const [path, { identity }] = [this.#under(table.name), table.source];
      if (checked.hasTable(path, identity) || this.isStored(path, identity)) {
        checked.addTable(path, identity, table.firstKey);
      } else unread.push(table);
    }
    const problems = await checkTables(
      unread.map(({ source }) => source),
      () => pool.throwIfAborted(),
    );
    let damage: InconsistentCapture | undefined;
    for (const [index, { name, source, firstKey }] of unread.entries()) {
      const problem = problems[index];
      if (problem) damage ??= this.#damage(name, problem);
      else checked.addTable(this.#under(name), source.identity, firstKey);
    }
    if (damage) throw damage;
  }

  /** The identity of a log or manifest; `undefined` when it has grown since the last poll. */
  #unchangedIdentity({ handle, size }: GrowingFile): FileIdentity | undefined {
    const identity = identifyFile(fstatSync(handle.fd, { bigint: true }));
    return identity.size === size ? identity : undefined;
  }

  /** The first `size` bytes of a log or manifest. */
  #growingFile({ name, handle }: GrowingFile, size: number, identity: FileIdentity | undefined): CaptureFile {
    const source = this.options.pool.source(handle, size);
    return captureFile(this.#under(name), "append", source, identity && prefixIdentity(identity, size));
  }

  #under(name: string): string {
    return `${this.options.path}/${name}`;
  }

  #damage(name: string, reason: string): InconsistentCapture {
    return new InconsistentCapture(`${this.#under(name)}: ${reason}`, true);
  }
}

/** A directory, pipe or socket is no file of the database, whatever its name; a link is refused when it is opened. */
function mayBeFile(entry: Dirent): boolean {
  return entry.isFile() || entry.isSymbolicLink();
}

/** @returns `undefined` for files that are neither log nor manifest */
function parseGrowingName(name: string): Pick<GrowingFile, "kind" | "number"> | undefined {
  const parsed = parseLevelDbName(name);
  if (parsed?.kind !== "log" && parsed?.kind !== "manifest") return undefined;
  return { kind: parsed.kind, number: parsed.number };
}
