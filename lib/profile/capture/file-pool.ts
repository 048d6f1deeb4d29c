import { fstatSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { turns } from "../../async/turns.ts";
import { diskError, isOutOfDescriptors } from "../../disk/errors.ts";
import { exactIdentity, type FileIdentity, hasIdentity, identifyFile, lookAt } from "../../disk/file-identity.ts";
import { readExactly, readInto } from "../../disk/file-source.ts";
import type { PieceSource } from "../pieces.ts";
import { withCopyBuffer } from "../sources.ts";
import { DescriptorUses } from "./descriptor-uses.ts";
import { StaleRead } from "./errors.ts";
import { openFile } from "./open-file.ts";
import { PoolEntry, type PooledFile } from "./pooled-file.ts";
import { Spool, type SpoolRegion } from "./spool.ts";

const OPEN_ATTEMPTS = 20;

/**
 * Holds files of a profile: by open descriptors within the budget, by copies in a spool beyond it. A file that is stored
 * as it is needs neither: it is opened for each read, and a save whose store has lost a piece of it is made anew when it
 * cannot be read any more.
 */
export class FilePool {
  readonly #near: string;
  readonly #signal: AbortSignal | undefined;
  readonly #files = new Map<string, PoolEntry>();
  /** The descriptors of the files that are held by one. */
  readonly #handles = new Map<PoolEntry, FileHandle>();
  readonly #changing = new Set<FileHandle>();
  readonly #uses = new DescriptorUses();
  #stop: SharedArrayBuffer | undefined;
  #endStop: () => void = () => {};
  #budget: number;
  #spool: Spool | undefined;
  /** One descriptor in reserve, so that a spool can be opened when the process has run out of descriptors. */
  #reserve: FileHandle | undefined;
  #closed = false;

  /**
   * @param near the profile; the spool lies beside it, else in the temp directory
   * @param budget files held open at once
   * @param signal ends reads and copies between two pieces
   */
  constructor(near: string, budget: number, signal?: AbortSignal) {
    this.#near = near;
    this.#budget = budget;
    this.#signal = signal;
  }

  /**
   * Holds the file at `path`, whose bytes never change once written (a table, a blob); `undefined` when it does not
   * exist. A file that was held before and has been deleted since is still held.
   * @param stored its identity as it is stored: such a file is opened for each read
   */
  async hold(path: string, stored?: string): Promise<PooledFile | undefined> {
    const before = this.#files.get(path);
    if (before !== undefined || stored !== undefined) {
      await turns.next();
      this.throwIfAborted();
      const found = lookAt(path);
      if (before && (found === "gone" || isSameFile(found, before.identity))) return before;
      if (typeof found === "object" && hasIdentity(found, stored)) {
        if (before) await this.#forget(path, before);
        const file = new PoolEntry(found, this.#reopened(path, found));
        this.#files.set(path, file);
        return file;
      }
    }
    return await this.#holdOpen(path, before);
  }

  async #holdOpen(path: string, before: PoolEntry | undefined): Promise<PooledFile | undefined> {
    if (this.#spool === undefined) this.#reserve ??= await open(dirname(path), "r").catch(() => undefined);
    const handle = await this.#open(path);
    if (handle === undefined) return before;
    let isKept = false;
    try {
      const identity = identifyFile(fstatSync(handle.fd, { bigint: true }));
      if (before) await this.#forget(path, before);
      const file = new PoolEntry(identity, this.source(handle, identity.size));
      isKept = this.#handles.size < this.#budget;
      if (isKept) this.#handles.set(file, handle);
      else file.source = await this.copy(handle, identity.size);
      this.#files.set(path, file);
      return file;
    } finally {
      if (!isKept) await handle.close();
    }
  }

  /** Opens a file that goes on changing (a log, a manifest, a database); `undefined` when it does not exist. */
  async openChanging(path: string): Promise<FileHandle | undefined> {
    const handle = await this.#open(path);
    if (handle) this.#changing.add(handle);
    return handle;
  }

  /** Closes a handle of `openChanging`. */
  async release(handle: FileHandle | undefined): Promise<void> {
    if (handle === undefined) return;
    this.#changing.delete(handle);
    await this.#end(handle);
  }

  /** The first `size` bytes of an open file, read from the file itself. */
  source(handle: FileHandle, size: number): PieceSource & Required<Pick<PieceSource, "readInto">> {
    return {
      size,
      read: async (position, length) => {
        this.throwIfAborted();
        return await readExactly(handle, position, length);
      },
      withDescriptor: (work) => (this.#closed ? undefined : this.#uses.run(handle, 0, work)),
      readInto: async (target, position) => {
        this.throwIfAborted();
        await readInto(handle, target, position);
      },
    };
  }

  /** To be called before each piece of a long read. @throws the signal's reason */
  throwIfAborted(): void {
    this.#signal?.throwIfAborted();
  }

  /** For work on other threads: its first number is not 0 once the signal has aborted. */
  get stop(): SharedArrayBuffer {
    if (this.#stop === undefined) {
      const stop = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
      const set = (): void => void Atomics.store(new Int32Array(stop), 0, 1);
      if (this.#signal?.aborted) set();
      else this.#signal?.addEventListener("abort", set, { once: true });
      this.#endStop = () => this.#signal?.removeEventListener("abort", set);
      this.#stop = stop;
    }
    return this.#stop;
  }

  /**
   * Copies the first `size` bytes of an open file into the spool, or fewer when the file ends before.
   * @param reuse as in {@link region}
   */
  async copy(handle: FileHandle, size: number, reuse?: SpoolRegion): Promise<SpoolRegion> {
    const region = await this.region(size, reuse);
    await withCopyBuffer(size, async (piece) => {
      for (let end = region.size; end < size; end = region.size) {
        this.throwIfAborted();
        const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, size - end), end);
        if (bytesRead === 0) break;
        await region.append(piece.subarray(0, bytesRead));
      }
    });
    return region;
  }

  /**
   * An empty region of the spool for up to `size` bytes.
   * @param reuse a region that is not needed any more: its place is taken when it is large enough
   */
  async region(size: number, reuse?: SpoolRegion): Promise<SpoolRegion> {
    await this.#reserve?.close();
    this.#reserve = undefined;
    this.#spool ??= await Spool.open(this.#near);
    return this.#spool.region(size, reuse);
  }

  /** The identity that an open file has now. */
  async identify(handle: FileHandle): Promise<FileIdentity> {
    return identifyFile(await handle.stat({ bigint: true }));
  }

  /** Whether an open file is still as it was when it had this identity, as far as its timestamps tell. */
  async isUnchanged(handle: FileHandle, identity: FileIdentity): Promise<boolean> {
    return exactIdentity(await this.identify(handle)) === exactIdentity(identity);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Closes all files and the spool. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#endStop();
    const used = [...this.#handles.values(), ...this.#changing].map((handle) => this.#end(handle));
    await Promise.allSettled([...used, this.#reserve?.close(), this.#spool?.close()]);
  }

  async #open(path: string): Promise<FileHandle | undefined> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await openFile(path);
      } catch (cause) {
        if (!isOutOfDescriptors(cause) || attempt === OPEN_ATTEMPTS) throw diskError(`read ${basename(path)}`, cause);
        await this.#freeDescriptors(attempt);
      }
    }
  }

  /**
   * Replaces half of the descriptors by copies; when there are none to replace, waits for other parts of the process.
   */
  async #freeDescriptors(attempt: number): Promise<void> {
    const open = [...this.#handles];
    if (open.length < 2) return await sleep(10 * (attempt + 1));
    this.#budget = Math.floor(open.length / 2);
    for (const [file, handle] of open.slice(this.#budget)) {
      if (!this.#handles.has(file) || this.#uses.has(handle)) continue;
      file.source = await this.copy(handle, file.size);
      this.#handles.delete(file);
      await this.#end(handle);
    }
  }

  /** A file that is opened for each read. */
  #reopened(path: string, identity: FileIdentity): PieceSource {
    return {
      size: identity.size,
      read: async (position, length) => {
        const handle = await this.#open(path);
        if (handle === undefined) throw new StaleRead(basename(path));
        try {
          if (!(await this.isUnchanged(handle, identity))) throw new StaleRead(basename(path));
          return await readExactly(handle, position, length);
        } finally {
          await handle.close();
        }
      },
    };
  }

  async #forget(path: string, file: PoolEntry): Promise<void> {
    const handle = this.#handles.get(file);
    this.#files.delete(path);
    this.#handles.delete(file);
    if (handle) await this.#end(handle);
  }

  /** Closes a descriptor once no thread reads by it. */
  async #end(handle: FileHandle): Promise<void> {
    await this.#uses.end(handle);
    await handle.close();
  }
}

function isSameFile(found: FileIdentity | "gone" | "unknown", { file, size }: FileIdentity): boolean {
  return typeof found === "object" && found.file === file && found.size === size;
}
