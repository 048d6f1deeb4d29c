import { promisify } from "node:util";
import { constants, crc32, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync } from "node:zlib";
import { VaultError } from "../errors.ts";

/** The kinds of contents; stored in the frame, so that one kind is never taken for another. */
export type FrameKind = "entry" | "chunk" | "lease" | "session";

/** Bytes that a frame adds to a content that is not compressed. */
const FRAME_OVERHEAD = 16;

const MAGIC = Buffer.from("WAV", "latin1");
const VERSION = 1;
const HEADER = 12;
const KINDS: readonly FrameKind[] = ["entry", "chunk", "lease", "session"];
const STORED = 0;
const DEFLATED = 1;
const NO_KEY = 0;

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

/** Frames `plain`, deflated (level 1, on the thread pool) when that makes it smaller. */
export async function encodeFrame(kind: FrameKind, plain: Buffer): Promise<Buffer> {
  const deflated = await shrink(plain);
  const body = deflated ?? plain;
  const frame = Buffer.allocUnsafe(HEADER + body.length + 4);
  MAGIC.copy(frame, 0);
  frame[3] = VERSION;
  frame[4] = KINDS.indexOf(kind) + 1;
  frame[5] = deflated ? DEFLATED : STORED;
  frame[6] = NO_KEY;
  frame[7] = 0;
  frame.writeUInt32BE(plain.length, 8);
  body.copy(frame, HEADER);
  frame.writeUInt32BE(crc32(frame.subarray(0, -4)), frame.length - 4);
  return frame;
}

/**
 * The content of `frame`.
 * @param what named in errors, e.g. "log entry 7".
 * @throws `CORRUPT` when a byte is wrong or missing, `WRONG_KEY` when the frame is encrypted, `INVALID` when it is whole
 *   and of a newer format.
 */
export async function decodeFrame(kind: FrameKind, frame: Buffer, what: string): Promise<Buffer> {
  if (frame.length < FRAME_OVERHEAD || frame.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0) {
    throw corrupt(what, "it does not begin with the mark of a frame");
  }
  // Magic first and checksum last hold for every version, so that damage is never mistaken for a newer format.
  if (crc32(frame.subarray(0, -4)) !== frame.readUInt32BE(frame.length - 4))
    throw corrupt(what, "its checksum differs");
  const codec = frame[5];
  if (frame[3] !== VERSION || (codec !== STORED && codec !== DEFLATED) || frame[7] !== 0) {
    throw new VaultError("INVALID", `Could not read ${what}: it was written by a newer version of wa-vault.`, {
      hint: "Use at least the version that wrote it.",
    });
  }
  if (frame[6] !== NO_KEY) {
    throw new VaultError("WRONG_KEY", `Could not read ${what}: it is encrypted and no key was given.`);
  }
  if (frame[4] !== KINDS.indexOf(kind) + 1) throw corrupt(what, "it is of another kind");
  const bytes = frame.readUInt32BE(8);
  const body = frame.subarray(HEADER, -4);
  const plain = codec === STORED ? body : await inflate(body, bytes, what);
  if (plain.length !== bytes) throw corrupt(what, "its length differs");
  return plain;
}

async function shrink(plain: Buffer): Promise<Buffer | undefined> {
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

async function inflate(body: Buffer, bytes: number, what: string): Promise<Buffer> {
  const options = { maxOutputLength: Math.max(bytes, 1) };
  try {
    return bytes <= SMALL
      ? inflateRawSync(body, options)
      : await inflateAsync(body, { ...options, chunkSize: Math.min(bytes, LARGEST_PIECE) });
  } catch (cause) {
    throw corrupt(what, "it cannot be decompressed", cause);
  }
}

function corrupt(what: string, why: string, cause?: unknown): VaultError {
  return new VaultError("CORRUPT", `Could not read ${what}: ${why}.`, { cause });
}
