import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { uniqueName, writeFully } from "../../disk/durable.ts";
import { diskError, isOutOfDescriptors } from "../../disk/errors.ts";
import { type DescribedPlace, readExactly, readInto } from "../../disk/file-source.ts";
import { noTemporary } from "../../disk/temporary.ts";
import type { PieceSource } from "../pieces.ts";
import { DescriptorUses } from "./descriptor-uses.ts";

/** A range of the spool file, filled from its start. */
export class SpoolRegion implements PieceSource {
  readonly start: number;
  /** Bytes that fit in. */
  readonly capacity: number;
  readonly #handle: FileHandle;
  readonly #uses: DescriptorUses;
  #size = 0;

  /** @param uses of the spool */
  constructor(handle: FileHandle, uses: DescriptorUses, start: number, capacity: number) {
    this.#handle = handle;
    this.#uses = uses;
    this.start = start;
    this.capacity = capacity;
  }

  /** Bytes that were appended. */
  get size(): number {
    return this.#size;
  }

  /** @throws `UNAVAILABLE` when the disk is full. */
  async append(bytes: Buffer): Promise<void> {
    try {
      await writeFully(this.#handle, bytes, this.start + this.#size);
    } catch (cause) {
      throw diskError("copy a file of the profile", cause);
    }
    this.#size += bytes.length;
  }

  /** Drops the bytes after the first `size`. */
  truncate(size: number): void {
    this.#size = Math.min(this.#size, size);
  }

  read(position: number, length: number): Promise<Buffer> {
    return readExactly(this.#handle, this.start + position, length);
  }

  readInto(target: Buffer, position: number): Promise<void> {
    return readInto(this.#handle, target, this.start + position);
  }

  withDescriptor<T>(work: (place: DescribedPlace) => Promise<T>): Promise<T> | undefined {
    return this.#uses.run(this.#handle, this.start, work);
  }
}

/** One private file for the copies that a capture makes. Its name is removed before the first byte is written. */
export class Spool {
  readonly #handle: FileHandle;
  /** Set where an open file cannot be unlinked (Windows). */
  readonly #path: string | undefined;
  readonly #uses = new DescriptorUses();
  #end = 0;

  private constructor(handle: FileHandle, path: string | undefined) {
    this.#handle = handle;
    this.#path = path;
  }

  /**
   * Creates the file beside `near`, else in the temp directory.
   * @throws `UNAVAILABLE` when neither takes it
   */
  static async open(near: string): Promise<Spool> {
    const name = uniqueName(`.${basename(near)}.capture-`);
    let problem: unknown;
    for (const path of [join(dirname(near), name), join(tmpdir(), name)]) {
      try {
        const handle = await open(path, "wx+", 0o600);
        const stays = await unlink(path).then(
          () => false,
          () => true,
        );
        return new Spool(handle, stays ? path : undefined);
      } catch (cause) {
        problem = cause;
      }
    }
    if (isOutOfDescriptors(problem)) throw diskError("copy a file of the profile", problem);
    throw noTemporary(dirname(near), tmpdir(), problem);
  }

  /** An empty region of `capacity` bytes: in the place of `reuse` when that is large enough, else at the end. */
  region(capacity: number, reuse: SpoolRegion | undefined): SpoolRegion {
    if (reuse && reuse.capacity >= capacity)
      return new SpoolRegion(this.#handle, this.#uses, reuse.start, reuse.capacity);
    const start = this.#end;
    this.#end += capacity;
    return new SpoolRegion(this.#handle, this.#uses, start, capacity);
  }

  async close(): Promise<void> {
    await this.#uses.end(this.#handle);
    await this.#handle.close();
    if (this.#path) await unlink(this.#path);
  }
}
