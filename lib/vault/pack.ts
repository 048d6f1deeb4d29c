import { asBuffer, discard } from "../async/memory.ts";
import { blocks } from "./blocks.ts";

/** Smaller pieces are copied into chunks that they share. Most such chunks have little in them: they begin with so much memory. */
export const ALONE_BYTES: number = 512 * 1024;

/**
 * So many bytes of larger pieces a later save copies into shared chunks, too, as long as two of them fit. The rest, and all
 * of a first save, are chunks of their own: they need half the memory on their way, and leave no waste behind.
 */
export const SHARED_BYTES: number = 24 * 1024 * 1024;
/** The most bytes of a chunk that pieces share in a first save: as many as most tables have. Each is in memory several times. */
export const FIRST_PACK_BYTES: number = 2 * 1024 * 1024;

/** The content of a chunk that several pieces share, in the order in which they are added. */
export class Pack<Piece extends { offset: number }> {
  readonly pieces: Piece[] = [];
  readonly #capacity: number;
  #memory: Buffer = Buffer.alloc(0);
  #used = 0;

  /** @param capacity the most bytes that it takes */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get bytes(): number {
    return this.#used;
  }

  /** All that was added. The memory is one of `blocks`, unless it is small. */
  get content(): Buffer {
    return this.#memory.subarray(0, this.#used);
  }

  /** Whether it takes so many bytes more. */
  hasRoom(bytes: number): boolean {
    return this.#used + bytes <= this.#capacity;
  }

  /** Copies the content of a piece, and sets where it begins. To be called when it {@link hasRoom}. */
  add(piece: Piece, content: Buffer): void {
    const needed = this.#used + content.length;
    if (needed > this.#memory.length) {
      const isSmall = needed <= ALONE_BYTES && ALONE_BYTES < this.#capacity;
      const larger = isSmall ? Buffer.allocUnsafe(ALONE_BYTES) : asBuffer(blocks.take(this.#capacity));
      this.#memory.copy(larger, 0, 0, this.#used);
      discard(this.#memory);
      this.#memory = larger;
    }
    piece.offset = this.#used;
    content.copy(this.#memory, this.#used);
    this.#used = needed;
    this.pieces.push(piece);
  }
}
