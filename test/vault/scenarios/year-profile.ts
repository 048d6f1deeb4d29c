import { createCipheriv, createHash } from "node:crypto";
import type { Capture, CaptureFile } from "../../../lib/store.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";

/** Bytes that follow from a seed. */
interface Part {
  readonly bytes: number;
  seed: number;
  content?: Buffer | undefined;
}

/** A file of the simulated profile. */
interface SimulatedFile {
  readonly change: CaptureFile["change"];
  readonly parts: Part[];
  /** Raised by every change. */
  version: number;
}

/** Shares of the profile: tables of LevelDB, pages of SQLite, files that never change. */
const SHARES = { tables: 0.6, pages: 0.25, rest: 0.15 };
const PAGE_BYTES = 8192;
/** How much the log grows from save to save, as a share of the profile, on average. */
const GROWTH = 0.001;
/** How many pages of SQLite change from save to save. */
const PAGES = 3;

/**
 * A profile of a fixed size whose content changes as Chromium changes it: logs grow and become tables, tables are merged
 * into new ones, pages of a database change in place. No two seeds make the same bytes, and the bytes do not compress, so
 * what is stored is not less than it would be for a real profile of this size.
 */
export class SimulatedProfile {
  readonly #bytes: number;
  readonly #tableBytes: number;
  readonly #files = new Map<string, SimulatedFile>();
  #seed = 1;
  #names = 3;

  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#tableBytes = Math.min(2 * 1024 * 1024, Math.ceil(bytes / 20));
    for (let left = bytes * SHARES.tables; left > 0; left -= this.#tableBytes) this.#addTable(this.#tableBytes);
    this.#files.set("Default/IndexedDB/log.log", { change: "append", parts: [], version: 0 });
    const pages = Math.max(PAGES, Math.round((bytes * SHARES.pages) / PAGE_BYTES));
    this.#add(
      "Default/database",
      "anywhere",
      Array.from({ length: pages }, () => PAGE_BYTES),
    );
    this.#add("Default/blob.ldb", "never", [Math.round(bytes * SHARES.rest)]);
  }

  /** Bytes of all files. */
  get bytes(): number {
    return [...this.#files.values()].flatMap(({ parts }) => parts).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** What happens between two saves. */
  change(): void {
    const log = this.#file("Default/IndexedDB/log.log");
    log.parts.push({ seed: ++this.#seed, bytes: Math.ceil(this.#bytes * GROWTH * (0.5 + this.#random())) });
    log.version++;
    if (sizeOf(log) >= this.#tableBytes) {
      this.#addTable(sizeOf(log));
      log.parts.length = 0;
      this.#merge();
    }
    const database = this.#file("Default/database");
    for (let page = 0; page < PAGES; page++) {
      const part = database.parts[Math.floor(this.#random() * database.parts.length)];
      if (part) Object.assign(part, { seed: ++this.#seed, content: undefined });
    }
    database.version++;
  }

  capture(): Capture {
    const base = captureOf(profileFiles(String(this.#seed)));
    const files = [...this.#files].map(([path, file]): CaptureFile => {
      let content: Buffer | undefined;
      return {
        path,
        size: sizeOf(file),
        change: file.change,
        identity: `${path} ${file.version}`,
        read: async (position, length) => {
          content ??= Buffer.concat(file.parts.map(contentOf));
          return content.subarray(position, position + length);
        },
      };
    });
    return { ...base, files: [...base.files, ...files] };
  }

  /** A digest of all files, to compare with a restored profile. */
  async digests(): Promise<Record<string, string>> {
    const digests: Record<string, string> = {};
    for (const { path, size, read } of this.capture().files) {
      digests[path] = createHash("sha256")
        .update(await read(0, size))
        .digest("hex");
    }
    return digests;
  }

  /** Merges the oldest tables into new ones, as long as the tables take more than their share. */
  #merge(): void {
    const tables = [...this.#files].filter(([path]) => path.includes("/table "));
    const total = tables.reduce((sum, [, file]) => sum + sizeOf(file), 0);
    if (total <= this.#bytes * SHARES.tables) return;
    const begin = Math.floor(this.#random() * Math.max(1, tables.length - 4));
    const merged = tables.slice(begin, begin + 4);
    let left = merged.reduce((sum, [, file]) => sum + sizeOf(file), 0) - (total - this.#bytes * SHARES.tables);
    for (const [path] of merged) this.#files.delete(path);
    for (; left > 0; left -= this.#tableBytes) this.#addTable(Math.min(left, this.#tableBytes));
  }

  #addTable(bytes: number): void {
    this.#add(`Default/IndexedDB/table ${++this.#names}.ldb`, "never", [Math.ceil(bytes)]);
  }

  #add(path: string, change: CaptureFile["change"], parts: readonly number[]): void {
    this.#files.set(path, { change, version: 0, parts: parts.map((bytes) => ({ seed: ++this.#seed, bytes })) });
  }

  #file(path: string): SimulatedFile {
    const file = this.#files.get(path);
    if (!file) throw new Error(`no ${path}`);
    return file;
  }

  /** From 0 to 1; follows from the changes so far. */
  #random(): number {
    return bytesOf(++this.#seed, 4).readUInt32LE() / 2 ** 32;
  }
}

function sizeOf({ parts }: SimulatedFile): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

function contentOf(part: Part): Buffer {
  part.content ??= bytesOf(part.seed, part.bytes);
  return part.content;
}

/** Bytes that follow from the seed, and look random. */
function bytesOf(seed: number, bytes: number): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(seed, 0);
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), iv).update(Buffer.alloc(bytes));
}
