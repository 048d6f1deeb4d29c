import { setImmediate } from "node:timers/promises";
import { ChunkWriter } from "../chunk-writer.ts";
import type { VaultLease } from "../lease.ts";
import type { Chunk } from "../manifest.ts";
import { encodeRecords, type RecordChange, sizeOf } from "./record-bytes.ts";

/** Bytes that are encoded before the process gets to its other work. */
const BYTES_AT_ONCE = 256 * 1024;

/**
 * Stores records in chunks, whose keys no upload of this holder had before. To be called by work that the lease runs, and
 * until an entry names them. Rejects when no upload is under way any more.
 */
export async function storeParts(
  lease: VaultLease,
  changes: Iterable<RecordChange>,
  signal: AbortSignal | undefined,
): Promise<Chunk[]> {
  const writer = await ChunkWriter.open(lease, signal);
  lease.writer.memory.uploads.renew();
  const parts: Chunk[] = [];
  let part: Buffer[] = [];
  let bytes = 0;
  const send = async (): Promise<void> => {
    const content = Buffer.concat(part);
    part = [];
    bytes = 0;
    for (let at = 0; at < content.length; at += writer.chunkBytes) {
      parts.push(await writer.placeAlone(content.subarray(at, at + writer.chunkBytes)));
    }
  };
  try {
    for (const some of inBatches(changes, BYTES_AT_ONCE)) {
      const encoded = encodeRecords(some);
      if (bytes + encoded.length > writer.chunkBytes) await send();
      part.push(encoded);
      bytes += encoded.length;
      await setImmediate();
    }
    if (bytes > 0) await send();
    await writer.finish();
    return parts;
  } catch (error) {
    await writer.abandon(error);
    throw error;
  }
}

/** The changes in runs of about `most` bytes. */
function* inBatches(changes: Iterable<RecordChange>, most: number): Generator<RecordChange[]> {
  let batch: RecordChange[] = [];
  let bytes = 0;
  for (const change of changes) {
    batch.push(change);
    bytes += sizeOf(change);
    if (bytes < most) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
