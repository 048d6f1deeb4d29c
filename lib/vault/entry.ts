import { VaultError } from "../errors.ts";
import type { EntryKind, GenerationInfo, SessionState } from "../store.ts";
import { isEntryShape } from "./entry-shape.ts";
import { RECORDS_LAYOUT } from "./frame.ts";
import type { SessionFrames } from "./frames.ts";
import { endDate } from "./kept-until.ts";
import { type LeaseOwner, ownerName } from "./lease/owner.ts";
import { type Chunk, chunkOf, type Manifest, packManifest, unpackManifest } from "./manifest.ts";
import { type Fold, packFold, unpackFold } from "./records/fold.ts";
import { packNumbers, type RecordsState, unpackNumbers } from "./records/records-state.ts";
import type { AgreedTime } from "./trusted-time.ts";

/** The lease that came with a `hold`. */
export interface LeaseTerms extends LeaseOwner {
  /** Id of the `hold` entry. */
  readonly hold: string;
  /** When the session was taken, in milliseconds since 1970. */
  readonly since: number;
  /** How long the lease lasts after each renewal, in milliseconds. */
  readonly ttlMs: number;
}

/** The end of a time for which data are kept: see {@link isOver}. */
export interface KeptUntil {
  /** By wall clocks, in milliseconds since 1970. */
  readonly until: number;
  /** By the log's own clock, in milliseconds. Absent in entries of earlier versions: then the time does not end. */
  readonly untilUptimeMs?: number | undefined;
}

/** A generation that is kept. */
export interface Generation {
  /** Number of the entry that committed it. */
  readonly n: number;
  /** That entry's id. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly bytes: number;
  readonly files: number;
  /** Keyed hash of the WhatsApp id of the linked phone; absent when the save did not name it. */
  readonly pairing?: string | undefined;
  /** A browser that started from it reached `ready`. */
  readonly proven?: boolean | undefined;
  /** A browser that started from it was asked to link again. */
  readonly rejected?: boolean | undefined;
  /** Number of the entry that marked it as rejected; absent in entries of earlier versions. */
  readonly rejectedIn?: number | undefined;
  /** Was saved as a zip whose profile did not verify, or had no storage of WhatsApp Web. */
  readonly suspect?: boolean | undefined;
  /** Id of the key that it is encrypted with; absent when it is not encrypted. */
  readonly key?: string | undefined;
  /** The entry that has its manifest, where that is not its own: `rekey` has encrypted it anew. */
  readonly stored?: EntryName | undefined;
  /** Until when it is kept, as in {@link KeptUntil}; set once another phone was linked after it, or its records were replaced. */
  readonly until?: number | undefined;
  readonly untilUptimeMs?: number | undefined;
  /** When it was saved by the log's own clock, as in {@link LogState}; absent in entries of earlier versions. */
  readonly uptimeMs?: number | undefined;
}

/** What names an entry: a number alone can be that of another entry, which has come late to where it was free again. */
export type EntryName = Pick<Generation, "n" | "id">;

/** The entry that has the manifest of a generation. */
export function entryOf({ n, id, stored }: EntryName & Pick<Generation, "stored">): EntryName {
  return stored ?? { n, id };
}

