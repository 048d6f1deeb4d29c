import { setImmediate } from "node:timers/promises";
import { ChunkWriter } from "../chunk-writer.ts";
import { currentOf } from "../entry.ts";
import { chunkKey } from "../layout.ts";
import type { VaultLease } from "../lease.ts";
import type { Chunk } from "../manifest.ts";
import { deleteChunks, deleteEntries, prune } from "../prune.ts";
import { type Fold, partsOf, planFold, type Segment } from "./fold.ts";
import type { LooseEntry, StoredRecords } from "./read-records.ts";
import { encodeRecords, type RecordChange, sizeOf } from "./record-bytes.ts";
import type { RecordTable } from "./record-table.ts";

/** Bytes of entries that are put together into a segment, however few they are. */
const MOST_LOOSE_BYTES = 512 * 1024;
/** After so many milliseconds without a set, fewer entries are put together, so that the next open has little to read. */
const IDLE_MS = 5 * 60 * 1000;
const IDLE_LOOSE = 8;
/** How long a fold waits for a set to travel with, in milliseconds. */
const RIDE_MS = 1_000;
/** Bytes that are encoded before the process gets to its other work. */
const BYTES_AT_ONCE = 256 * 1024;
/** The pause after an attempt that has failed, in milliseconds. */
const RETRY_MS = 30_000;

/** Puts the records of many entries together into segments, beside the sets: so an open reads little, and space is bounded. */
export class Folding {
  readonly #lease: VaultLease;
  readonly #table: RecordTable;
  readonly #keyId: string | undefined;
  /** Appends an entry that carries {@link ready}, also when there is no set. */
  readonly #append: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #segments: readonly Segment[];
  #loose: LooseEntry[];
  #ready: Fold | undefined;
  /** Goes on when the fold that is ready is in the log. */
  #carried: () => void = () => {};
  /** What a fold has replaced, once it is in the log. */
  #replaced: string[] = [];
  /** Whether an entry was appended after that fold. */
  #mayDelete = false;
  #isWorking = false;
  #mustSweep = false;
  readonly #ended = new AbortController();

  constructor(
    lease: VaultLease,
    { table, segments, loose }: StoredRecords,
    {
      keyId,
      append,
      onError,
    }: { keyId: string | undefined; append: () => Promise<void>; onError: (error: unknown) => void },
  ) {
    this.#lease = lease;
    this.#table = table;
    this.#segments = segments;
    this.#loose = [...loose];
    this.#keyId = keyId;
    this.#append = append;
    this.#onError = onError;
  }

  /** The fold that the next entry carries. */
  get ready(): Fold | undefined {
    return this.#ready;
  }

  /** To be called once the records are open: removes in the background what earlier holders have left. */
  begin(): void {
    this.#mustSweep = true;
    void this.#work();
  }

