import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { uniqueName, writeFully } from "../../disk/durable.ts";
import { diskError } from "../../disk/errors.ts";
import { readExactly } from "../../disk/file-source.ts";
import type { Source } from "../source.ts";

/** A part of a spool, filled from its start. */
export class Room implements Source {
  readonly start: number;
  readonly capacity: number;
  readonly #handle: FileHandle;
  #size = 0;

  constructor(handle: FileHandle, start: number, capacity: number) {
    this.#handle = handle;
    this.start = start;
    this.capacity = capacity;
  }

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

  /** Forgets what is behind the first `size` bytes. */
  cut(size: number): void {
    this.#size = Math.min(this.#size, size);
  }

  read(position: number, length: number): Promise<Buffer> {
    return readExactly(this.#handle, this.start + position, length);
  }
}

/** One private file that takes what cannot be held by a descriptor. Its name is gone before anything is in it. */
export class Spool {
  readonly #handle: FileHandle;
  /** Set where an open file cannot be unlinked. */
  readonly #path: string | undefined;
  #end = 0;

  private constructor(handle: FileHandle, path: string | undefined) {
    this.#handle = handle;
    this.#path = path;
  }

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
    throw diskError("copy a file of the profile", problem);
  }

  room(capacity: number, over: Room | undefined): Room {
    if (over && over.capacity >= capacity) return new Room(this.#handle, over.start, over.capacity);
    const start = this.#end;
    this.#end += capacity;
    return new Room(this.#handle, start, capacity);
  }

  async close(): Promise<void> {
    await this.#handle.close();
    if (this.#path) await unlink(this.#path);
  }
}
