import { setMaxListeners } from "node:events";
import { setImmediate } from "node:timers/promises";
import { readAhead } from "../../async/read-ahead.ts";
import { isVaultError, VaultError } from "../../errors.ts";
import { ChunkReader } from "../chunk-reader.ts";
import type { VaultContext } from "../context.ts";
import {
  currentOf,
  type Entry,
  type EntryName,
  entryOf,
  type Generation,
  keptGeneration,
  type LogState,
} from "../entry.ts";
import type { SessionLog } from "../log.ts";
import type { Fold, Segment } from "./fold.ts";
import { RecordReader } from "./record-bytes.ts";
import { RecordTable } from "./record-table.ts";

/** Entries that are read at once. */
const ENTRIES_AT_ONCE = 16;
/** Parts that are read at once: each has 4 MiB. */
const PARTS_AT_ONCE = 4;
/** Bytes of records that are taken in before the process gets to its other work: some milliseconds. */
const BYTES_AT_ONCE = 512 * 1024;
/** How often a reader begins anew when what it reads was put together meanwhile. */
const LOOKS = 5;

/** An entry whose records are not folded yet. */
export interface LooseEntry {
  readonly n: number;
  readonly id: string;
  /** Bytes of its records. */
  readonly bytes: number;
}

/** Records, and how they are stored. */
export interface StoredRecords {
  readonly table: RecordTable;
  readonly segments: readonly Segment[];
  /** The entries whose records are in no segment, oldest first. */
  readonly loose: readonly LooseEntry[];
}

/** @throws `INVALID` when the session holds a profile. */
export function refuseProfile(session: string, { records, live }: LogState): void {
  if (records || live.length === 0) return;
  throw new VaultError("INVALID", `Could not open the records of ${session}: it holds the profile of a browser.`, {
    hint: "Use another name.",
  });
}

/** @throws `INVALID` when two processes could write the session at once. */
export async function refuseShared(
  context: VaultContext,
  session: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  if ((await context.traits(signal)).exclusiveCreate) return;
  const message = `Could not open the records of ${session}: this store cannot create a key exclusively.`;
  throw new VaultError("INVALID", message, {
    hint: "Records need a store that keeps out a second writer: two processes that use the same keys break the session.",
  });
}

/**
 * Reads the records of a session as they are after the entry of `state`.
 * @returns `undefined` when the session has no records: it was never written, or was emptied or deleted.
 * @throws `CORRUPT` when an entry or a part is missing or damaged; where another process may prune the session meanwhile,
 *   the caller reads the newest state again, and begins anew when it has changed.
 */
export async function readRecords(
  context: VaultContext,
  log: SessionLog,
  state: LogState,
  signal?: AbortSignal,
): Promise<StoredRecords | undefined> {
  const generation = currentOf(state);
  if (!state.records || !generation || state.deleted) return undefined;
  return await readGeneration(context, log, state, generation, signal);
}

/**
 * Reads the records of a generation: of the current one those of the entries after it as well; of one that was deleted,
 * all are in its segments.
 * @param state that keeps it
 * @throws as {@link readRecords}
 */
export async function readGeneration(
  context: VaultContext,
  log: SessionLog,
  state: LogState,
  generation: Generation,
  signal?: AbortSignal,
): Promise<StoredRecords & { through: EntryName }> {
  const fold = await readFold(log, generation, signal);
  const stop = signal && AbortSignal.any([signal]);
  // Each request under way listens; Node warns above ten.
  if (stop) setMaxListeners(0, stop);
  const reader = new ChunkReader(context, log.session);
  const isCurrent = generation.n === state.content;
  const chain = isCurrent ? readChain(log, state, fold, stop) : Promise.resolve([]);
  // Its error is told below.
  chain.catch(() => {});
  const intake = new Intake();
  for (const segment of fold.segments) await readSegment(log.session, reader, segment, intake, stop);
  const loose: LooseEntry[] = [];
  for (const { n, id, tail, tailChunks = [] } of await chain) {
    const parts = tail ? [tail] : await Promise.all(tailChunks.map((chunk) => reader.read(chunk, stop)));
    const records = new RecordReader(`log entry ${n} of ${log.session}`);
    for (const part of parts) await intake.apply(n, records, part);
    records.end();
    loose.push({ n, id, bytes: parts.reduce((sum, { length }) => sum + length, 0) });
  }
  return { table: intake.table, segments: fold.segments, loose, through: loose.at(-1) ?? fold.through };
}