/** The state of a session after an entry: each entry carries all of it. */
export interface LogState {
  /** Number of the entry. */
  readonly n: number;
  /** Random; tells two entries of one number apart. */
  readonly id: string;
  readonly epoch: number;
  readonly kind: EntryKind;
  /** The process that wrote it (`host:pid`), for people. */
  readonly by: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /**
   * The log's own clock, in milliseconds: how long its holders have held it, by their monotonic clocks. No wall clock moves
   * it. Absent, which means 0, in entries of earlier versions.
   */
  readonly uptimeMs?: number | undefined;
  /** Set while the wall clock of the writer is doubted: see {@link agreedTime}. */
  readonly agreed?: AgreedTime | undefined;
  /** Number of the current generation, 0 for none. */
  readonly content: number;
  /** The generations that are kept, oldest first. */
  readonly live: readonly Generation[];
  /** Numbers of entries that are not needed any more, and may not have been deleted yet. */
  readonly dead: readonly number[];
  /** Key of the pairing hashes, in hexadecimal. */
  readonly salt: string;
  /** The first generation since the session was last deleted: earlier ones are of a link that has ended. */
  readonly since?: number | undefined;
  /** Until when the generations before `since` are kept. */
  readonly earlier?: KeptUntil | undefined;
  /** Set while the session is deleted: since when, and until when it can be brought back. */
  readonly deleted?: (KeptUntil & { readonly at: number }) | undefined;
  /** The lease of the holder; absent when its `hold` came without one. */
  readonly lease?: LeaseTerms | undefined;
  /** Set when the session consists of records; absent when it consists of the files of a profile, or of nothing yet. */
  readonly records?: RecordsState | undefined;
}

/** The generation that a restore brings, unless the session is deleted; `undefined` when nothing was ever saved. */
export function currentOf({ live, content }: Pick<LogState, "live" | "content">): Generation | undefined {
  return live.find(({ n }) => n === content);
}

/** @throws `ABSENT` when generation `n` is not kept. */
export function keptGeneration(session: string, { live }: LogState, n: number): Generation {
  const found = live.find((one) => one.n === n);
  if (found) return found;
  const kept = live.map((one) => one.n).join(", ");
  throw new VaultError("ABSENT", `There is no generation ${n} of ${session}; kept are ${kept}.`);
}

/** One entry of the log. */
export interface Entry extends LogState {
  /** `save` only: the files of the generation. */
  readonly manifest?: Manifest | undefined;
  /** `save` only: the chunks that hold a manifest which is too large for an entry. */
  readonly manifestChunks?: readonly Chunk[] | undefined;
  /** `proven` and `rejected` only: number of the generation that is marked, for people. */
  readonly marked?: number | undefined;
  /** `records` only: the entry of records before it. Absent in the first one. */
  readonly prev?: EntryName | undefined;
  /** `records` only: all records before it, up to an entry. */
  readonly fold?: Fold | undefined;
  /** `records` only: the records that it sets and deletes. */
  readonly tail?: Buffer | undefined;
  /** `records` only: the chunks that hold a tail which is too large for an entry, one after the other. */
  readonly tailChunks?: readonly Chunk[] | undefined;
}

/** Bytes before the JSON of an entry that has more after it: the length of the JSON. */
const LENGTH_BYTES = 4;

/** Frames the entry, with its manifest unless `manifestChunks` hold it. */
export function encodeEntry(frames: SessionFrames, { manifest, fold, tail, ...entry }: Entry): Promise<Buffer> {
  const { session } = frames;
  const number = String(entry.n);
  const inline = manifest && !entry.manifestChunks ? { manifest: packManifest(manifest) } : {};
  const facts = { session, ...entry, ...inline };
  if (!entry.records) return frames.encode("entry", number, Buffer.from(JSON.stringify(facts)));
  const folded = fold ? { fold: packFold(fold) } : {};
  const json = Buffer.from(JSON.stringify({ ...facts, ...folded, dead: packNumbers(entry.dead) }));
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  return frames.encode("entry", number, Buffer.concat([length, json, ...(tail ? [tail] : [])]), RECORDS_LAYOUT);
}

