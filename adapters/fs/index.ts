import { randomBytes } from "node:crypto";
import { link, open, readdir, readFile, rename, rm, rmdir, stat, unlink } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { assertKey, assertPrefix } from "../../lib/blobs/keys.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../../lib/blobs.ts";
import { syncDirectory } from "../../lib/disk/durable.ts";
import { codeOf } from "../../lib/disk/errors.ts";
import { invalidOption, VaultError } from "../../lib/errors.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { during, FILE_MODE, hasLinks, isWithoutLinks, makeDirectory, unlessAbsent } from "./disk.ts";
import { directoryNames, fileNames, readName, temporaryName } from "./file-names.ts";

/** What {@link FileBlobs} takes. */
export interface FileBlobsOptions {
  /** Path of the directory; made when it does not exist. */
  directory: string;
}

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
  readonly #directory: string;
  /**
   * The device of the directory once it was seen: a directory that vanishes then is a lost volume, not an empty store.
   */
  #device: number | undefined;
  #hasLinks: boolean | undefined;

  constructor({ directory }: FileBlobsOptions) {
    if (typeof directory !== "string" || directory === "") throw invalidOption("directory", "a path", directory);
    this.#directory = resolve(directory);
  }

  /** Tries whether the disk has hard links: without them no file can be created exclusively and whole. */
  async traits({ signal }: CallOptions = {}): Promise<BlobTraits> {
    return during("read the traits of the directory", async () => {
      signal?.throwIfAborted();
      await this.#mustBeThere();
      await makeDirectory(this.#directory);
      const exclusiveCreate = await this.#canLink();
      await this.#remember();
      return { maxBlobBytes: MAX_BLOB_BYTES, exclusiveCreate };
    });
  }

  async get(key: string, { signal }: CallOptions = {}): Promise<Buffer | undefined> {
    assertKey(key);
    return during(
      `read ${key}`,
      async () => {
        const bytes = await unlessAbsent(readFile(this.#file(key), { signal }));
        await (bytes ? this.#remember() : this.#mustBeThere());
        return bytes;
      },
      signal,
    );
  }

  async put(key: string, bytes: Buffer, { ifAbsent = false, signal }: PutOptions = {}): Promise<void> {
    assertKey(key);
    if (bytes.length > MAX_BLOB_BYTES) {
      throw new VaultError("TOO_LARGE", `Could not put ${key}: ${bytes.length} bytes are more than ${MAX_BLOB_BYTES}.`);
    }
    const what = `put ${key}`;
    await during(what, () => this.#put(what, this.#file(key), bytes, ifAbsent, signal), signal);
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncGenerator<BlobInfo> {
    assertPrefix(prefix);
    const segments = prefix.split("/").slice(0, -1);
    const start = join(this.#directory, ...segments.flatMap(directoryNames));
    await during(`list ${prefix}`, () => this.#mustBeThere(), signal);
    for await (const info of walk(start, `${segments.join("/")}/`, signal)) {
      if (info.key.startsWith(prefix)) yield info;
    }
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    for (const key of keys) assertKey(key);
    await during(`delete ${keys.length} keys`, () => this.#delete(keys, signal), signal);
  }

  async #put(
    what: string,
    target: string,
    bytes: Buffer,
    ifAbsent: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const temporary = temporaryName(target, randomBytes(8).toString("hex"));
    try {
      await this.#write(temporary, bytes);
      signal?.throwIfAborted();
      if (ifAbsent) await this.#create(what, temporary, target);
      else await rename(temporary, target);
    } finally {
      // After a rename it does not exist.
      await rm(temporary, { force: true });
    }
    await syncDirectory(dirname(target));
    await this.#remember();
  }

  /** Gives the file its name, unless that is taken. */
  async #create(what: string, temporary: string, target: string): Promise<void> {
    try {
      await link(temporary, target);
      return;
    } catch (error) {
      if (!isWithoutLinks(error) || (await this.#canLink())) throw error;
    }
    // Without links, looking first is all that can be done, and the traits say so.
    if (await unlessAbsent(stat(target))) throw new VaultError("CONFLICT", `Could not ${what}: it exists.`);
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

  async #delete(keys: readonly string[], signal: AbortSignal | undefined): Promise<void> {
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
  }

  #file(key: string): string {
    const segments = key.split("/");
    const name = segments.pop() ?? "";
    return join(this.#directory, ...segments.flatMap(directoryNames), ...fileNames(name));
  }
}

/** All blobs below `directory`, whose keys begin with `text`. */
async function* walk(directory: string, text: string, signal: AbortSignal | undefined): AsyncGenerator<BlobInfo> {
  for (const { name, isDirectory } of await namesIn(directory, text, signal)) {
    signal?.throwIfAborted();
    const path = join(directory, name);
    const found = readName(name, isDirectory);
    if (found.kind === "directory") yield* walk(path, text + found.text, signal);
    else if (found.kind === "temporary") await removeIfStale(path);
    else if (found.kind === "blob") {
      const info = await during(`list ${text}`, () => unlessAbsent(stat(path)));
      if (info) yield { key: text + found.text, size: info.size, modifiedAt: info.mtime };
    }
  }
}

async function namesIn(
  directory: string,
  text: string,
  signal: AbortSignal | undefined,
): Promise<{ name: string; isDirectory: boolean }[]> {
  return during(
    `list ${text}`,
    async () => {
      signal?.throwIfAborted();
      const entries = (await unlessAbsent(readdir(directory, { withFileTypes: true }))) ?? [];
      return entries.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }));
    },
    signal,
  );
}

async function removeIfStale(path: string): Promise<void> {
  const info = await during("list", () => unlessAbsent(stat(path)));
  // A file that cannot be removed does not make the listing fail.
  if (info && Date.now() - info.mtimeMs > STALE_MS) await rm(path, { force: true }).catch(() => {});
}
