import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { VaultError } from "../errors.ts";
import { diskError } from "./errors.ts";

/** Bytes at rest: a file, or a part of one. */
export interface FileSource {
  readonly size: number;
  /** @throws `CORRUPT` when there are fewer bytes than that */
  read(position: number, length: number): Promise<Buffer>;
}

/**
 * A file that is opened for each read: whoever goes through any number of files must not need as many descriptors.
 * @param name for the errors
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

/** The files below `directory`, by their paths relative to it, with `/`. */
export async function fileSources(directory: string): Promise<(FileSource & { readonly path: string })[]> {
  const files: (FileSource & { readonly path: string })[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const place = join(entry.parentPath, entry.name);
    const path = relative(directory, place).split(sep).join("/");
    files.push({ path, ...fileSource(place, (await stat(place)).size, path) });
  }
  return files;
}

/**
 * @param name of the file, for the error
 * @throws `CORRUPT` when the file ends before
 */
export async function readExactly(
  handle: FileHandle,
  position: number,
  length: number,
  name = "a file of the profile",
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw new VaultError("CORRUPT", `Could not read ${name}: it has become shorter.`);
    done += bytesRead;
  }
  return bytes;
}

/** As {@link readExactly}, of somebody's own reader, which may give less. @throws `CORRUPT` when it does */
export async function readPart(
  file: FileSource & { readonly path: string },
  position: number,
  length: number,
): Promise<Buffer> {
  const bytes = await file.read(position, length);
  if (bytes.length === length) return bytes;
  throw new VaultError("CORRUPT", `Could not read ${file.path}: ${bytes.length} of ${length} bytes at ${position}.`);
}
