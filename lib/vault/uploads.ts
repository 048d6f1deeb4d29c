import { type ChunkAddress, chunkKey } from "./layout.ts";
import type { Chunk, Piece } from "./manifest.ts";

/** Where a piece is stored. */
export type Location = Pick<Piece, "chunk" | "offset">;

/**
 * What the holder of one epoch has uploaded in it: pieces that a later save can refer to, and keys that none may.
 *
 * Once a delete of a key was sent, that key is never relied on again: the delete may have been given up and arrive after
 * the same content was uploaded anew. The new upload gets another key.
 */
export class Uploads {
  readonly #session: string;
  readonly #epoch: number;
  readonly #pieces = new Map<string, Location>();
  /** By chunk id: how many of its keys were given up. */
  readonly #givenUp = new Map<string, number>();

  constructor(session: string, epoch: number) {
    this.#session = session;
    this.#epoch = epoch;
  }

  /** Where the piece lies, when this epoch has uploaded it. */
  find(hash: string): Location | undefined {
    return this.#pieces.get(hash);
  }

  /** The address to upload content to. */
  address(id: string): ChunkAddress {
    return { id, epoch: this.#epoch, alt: this.#givenUp.get(id) ?? 0 };
  }

  /** Remembers a chunk that was stored. */
  add(chunk: Chunk, pieces: Iterable<Pick<Piece, "hash" | "offset">>): void {
    for (const { hash, offset } of pieces) this.#pieces.set(hash, { chunk, offset });
  }

  /** Must be called before a delete of `keys` is sent. */
  giveUp(keys: Iterable<string>): void {
    const gone = new Set(keys);
    for (const [hash, { chunk }] of this.#pieces) {
      if (gone.has(chunkKey(this.#session, chunk))) this.#pieces.delete(hash);
    }
    for (const key of gone) {
      const [id = "", alt = "0"] = (key.split("/").at(-1) ?? "").split(".");
      if (key === chunkKey(this.#session, { id, epoch: this.#epoch, alt: Number(alt) })) {
        this.#givenUp.set(id, Math.max(this.#givenUp.get(id) ?? 0, Number(alt) + 1));
      }
    }
  }
}
