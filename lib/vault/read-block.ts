import { threads } from "../async/threads/thread-pool.ts";
import { readPart } from "../disk/file-source.ts";
import { readDescriptor } from "../disk/read-descriptor.ts";
import type { CaptureFile } from "../store.ts";
import { blocks } from "./blocks.ts";
import type { ChunkWriter } from "./chunk-writer.ts";
import { type HashedPieces, job as hashing } from "./hash-pieces-job.ts";

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
    // Memory that went to a thread which failed is gone.
    const isRead = into.length === length && (await isFilled(readDescriptor(fd, into, from)));
    if (isRead) return { content: into, hashes: [], isOurs: true };
    blocks.give(into);
    return undefined;
  });
  // After a failure it is read once more, where the error becomes one of ours.
  return own ?? { content: await readPart(file, start, length), hashes: [], isOurs: false };
}

async function isFilled(reading: Promise<void>): Promise<boolean> {
  return await reading.then(
    () => true,
    () => false,
  );
}
