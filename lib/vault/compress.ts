import { promisify } from "node:util";
import { constants, createDeflateRaw, createInflateRaw, deflateRaw, deflateRawSync, inflateRawSync } from "node:zlib";
import { discardWholeBuffer } from "../async/memory.ts";
import { inOneBuffer } from "./one-buffer.ts";
import { type NodeZstd, unzstd, ZSTD_LARGEST_CONTENT } from "./zstd.ts";
import { isZstdFrame } from "./zstd-frame.ts";

/** How a body is compressed. The numbers are stored. */
export const STORED = 0;
export const DEFLATED = 1;
export const ZSTD = 2;

/** The body of a frame, and how it is compressed. */
export interface Packed {
  readonly codec: number;
  readonly body: Buffer;
}

/** Up to this size, deflating synchronously takes less time than a trip to the thread pool, and as little as zstd. */
const SMALL = 16 * 1024;
/** Bytes that deflate may add to a content it cannot shrink, and a reserve. */
const DEFLATE_ROOM = 4096;
/** With so much more than the output needs, zlib never asks for a second buffer. */
const INFLATE_ROOM = 64;
/** The most memory that is allocated at once, whatever length a damaged frame has. */
const LARGEST_PIECE = 16 * 1024 * 1024;
/** More than any content has: a small frame that was made to fill the memory could unpack to a thousand times its size. */
const LARGEST_CONTENT = 256 * 1024 * 1024;
/** The least share of a content, and for deflate of a sample before it, that must be saved to compress it. */
const WORTHWHILE = 0.03;
const SAMPLE = 32 * 1024;

/**
 * A window of 8 KiB and large tables stay in the processor's caches: 45 % less time than by default for 1 % more bytes
 * (FORMAT.md has the measurements).
 */
const LARGE = { level: constants.Z_BEST_SPEED, windowBits: 13, memLevel: 9 };

const deflateAsync = promisify(deflateRaw);

/**
 * The body for `plain`: compressed, or `plain` itself when that would hardly make it smaller.
 * @param zstd what Node has of zstd; `undefined`: nothing, and everything is deflated.
 */
export async function pack(plain: Buffer, zstd: NodeZstd | undefined): Promise<Packed> {
  if (plain.length <= SMALL) {
    const deflated = deflateRawSync(plain, { level: constants.Z_BEST_SPEED });
    return deflated.length < plain.length ? { codec: DEFLATED, body: deflated } : { codec: STORED, body: plain };
  }
  const frame = plain.length <= ZSTD_LARGEST_CONTENT ? await zstd?.compress(plain) : undefined;
  // No Node writes another one. But what a reader would refuse must never be stored.
  if (frame && isZstdFrame(frame, plain.length)) return smaller({ codec: ZSTD, body: frame }, plain);
  const deflated = await deflate(plain);
  return deflated ? smaller({ codec: DEFLATED, body: deflated }, plain) : { codec: STORED, body: plain };
}

/**
 * The `bytes` bytes that {@link pack} made a compressed body from.
 * @param zstd as for {@link pack}; where Node has none, a decoder in WebAssembly takes its place.
 * @throws what the decompressor throws, also when there are more bytes; a `VaultError` when there is no decompressor.
 */
export async function unpack({ codec, body }: Packed, bytes: number, zstd: NodeZstd | undefined): Promise<Buffer> {
  if (codec === STORED) return body;
  if (codec === ZSTD) return await unzstd(body, bytes, zstd);
  if (bytes > LARGEST_CONTENT) throw new RangeError(`its content would have ${bytes} bytes`);
  if (bytes <= SMALL) return inflateRawSync(body, { maxOutputLength: Math.max(bytes, 1) });
  const chunkSize = Math.min(bytes, LARGEST_PIECE) + INFLATE_ROOM;
  return await inOneBuffer(createInflateRaw({ chunkSize }), body, bytes);
}

/** The compressed body, or `plain`: then the memory of the other one is freed at once. */
function smaller(packed: Packed, plain: Buffer): Packed {
  if (packed.body.length <= plain.length * (1 - WORTHWHILE)) return packed;
  discardWholeBuffer(packed.body);
  return { codec: STORED, body: plain };
}

/** `plain` deflated on the thread pool, or `undefined` when a sample hardly gets smaller: deflate takes long to find out. */
async function deflate(plain: Buffer): Promise<Buffer | undefined> {
  if (plain.length > 4 * SAMPLE) {
    const middle = (plain.length - SAMPLE) >> 1;
    const sample = await deflateAsync(plain.subarray(middle, middle + SAMPLE), LARGE);
    if (sample.length > SAMPLE * (1 - WORTHWHILE)) return undefined;
  }
  // In one piece: zlib's own 16 KiB pieces cost a tenth of a save, and a fifth of a restore, in garbage.
  return await inOneBuffer(createDeflateRaw({ ...LARGE, chunkSize: plain.length + DEFLATE_ROOM }), plain);
}