/** What {@link peekRecords} takes. */
export interface PeekOptions {
  /** Number of a kept generation: one that was deleted before the present link, say. @default the current one */
  readonly generation?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads the records of a session that another process may hold.
 * @returns `undefined` when it has none
 * @throws as {@link readRecords}; `INVALID` when it holds a profile; `ABSENT` when the named generation is not kept; `UNAVAILABLE` when the session changed
 *   faster than it could be read
 */
export async function peekRecords(
  context: VaultContext,
  log: SessionLog,
  { generation, signal }: PeekOptions = {},
): Promise<RecordTable | undefined> {
  for (let looks = 0; looks < LOOKS; looks++) {
    const state = await log.newest(signal);
    if (!state) return undefined;
    refuseProfile(log.session, state);
    try {
      if (!state.records || state.content === 0 || state.deleted) return undefined;
      const named = keptGeneration(log.session, state, generation ?? state.content);
      return (await readGeneration(context, log, state, named, signal)).table;
    } catch (error) {
      if (!isVaultError(error, "CORRUPT")) throw error;
      // Its holder may have put together, and deleted, what was to be read.
      if ((await log.newest(signal))?.id === state.id) throw error;
    }
  }
  const why = `they changed at each of ${LOOKS} attempts`;
  throw new VaultError("UNAVAILABLE", `Could not read the records of ${log.session}: ${why}.`);
}

/** @throws `CORRUPT` */
async function readFold(log: SessionLog, generation: Generation, signal: AbortSignal | undefined): Promise<Fold> {
  const { n, id } = entryOf(generation);
  const folded = await log.read(n, signal);
  if (!folded?.fold || folded.id !== id) throw missing(log.session, n);
  return folded.fold;
}

async function readSegment(
  session: string,
  reader: ChunkReader,
  { to, parts }: Segment,
  intake: Intake,
  signal: AbortSignal | undefined,
): Promise<void> {
  const records = new RecordReader(`the records of ${session} up to entry ${to}`);
  for await (const part of readAhead(parts, PARTS_AT_ONCE, (chunk) => reader.read(chunk, signal))) {
    await intake.apply(to, records, part);
  }
  records.end();
}

/** A table that takes records in, and lets the process get to its other work meanwhile. */
class Intake {
  readonly table = new RecordTable();
  #bytes = 0;

  /** @param part of what `records` reads, which belongs to entry `n` */
  async apply(n: number, records: RecordReader, part: Buffer): Promise<void> {
    for (let at = 0; at < part.length; at += BYTES_AT_ONCE) {
      const some = part.subarray(at, at + BYTES_AT_ONCE);
      this.table.apply(n, records.read(some));
      this.#bytes += some.length;
      if (this.#bytes < BYTES_AT_ONCE) continue;
      this.#bytes = 0;
      await setImmediate();
    }
  }
}

/** The entries of records after the fold, oldest first: each names the one before it. */
async function readChain(
  log: SessionLog,
  { n: newest, records }: LogState,
  { through, segments }: Fold,
  signal: AbortSignal | undefined,
): Promise<Entry[]> {
  // Each start of a process leaves a hold.
  const lasting = new Set(records?.lasting);
  const range = Array.from({ length: newest - through.n }, (_, index) => newest - index);
  const numbers = range.filter((n) => !lasting.has(n));
  const chain: Entry[] = [];
  let next = records?.last;
  let at = 0;
  for await (const entry of readAhead(numbers, ENTRIES_AT_ONCE, (one) => log.read(one, signal))) {
    if (!next || numbers[at++] !== next.n) continue;
    if (entry?.id !== next.id) throw missing(log.session, next.n);
    chain.push(entry);
    next = entry.prev;
  }
  // The first one of all follows nothing.
  const isFirst = next === undefined && segments.length === 0;
  if (!isFirst && next?.id !== through.id) throw missing(log.session, next?.n ?? through.n + 1);
  return chain.reverse();
}

function missing(session: string, n: number): VaultError {
  const what = `Could not read the records of ${session}: log entry ${n}, which they need, is missing or another one.`;
  return new VaultError("CORRUPT", what);
}
