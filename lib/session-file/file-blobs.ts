import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { assertKey, assertPrefix } from "../blobs/keys.ts";
import { request } from "../blobs/request.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions } from "../blobs.ts";
import { codeOf, diskError } from "../disk/errors.ts";
import { readExactly, readInto } from "../disk/file-source.ts";
import { isVaultError, VaultError } from "../errors.ts";
import { isSessionName, SESSIONS_PREFIX } from "../vault/layout.ts";
import {
  decodeHead,
  HASH_BYTES,
  HEAD_BYTES,
  MAGIC,
  MOST_KEY_BYTES,
  MOST_RECORDS,
  MOST_VALUE_BYTES,
  TRAILER_BYTES,
} from "./format.ts";
import { listPlaces, type Place } from "./spool-blobs.ts";
import { damagedFile, foreignFile, newerFile } from "./what-file.ts";

/** How many bytes of a file are hashed at once. */
const READ_BYTES = 1024 * 1024;

/** The blobs of a session file, which cannot be changed. The memory has the keys only; a value is read when it is asked for. */
export class FileBlobs implements BlobStore {
  readonly keepsNoBuffers = true;
  /** Name of the session in the file. */
  readonly session: string;
  /** Bytes of the file. */
  readonly bytes: number;
  /** SHA-256 of the bytes before it, in hexadecimal. */
  readonly hash: string;
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #modifiedAt: Date;

  private constructor(
    path: string,
    file: FileHandle,
    found: { session: string; places: ReadonlyMap<string, Place>; bytes: number; hash: string; modifiedAt: Date },
  ) {
    this.#path = path;
    this.#file = file;
    this.#places = found.places;
    this.#modifiedAt = found.modifiedAt;
    this.session = found.session;
    this.bytes = found.bytes;
    this.hash = found.hash;
  }

  /**
   * Opens a session file, and reads all of it once.
   * @throws `CORRUPT` when it is cut short or damaged; `INVALID` when it is no session file, or one of a newer version;
   *   `ABSENT` when there is no file; `DENIED` or `UNAVAILABLE` when the disk fails; the reason of the signal
   */
  static async open(path: string, { signal }: CallOptions = {}): Promise<FileBlobs> {
    // A pipe without a writer would keep the call for ever.
    const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
    const file = await open(path, flags).catch((cause: unknown) => {
      if (codeOf(cause) === "ENOENT") throw new VaultError("ABSENT", `There is no file ${path}.`, { cause });
      throw diskError(`open ${path}`, cause);
    });
    try {
      const status = await file.stat();
      if (!status.isFile()) throw foreignFile(path, status.isDirectory() ? "a folder" : "no regular file");
      const { size: bytes, mtime: modifiedAt } = status;
      await checkMagic(path, file, bytes, signal);
      const places = await readPlaces(path, file, bytes, signal);
      const hash = (await readExactly(file, bytes - HASH_BYTES, HASH_BYTES, path)).toString("hex");
      if ((await hashOf(file, bytes - HASH_BYTES, { path, signal })) !== hash) {
        throw damagedFile(path, "its checksum is not that of its bytes");
      }
      return new FileBlobs(path, file, { session: sessionIn(path, places), places, bytes, hash, modifiedAt });
    } catch (cause) {
      await file.close();
      if (signal?.aborted) throw signal.reason;
      throw isVaultError(cause) ? cause : diskError(`read ${path}`, cause);
    }
  }