  /** An entry was appended. @param fold the one that it carries */
  appended(entry: LooseEntry, fold: Fold | undefined): void {
    this.#loose.push(entry);
    if (fold) this.#foldAppended(fold);
    else if (this.#replaced.length > 0) this.#mayDelete = true;
    this.#next();
  }

  /** Ends what is under way, and begins nothing more. */
  end(): void {
    this.#ended.abort();
    this.#lease.context.timer.clear(this);
    this.#carried();
  }

  #foldAppended(fold: Fold): void {
    const kept = new Set(partsOf(fold));
    const parts = partsOf({ ...fold, segments: this.#segments }).filter((part) => !kept.has(part));
    this.#replaced = [...this.#replaced, ...parts.map((part) => chunkKey(this.#lease.session, part))];
    this.#mayDelete = false;
    this.#segments = fold.segments;
    this.#loose = this.#loose.filter(({ n }) => n > fold.through.n);
    if (fold.segments.length === 1) this.#table.forgetDeleted(fold.through.n);
    this.#ready = undefined;
    this.#carried();
  }

  /** Begins what is due. */
  #next(): void {
    if (this.#ended.signal.aborted || this.#isWorking) return;
    const bytes = this.#loose.reduce((sum, one) => sum + one.bytes, 0);
    if (this.#loose.length >= this.#lease.context.mostLoose || bytes >= MOST_LOOSE_BYTES || this.#mayDelete)
      void this.#work();
    else if (this.#loose.length > IDLE_LOOSE) {
      const { timer, clock } = this.#lease.context;
      timer.set(this, clock.monotonicMs() + IDLE_MS, () => void this.#work());
    }
  }

  /** Deletes what a fold has replaced, and puts together what is loose. Never rejects. */
  async #work(): Promise<void> {
    const { signal } = this.#ended;
    this.#lease.context.timer.clear(this);
    this.#isWorking = true;
    try {
      // Beside the sets, and not beside a prune: it would take the parts of a fold that is under way for leftovers.
      await this.#lease.run(async () => {
        if (this.#mustSweep) await prune(this.#lease, signal);
        this.#mustSweep = false;
        if (this.#mayDelete) await this.#delete(signal);
        if (this.#loose.length > Math.min(IDLE_LOOSE, this.#lease.context.mostLoose - 1)) await this.#fold(signal);
      }, signal);
      this.#isWorking = false;
      this.#next();
    } catch (error) {
      if (signal.aborted || this.#lease.lost.aborted) return;
      this.#onError(error);
      const { timer, clock } = this.#lease.context;
      timer.set(this, clock.monotonicMs() + RETRY_MS, () => {
        this.#isWorking = false;
        this.#next();
      });
    }
  }

  async #delete(signal: AbortSignal): Promise<void> {
    const { writer } = this.#lease;
    await deleteChunks(this.#lease, this.#replaced, signal);
    this.#replaced = [];
    this.#mayDelete = false;
    await deleteEntries(this.#lease, writer.memory.undeleted(writer.state.dead), signal);
  }

  /** Puts together what is loose. Resolves when that is in the log. */
  async #fold(signal: AbortSignal): Promise<void> {
    const last = this.#loose.at(-1);
    if (!last) return;
    const looseBytes = this.#loose.reduce((sum, { bytes }) => sum + bytes, 0);
    const { from, level } = this.#mustBeginAnew ? { from: 0, level: 0 } : planFold(this.#segments, looseBytes);
    const segments = this.#segments;
    const kept = segments.slice(0, from);
    const changes = this.#table.changed(kept.at(-1)?.to ?? 0, last.n);
    const parts = await this.#store(changes, signal);
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    // What was sent before has arrived meanwhile: it was put together from there.
    if (this.#segments !== segments) return;
    const fold = { through: { n: last.n, id: last.id }, segments: [...kept, { level, to: last.n, bytes, parts }] };
    this.#ready = fold;
    try {
      await this.#ride(signal);
      if (this.#ready === fold) await this.#append();
    } finally {
      if (this.#ready === fold) this.#ready = undefined;
    }
  }

  /** Waits until a set has taken the fold along, if one comes soon. */
  async #ride(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const late = this.#lease.context.clock.sleep(RIDE_MS, AbortSignal.any([signal, over.signal])).catch(() => {});
    const carried = new Promise<void>((resolve) => {
      this.#carried = resolve;
    });
    await Promise.race([carried, late]);
    over.abort();
    signal.throwIfAborted();
  }

  /** Stores the records in parts. */
  async #store(changes: readonly RecordChange[], signal: AbortSignal): Promise<Chunk[]> {
    const writer = await ChunkWriter.open(this.#lease, signal);
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

  /** Whether the parts that are stored may not be relied on, or are encrypted with another key. */
  get #mustBeginAnew(): boolean {
    const { context, session, writer } = this.#lease;
    const { live, content } = writer.state;
    const keys = this.#segments.flatMap(({ parts }) => parts).map((part) => chunkKey(session, part));
    return !context.chunkTrust.areTrusted(keys) || currentOf({ live, content })?.key !== this.#keyId;
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
