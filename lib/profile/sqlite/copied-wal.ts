import type { FileHandle } from "node:fs/promises";
import { readExactly } from "../../disk/file-source.ts";
import type { Holder } from "../capture/file-pool.ts";
import type { Room } from "../capture/spool.ts";
import { COPY_BYTES, joined, type Source } from "../source.ts";
import { WalScanner } from "./wal.ts";

/** What was read of a write-ahead log, and its commits: copied where it may start over while they are needed. */
export class CopiedLog {
  readonly #holder: Holder;
  readonly #isCopied: boolean;
  #room: Room | undefined;
  /** Commits that came after the log was copied. */
  #laterRooms: Room[] = [];
  #scanner: WalScanner = new WalScanner();

  constructor(holder: Holder, isCopied: boolean) {
    this.#holder = holder;
    this.#isCopied = isCopied;
  }

  get scanner(): WalScanner {
    return this.#scanner;
  }

  /** The copy; `undefined` when there is none. */
  get source(): Source | undefined {
    if (!this.#isCopied || this.#room === undefined) return undefined;
    return this.#laterRooms.reduce<Source>((all, room) => joined(all, room), this.#room);
  }

  /** Reads the log from its start, as far as its frames are whole within its first `size` bytes. */
  async read(handle: FileHandle | undefined, size: number): Promise<void> {
    const scanner = new WalScanner();
    this.#scanner = scanner;
    this.#laterRooms = [];
    if (handle === undefined) return;
    if (this.#isCopied) this.#room = await this.#holder.room(size, this.#room);
    for (let taken = 1; taken > 0 && scanner.next < size; ) {
      this.#holder.mustGoOn();
      const piece = Buffer.allocUnsafe(Math.min(COPY_BYTES, size - scanner.next));
      const { bytesRead } = await handle.read(piece, 0, piece.length, scanner.next);
      taken = scanner.feed(piece.subarray(0, bytesRead));
      await this.#room?.append(piece.subarray(0, taken));
    }
    this.#room?.cut(scanner.end);
  }

  /** Copies the commits that the scanner has met since. */
  async catchUp(handle: FileHandle): Promise<void> {
    const copied = this.source?.size ?? 0;
    if (!this.#isCopied || copied >= this.#scanner.end) return;
    const room = await this.#holder.room(this.#scanner.end - copied);
    while (room.size < room.capacity) {
      const length = Math.min(COPY_BYTES, room.capacity - room.size);
      await room.append(await readExactly(handle, copied + room.size, length));
    }
    this.#laterRooms.push(room);
  }
}
