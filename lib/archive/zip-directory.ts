import type { FileHandle } from "node:fs/promises";
import { Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from "yauzl";
import { codeOf } from "../disk/errors.ts";
import { readExactly } from "../disk/file-source.ts";
import { SafePaths } from "../disk/safe-paths.ts";
import { checkEntry, type DirectoryEntry } from "./directory-entry.ts";
import { isLeftOut, plainName, separatorOf } from "./entry-names.ts";
import { damaged, HINTS, refused } from "./errors.ts";
import { findProfile, pathAt } from "./profile-place.ts";
import { findEnd, type ZipEnd } from "./zip-end.ts";
import { recordBytes } from "./zip-format.ts";

/** The largest central directory that is read: a million entries. */
const MAX_DIRECTORY_BYTES = 64 * 1024 * 1024;
/** The files may have this many bytes for each byte of the zip, and a gibibyte besides. Profiles have 1 to 4. */
const MAX_RATIO = 100;
const FREE_BYTES = 1024 ** 3;

/** The checked central directory of an archive. */
export interface ZipDirectory {
  /** The files and directories of the profile, in the archive's order; not those that lie beside the profile. */
  readonly entries: readonly DirectoryEntry[];
  /** Names in the archive of the files that lie beside the profile; not of those that are nobody's data. */
  readonly leftOut: readonly string[];
  /** Whether the archive holds the profile's files alone, by their names in the profile. */
  readonly isPlain: boolean;
  /**
   * The position in the file at which the entry's data begins.
   * @throws `CORRUPT` when the entry's local header does not agree with the directory
   */
  dataStart(entry: DirectoryEntry): Promise<number>;
}

/**
 * Reads the central directory of an archive, and checks all of it before a byte is unpacked. Names become those of a
 * profile, wherever in the archive the profile lies: see {@link findProfile}.
 * @param zipPath the archive's path in errors
 * @throws `CORRUPT` when the archive is damaged; `INVALID` when it is whole but unsafe to unpack or not readable: unsafe
 *   or clashing names, links, encryption, other compressions, a bomb, several profiles, one part of several.
 */
export async function readDirectory(handle: FileHandle, zipPath: string): Promise<ZipDirectory> {
  const { size } = await handle.stat();
  try {
    const end = await findEnd(handle, zipPath, size);
    if (end.length > MAX_DIRECTORY_BYTES) throw refused(zipPath, `its directory has ${end.length} bytes`);
    const reader = new ZipReader(handle, zipPath, end);
    const options = { autoClose: false, decodeStrings: false, validateEntrySizes: false };
    const zip = await fromRandomAccessReaderPromise(reader, end.size, options);
    const listed = await readEntries(reader, zip, end);
    checkNames(zipPath, listed);
    const limits = checkPlaces(zipPath, listed, end.offset);
    checkTotal(zipPath, listed, end.size);
    const { entries, leftOut } = inProfile(zipPath, listed);
    const start = async (entry: DirectoryEntry): Promise<number> =>
      end.start + (await readDataStart(zipPath, zip, entry, limits.get(entry.offset) ?? 0));
    const isPlain =
      entries.length === zip.entryCount &&
      entries.every(({ path, name }) => Buffer.from(path).toString("latin1") === name);
    return { entries, leftOut, isPlain, dataStart: start };
  } catch (cause) {
    throw failure(zipPath, cause);
  }
}

/**
 * The reader that yauzl uses: it reads the archive alone, and not the bytes before and behind it. yauzl's own reader passes
 * a position of 2^53 or more on to Node, whose exception then ends the process.
 */
class ZipReader extends RandomAccessReader {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #archive: ZipEnd;
  /** The bytes of the directory while it is read: yauzl reads two small parts of it for each entry. */
  directory: { readonly offset: number; readonly bytes: Buffer } | undefined;

  constructor(handle: FileHandle, path: string, archive: ZipEnd) {
    super();
    this.path = path;
    this.#handle = handle;
    this.#archive = archive;
  }

  async bytes(position: number, length: number): Promise<Buffer> {
    const { start, size } = this.#archive;
    if (!(position >= 0 && position + length <= size)) throw damaged(this.path, `it ends at byte ${size}`);
    return readExactly(this.#handle, start + position, length, this.path);
  }

  override read(into: Buffer, at: number, length: number, position: number, done: (err: Error | null) => void): void {
    const start = position - (this.directory?.offset ?? 0);
    if (this.directory && start >= 0 && start + length <= this.directory.bytes.length) {
      this.directory.bytes.copy(into, at, start, start + length);
      done(null);
      return;
    }
    const copied = this.bytes(position, length).then((bytes) => bytes.copy(into, at));
    copied.then(() => done(null), done);
  }
}

async function readEntries(reader: ZipReader, zip: ZipFile, end: ZipEnd): Promise<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = [];
  let bytes = 0;
  reader.directory = { offset: end.offset, bytes: await reader.bytes(end.offset, end.length) };
  for await (const entry of zip.eachEntry()) {
    bytes += recordBytes.central + entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
    if (bytes > end.length) throw damaged(reader.path, "its directory ends early");
    entries.push(checkEntry(reader.path, entry));
  }
  reader.directory = undefined;
  if (bytes !== end.length) throw damaged(reader.path, `its directory has ${end.length - bytes} bytes too many`);
  return plainNames(reader.path, entries);
}

/** The entries with `/` between the folders of their names, without the one that is the top of the archive. */
function plainNames(zipPath: string, entries: readonly DirectoryEntry[]): DirectoryEntry[] {
  const separator = separatorOf(entries);
  if (typeof separator !== "string") {
    throw refused(zipPath, `${JSON.stringify(separator.path)} holds a backslash`, HINTS.separators);
  }
  const plain: DirectoryEntry[] = [];
  for (const entry of entries) {
    const path = plainName(entry.path, separator);
    if (path === "" && entry.path !== "") continue;
    const directory = path.endsWith("/");
    if (directory && entry.size !== 0) throw refused(zipPath, `${JSON.stringify(path)} is a directory with content`);
    plain.push(path === entry.path && !directory ? entry : { ...entry, path, directory });
  }
  return plain;
}

/** @throws `INVALID` when a name is unsafe, or two names are the same on some disk */
function checkNames(zipPath: string, entries: readonly DirectoryEntry[]): void {
  const names = new SafePaths();
  for (const { path, directory } of entries) {
    const problem = names.add(directory ? path.slice(0, -1) : path, directory);
    if (problem === undefined) continue;
    const isClash = /occurs twice|are the same name|is a file and a directory/.test(problem);
    throw refused(zipPath, problem, isClash ? HINTS.twice : HINTS.name);
  }
}

/**
 * The entries of the profile by their names in it, and nothing that lies beside it or is nobody's data.
 * @throws `INVALID` when nobody can tell which of several folders is the profile
 */
function inProfile(zipPath: string, listed: readonly DirectoryEntry[]): Pick<ZipDirectory, "entries" | "leftOut"> {
  const kept = listed.filter(({ path }) => !isLeftOut(path));
  const place = findProfile(kept.filter(({ directory }) => !directory).map(({ path }) => path));
  if (place === undefined) return { entries: kept, leftOut: [] };
  if (!("folder" in place)) {
    const folders = shortList(place.map((folder) => (folder === "" ? "its top" : JSON.stringify(folder))));
    const why =
      place.length > 1
        ? `it holds ${place.length} profiles: ${folders}`
        : `it holds a profile in ${folders} beside what may be another one`;
    throw refused(zipPath, why, HINTS.several);
  }
  const entries: DirectoryEntry[] = [];
  const leftOut: string[] = [];
  for (const entry of kept) {
    const path = pathAt(place, entry.path);
    if (path !== undefined) entries.push(path === entry.path ? entry : { ...entry, path });
    else if (!entry.directory) leftOut.push(entry.path);
  }
  checkNames(zipPath, entries);
  return { entries, leftOut };
}

function shortList(texts: readonly string[]): string {
  return texts.length > 5 ? `${texts.slice(0, 5).join(", ")} …` : texts.join(", ");
}

/**
 * Checks that no two entries share bytes, by which a small archive could unpack to petabytes.
 * @returns for the position of each entry, the one before which the entry must end
 */
function checkPlaces(zipPath: string, entries: readonly DirectoryEntry[], limit: number): Map<number, number> {
  const limits = new Map<number, number>();
  let next = limit;
  for (const entry of entries.toSorted((a, b) => b.offset - a.offset)) {
    const end = entry.offset + recordBytes.local + entry.name.length + entry.compressedSize;
    if (end > limit) throw damaged(zipPath, `${JSON.stringify(entry.path)} ends after the data`);
    if (end > next) throw damaged(zipPath, `${JSON.stringify(entry.path)} overlaps another entry`);
    limits.set(entry.offset, next);
    next = entry.offset;
  }
  return limits;
}

function checkTotal(zipPath: string, entries: readonly DirectoryEntry[], zipBytes: number): void {
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (total > FREE_BYTES + MAX_RATIO * zipBytes) {
    throw refused(zipPath, `it would unpack ${total} bytes from ${zipBytes}`);
  }
}

async function readDataStart(zipPath: string, zip: ZipFile, entry: DirectoryEntry, limit: number): Promise<number> {
  const { path, name, method, offset, compressedSize } = entry;
  const quoted = JSON.stringify(path);
  // An entry keeps only the fields that yauzl needs: a directory may have a million entries.
  const known = { relativeOffsetOfLocalHeader: offset, compressedSize, compressionMethod: method };
  const header = await zip.readLocalFileHeaderPromise(Object.assign(new Entry(), known)).catch((cause: unknown) => {
    throw failure(zipPath, cause, `${quoted}: `);
  });
  if (header.compressionMethod !== method) throw damaged(zipPath, `${quoted}: its header has another method`);
  if (header.fileName.toString("latin1") !== name) throw damaged(zipPath, `${quoted}: its header has another name`);
  if (header.fileDataStart + compressedSize > limit) throw damaged(zipPath, `${quoted} overlaps what comes after it`);
  return header.fileDataStart;
}

/** The `VaultError` for an error of yauzl, which is an `Error` without a code; any other error is returned as it is. */
function failure(zipPath: string, cause: unknown, where = ""): unknown {
  if (codeOf(cause) !== undefined || (cause as Error).name !== "Error") return cause;
  const why = `${where}${(cause as Error).message.replace(/\.$/, "")}`;
  return /strong encryption/.test(why) ? refused(zipPath, why, HINTS.encrypted) : damaged(zipPath, why, cause);
}