  /** All keys, in order. */
  keys(): string[] {
    return [...this.#places.keys()];
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async traits({ signal }: CallOptions = {}): Promise<BlobTraits> {
    signal?.throwIfAborted();
    return { maxBlobBytes: MOST_VALUE_BYTES, exclusiveCreate: true };
  }

  async get(key: string, { signal }: CallOptions = {}): Promise<Buffer | undefined> {
    assertKey(key);
    const place = this.#places.get(key);
    const read = async (): Promise<Buffer | undefined> =>
      place && (await readExactly(this.#file, place.at, place.length, this.#path));
    return await request(`read ${this.#path}`, diskError, read, signal);
  }

  async put(): Promise<never> {
    throw this.#readOnly();
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<BlobInfo> {
    assertPrefix(prefix);
    yield* listPlaces(this.#places, prefix, this.#modifiedAt, signal);
  }

  async delete(): Promise<never> {
    throw this.#readOnly();
  }

  #readOnly(): VaultError {
    return new VaultError("INVALID", `Could not change ${this.#path}: a session file is written once.`);
  }
}

async function checkMagic(path: string, file: FileHandle, bytes: number, signal?: AbortSignal): Promise<void> {
  if (bytes === 0) throw damagedFile(path, "it is empty");
  const begin = await readExactly(file, 0, Math.min(bytes, 512), path);
  const magic = begin.subarray(0, MAGIC.length);
  if (magic.equals(MAGIC)) return;
  if (MAGIC.subarray(0, magic.length).equals(magic)) throw damagedFile(path, "it is cut short");
  const sign = MAGIC.subarray(0, -1);
  const isSigned = magic.subarray(0, sign.length).equals(sign);
  // The end of the file tells a newer version from a damaged one, and a damaged one from any other file.
  if (bytes >= MAGIC.length + TRAILER_BYTES) {
    const trailer = await readExactly(file, bytes - TRAILER_BYTES, TRAILER_BYTES, path);
    const hash = trailer.subarray(-HASH_BYTES).toString("hex");
    const hashes = (begins: Buffer): Promise<string> => hashOf(file, bytes - HASH_BYTES, { path, signal, begins });
    if (isSigned && (await hashes(magic)) === hash) throw newerFile(path);
    if (trailer.readUInt16BE(0) === 0 && (await hashes(MAGIC)) === hash) {
      throw damagedFile(path, "its first bytes were changed");
    }
  }
  if (isSigned) throw damagedFile(path, "its first bytes and its checksum do not fit");
  throw foreignFile(path, begin);
}

/** Reads the heads and the keys, and checks that they fill the file. */
async function readPlaces(
  path: string,
  file: FileHandle,
  bytes: number,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Place>> {
  const places = new Map<string, Place>();
  const end = bytes < MAGIC.length + TRAILER_BYTES ? undefined : await readHead(file, bytes - TRAILER_BYTES, path);
  if (end?.keyBytes === 0 && end.second > MOST_RECORDS) throw tooMany(path);
  let last = "";
  for (let at = MAGIC.length; ; ) {
    signal?.throwIfAborted();
    if (at + TRAILER_BYTES > bytes) throw damagedFile(path, "it is cut short");
    const { keyBytes, second } = await readHead(file, at, path);
    if (keyBytes === 0) {
      if (second !== places.size) throw damagedFile(path, `it has ${places.size} of ${second} records`);
      if (at + TRAILER_BYTES !== bytes) throw damagedFile(path, "bytes follow behind its end");
      return places;
    }
    if (places.size === MOST_RECORDS) throw tooMany(path);
    if (keyBytes > MOST_KEY_BYTES || second > MOST_VALUE_BYTES) throw damagedFile(path, "a record has no right length");
    const valueAt = at + HEAD_BYTES + keyBytes;
    if (valueAt + second + TRAILER_BYTES > bytes) throw damagedFile(path, "it is cut short");
    const key = (await readExactly(file, at + HEAD_BYTES, keyBytes, path)).toString("latin1");
    if (!isKey(key)) throw damagedFile(path, "a record has no right key");
    if (key === last) throw damagedFile(path, "a key is there twice");
    if (key < last) throw damagedFile(path, "its records are not in order");
    last = key;
    places.set(key, { at: valueAt, length: second });
    at = valueAt + second;
  }
}

async function readHead(file: FileHandle, at: number, path: string): Promise<ReturnType<typeof decodeHead>> {
  return decodeHead(await readExactly(file, at, HEAD_BYTES, path));
}

function tooMany(path: string): VaultError {
  return damagedFile(path, `it has more than ${MOST_RECORDS} records`);
}

function isKey(key: string): boolean {
  try {
    assertKey(key);
    return true;
  } catch {
    return false;
  }
}

/** @param begins the first bytes as they are to be hashed. @default those of the file */
async function hashOf(
  file: FileHandle,
  bytes: number,
  { path, signal, begins }: { path: string; signal?: AbortSignal | undefined; begins?: Buffer },
): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, Math.max(bytes, 1)));
  for (let at = 0; at < bytes; ) {
    signal?.throwIfAborted();
    const piece = buffer.subarray(0, Math.min(buffer.length, bytes - at));
    await readInto(file, piece, at, path);
    if (at === 0) begins?.copy(piece);
    hash.update(piece);
    at += piece.length;
  }
  return hash.digest("hex");
}

/** The name of the one session in the file. */
function sessionIn(path: string, places: ReadonlyMap<string, Place>): string {
  const names = [...places.keys()]
    .filter((key) => key.startsWith(SESSIONS_PREFIX))
    .map((key) => key.slice(SESSIONS_PREFIX.length));
  const [session = ""] = names;
  if (names.length !== 1 || !isSessionName(session))
    throw damagedFile(path, `it has ${names.length} sessions, and not one`);
  return session;
}
