// RFC 8878, 3.1.1.
const MAGIC = 0xfd2fb528;
const MAGIC_BYTES = 4;
/** Bits of the first byte after the magic number. */
const SINGLE_SEGMENT = 0x20;
const RESERVED = 0x08;
const CHECKSUM = 0x04;
const DICTIONARY = 0x03;
const CHECKSUM_BYTES = 4;
const BLOCK_HEADER = 3;
const LARGEST_BLOCK = 128 * 1024;
/** Types of blocks. 3 is reserved. */
const RAW = 0;
const RLE = 1;
const COMPRESSED = 2;
/** RFC 8878 asks every decoder for this one. Level 1 uses 512 KiB. */
const LARGEST_WINDOW = 8 * 1024 * 1024;

/**
 * Checks the outline of a frame of zstd before anything is allocated for it: it is one frame, ends where `frame` ends,
 * needs no large window and no dictionary, says that its content has `bytes` bytes, and has blocks that may hold so many.
 * Decoders do not look at all of this: Node returns nothing for a frame that is to be skipped, and ignores what follows.
 * @throws RangeError when something of this is not so
 */
export function checkZstdFrame(frame: Buffer, bytes: number): void {
  if (frame.readUInt32LE(0) !== MAGIC) throw new RangeError("no frame of zstd");
  const flags = frame.readUInt8(MAGIC_BYTES);
  if (flags & (RESERVED | DICTIONARY)) throw new RangeError("a frame of zstd with unknown flags or a dictionary");
  const isSingle = (flags & SINGLE_SEGMENT) !== 0;
  let at = MAGIC_BYTES + 1;
  const window = isSingle ? bytes : windowOf(frame.readUInt8(at++));
  if (window > LARGEST_WINDOW) throw new RangeError(`a frame of zstd with a window of ${window} bytes`);
  const size = readSize(frame, at, flags >> 6, isSingle);
  if (size.content !== bytes) throw new RangeError(`a frame of zstd that says ${size.content} bytes`);
  const { end, most } = measureBlocks(frame, size.end, Math.min(window, LARGEST_BLOCK));
  if (end + (flags & CHECKSUM ? CHECKSUM_BYTES : 0) !== frame.length) {
    throw new RangeError("a frame of zstd that does not end where it should");
  }
  if (most < bytes) throw new RangeError("a frame of zstd with too few blocks");
}

/** Whether {@link checkZstdFrame} finds nothing wrong. */
export function isZstdFrame(frame: Buffer, bytes: number): boolean {
  try {
    checkZstdFrame(frame, bytes);
    return true;
  } catch {
    return false;
  }
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** The length of the content that the header says, and where the header ends. */
function readSize(frame: Buffer, at: number, width: number, isSingle: boolean): { content: number; end: number } {
  if (width === 3) return { content: Number(frame.readBigUInt64LE(at)), end: at + 8 };
  if (width === 2) return { content: frame.readUInt32LE(at), end: at + 4 };
  if (width === 1) return { content: frame.readUInt16LE(at) + 256, end: at + 2 };
  if (isSingle) return { content: frame.readUInt8(at), end: at + 1 };
  throw new RangeError("a frame of zstd without the length of its content");
}

/** Where the last block ends, and the most bytes that all blocks together may hold. */
function measureBlocks(frame: Buffer, start: number, largest: number): { end: number; most: number } {
  let most = 0;
  for (let at = start; ; ) {
    const header = frame.readUIntLE(at, BLOCK_HEADER);
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if ((type !== RAW && type !== RLE && type !== COMPRESSED) || size > largest) {
      throw new RangeError(`a frame of zstd with an impossible block at ${at}`);
    }
    at += BLOCK_HEADER + (type === RLE ? 1 : size);
    most += type === COMPRESSED ? largest : size;
    if (header & 1) return { end: at, most };
  }
}
