import { createHash } from "node:crypto";
import { type FileHandle, link, lstat, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { syncDirectory, uniqueName, writeFully } from "../disk/durable.ts";
import { codeOf, diskError, isMissing } from "../disk/errors.ts";
import { isVaultError, VaultError } from "../errors.ts";
import { FileBlobs } from "./file-blobs.ts";
import { encodeHead, MAGIC } from "./format.ts";
import type { SpoolBlobs } from "./spool-blobs.ts";
import { damagedFile } from "./what-file.ts";

export interface WriteOptions {
  /** Whether a file that is there is replaced. */
  readonly overwrite: boolean;
  readonly signal: AbortSignal | undefined;
}

/** @throws `CONFLICT` when a file is at `path` that must not be replaced; `INVALID` when `path` cannot be that of a file */
export async function checkTarget(path: string, overwrite: boolean): Promise<void> {
  const folder = dirname(path);
  const isFolder = await kindOf(folder);
  if (isFolder === undefined) throw new VaultError("INVALID", `Could not write ${path}: there is no folder ${folder}.`);
  const target = await kindOf(path);
  if (target === "folder") {
    throw new VaultError("INVALID", `Could not write ${path}: it is a folder.`, { hint: "Name a file in it." });
  }
  if (target === "other") throw new VaultError("INVALID", `Could not write ${path}: it is no regular file.`);
  if (target === "file" && !overwrite) throw isThere(path);
}

async function kindOf(path: string): Promise<"file" | "folder" | "other" | undefined> {
  try {
    const found = await lstat(path);
    // A link is replaced, and not what it leads to.
    return found.isFile() || found.isSymbolicLink() ? "file" : found.isDirectory() ? "folder" : "other";
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw diskError(`look at ${path}`, cause);
  }
}

function isThere(path: string): VaultError {
  return new VaultError("CONFLICT", `Could not write ${path}: there is a file of this name.`, {
    hint: "Choose another name, or say that it is to be replaced (`overwrite`).",
  });
}

/**
 * Writes blobs as a session file: beside its place first, where it is read back and compared, and then under its name. Until
 * then the name has what it had. @returns the bytes of the file
 */
export async function writeSessionFile(path: string, blobs: SpoolBlobs, options: WriteOptions): Promise<number> {
  const { overwrite, signal } = options;
  const temporary = `${uniqueName(join(dirname(path), `.${basename(path)}.`))}.tmp`;
  try {
    const file = await open(temporary, "wx", 0o600);
    let hash: string;
    try {
      hash = await write(file, blobs, signal);
      await file.sync();
    } finally {
      await file.close();
    }
    const bytes = await compare(temporary, blobs, hash, signal);
    signal?.throwIfAborted();
    await place(temporary, path, overwrite);
    await syncDirectory(dirname(path));
    return bytes;
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    if (signal?.aborted) throw signal.reason;
    throw isVaultError(cause) ? cause : diskError(`write ${path}`, cause);
  }
}

/** @returns the SHA-256 in the trailer */
async function write(file: FileHandle, blobs: SpoolBlobs, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash("sha256");
  let at = 0;
  const add = async (bytes: Buffer): Promise<void> => {
    hash.update(bytes);
    await writeFully(file, bytes, at);
    at += bytes.length;
  };
  await add(MAGIC);
  const keys = blobs.keys();
  for (const key of keys) {
    signal?.throwIfAborted();
    const value = await spooled(blobs, key);
    await add(Buffer.concat([encodeHead(key.length, value.length), Buffer.from(key, "latin1")]));
    await add(value);
  }
  await add(encodeHead(0, keys.length));
  const digest = hash.digest();
  await writeFully(file, digest, at);
  return digest.toString("hex");
}

/** @throws `CORRUPT` when the disk returns other bytes than it was given */
async function compare(path: string, blobs: SpoolBlobs, hash: string, signal?: AbortSignal): Promise<number> {
  const written = await FileBlobs.open(path, { signal });
  try {
    if (written.hash !== hash) throw damagedFile(path, "the disk has returned other bytes than were written");
    for (const key of blobs.keys()) {
      const [value, expected] = [await written.get(key, { signal }), await spooled(blobs, key)];
      if (!value?.equals(expected)) throw damagedFile(path, "the disk has returned other bytes than were written");
    }
    return written.bytes;
  } finally {
    await written.close();
  }
}

async function spooled(blobs: SpoolBlobs, key: string): Promise<Buffer> {
  const value = await blobs.get(key);
  if (value) return value;
  throw new VaultError("CORRUPT", `Could not read ${key} of a temporary file: it is not there any more.`);
}

/** Gives the file its name. Without `overwrite` a file that has come meanwhile stays. */
async function place(temporary: string, path: string, overwrite: boolean): Promise<void> {
  if (overwrite) return await rename(temporary, path);
  try {
    await link(temporary, path);
    await rm(temporary, { force: true });
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") throw isThere(path);
    // Not every disk has links: FAT, as on most USB sticks, and some network file systems.
    await checkTarget(path, false);
    await rename(temporary, path);
  }
}
