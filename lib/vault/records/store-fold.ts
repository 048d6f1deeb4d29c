import { setImmediate } from "node:timers/promises";
import { ChunkWriter } from "../chunk-writer.ts";
import { currentOf, type EntryName, type Generation, type LogState } from "../entry.ts";
import type { Draft, EntryFacts } from "../entry-draft.ts";
import { withoutOverdue } from "../kept-until.ts";
import { chunkKey } from "../layout.ts";
import type { VaultLease } from "../lease.ts";
import type { Chunk } from "../manifest.ts";
import { type Fold, planFold, type Segment } from "./fold.ts";
import { encodeRecords, type RecordChange, sizeOf } from "./record-bytes.ts";
import type { RecordTable } from "./record-table.ts";

/** Bytes that are encoded before the process gets to its other work. */
const BYTES_AT_ONCE = 256 * 1024;

/** What {@link storeFold} takes. */
export interface FoldOptions {
  /** The records after the entry `through`. */
  readonly table: RecordTable;
  /** What is put together already. */
  readonly segments: readonly Segment[];
  /** The last entry whose records are to be put together. */
  readonly through: EntryName;
  /** Bytes of the records that are in no segment. */
  readonly looseBytes: number;
  /** Whether parts or entries are lost that the segments need. @default false */
  readonly isTorn?: boolean;
  /** Id of the key that encrypts; `undefined` without encryption. */
  readonly keyId: string | undefined;
}

/** All records of a session, put together up to its last entry. */
export interface WholeRecords {
  readonly fold: Fold;
  readonly keyId: string | undefined;
  /** Bytes of all values. */
  readonly bytes: number;
  /** How many records there are. */
  readonly files: number;
}

/**
 * Stores the records that are in no segment. To be called by work that the lease runs, and until an entry has the result:
 * a prune would take its parts for leftovers.
 */
export async function storeFold(
  lease: VaultLease,
  { table, segments, through, looseBytes, isTorn = false, keyId }: FoldOptions,
  signal: AbortSignal | undefined,
): Promise<Fold> {
  const { from, level } =
    isTorn || mustBeginAnew(lease, segments, keyId) ? { from: 0, level: 0 } : planFold(segments, looseBytes);
  const kept = segments.slice(0, from);
  const changes = table.changed(kept.at(-1)?.to ?? 0, through.n);
  if (changes.length === 0 && kept.length === segments.length) return { through, segments };
  const parts = await storeParts(lease, changes, signal);
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  return { through, segments: [...kept, { level, to: through.n, bytes, parts }] };
}

/**
 * What an entry with a fold says of the generations: it takes the place of the current one, or follows those of a link that
 * was deleted.
 */
export function draftFold(
  state: LogState,
  next: EntryFacts,
  { fold, keyId, bytes, files }: WholeRecords,
): Pick<Draft, "content" | "live" | "fold"> {
  const { n, id, at } = next;
  const key = keyId === undefined ? {} : { key: keyId };
  const generation: Generation = { n, id, at, bytes, files, ...key };
  const others = withoutOverdue(state, next).filter((one) => one.n !== replacedBy(state));
  return { content: n, live: [...others, generation], fold };
}

/** Number of the generation that does not stay beside the next one. */
function replacedBy({ content, deleted, records }: LogState): number | undefined {
  // One that was damaged when it was deleted has entries that are in no segment, and would not be whole without them.
  const isWhole = records?.last === undefined || records.last.n <= records.through;
  return deleted && isWhole ? undefined : content;
}

/** Whether the parts that are stored may not be relied on, or are encrypted with another key. */
function mustBeginAnew(
  { context, session, writer }: VaultLease,
  segments: readonly Segment[],
  keyId: string | undefined,
): boolean {
  const keys = segments.flatMap(({ parts }) => parts).map((part) => chunkKey(session, part));
  return !context.chunkTrust.areTrusted(keys) || currentOf(writer.state)?.key !== keyId;
}

async function storeParts(
  lease: VaultLease,
  changes: readonly RecordChange[],
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
function* inBatches(changes: readonly RecordChange[], most: number): Generator<RecordChange[]> {
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
