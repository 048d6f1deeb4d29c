import type { Entry } from "yauzl";
import { isLeftOut, nameOf, plainName } from "./entry-names.ts";
import { damaged, HINTS, refused } from "./errors.ts";
import { methods, type ZipEntry } from "./zip-format.ts";

const ENCRYPTED = 0x0001;
const UNIX = 3;
const TYPE_MASK = 0o170000;
const FILE_TYPES: readonly number[] = [0, 0o100000, 0o040000];
/** Names of compression methods that other programs offer, for errors. */
const OTHER_METHODS: Readonly<Record<number, string>> = {
  9: "Deflate64",
  12: "bzip2",
  14: "LZMA",
  93: "zstd",
  95: "xz",
  98: "PPMd",
};

/** A file or directory of a profile, or of an archive whose profile is not known yet. */
export interface DirectoryEntry extends ZipEntry {
  readonly directory: boolean;
  /** The bytes of its name in the archive, as Latin-1; `path` is its name in the profile. */
  readonly name: string;
}

/**
 * The entry of an archive, by its name there.
 * @throws `INVALID` when it is encrypted, a link, a device, or compressed by a method that is not read; `CORRUPT`
 */
export function checkEntry(zipPath: string, entry: Entry): DirectoryEntry {
  const path = nameOf(entry);
  const quoted = JSON.stringify(path);
  const { compressionMethod: method, compressedSize, uncompressedSize: size } = entry;
  if (entry.generalPurposeBitFlag & ENCRYPTED) throw refused(zipPath, `${quoted} is encrypted`, HINTS.encrypted);
  if (method !== methods.stored && method !== methods.deflated) {
    const known = OTHER_METHODS[method];
    const name = known === undefined ? "" : ` (${known})`;
    throw refused(zipPath, `${quoted} is compressed by method ${method}${name}`, HINTS.method);
  }
  const type = entry.versionMadeBy >>> 8 === UNIX ? (entry.externalFileAttributes >>> 16) & TYPE_MASK : 0;
  // The links of a browser that runs, or was killed, are never made.
  if (!FILE_TYPES.includes(type) && !isLeftOut(plainName(path, "\\"))) {
    throw refused(zipPath, `${quoted} is a link or a device`, HINTS.link);
  }
  if (method === methods.stored && size !== compressedSize) throw damaged(zipPath, `${quoted} has two sizes`);
  const { crc32: crc, relativeOffsetOfLocalHeader: offset } = entry;
  const name = entry.fileNameRaw.toString("latin1");
  return { path, name, method, crc, compressedSize, size, offset, directory: path.endsWith("/") };
}
