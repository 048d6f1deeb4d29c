import { randomBytes } from "node:crypto";
import { link, open, readdir, rename, rm, rmdir, stat, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { assertKey, assertPrefix } from "../../lib/blobs/keys.ts";
import { assertSize, request } from "../../lib/blobs/request.ts";
import { settled } from "../../lib/blobs/settled.ts";
import { checkMaxBlobBytes, LARGEST_BLOB_BYTES, type MaxBlobBytes } from "../../lib/blobs/size.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, ListOptions, PutOptions } from "../../lib/blobs.ts";
import { syncDirectory } from "../../lib/disk/durable.ts";
import { codeOf } from "../../lib/disk/errors.ts";
import { readWholeFile } from "../../lib/disk/read-whole-file.ts";
import { invalidOption, VaultError } from "../../lib/errors.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { FILE_MODE, hasLinks, isWithoutLinks, makeDirectory, toVaultError, unlessAbsent } from "./disk.ts";
import { directoryNames, fileNames, type NameOnDisk, readName, temporaryName } from "./file-names.ts";

/** What {@link FileBlobs} takes. */
export interface FileBlobsOptions extends MaxBlobBytes {
  /** Path of the directory; made when it does not exist. */
  directory: string;
}

/** A file may be larger, but a blob is held in memory. */
const MAX_BLOB_BYTES = 16 * 1024 * 1024;
/** A temporary file of this age belongs to a process that died. */
const STALE_MS = 60 * 60 * 1000;
/** How often a file is created at most: another process may remove a directory that is empty just before. */
const TRIES = 5;

/** Sessions in a directory: of this machine, or of a volume that outlives it. */
export class FileStore extends Vault {
  constructor(options: VaultOptions & FileBlobsOptions) {
    super({ ...options, blobs: new FileBlobs(options) });
  }
}

/**
 * One file per blob, readable by its owner only. A put writes a temporary file, syncs it, and renames it (or links it,
 * which fails when the name is taken). A crash leaves temporary files at most; a later listing removes them.
 */
export class FileBlobs implements BlobStore {
  readonly keepsNoBuffers = true;
  readonly kind = "fs";
  readonly #directory: string;
  readonly #maxBlobBytes: number;
  /**
   * The device of the directory once it was seen: a directory that vanishes then is a lost volume, not an empty store.
   */
  #device: number | undefined;
  #hasLinks: boolean | undefined;

  constructor({ directory, maxBlobBytes }: FileBlobsOptions) {
    if (typeof directory !== "string" || directory === "") throw invalidOption("directory", "a path", directory);
    this.#directory = resolve(directory);
    this.#maxBlobBytes = checkMaxBlobBytes(maxBlobBytes, MAX_BLOB_BYTES);
  }

  /** Tries whether the disk has hard links: without them no file can be created exclusively and whole. */
  async traits({ signal }: CallOptions = {}): Promise<BlobTraits> {
    signal?.throwIfAborted();
    return request("read the traits of the directory", toVaultError, async () => {
      await this.#mustBeThere();
      await makeDirectory(this.#directory);
      const exclusiveCreate = await this.#canLink();
      await this.#remember();
      return { maxBlobBytes: this.#maxBlobBytes, exclusiveCreate };
    });
  }

  async get(key: string, { signal }: CallOptions = {}): Promise<Buffer | undefined> {
    assertKey(key);
    const read = async (): Promise<Buffer | undefined> => {
      const bytes = await unlessAbsent(readWholeFile(this.#file(key), { most: LARGEST_BLOB_BYTES, name: key, signal }));
      await (bytes ? this.#remember() : this.#mustBeThere());
      return bytes;
    };
    return request(`read ${key}`, toVaultError, read, signal);
  }

  async put(key: string, bytes: Buffer, { ifAbsent = false, signal }: PutOptions = {}): Promise<void> {
    assertKey(key);
    assertSize(`Could not put ${key}`, bytes, this.#maxBlobBytes);
    const target = this.#file(key);
    const temporary = temporaryName(target, randomBytes(8).toString("hex"));
    const write = async (): Promise<void> => {
      try {
        await this.#write(temporary, bytes);
        signal?.throwIfAborted();
        if (ifAbsent) await this.#create(key, temporary, target);
        else await rename(temporary, target);
      } finally {
        // After a rename it does not exist.
        await rm(temporary, { force: true });
      }
      await syncDirectory(dirname(target));
      await this.#remember();
    };
    await request(`put ${key}`, toVaultError, write, signal);
  }

  async *list(prefix: string, { signal, keysOnly = false }: ListOptions = {}): AsyncGenerator<BlobInfo> {
    assertPrefix(prefix);
    const segments = prefix.split("/").slice(0, -1);
    const start = join(this.#directory, ...segments.flatMap(directoryNames));
    await request(`list ${prefix}`, toVaultError, () => this.#mustBeThere(), signal);
    for await (const info of walk(start, `${segments.join("/")}/`, keysOnly, signal)) {
      if (info.key.startsWith(prefix)) yield info;
    }
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    for (const key of keys) assertKey(key);
    const remove = async (): Promise<void> => {
      const directories = new Set<string>();
      for (const key of keys) {
        signal?.throwIfAborted();
        const file = this.#file(key);
        const gone = (await unlessAbsent(unlink(file).then(() => true))) ?? false;
        if (gone) directories.add(dirname(file));
        else await this.#mustBeThere();
      }
      for (const directory of directories) {
        await syncDirectory(directory);
        // Succeeds when the directory is empty: the last chunk of an epoch leaves none behind.
        await rmdir(directory).catch(() => {});
      }
    };
    await request(`delete ${keys.length} keys`, toVaultError, remove, signal);
  }

  /** Gives the file its name, unless that is taken. */
  async #create(key: string, temporary: string, target: string): Promise<void> {
    try {
      await link(temporary, target);
      return;
    } catch (error) {
      if (!isWithoutLinks(error) || (await this.#canLink())) throw error;
    }
    // Without links, looking first is all that can be done, and the traits say so.
    if (await unlessAbsent(stat(target))) throw new VaultError("CONFLICT", `Could not put ${key}: it exists.`);
    await rename(temporary, target);
  }

  async #canLink(): Promise<boolean> {
    this.#hasLinks ??= await hasLinks(join(this.#directory, temporaryName("probe", randomBytes(8).toString("hex"))));
    return this.#hasLinks;
  }

  async #remember(): Promise<void> {
    this.#device ??= (await stat(this.#directory)).dev;
  }

  /** To be awaited before a file is called absent, or the directory is made. */
  async #mustBeThere(): Promise<void> {
    if (this.#device === undefined) return;
    const { dev } = await stat(this.#directory);
    if (dev === this.#device) return;
    // The volume is mounted again, as another device; or this is the empty directory under its mount point.
    if ((await readdir(this.#directory)).length === 0) {
      throw new VaultError("UNAVAILABLE", "The directory is empty, and on another device than before.", {
        hint: "The volume is not mounted any more: mount it again.",
      });
    }
    this.#device = dev;
  }

  async #write(path: string, bytes: Buffer): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const file = await open(path, "wx", FILE_MODE);
        try {
          await file.writeFile(bytes);
          await file.sync();
        } finally {
          await file.close();
        }
        return;
      } catch (error) {
        if (codeOf(error) !== "ENOENT" || tries === TRIES) throw error;
        await this.#mustBeThere();
        await makeDirectory(dirname(path));
      }
    }
  }

  #file(key: string): string {
    const segments = key.split("/");
    const name = segments.pop() ?? "";
    return join(this.#directory, ...segments.flatMap(directoryNames), ...fileNames(name));
  }
}

/** All blobs below `directory`, whose keys begin with `text`. */
async function* walk(
  directory: string,
  text: string,
  keysOnly: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<BlobInfo> {
  const names = (): ReturnType<typeof settled<NameOnDisk>> => settled(() => namesIn(directory));
  for (const [name, found] of await request(`list ${text}`, toVaultError, names, signal)) {
    signal?.throwIfAborted();
    const path = join(directory, name);
    if (found.kind === "directory") yield* walk(path, text + found.text, keysOnly, signal);
    else if (found.kind === "blob" && keysOnly) yield { key: text + found.text, size: 0, modifiedAt: new Date(0) };
    else if (found.kind === "blob") {
      const info = await request(`list ${text}`, toVaultError, () => unlessAbsent(stat(path)));
      // One that is gone by now is listed too: it may be gone because the next one has come, which is not listed.
      yield { key: text + found.text, size: info?.size ?? 0, modifiedAt: info?.mtime ?? new Date() };
    }
  }
}

/** The directories and blobs in a directory, if there is one; old temporary files are removed. */
async function namesIn(directory: string): Promise<{ found: Map<string, NameOnDisk> }> {
  const found = new Map<string, NameOnDisk>();
  const temporary: string[] = [];
  for (const entry of (await unlessAbsent(readdir(directory, { withFileTypes: true }))) ?? []) {
    const name = readName(entry.name, entry.isDirectory());
    if (name.kind === "temporary") temporary.push(join(directory, entry.name));
    else if (name.kind !== "foreign") found.set(entry.name, name);
  }
  if (temporary.length > 0) await removeStale(directory, temporary);
  return { found };
}

/**
 * Removes temporary files that were left behind: those that are old by the clock of this host and by that of the disk, which
 * has noted when the directory was last changed. The clock of this host may be ahead: what others write at this moment stays.
 * A file that cannot be removed does not make the listing fail.
 */
async function removeStale(directory: string, paths: readonly string[]): Promise<void> {
  const changed = await unlessAbsent(stat(directory));
  const old = Math.min(Date.now(), changed?.mtimeMs ?? 0) - STALE_MS;
  for (const path of paths) {
    const info = await unlessAbsent(stat(path));
    if (info && info.mtimeMs < old) await rm(path, { force: true }).catch(() => {});
  }
}
