import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { VaultError } from "../errors.ts";
import { diskError } from "./errors.ts";

/** Bytes at rest: a file, or a part of a file. */
export interface FileSource {
  readonly size: number;
  /** @throws `CORRUPT` when the file has fewer bytes */
  read(position: number, length: number): Promise<Buffer>;
  /**
   * Calls `work` with an open descriptor, for another thread that reads by it; it stays open until `work` has ended.
   * @returns what `work` returns; `undefined` when there is no descriptor
   */
  withDescriptor?<T>(work: (place: DescribedPlace) => Promise<T>): Promise<T> | undefined;
}

/** Where the first byte of a source lies. */
export interface DescribedPlace {
  readonly fd: number;
  readonly position: number;
}

/**
 * A file that is opened for each read, so that any number of them needs few descriptors.
 * @param name the file's name in errors
 */
export function fileSource(path: string, size: number, name: string = basename(path)): FileSource {
  return {
    size,
    read: async (position, length) => {
      try {
        const handle = await open(path, "r");
        try {
          return await readExactly(handle, position, length, name);
        } finally {
          await handle.close();
        }
      } catch (cause) {
        throw diskError(`read ${name}`, cause);
      }
    },
  };
}

/** The files below `directory`, with paths relative to it and `/` between segments. */
export async function fileSources(directory: string): Promise<(FileSource & { readonly path: string })[]> {
  const files: (FileSource & { readonly path: string })[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const location = join(entry.parentPath, entry.name);
    const path = relative(directory, location).split(sep).join("/");
    files.push({ path, ...fileSource(location, (await stat(location)).size, path) });
  }
  return files;
}

/**
 * Reads `length` bytes at `position`.
 * @param name the file's name in the error
 * @throws `CORRUPT` when the file ends before that
 */
export async function readExactly(
  handle: FileHandle,
  position: number,
  length: number,
  name = "a file of the profile",
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  await readInto(handle, bytes, position, name);
  return bytes;
}

/** As {@link readExactly}, into the whole of a buffer that the caller has. */
export async function readInto(
  handle: FileHandle,
  target: Buffer,
  position: number,
  name = "a file of the profile",
): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw new VaultError("CORRUPT", `Could not read ${name}: it has become shorter.`);
    done += bytesRead;
  }
}

/** As {@link readExactly}, by the `read` of a caller's file. @throws `CORRUPT` when it returns fewer bytes */
export async function readPart(
  file: FileSource & { readonly path: string },
  position: number,
  length: number,
): Promise<Buffer> {
  const bytes = await file.read(position, length);
  if (bytes.length === length) return bytes;
  throw new VaultError("CORRUPT", `Could not read ${file.path}: ${bytes.length} of ${length} bytes at ${position}.`);
}
