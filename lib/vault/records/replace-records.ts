import { withSignal } from "../../async/deadline.ts";
import { VaultError } from "../../errors.ts";
import type { EntryName, Generation, LogState } from "../entry.ts";
import type { Draft, EntryFacts } from "../entry-draft.ts";
import { endingEarlier, keptFor, laterOf, withoutOverdue } from "../kept-until.ts";
import type { VaultLease } from "../lease.ts";
import type { Chunk } from "../manifest.ts";
import { pruneWhenDue } from "../prune.ts";
import { newLink } from "../save.ts";
import { trustedTime } from "../trusted-time.ts";
import { unlessCorrupt } from "../unless-corrupt.ts";
import { bytesOf } from "./loose-entries.ts";
import { readRecords, refuseProfile, refuseShared, type StoredRecords } from "./read-records.ts";
import { encodeRecords } from "./record-bytes.ts";
import { ENTRY_ROOM } from "./records-writer.ts";
import { draftFold, storeFold } from "./store-fold.ts";
import { storeParts } from "./store-parts.ts";

/** What {@link replaceRecords} takes. */
export interface Replacement {
  /** All records that the session is to have. */
  readonly records: ReadonlyMap<string, Buffer>;
  /**
   * Told what the session has, before anything is written: nothing when it is absent or deleted, `undefined` when it is
   * damaged. It is waited for. What it throws ends the work.
   */
  readonly check: (found: ReadonlyMap<string, Buffer> | undefined) => void | Promise<void>;
}

/** What the entry of a replacement says, beside the state. */
interface Content {
  readonly stored: Pick<Draft, "tail" | "tailChunks">;
  readonly keyId: string | undefined;
  readonly files: number;
  readonly bytes: number;
  /** Whether what the session has stays, as a generation of an earlier link. */
  readonly keepsCurrent: boolean;
}

/**
 * Makes these records the session. One entry does that: until it is in the log, readers find what was there, and then all of
 * these records. What was there is put together before, in an entry of its own that changes no record, and stays whole beside
 * them, as a deleted link stays beside the next one. To be called by work that the lease runs.
 * @returns the entry
 * @throws `INVALID` when the session holds a profile; `LEASE_LOST`
 */
export async function replaceRecords(
  lease: VaultLease,
  { records, check }: Replacement,
  signal: AbortSignal | undefined,
): Promise<EntryName> {
  const { context, session, writer } = lease;
  await refuseShared(context, session, signal);
  // What came before under this lease must not take effect later.
  if (!writer.pending.isEmpty) await writer.settle(signal);
  refuseProfile(session, writer.state);
  const read = await unlessCorrupt(
    readRecords(context, writer.log, writer.state, signal).then((stored) => ({ table: stored?.table, stored })),
  );
  // Another holder may have put together, and deleted, what was to be read.
  if (!read) await writer.look(signal);
  await withSignal(async () => check(read && (read.table?.values() ?? new Map())), signal);
  const keyId = await context.frames(session).keyId();
  if (read?.stored) await foldAll(lease, read.stored, keyId, signal);
  const keepsCurrent = read !== undefined && (read.stored !== undefined || isFolded(writer.state));
  const bytes = [...records.values()].reduce((sum, { length }) => sum + length, 0);
  const stored = await store(lease, records, signal);
  const content = { stored, keyId, files: records.size, bytes, keepsCurrent };
  lease.assertHeld();
  const last = writer.state.records?.last?.id;
  await writer.commit((state, next) => {
    if (state.records?.last?.id !== last) throw changed(session);
    return draftReplacement(state, next, content, context.options.retainDeletedMs);
  }, signal);
  const { n, id } = writer.state;
  await pruneWhenDue(lease, signal);
  return { n, id };
}

/** Puts all records together, so that they stay whole without the entries after the last fold. */
async function foldAll(
  lease: VaultLease,
  { table, segments, loose }: StoredRecords,
  keyId: string | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const through = loose.at(-1);
  if (!through) return;
  const { n, id } = through;
  const options = { table, segments, through: { n, id }, looseBytes: bytesOf(loose), keyId };
  const fold = await storeFold(lease, options, signal);
  await lease.writer.commit((state, next) => {
    if (state.records?.last?.id !== id) throw changed(lease.session);
    return { kind: "records", tail: encodeRecords([]), ...draftFold(state, next, { fold, keyId, ...table.size }) };
  }, signal);
}

/** The records for an entry: in it, or in chunks. */
async function store(
  lease: VaultLease,
  records: ReadonlyMap<string, Buffer>,
  signal: AbortSignal | undefined,
): Promise<Pick<Draft, "tail" | "tailChunks">> {
  const tail = encodeRecords(records);
  if (tail.length <= (await lease.context.chunkBytes(signal)) - ENTRY_ROOM) return { tail };
  const tailChunks: readonly Chunk[] = await storeParts(lease, records, signal);
  return { tailChunks };
}

function draftReplacement(
  state: LogState,
  next: EntryFacts,
  { stored, keyId, files, bytes, keepsCurrent }: Content,
  retainMs: number,
): Draft {
  const { n, id, at } = next;
  const time = trustedTime(state, next);
  const generation: Generation = { n, id, at, bytes, files, ...(keyId === undefined ? {} : { key: keyId }) };
  const stays = keptFor(retainMs, time);
  const kept = withoutOverdue(state, time).filter((one) => keepsCurrent || one.n !== state.content);
  const earlier = { since: n, earlier: laterOf(state.earlier, stays) };
  return {
    kind: "records",
    content: n,
    live: [...(state.deleted ? kept : kept.map((one) => endingEarlier(one, state, stays))), generation],
    fold: { through: { n: state.n, id: state.id }, segments: [] },
    ...stored,
    ...(state.deleted ? newLink(state, state.deleted, next) : state.content === 0 ? {} : earlier),
  };
}

/** Whether no record of the current generation is in an entry alone. */
function isFolded({ records }: LogState): boolean {
  return records?.last === undefined || records.last.n <= records.through;
}

function changed(session: string): VaultError {
  return new VaultError("CONFLICT", `Could not replace the records of ${session}: they have changed meanwhile.`);
}
