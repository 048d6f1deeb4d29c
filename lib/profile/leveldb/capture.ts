import { fstatSync, readdirSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { readExactly } from "../../disk/file-source.ts";
import { BlobFiles } from "../capture/blob-files.ts";
import {
  identified,
  type Part,
  type PartFile,
  type Stored,
  smallFile,
  Unsettled,
} from "../capture/database-capture.ts";
import type { Held, Holder } from "../capture/file-pool.ts";
import { namesOf } from "../files.ts";
import { checkLogs, type LogBytes } from "./check.ts";
import { manifestOf, parseLevelDbName, type Replay, replayManifest } from "./manifest.ts";
import { checkTable } from "./table.ts";

/** A table, with the name it has in the directory. */
interface HeldTable {
  readonly name: string;
  readonly held: Held;
}

/** A log or manifest, followed since before its moment. */
interface Followed {
  readonly name: string;
  readonly number: number;
  readonly handle: FileHandle;
  /** Bytes at the last mark. */
  size: number;
}

/** A LevelDB directory with its blob directories. All paths are relative to the profile. */
export class LevelDbPart implements Part {
  readonly #dir: string;
  readonly #path: string;
  readonly #holder: Holder;
  readonly #stored: Stored;
  readonly #blobs: BlobFiles;
  readonly #tables = new Map<number, HeldTable>();
  /** Tables that were gone through. */
  readonly #checked = new WeakSet<Held>();
  readonly #logs = new Map<number, Followed>();
  readonly #manifests = new Map<string, Followed>();
  #current: Buffer = Buffer.alloc(0);

  constructor(dir: string, path: string, blobDirs: readonly string[], holder: Holder, stored: Stored) {
    this.#dir = dir;
    this.#path = path;
    this.#blobs = new BlobFiles(dir, blobDirs, holder, stored);
    this.#holder = holder;
    this.#stored = stored;
  }

  async prepare(): Promise<void> {
    for (const { handle } of [...this.#logs.values(), ...this.#manifests.values()]) await this.#holder.release(handle);
    this.#logs.clear();
    this.#manifests.clear();
    await this.#holdTables();
    await this.#blobs.prepare();
    await this.follow();
  }

  /** Opens the logs and manifests that LevelDB has turned to. What they replace stays open: it is still a whole state. */
  async follow(): Promise<void> {
    this.#blobs.see();
    for (const name of await namesOf(join(this.#dir, this.#path))) {
      const parsed = parseLevelDbName(name);
      if (parsed?.kind !== "log" && parsed?.kind !== "manifest") continue;
      if (parsed.kind === "log" ? this.#logs.has(parsed.number) : this.#manifests.has(name)) continue;
      const handle = await this.#holder.follow(join(this.#dir, this.#path, name));
      if (handle === undefined) continue;
      const file = { name, number: parsed.number, handle, size: 0 };
      if (parsed.kind === "log") this.#logs.set(parsed.number, file);
      else this.#manifests.set(name, file);
    }
    this.#current = await this.#readCurrent();
  }

  mark(): "same" | "moved" | "unprepared" {
    // The manifest first: a log that it names has come at least as far as it says.
    const manifests = [...this.#manifests.values()];
    const logs = [...this.#logs.values()].sort((a, b) => a.number - b.number);
    let moved = false;
    for (const file of [...manifests, ...logs]) {
      const { size } = fstatSync(file.handle.fd);
      moved ||= size !== file.size;
      file.size = size;
    }
    this.#blobs.forget();
    if (this.#hasNews()) return "unprepared";
    if (moved) return "moved";
    this.#blobs.mark();
    return "same";
  }

  see(): void {
    this.#blobs.see();
  }

  async secure(): Promise<void> {
    await this.#blobs.secure();
    await this.#holdTables();
  }

  async settle(): Promise<PartFile[]> {
    const manifest = this.#manifests.get(manifestOf(this.#current) ?? "");
    if (manifest === undefined) throw new Unsettled(`${this.#path}/CURRENT names no manifest that is there`, true);
    const replay = replayManifest(await readExactly(manifest.handle, 0, manifest.size), {
      table: (number) => this.#tables.get(number)?.held.size,
      log: (number) => this.#logs.has(number),
      logs: [...this.#logs.keys()],
    });
    if (replay.scan.tail === "damaged") throw this.#damage(manifest.name, replay.scan.reason);
    if (replay.version === undefined) throw this.#damage(manifest.name, replay.behind);

    const files: PartFile[] = [
      smallFile(this.#under("CURRENT"), this.#current),
      await this.#cut(manifest, replay.version.end),
    ];
    for (const { number } of replay.version.tables.values()) files.push(await this.#table(number));
    files.push(...(await this.#settleLogs(replay)));

    files.push(...this.#blobs.files());
    return files;
  }

  /** The newest first: they are the ones that the next compaction deletes. */
  async #holdTables(): Promise<void> {
    const names = await namesOf(join(this.#dir, this.#path));
    if (names.includes("corruption_info.json")) {
      throw this.#damage("corruption_info.json", "Chromium has found this store corrupt");
    }
    const tables = names.flatMap((name) => {
      const parsed = parseLevelDbName(name);
      return parsed?.kind === "table" ? [{ name, number: parsed.number }] : [];
    });
    for (const { name, number } of tables.sort((a, b) => b.number - a.number)) {
      const held = await this.#holder.hold(join(this.#dir, this.#path, name), this.#stored.get(this.#under(name)));
      if (held) this.#tables.set(number, { name, held });
    }
  }

  /** Whether LevelDB has turned to another log or manifest since they were opened. */
  #hasNews(): boolean {
    try {
      return readdirSync(join(this.#dir, this.#path)).some((name) => {
        const parsed = parseLevelDbName(name);
        if (parsed?.kind === "log") return !this.#logs.has(parsed.number);
        return parsed?.kind === "manifest" && !this.#manifests.has(name);
      });
    } catch {
      return true;
    }
  }

  async #readCurrent(): Promise<Buffer> {
    const handle = await this.#holder.follow(join(this.#dir, this.#path, "CURRENT"));
    if (handle === undefined) throw this.#damage("CURRENT", "it is missing");
    try {
      const { size } = await handle.stat();
      if (size > 100) throw this.#damage("CURRENT", "it does not name a manifest");
      return await readExactly(handle, 0, size);
    } finally {
      await this.#holder.release(handle);
    }
  }

  async #table(number: number): Promise<PartFile> {
    const { name, held } = this.#tables.get(number) as HeldTable;
    const file = wrap(this.#under(name), "never", held, identified(held.stamp, held.size));
    // A table that is stored was checked when it was; nothing changes it.
    const known = file.identity !== undefined && this.#stored.get(file.path) === file.identity;
    const reason = known || this.#checked.has(held) ? undefined : await checkTable(held);
    if (reason) throw this.#damage(name, reason);
    this.#checked.add(held);
    return file;
  }

  async #settleLogs(replay: Replay): Promise<PartFile[]> {
    const version = replay.version;
    if (version === undefined) return [];
    const live = [...this.#logs.values()].filter(({ number }) => number >= version.logNumber);
    live.sort((a, b) => a.number - b.number);
    const logs: LogBytes[] = [];
    for (const { number, handle, size } of live) logs.push({ number, bytes: await readExactly(handle, 0, size) });
    const report = checkLogs(logs, version, replay.sequences);
    if (report.problem) {
      // Of an older state than the manifest's newest, what it lacks tells more than that the logs do not fit it.
      if (replay.behind) throw this.#damage(manifestOf(this.#current) ?? "", replay.behind);
      throw this.#damage(this.#logs.get(report.problem.number)?.name ?? "", report.problem.reason);
    }
    return await Promise.all(live.map((log) => this.#cut(log, log === live.at(-1) ? report.end : log.size)));
  }

  async #cut(file: Followed, size: number): Promise<PartFile> {
    const stamp = await this.#holder.stamp(file.handle);
    const identity = stamp.size === file.size ? identified(stamp, size) : {};
    return wrap(this.#under(file.name), "append", this.#holder.source(file.handle, size), identity);
  }

  #under(name: string): string {
    return `${this.#path}/${name}`;
  }

  #damage(name: string, reason: string): Unsettled {
    return new Unsettled(`${this.#under(name)}: ${reason}`, true);
  }
}

function wrap(path: string, change: PartFile["change"], source: Held | PartFileSource, identity: object): PartFile {
  return { path, change, size: source.size, read: (at, length) => source.read(at, length), ...identity };
}

type PartFileSource = Pick<PartFile, "size" | "read">;
