import type { KeyObject } from "node:crypto";
import { asBuffer, ownBuffers } from "../async/memory.ts";
import type { Job } from "../async/threads/job.ts";
import { readDescriptor } from "../disk/read-descriptor.ts";
import { hashOf } from "./hash.ts";

/** A run of bytes of an open file, to be cut into pieces. */
export interface PiecesToHash {
  readonly fd: number;
  readonly position: number;
  /** Is filled with the bytes; moves to the thread and back. */
  readonly into: Uint8Array;
  /** Bytes of each piece but the last. */
  readonly pieceBytes: number;
  /** The key of the HMAC; without one the hash is SHA-256. */
  readonly key: KeyObject | undefined;
}

/** The bytes, and the hash of each piece. */
export interface HashedPieces {
  readonly content: Uint8Array;
  readonly hashes: readonly string[];
}

/** Reads and hashes in one go. The descriptor must stay open meanwhile. */
export const job: Job<PiecesToHash, HashedPieces> = {
  module: import.meta.url,
  run: async ({ fd, position, into, pieceBytes, key }) => {
    await readDescriptor(fd, into, position);
    return { content: into, hashes: cutPieces(into, pieceBytes).map((piece) => hashOf(piece, key)) };
  },
  movedIn: ({ into }) => ownBuffers(into),
  movedOut: ({ content }) => ownBuffers(content),
};

/** The pieces of a block. */
export function cutPieces(content: Uint8Array, pieceBytes: number): Buffer[] {
  const bytes = asBuffer(content);
  const pieces: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
    pieces.push(bytes.subarray(offset, offset + pieceBytes));
  }
  return pieces;
}
