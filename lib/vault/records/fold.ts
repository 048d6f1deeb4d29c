import { VaultError } from "../../errors.ts";
import type { EntryName } from "../entry.ts";
import { type ChunkAddress, longFolder, shortFolder } from "../layout.ts";
import type { Chunk } from "../manifest.ts";

/** Records that were put together, in parts: the newest value of each that was changed in a run of entries. */
export interface Segment {
  /** 0 of the first one, which holds no deletions; else how often its records have been put together. */
  readonly level: number;
  /** Number of the last entry that it holds the records of. */
  readonly to: number;
  /** Bytes of all parts. */
  readonly bytes: number;
  /** The chunks that hold its records, one after the other; a record may begin in one part and end in the next. */
  readonly parts: readonly Chunk[];
}

/** All records up to an entry: each segment replaces what those before it say. */
export interface Fold {
  /** The last entry whose records are in the segments. */
  readonly through: EntryName;
  readonly segments: readonly Segment[];
}

/** Which segments the next one replaces, all from `from` on, and its level. */
export interface FoldPlan {
  readonly from: number;
  readonly level: number;
}

/** So many segments of one level are put together to one of the next level. */
const FAN = 16;
/**
 * Something is done when what was replaced has so many times the bytes of the records. Meanwhile both are stored: 1 for the
 * records, so much for what was replaced, and 1 at most for what is written anew.
 */
const MOST_REPLACED = 0.8;
/** The least share of what was replaced that is given up then. */
const LEAST_FREED = 0.4;

const ANEW: FoldPlan = { from: 0, level: 0 };

type PackedPart = [id: string, folder: number | string, bytes: number, alt?: number];
type PackedSegment = [level: number, to: number, parts: PackedPart[]];
interface PackedFold {
  through: [n: number, id: string];
  segments: PackedSegment[];
}

const HASH = /^[0-9a-f]{64}$/;

/** The fold as a value for JSON. */
export function packFold({ through, segments }: Fold): unknown {
  const packPart = ({ id, folder, bytes, alt }: Chunk): PackedPart =>
    alt === 0 ? [id, shortFolder(folder), bytes] : [id, shortFolder(folder), bytes, alt];
  return {
    through: [through.n, through.id],
    segments: segments.map(({ level, to, parts }): PackedSegment => [level, to, parts.map(packPart)]),
  } satisfies PackedFold;
}

/**
 * The fold that {@link packFold} made `value` from.
 * @param what named in errors
 * @throws `CORRUPT` when it is none
 */
export function unpackFold(value: unknown, what: string): Fold {
  const { through, segments } = Object(value) as PackedFold;
  demand(Array.isArray(through) && isCount(through[0]) && typeof through[1] === "string", what);
  demand(Array.isArray(segments), what);
  const unpacked = segments.map((segment): Segment => {
    demand(Array.isArray(segment) && isCount(segment[0]) && isCount(segment[1]) && Array.isArray(segment[2]), what);
    const [level, to, packed] = segment;
    demand(packed.every(Array.isArray), what);
    const parts = packed.map(([id, short, bytes, alt = 0]): Chunk => {
      const folder = longFolder(short);
      demand(typeof id === "string" && HASH.test(id) && folder !== undefined && isCount(bytes) && isCount(alt), what);
      return { id, folder, bytes, alt };
    });
    return { level, to, parts, bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0) };
  });
  const ends = unpacked.map(({ to }) => to);
  demand(
    ends.every((to, index) => to > (ends[index - 1] ?? -1) && to <= through[0]),
    what,
  );
  return { through: { n: through[0], id: through[1] }, segments: unpacked };
}

/** The chunks that a fold needs. */
export function partsOf({ segments }: Pick<Fold, "segments">): ChunkAddress[] {
  return segments.flatMap(({ parts }) => parts);
}

/**
 * The plan of the next fold.
 * @param looseBytes bytes of the records in the entries after the last segment
 * @param recordBytes bytes of all records as they are now
 * @param newestBytes bytes of the records whose newest state each segment has, by the ends of the segments; those in the
 *   entries after them come last. Asked for only when much was replaced
 */
export function planFold(
  segments: readonly Segment[],
  looseBytes: number,
  recordBytes: number,
  newestBytes: (ends: readonly number[]) => readonly number[],
): FoldPlan {
  if (segments.length === 0) return ANEW;
  const replacedBytes = segments.reduce((sum, { bytes }) => sum + bytes, looseBytes) - recordBytes;
  if (replacedBytes < MOST_REPLACED * recordBytes) return planByLevels(segments);
  const newest = newestBytes(segments.map(({ to }) => to));
  let written = newest.at(-1) ?? 0;
  let freed = looseBytes - written;
  let best: FoldPlan & { ratio: number } = { ...ANEW, ratio: 0 };
  for (const [from, { level, bytes }] of [...segments.entries()].reverse()) {
    written += newest[from] ?? 0;
    freed += bytes - (newest[from] ?? 0);
    const ratio = freed / written;
    if (freed >= LEAST_FREED * replacedBytes && ratio > best.ratio) best = { from, level, ratio };
  }
  return { from: best.from, level: best.level };
}

/** So that there are never many of them. */
function planByLevels(segments: readonly Segment[]): FoldPlan {
  let from = segments.length;
  let level = 1;
  const isFull = (): boolean => {
    const last = segments.slice(Math.max(0, from - FAN), from);
    return last.length === FAN && last.every((segment) => segment.level === level);
  };
  while (isFull()) {
    from -= FAN;
    level++;
  }
  return { from, level };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw new VaultError("CORRUPT", `Could not read ${what}: its list of segments is damaged.`);
}
