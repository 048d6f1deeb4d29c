import { currentOf, type EntryName, type Generation, type LogState } from "../entry.ts";
import type { Draft, EntryFacts } from "../entry-draft.ts";
import { withoutOverdue } from "../kept-until.ts";
import { chunkKey } from "../layout.ts";
import type { VaultLease } from "../lease.ts";
import { trustedTime } from "../trusted-time.ts";
import { type Fold, partsOf, planFold, type Segment } from "./fold.ts";
import type { RecordTable } from "./record-table.ts";
import { storeParts } from "./store-parts.ts";

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
    isTorn || mustBeginAnew(lease, segments, keyId)
      ? { from: 0, level: 0 }
      : planFold(segments, looseBytes, table.bytes, (ends) => table.newestBytes(ends));
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
  const others = withoutOverdue(state, trustedTime(state, next)).filter((one) => one.n !== replacedBy(state));
  return { content: n, live: [...others, generation], fold };
}

/** Number of the generation that does not stay beside the next one. */
function replacedBy({ content, deleted, records }: LogState): number | undefined {
  // One that was damaged when it was deleted has entries that are in no segment, and would not be whole without them.
  const isWhole = records?.last === undefined || records.last.n <= records.through;
  return deleted && isWhole ? undefined : content;
}

/** Whether nothing is known of the parts of these segments that speaks against building on them. */
export function areTrusted({ context, session }: VaultLease, segments: readonly Segment[]): boolean {
  return context.chunkTrust.areTrusted(partsOf({ segments }).map((part) => chunkKey(session, part)));
}

/** Whether the parts that are stored may not be relied on, or are encrypted with another key. */
function mustBeginAnew(lease: VaultLease, segments: readonly Segment[], keyId: string | undefined): boolean {
  return !areTrusted(lease, segments) || currentOf(lease.writer.state)?.key !== keyId;
}
