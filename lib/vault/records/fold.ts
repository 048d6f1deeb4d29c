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

/** So many segments of one level are put together to one of the next level. */
const FAN = 11;
/** The first segment is written anew when the others have so many times its bytes. */
const GROWTH = 2;

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
    const parts = packed.map(([id, short, bytes, alt = 0]): Chunk => {
      const folder = longFolder(short);
      demand(HASH.test(id) && folder !== undefined && isCount(bytes) && isCount(alt), what);
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
 * Which segments the next one replaces: all from `from` on.
 * @param looseBytes bytes of the records after the last segment
 */
export function planFold(segments: readonly Segment[], looseBytes: number): { from: number; level: number } {
  const bytesFrom = (index: number): number =>
    segments.slice(index).reduce((sum, { bytes }) => sum + bytes, looseBytes);
  if (bytesFrom(1) >= GROWTH * (segments[0]?.bytes ?? 0)) return { from: 0, level: 0 };
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
