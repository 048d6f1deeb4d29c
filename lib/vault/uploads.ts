import { type ChunkAddress, chunkFolder, chunkKey } from "./layout.ts";
import type { Chunk, Piece } from "./manifest.ts";

/** The chunk that holds a piece, and where in it the piece begins. */
export type Location = Pick<Piece, "chunk" | "offset">;

/**
 * The uploads of one holder in its folder: pieces that a later save can refer to, and the keys of new ones.
 *
 * Once a delete of a key was sent, the key is not used again: the delete may be given up, and take effect after the same
 * content was uploaded anew. So all uploads after a delete get keys that no upload before it had. (To remember which keys
 * were deleted would take ever more memory.)
 */
export class Uploads {
  readonly #session: string;
  readonly #folder: string;
  readonly #pieces = new Map<string, Location>();
  /** How often keys of this holder were given up, or not to be used again. */
  #alt = 0;

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
    return { id, folder: this.#folder, alt: this.#alt };
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
    if ([...gone].some((key) => chunkFolder(this.#session, key) === this.#folder)) this.renew();
  }

  /** From now on uploads get keys that no upload before them had, also of equal contents. */
  renew(): void {
    this.#alt++;
  }
}
