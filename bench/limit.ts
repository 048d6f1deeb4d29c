import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { isMissing } from "../lib/disk/errors.ts";
import { compressedBytes } from "./compressed-bytes.ts";
import type { Contender } from "./contenders.ts";
import type { Traffic } from "./counting-blobs.ts";
import { type FileFacts, filesBelow, isSame, storageParts } from "./tree.ts";

/** A file as it was saved. */
interface Kept extends FileFacts {
  /** Where its bytes begin in the file of the session. */
  readonly position: number;
  readonly hash: string;
}

const buffer = Buffer.allocUnsafeSlow(1 << 20);

/**
 * The least work that any strategy could do to keep the same bytes: copies those that have changed into one file, hashes
 * them with SHA-256, and syncs once. It compresses nothing, checks nothing, and keeps no consistent state.
 */
export class Limit implements Contender {
  readonly #directory: string;
  readonly #dataPath: string;
  readonly #traffic: Traffic;
  readonly #saved = new Map<string, Map<string, Kept>>();
  /** The files of the last save, of one session: all have the same. */
  #changed: readonly string[] = [];

  /** @param directory where the sessions are kept */
  constructor(directory: string, dataPath: string, traffic: Traffic) {
    this.#directory = directory;
    this.#dataPath = dataPath;
    this.#traffic = traffic;
  }

  async save(id: string): Promise<void> {
    const profile = this.#profile(id);
    const before = this.#saved.get(id);
    const kept = new Map<string, Kept>();
    const changed: string[] = [];
    for (const [path, file] of filesBelow(profile, storageParts)) {
      const known = before?.get(path);
      if (known && isSame(known, file)) kept.set(path, known);
      else changed.push(path);
    }
    this.#changed = changed.map((path) => join(profile, path));
    if (changed.length === 0) return;
    mkdirSync(this.#directory, { recursive: true });
    const pack = openSync(this.#place(id, "pack"), "a");
    for (const path of changed) {
      const file = append(join(profile, path), pack);
      if (file === undefined) continue;
      kept.set(path, file);
      this.#traffic.bytesSent += file.size;
    }
    this.#saved.set(id, kept);
    writeFileSync(this.#place(id, "json"), JSON.stringify([...kept]));
    fsyncSync(pack);
    closeSync(pack);
  }

  /** Restores all files; looks at them only, when they are there. */
  async start(id: string): Promise<void> {
    const profile = this.#profile(id);
    if (filesBelow(profile, storageParts).size > 0) return;
    const kept = JSON.parse(readFileSync(this.#place(id, "json"), "utf8")) as [string, Kept][];
    const pack = openSync(this.#place(id, "pack"), "r");
    for (const [path, { position, size, hash }] of kept) {
      mkdirSync(dirname(join(profile, path)), { recursive: true });
      const file = openSync(join(profile, path), "w");
      if (copy(pack, position, size, file).hash !== hash) throw new Error(`${path} is not what was saved.`);
      closeSync(file);
      this.#traffic.bytesReceived += size;
    }
    closeSync(pack);
    spawnSync("sync", ["-f", profile], { stdio: "ignore" });
  }

  /** Of the last save. */
  async compressedBytes(sessions: number): Promise<number> {
    return sessions * (await compressedBytes(this.#changed));
  }

  async close(): Promise<void> {}

  #profile(id: string): string {
    return join(this.#dataPath, `RemoteAuth-${id}`);
  }

  #place(id: string, kind: "pack" | "json"): string {
    return join(this.#directory, `${id}.${kind}`);
  }
}

/** @returns `undefined` for a file that a running browser has deleted meanwhile */
function append(path: string, pack: number): Kept | undefined {
  try {
    const file = openSync(path, "r");
    const { mtimeMs } = fstatSync(file);
    const position = fstatSync(pack).size;
    const copied = copy(file, 0, Number.POSITIVE_INFINITY, pack);
    closeSync(file);
    return { mtimeMs, position, ...copied };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Copies `size` bytes from `position` on, or what there is of them. */
function copy(from: number, position: number, size: number, to: number): { size: number; hash: string } {
  const hash = createHash("sha256");
  let done = 0;
  while (done < size) {
    const read = readSync(from, buffer, 0, Math.min(buffer.length, size - done), position + done);
    if (read === 0) break;
    const piece = buffer.subarray(0, read);
    hash.update(piece);
    writeSync(to, piece);
    done += read;
  }
  return { size: done, hash: hash.digest("hex") };
}
