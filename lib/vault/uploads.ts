import { type ChunkAddress, chunkKey } from "./layout.ts";
import type { Chunk, Piece } from "./manifest.ts";

/** The chunk that holds a piece, and where in it the piece begins. */
export type Location = Pick<Piece, "chunk" | "offset">;

/**
 * The uploads of one holder in its folder: pieces that a later save can refer to, and keys that no save may refer to.
 *
 * Once a delete of a key was sent, the key is not used again: the delete may be given up, and take effect after the same
 * content was uploaded anew. The new upload gets another key.
 */
export class Uploads {
  readonly #session: string;
  readonly #folder: string;
  readonly #pieces = new Map<string, Location>();
  /** By chunk id: how many of its keys were given up. */
  readonly #givenUp = new Map<string, number>();

  constructor(session: string, folder: string) {
    this.#session = session;
    this.#folder = folder;
  }

  /** The location of the piece, when this holder has uploaded it. */
  find(hash: string): Location | undefined {
    return this.#pieces.get(hash);
  }

  /** The address to upload content to. */
  address(id: string): ChunkAddress {
    return { id, folder: this.#folder, alt: this.#givenUp.get(id) ?? 0 };
  }

  /** Remembers a chunk that was stored. */
  add(chunk: Chunk, pieces: Iterable<Pick<Piece, "hash" | "offset">>): void {
    for (const { hash, offset } of pieces) this.#pieces.set(hash, { chunk, offset });
  }

  /** Gives keys up. To be called before a delete of `keys` is sent. */
  giveUp(keys: Iterable<string>): void {
    const gone = new Set(keys);
    for (const [hash, { chunk }] of this.#pieces) {
      if (gone.has(chunkKey(this.#session, chunk))) this.#pieces.delete(hash);
    }
    for (const key of gone) {
      const [id = "", alt = "0"] = (key.split("/").at(-1) ?? "").split(".");
      if (key === chunkKey(this.#session, { id, folder: this.#folder, alt: Number(alt) })) {
        this.#givenUp.set(id, Math.max(this.#givenUp.get(id) ?? 0, Number(alt) + 1));
      }
    }
  }
}
