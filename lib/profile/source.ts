import { VaultError } from "../errors.ts";

/** Bytes that can be read anywhere: a held file, a part of a spool, a buffer, a file of a capture. */
export interface Source {
  /** Bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `position`; rejects with `CORRUPT` when they are not there. */
  read(position: number, length: number): Promise<Buffer>;
}

/** How much is read at once where a whole file is gone through. */
export const PIECE_BYTES: number = 1 << 20;

/** How much is copied at once of a file that may be overwritten meanwhile: a disk that is far away must not be asked often. */
export const COPY_BYTES: number = 4 << 20;

/** All of a source in one buffer; for the small ones. */
export async function readAll(source: Source): Promise<Buffer> {
  return source.size === 0 ? Buffer.alloc(0) : await source.read(0, source.size);
}

/** A source over bytes that are in memory. */
export function bufferSource(bytes: Buffer): Source {
  return {
    size: bytes.length,
    read: async (position, length) => bytes.subarray(position, position + length),
  };
}

/** One source after the other. */
export function joined(first: Source, rest: Source): Source {
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
export function firstBytes(source: Source, size: number): Source {
  return { size, read: (position, length) => source.read(position, length) };
}

/** A source that keeps what was read lately, in pieces of 256 KiB: for small reads that come in no order. */
export function cached(source: Source): Source {
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

/**
 * What was not copied, since its bytes are stored already, was changed after the capture, and now somebody wants to read
 * it. Take another capture that says nothing is stored: it can be read to its end.
 */
export class Overtaken extends VaultError {
  constructor(path: string, options: { cause?: unknown } = {}) {
    super("UNAVAILABLE", `Could not read ${path}: it has changed since the capture.`, options);
  }
}
