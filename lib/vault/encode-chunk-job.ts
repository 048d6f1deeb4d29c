import type { KeyObject } from "node:crypto";
import { asBuffer, ownBuffers } from "../async/memory.ts";
import type { Job } from "../async/threads/job.ts";
import { encodeFrame, placeOf, type Seal } from "./frame.ts";
import { hashOf } from "./hash.ts";
import { blockingZstd } from "./zstd.ts";

/** A chunk to be named, compressed, encrypted and framed. */
export interface ChunkToEncode {
  readonly session: string;
  /** Moves to the thread and back. */
  readonly content: Uint8Array;
  /** The id that the content must have; `undefined` when it is not known. */
  readonly id: string | undefined;
  /** The key of the HMAC; without one the id is a SHA-256. */
  readonly hashKey: KeyObject | undefined;
  /** What encrypts, but for the place, which the id names. */
  readonly seal: Omit<Seal, "place"> | undefined;
}

export interface EncodedChunk {
  readonly id: string;
  readonly frame: Uint8Array;
  /** The content, which is of no use any more but for its memory. */
  readonly content: Uint8Array;
}

/** The id and the frame of a chunk. @throws when the content has another id: what was read before was changed since */
export const job: Job<ChunkToEncode, EncodedChunk> = {
  module: import.meta.url,
  run: async ({ session, content, id: expected, hashKey, seal }) => {
    const plain = asBuffer(content);
    const id = hashOf(plain, hashKey);
    if (expected !== undefined && id !== expected) throw new Error(`the content of chunk ${expected} was changed`);
    const placed = seal && sealFor(seal, placeOf(session, id));
    return { id, frame: await encodeFrame("chunk", plain, placed, { zstd: blockingZstd }), content };
  },
  movedIn: ({ content }) => ownBuffers(content),
  movedOut: ({ frame, content }) => [...ownBuffers(frame), ...ownBuffers(content)],
};

/** The salt arrives as a `Uint8Array`. */
function sealFor({ scrypt, ...seal }: Omit<Seal, "place">, place: string): Seal {
  return { ...seal, place, ...(scrypt ? { scrypt: { ...scrypt, salt: asBuffer(scrypt.salt) } } : {}) };
}
