import type { FileHandle } from "node:fs/promises";
import type { FileIdentity } from "../../disk/file-identity.ts";
import { StaleRead } from "../capture/errors.ts";
import type { FilePool } from "../capture/file-pool.ts";
import type { PieceSource } from "../pieces.ts";
import type { FilePart } from "./check-trees-job.ts";

/** A source whose reads end with the signal of the capture. */
export function abortableSource(pool: FilePool, source: PieceSource): PieceSource {
  const { readInto } = source;
  return {
    size: source.size,
    read: async (position, length) => {
      pool.throwIfAborted();
      return await source.read(position, length);
    },
    ...(readInto && {
      readInto: async (target: Buffer, position: number) => {
        pool.throwIfAborted();
        await readInto.call(source, target, position);
      },
    }),
  };
}

/**
 * Reads from an open file itself. A read rejects with `StaleRead` when the file has changed since it was opened.
 * @param file as it was then
 * @param path names it in errors
 */
export function unchangedSource(
  pool: FilePool,
  { handle, identity }: { readonly handle: FileHandle; readonly identity: FileIdentity },
  path: string,
): PieceSource {
  const source = pool.source(handle, identity.size);
  const unchanged = async <T>(reading: Promise<T>): Promise<T> => {
    const read = await reading.then(
      (value) => ({ value }),
      (cause: unknown) => ({ cause }),
    );
    // Before the result of the read: a file that has become shorter has changed too.
    if (!(await pool.isUnchanged(handle, identity))) throw new StaleRead(path);
    if ("value" in read) return read.value;
    throw read.cause;
  };
  return {
    size: source.size,
    read: (position, length) => unchanged(source.read(position, length)),
    readInto: (target, position) => unchanged(source.readInto(target, position)),
    withDescriptor: (work) => {
      const working = source.withDescriptor?.(work);
      return working && unchanged(working);
    },
  };
}

/** Calls `work` with the places of all sources. @returns `undefined` when one of them has no descriptor */
export async function withParts<T>(
  [source, ...rest]: readonly PieceSource[],
  work: (parts: readonly FilePart[]) => Promise<T>,
  parts: readonly FilePart[] = [],
): Promise<T | undefined> {
  if (source === undefined) return await work(parts);
  const { size } = source;
  return await source.withDescriptor?.((place) => withParts(rest, work, [...parts, { ...place, size }]));
}
