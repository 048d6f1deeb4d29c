import { discard, LEAST_OWN_BYTES } from "../async/memory.ts";
import type { FileSource } from "../disk/file-source.ts";
import type { PieceSource } from "./pieces.ts";

/**
 * Bytes per read where a file is copied that may be overwritten meanwhile: on a slow disk few large reads are faster.
 */
export const COPY_BYTES: number = 2 << 20;

/**
 * Calls `work` with memory by which a file of `size` bytes can be copied, and frees it: a profile has hundreds of files.
 */
export async function withCopyBuffer<T>(size: number, work: (piece: Buffer) => Promise<T>): Promise<T> {
  const piece = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, Math.max(size, LEAST_OWN_BYTES)));
  try {
    return await work(piece);
  } finally {
    discard(piece);
  }
}

/** All bytes of a source in one buffer; for small sources. */
export async function readAll(source: FileSource): Promise<Buffer> {
  return source.size === 0 ? Buffer.alloc(0) : await source.read(0, source.size);
}

/** A source of bytes in memory. */
export function bufferSource(bytes: Buffer): FileSource {
  return {
    size: bytes.length,
    read: async (position, length) => bytes.subarray(position, position + length),
  };
}

/** `first`, followed by `rest`. */
export function concatSources(first: FileSource, rest: FileSource): FileSource {
  if (rest.size === 0) return first;
  if (first.size === 0) return rest;
  return {
    size: first.size + rest.size,
    read: async (position, length) => {
      const before = Math.max(0, Math.min(length, first.size - position));
      const head = before === 0 ? [] : [await first.read(position, before)];
      if (before === length) return head[0] ?? Buffer.alloc(0);
      return Buffer.concat([...head, await rest.read(position + before - first.size, length - before)]);
    },
  };
}

/** The first `size` bytes of a source. */
export function prefixSource(source: PieceSource, size: number): PieceSource {
  return {
    size,
    read: (position, length) => source.read(position, length),
    ...(source.readInto && { readInto: source.readInto.bind(source) }),
    withDescriptor: (work) => source.withDescriptor?.(work),
  };
}

/** A source that keeps the last 16 MiB it has read, in pieces of 256 KiB: for small reads in no order. */
export function cachedSource(source: FileSource): FileSource {
  const pieceBytes = 256 << 10;
  const kept = new Map<number, Buffer>();
  const piece = async (index: number): Promise<Buffer> => {
    const before = kept.get(index);
    if (before) return before;
    const at = index * pieceBytes;
    const bytes = await source.read(at, Math.min(pieceBytes, source.size - at));
    if (kept.size >= 64) kept.delete(kept.keys().next().value as number);
    kept.set(index, bytes);
    return bytes;
  };
  return {
    size: source.size,
    read: async (position, length) => {
      const first = Math.floor(position / pieceBytes);
      const offset = position - first * pieceBytes;
      if (position + length > source.size || offset + length > pieceBytes) return await source.read(position, length);
      return (await piece(first)).subarray(offset, offset + length);
    },
  };
}
