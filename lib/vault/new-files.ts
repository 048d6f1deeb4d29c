import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { syncFile, writeFully } from "../disk/durable.ts";

const FILE_MODE = 0o600;
const WRITE = constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0);
/** Files that stay open from their creation to their sync: to open a file costs as much as to write it. */
const MOST_OPEN = 64;

/** Bytes of a content, and where in a file they belong. */
export interface Part {
  readonly offset: number;
  readonly bytes: number;
  readonly position: number;
}

/** The files of a profile that is being written. */
export class NewFiles {
  readonly #open = new Map<string, FileHandle>();

  /** Creates an empty file, exclusively: later writes go into this file, never through a link. */
  async create(path: string): Promise<void> {
    const file = await open(path, "wx", FILE_MODE);
    if (this.#open.size < MOST_OPEN) this.#open.set(path, file);
    else await file.close();
  }

  /** Writes parts of `content` into a file that was created. */
  async write(path: string, parts: readonly Part[], content: Buffer): Promise<void> {
    const kept = this.#open.get(path);
    const file = kept ?? (await open(path, WRITE));
    try {
      for (const { offset, bytes, position } of parts) {
        await writeFully(file, content.subarray(offset, offset + bytes), position);
      }
    } finally {
      if (!kept) await file.close();
    }
  }

  /** Brings the bytes of a file to disk. */
  async sync(path: string): Promise<void> {
    const kept = this.#open.get(path);
    if (!kept) return await syncFile(path);
    await kept.sync();
    this.#open.delete(path);
    await kept.close();
  }

  /** Closes what is still open. Never rejects. */
  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.allSettled(open.map((file) => file.close()));
  }
}
