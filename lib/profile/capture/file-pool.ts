import { constants } from "node:fs";
import { type FileHandle, lstat, open, readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf, diskError, isOutOfDescriptors } from "../../disk/errors.ts";
import { readExactly } from "../../disk/file-source.ts";
import { VaultError } from "../../errors.ts";
import { identityOf, type Stamp, stampOf } from "../file-identity.ts";
import { COPY_BYTES, Overtaken, type Source } from "../source.ts";
import { type Room, Spool } from "./spool.ts";

const FALLBACK_BUDGET = 128;
const MAX_BUDGET = 1_024;
/** Not there on Windows, where a link needs privileges. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
/** A pipe in a profile must not hang who opens it. */
const NO_BLOCK = constants.O_NONBLOCK ?? 0;

/** A file that can be read whatever becomes of its name. */
export interface Held extends Source {
  readonly stamp: Stamp;
}

/** Opens files of a profile and keeps them: descriptors while there are enough, copies in a spool beyond. */
export class Holder {
  readonly #near: string;
  readonly #signal: AbortSignal | undefined;
  readonly #held = new Map<string, Held>();
  readonly #handles = new Map<string, FileHandle>();
  readonly #others: FileHandle[] = [];
  #budget: number;
  #spool: Spool | undefined;
  /** One descriptor kept back, so that there is one for a spool when the process has run out. */
  #reserve: FileHandle | undefined;
  #closed = false;

  /**
   * @param near the profile; a spool lies beside it, else in the temp directory.
   * @param signal ends what goes through many bytes.
   */
  constructor(near: string, budget: number, signal?: AbortSignal) {
    this.#near = near;
    this.#budget = budget;
    this.#signal = signal;
  }

