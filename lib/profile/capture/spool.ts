import { randomBytes } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { diskError } from "../../disk/errors.ts";
import { VaultError } from "../../errors.ts";
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
      for (let done = 0; done < bytes.length; ) {
        const at = this.start + this.#size + done;
        done += (await this.#handle.write(bytes, done, bytes.length - done, at)).bytesWritten;
      }
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
    const name = `.${basename(near)}.capture-${randomBytes(6).toString("hex")}`;
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

/** @throws `CORRUPT` when the file ends before. */
export async function readExactly(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0)
      throw new VaultError("CORRUPT", "Could not read a file of the profile: it has become shorter.");
    done += bytesRead;
  }
  return bytes;
}