/** @throws `CORRUPT` when `frame` is not entry `n` of the session; see also {@link SessionFrames.decode}. */
export async function decodeEntry(frames: SessionFrames, n: number, frame: Buffer): Promise<Entry> {
  const { session } = frames;
  const what = `log entry ${n} of ${session}`;
  const { content, layout } = await frames.decodeEntry(n, frame, what);
  const { json, tail } = layout === RECORDS_LAYOUT ? splitContent(content, what) : { json: content, tail: undefined };
  const parsed: unknown = parse(json, what);
  const numbers = unpackNumbers(Object(parsed).dead);
  if (!isEntryShape(parsed) || !numbers) {
    throw new VaultError("CORRUPT", `Could not read ${what}: it has something else than an entry has.`);
  }
  const { session: owner, manifest, fold, dead: _, ...entry } = parsed;
  if (owner !== session || entry.n !== n) {
    throw new VaultError("CORRUPT", `Could not read ${what}: it belongs to another session or number.`);
  }
  if (frames.isEncrypted(n)) frames.expectEncrypted(entry.live.filter(({ key }) => key).map((one) => entryOf(one).n));
  const chunks = (list: readonly Chunk[]): Chunk[] => list.map((chunk) => chunkOf(chunk, what));
  return {
    ...entry,
    dead: numbers,
    ...(manifest === undefined ? {} : { manifest: unpackManifest(manifest, what) }),
    ...(entry.manifestChunks ? { manifestChunks: chunks(entry.manifestChunks) } : {}),
    ...(fold === undefined ? {} : { fold: unpackFold(fold, what) }),
    ...(entry.tailChunks ? { tailChunks: chunks(entry.tailChunks) } : {}),
    ...(tail === undefined || tail.length === 0 ? {} : { tail }),
  };
}

function splitContent(content: Buffer, what: string): { json: Buffer; tail: Buffer } {
  const end = LENGTH_BYTES + (content.length < LENGTH_BYTES ? 0 : content.readUInt32BE(0));
  if (end > content.length || content.length < LENGTH_BYTES) {
    throw new VaultError("CORRUPT", `Could not read ${what}: it ends too early.`);
  }
  return { json: content.subarray(LENGTH_BYTES, end), tail: content.subarray(end) };
}

/** The manifest as bytes, for one that does not fit into its entry. */
export function encodeManifest(manifest: Manifest): Buffer {
  return Buffer.from(JSON.stringify(packManifest(manifest)));
}

/** @throws `CORRUPT` */
export function decodeManifest(bytes: Buffer, what: string): Manifest {
  return unpackManifest(parse(bytes, what), what);
}

/** The generation as callers see it. @param since the first generation since the session was last deleted */
export function generationInfo(generation: Generation, since = 0): GenerationInfo {
  const { n, id, at, bytes, files, proven, rejected, rejectedIn, suspect, pairing, key } = generation;
  return {
    generation: n,
    id,
    at: new Date(at),
    bytes,
    files,
    proven: proven === true,
    rejected: rejected === true,
    suspect: suspect === true,
    beforeDeletion: n < since,
    ...(pairing === undefined ? {} : { pairing }),
    ...(rejected && rejectedIn !== undefined ? { rejectedIn } : {}),
    ...(key === undefined ? {} : { keyId: key }),
  };
}

/** The state as callers see it. @param isReleased whether the lease was released */
export function sessionState(
  { n, epoch, by, content, live, since, deleted, lease, records }: LogState,
  isReleased = false,
): SessionState {
  const current = deleted ? undefined : currentOf({ live, content });
  const kind = kindOf({ live, records });
  return {
    entry: n,
    epoch,
    ...(kind ? { kind } : {}),
    ...(current ? { current: generationInfo(current, since) } : {}),
    generations: deleted ? [] : live.map((one) => generationInfo(one, since)),
    ...(deleted ? { deleted: { at: new Date(deleted.at), until: endDate(deleted) } } : {}),
    holder: lease ? ownerName(lease) : by,
    ...(lease && !isReleased ? { lease: { owner: ownerName(lease), since: new Date(lease.since) } } : {}),
  };
}

/** What the session consists of; `undefined` when nothing was saved yet, or nothing is left. */
export function kindOf({ live, records }: Pick<LogState, "live" | "records">): "records" | "profile" | undefined {
  if (records) return records.last || live.length > 0 ? "records" : undefined;
  return live.length > 0 ? "profile" : undefined;
}

function parse(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new VaultError("CORRUPT", `Could not read ${what}: it is not JSON.`, { cause });
  }
}