  /**
   * Holds the file at `path`, whose bytes never change once written (a table, a blob). `undefined` when it is not there.
   * A file that was held before and is gone now is still held.
   * @param stored its identity as it is stored: beyond the budget such a file is not copied, but opened when it is read.
   */
  async hold(path: string, stored?: string): Promise<Held | undefined> {
    if (this.#spool === undefined) this.#reserve ??= await open(dirname(path), "r").catch(() => undefined);
    const before = this.#held.get(path);
    if (before && (await this.#isStill(path, before.stamp))) return before;
    const handle = await this.#open(path);
    if (handle === undefined) return before;
    try {
      const stamp = await this.stamp(handle);
      await this.#forget(path);
      if (this.#handles.size < this.#budget) {
        this.#handles.set(path, handle);
        return this.#keep(path, stamp, this.source(handle, stamp.size));
      }
      const isStored = stored !== undefined && stored === identityOf(stamp, stamp.size);
      return this.#keep(path, stamp, isStored ? this.#lazy(path, stamp) : await this.copy(handle, stamp.size));
    } finally {
      if (this.#handles.get(path) !== handle) await handle.close();
    }
  }

  /** Opens a file that goes on changing (a log, a manifest, a database). `undefined` when it is not there. */
  async follow(path: string): Promise<FileHandle | undefined> {
    const handle = await this.#open(path);
    if (handle) this.#others.push(handle);
    return handle;
  }

  /** Lets go of one that `follow` gave. */
  async release(handle: FileHandle | undefined): Promise<void> {
    if (handle === undefined) return;
    const index = this.#others.indexOf(handle);
    if (index >= 0) this.#others.splice(index, 1);
    await handle.close();
  }

  /** The first `size` bytes of an open file, read where it lies. */
  source(handle: FileHandle, size: number): Source {
    return {
      size,
      read: async (position, length) => {
        this.mustGoOn();
        return await readExactly(handle, position, length);
      },
    };
  }

  /** To be called before each piece of what goes through many. @throws the signal's reason */
  mustGoOn(): void {
    this.#signal?.throwIfAborted();
  }

  /** Copies the first `size` bytes of an open file, or fewer when it ends before. */
  async copy(handle: FileHandle, size: number, over?: Room): Promise<Room> {
    const room = await this.room(size, over);
    for (let end = room.size; end < size; end = room.size) {
      this.mustGoOn();
      const piece = Buffer.allocUnsafe(Math.min(COPY_BYTES, size - end));
      const { bytesRead } = await handle.read(piece, 0, piece.length, end);
      if (bytesRead === 0) break;
      await room.append(piece.subarray(0, bytesRead));
    }
    return room;
  }

  /**
   * A place for a copy of up to `size` bytes.
   * @param over an earlier one that is not needed any more: it is taken when it is large enough.
   */
  async room(size: number, over?: Room): Promise<Room> {
    await this.#reserve?.close();
    this.#reserve = undefined;
    this.#spool ??= await Spool.open(this.#near);
    return this.#spool.room(size, over);
  }

  async stamp(handle: FileHandle): Promise<Stamp> {
    return stampOf(await handle.stat({ bigint: true }));
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    const handles = [...this.#handles.values(), ...this.#others.splice(0)];
    this.#handles.clear();
    this.#held.clear();
    const [spool, reserve] = [this.#spool, this.#reserve];
    this.#spool = undefined;
    this.#reserve = undefined;
    await Promise.allSettled([...handles.map((handle) => handle.close()), spool?.close(), reserve?.close()]);
  }

  async #open(path: string): Promise<FileHandle | undefined> {
    for (let attempt = 0; ; attempt++) {
      try {
        const handle = await open(path, constants.O_RDONLY | NO_FOLLOW | NO_BLOCK);
        if (await isFile(handle)) return handle;
        await handle.close();
        throw new VaultError("CORRUPT", `Could not read ${basename(path)}: it is not a file.`);
      } catch (cause) {
        const code = codeOf(cause);
        if (code === "ENOENT" || code === "ENOTDIR") return undefined;
        if (code === "ELOOP")
          throw new VaultError("CORRUPT", `Could not read ${basename(path)}: it is a link.`, { cause });
        if (!isOutOfDescriptors(cause) || attempt === 20) throw diskError(`read ${basename(path)}`, cause);
        await this.#makeRoom(attempt);
      }
    }
  }

  /** Turns descriptors into copies; when there are none, waits for the rest of the process to give some back. */
  async #makeRoom(attempt: number): Promise<void> {
    const paths = [...this.#handles.keys()];
    if (paths.length < 2) return await sleep(10 * (attempt + 1));
    this.#budget = Math.floor(paths.length / 2);
    for (const path of paths.slice(this.#budget)) {
      const handle = this.#handles.get(path);
      const held = this.#held.get(path);
      if (handle === undefined || held === undefined) continue;
      this.#keep(path, held.stamp, await this.copy(handle, held.size));
      this.#handles.delete(path);
      await handle.close();
    }
  }

  async #isStill(path: string, stamp: Stamp): Promise<boolean> {
    try {
      const now = stampOf(await lstat(path, { bigint: true }));
      return now.file === stamp.file && now.size === stamp.size;
    } catch (error) {
      return codeOf(error) === "ENOENT";
    }
  }

  #lazy(path: string, stamp: Stamp): Source {
    return {
      size: stamp.size,
      read: async (position, length) => {
        const handle = await this.#open(path);
        if (handle === undefined) throw new Overtaken(basename(path));
        try {
          if ((await this.stamp(handle)).times !== stamp.times) throw new Overtaken(basename(path));
          return await readExactly(handle, position, length);
        } finally {
          await handle.close();
        }
      },
    };
  }

  async #forget(path: string): Promise<void> {
    this.#held.delete(path);
    const handle = this.#handles.get(path);
    this.#handles.delete(path);
    await handle?.close();
  }

  /** Reads go by what holds the path at the time: a descriptor may have become a copy since. */
  #keep(path: string, stamp: Stamp, source: Source): Held {
    const place = this.#held.get(path) as Place | undefined;
    if (place) {
      place.source = source;
      return place;
    }
    const made = new Place(stamp, source);
    this.#held.set(path, made);
    return made;
  }
}

async function isFile(handle: FileHandle): Promise<boolean> {
  try {
    return (await handle.stat()).isFile();
  } catch (error) {
    await handle.close();
    throw error;
  }
}

class Place implements Held {
  readonly stamp: Stamp;
  source: Source;

  constructor(stamp: Stamp, source: Source) {
    this.stamp = stamp;
    this.source = source;
  }

  get size(): number {
    return this.source.size;
  }

  read(position: number, length: number): Promise<Buffer> {
    return this.source.read(position, length);
  }
}

/** How many files a capture may hold: a quarter of what this process has left. */
export async function descriptorBudget(): Promise<number> {
  try {
    const limits = await readFile("/proc/self/limits", "latin1");
    const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.NaN);
    if (Number.isNaN(limit)) return FALLBACK_BUDGET;
    return Math.max(8, Math.min(MAX_BUDGET, Math.floor(limit / 4)));
  } catch {
    return process.platform === "win32" ? MAX_BUDGET : FALLBACK_BUDGET;
  }
}
