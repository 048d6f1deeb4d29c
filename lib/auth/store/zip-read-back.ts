import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { differenceOf } from "../../archive/compare-files.ts";
import { unzip } from "../../archive/unzip.ts";
import { safeMessage } from "../../errors.ts";
import type { CaptureFile } from "../../store.ts";
import { WrittenFiles } from "./written-files.ts";

export interface ZipReadBackOptions {
  /** The zip that the store was given. */
  readonly zip: { readonly path: string; readonly sha256: string };
  /** What is read goes to new files whose paths begin so. */
  readonly prefix: string;
  /** Asks the store to write its zip to one of the files. */
  readonly read: (files: WrittenFiles, signal: AbortSignal) => Promise<void>;
}

/**
 * Whether a store returns the zip that it was given. Each look asks for it anew, at a path of its own: a store may resolve
 * before it has written all of it, and is then seen to have done so at a later look.
 */
export class ZipReadBack {
  readonly #options: ZipReadBackOptions;
  readonly #written: WrittenFiles;
  /** Hashes of zips with other content. */
  readonly #others = new Set<string>();

  constructor(options: ZipReadBackOptions) {
    this.#options = options;
    this.#written = new WrittenFiles(options.prefix);
  }

  /** @returns what is wrong, as a clause; `undefined` when the store has returned the zip, or one with the same files */
  async look(signal: AbortSignal): Promise<string | undefined> {
    const failure = await this.#options.read(this.#written, signal).then(
      () => undefined,
      (error: unknown) => `its extract failed: ${safeMessage(error).replace(/\.$/, "")}`,
    );
    signal.throwIfAborted();
    let found = false;
    for (const path of this.#written.paths) {
      const sha256 = await sha256Of(path).catch(() => undefined);
      if (sha256 === this.#options.zip.sha256) return undefined;
      found ||= sha256 !== undefined;
      if (sha256 !== undefined && (await this.#hasTheSameFiles(path, sha256, signal))) return undefined;
    }
    return failure ?? (found ? "its extract wrote another zip" : "its extract wrote no file");
  }

  /** Removes the files, and those that the store writes later once it has ended. Never rejects. */
  async close(): Promise<void> {
    await this.#written.close();
    for (const path of [this.#unpackedAt("returned"), this.#unpackedAt("given")]) {
      await rm(path, { force: true, recursive: true }).catch(() => undefined);
    }
  }

  /** A store may pack the files anew. */
  async #hasTheSameFiles(path: string, sha256: string, signal: AbortSignal): Promise<boolean> {
    if (this.#others.has(sha256)) return false;
    try {
      const returned = await this.#unpacked(path, "returned", signal);
      const given = await this.#unpacked(this.#options.zip.path, "given", signal);
      if ((await differenceOf(returned, given, signal)) === undefined) return true;
    } catch {
      // A zip that is cut short has another hash when it is whole.
      signal.throwIfAborted();
    }
    this.#others.add(sha256);
    return false;
  }

  async #unpacked(path: string, name: string, signal: AbortSignal): Promise<readonly CaptureFile[]> {
    const into = this.#unpackedAt(name);
    await rm(into, { force: true, recursive: true });
    return (await unzip(path, into, { signal })).files;
  }

  #unpackedAt(name: string): string {
    return `${this.#options.prefix}${name}`;
  }
}

/** @throws the error of the disk, e.g. when there is no file */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
