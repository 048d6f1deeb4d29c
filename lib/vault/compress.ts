import { promisify } from "node:util";
import { constants, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from "node:zlib";

/** Up to this size, compressing synchronously takes less time than a trip to the thread pool. */
const SMALL = 16 * 1024;
/** Bytes that deflate may add to a content it cannot shrink, and a reserve. */
const DEFLATE_ROOM = 4096;
/** The most memory that is allocated at once, whatever length a damaged frame has. */
const LARGEST_PIECE = 16 * 1024 * 1024;
/** The least share of a sample, and then of the whole content, that deflate must save to be used. */
const WORTHWHILE = 0.03;
const SAMPLE = 32 * 1024;

/**
 * A window of 8 KiB and large tables stay in the processor's caches: 45 % less time than by default for 1 % more bytes
 * (FORMAT.md has the measurements).
 */
const LARGE = { level: constants.Z_BEST_SPEED, windowBits: 13, memLevel: 9 };

const deflateAsync = promisify(deflateRaw);
const inflateAsync = promisify(inflateRaw);

/** `plain` deflated (level 1, on the thread pool), or `undefined` when that would hardly make it smaller. */
export async function shrink(plain: Buffer): Promise<Buffer | undefined> {
  if (plain.length <= SMALL) {
    const deflated = deflateRawSync(plain, { level: constants.Z_BEST_SPEED });
    return deflated.length < plain.length ? deflated : undefined;
  }
  if (plain.length > 4 * SAMPLE) {
    const middle = (plain.length - SAMPLE) >> 1;
    const sample = await deflateAsync(plain.subarray(middle, middle + SAMPLE), LARGE);
    if (sample.length > SAMPLE * (1 - WORTHWHILE)) return undefined;
  }
  // In one piece: zlib's own 16 KiB pieces cost a tenth of a save, and a fifth of a restore, in garbage.
  const deflated = await deflateAsync(plain, { ...LARGE, chunkSize: plain.length + DEFLATE_ROOM });
  return deflated.length <= plain.length * (1 - WORTHWHILE) ? deflated : undefined;
}

/** The `bytes` bytes that {@link shrink} made `body` from. @throws what zlib throws, also when there are more bytes */
export async function inflate(body: Buffer, bytes: number): Promise<Buffer> {
  const options = { maxOutputLength: Math.max(bytes, 1) };
  return bytes <= SMALL
    ? inflateRawSync(body, options)
    : await inflateAsync(body, { ...options, chunkSize: Math.min(bytes, LARGEST_PIECE) });
}
