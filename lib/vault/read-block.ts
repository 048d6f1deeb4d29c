import { read } from "node:fs";
import { promisify } from "node:util";
import { threads } from "../async/threads/thread-pool.ts";
import { readPart } from "../disk/file-source.ts";
import type { CaptureFile } from "../store.ts";
import { blocks } from "./blocks.ts";
import type { ChunkWriter } from "./chunk-writer.ts";
import { type HashedPieces, job as hashing } from "./hash-pieces-job.ts";

const readAsync = promisify(read);

/** A block of a file: its bytes, and the hashes of its pieces, if a thread has read it. */
export interface ReadBlock extends HashedPieces {
  /** Whether the memory is one of `blocks`, and nobody else's. */
  readonly isOurs: boolean;
}

/** Reads a run of bytes: on another thread where there is one, which hashes the pieces of it as well. */
export async function readBlock(
  file: CaptureFile,
  start: number,
  length: number,
  pieceBytes: number,
  { hashKey: key }: ChunkWriter,
): Promise<ReadBlock> {
  const own = await file.withDescriptor?.(async ({ fd, position }): Promise<ReadBlock | undefined> => {
    const into = blocks.take(length);
    const from = position + start;
    const hashed = threads.offer(hashing, { fd, position: from, into, pieceBytes, key }, length);
    const byThread = await hashed.catch(() => undefined);
    if (byThread) return { ...byThread, isOurs: true };
    if (into.length === length && (await fill(into, fd, from).catch(() => false)))
      return { content: into, hashes: [], isOurs: true };
    blocks.give(into);
    return undefined;
  });
  // After a failure it is read once more, where the error becomes one of ours.
  return own ?? { content: await readPart(file, start, length), hashes: [], isOurs: false };
}

/** @returns whether the file had so many bytes */
async function fill(into: Uint8Array, fd: number, from: number): Promise<boolean> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await readAsync(fd, into, done, into.length - done, from + done);
    if (bytesRead === 0) return false;
    done += bytesRead;
  }
  return true;
}
