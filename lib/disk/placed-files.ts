import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { copyFile, rename } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { replaceFile, uniqueName } from "./durable.ts";
import { identityOf, ReplaceableFile } from "./replaceable-file.ts";

/** A file as its record names it. Without identity: a temporary one, whose name no other program uses. */
interface Entry {
  readonly path: string;
  readonly identity?: string | undefined;
}

/** A file that somebody in this process writes or may read yet. */
interface Kept {
  readonly record: string;
  timer?: NodeJS.Timeout;
}

/** By path and identity, the files of this process. A file that has replaced another one is kept beside it. */
const kept = new Map<string, Kept>();

/**
 * Files that are put at paths where other programs may have files of their own, for readers that may come late. A record
 * beside the other files of this package names them, so that a later process removes those that a killed one has left, and
 * no file of a user. A process that ends by itself removes its own.
 */
export class PlacedFiles {
  readonly #record: string;

  /** @param record path of the record, in a folder of this package */
  constructor(record: string) {
    this.#record = resolve(record);
  }

  /**
   * Moves `from` to the first path, which is on its disk, and copies it to the others: each has a whole file at any time.
   * The files are kept until {@link release}. Calls for one record must not overlap.
   * @throws the error of the disk: no file of this call is left then
   */
  async put(from: string, [path, ...others]: readonly [string, ...string[]]): Promise<ReplaceableFile[]> {
    const placed: ReplaceableFile[] = [];
    try {
      await this.#move(from, path, placed);
      for (const other of others) await this.#copy(path, other, placed);
      return placed;
    } catch (cause) {
      this.release(placed, 0);
      throw cause;
    }
  }

  /**
   * Removes the files after a time in which somebody may read them yet; at once when the process ends before. A file that
   * has taken the place of one of them stays.
   * @param ms 0: now
   */
  release(files: readonly ReplaceableFile[], ms: number): void {
    for (const key of files.map(keyOf)) {
      const own = kept.get(key);
      clearTimeout(own?.timer);
      if (ms === 0) kept.delete(key);
      else if (own !== undefined) own.timer = setTimeout(() => this.#expire(key), ms).unref();
    }
    if (ms === 0) this.removeLeft();
  }

  /** Removes the files that earlier processes have left. Those of this process stay for their time. Never throws. */
  removeLeft(): void {
    removeFiles(this.#record);
  }

  /** Removes all of them now. Never throws. */
  removeAll(): void {
    for (const [key, { record, timer }] of kept) {
      if (record !== this.#record) continue;
      clearTimeout(timer);
      kept.delete(key);
    }
    this.removeLeft();
  }

  #expire(key: string): void {
    kept.delete(key);
    this.removeLeft();
  }

  async #move(from: string, to: string, placed: ReplaceableFile[]): Promise<void> {
    const file = new ReplaceableFile(resolve(to), identityOf(from));
    await this.#note(file, placed);
    await rename(from, to);
  }

  /** A file that is there is replaced only by the whole copy. */
  async #copy(from: string, to: string, placed: ReplaceableFile[]): Promise<void> {
    const temporary = `${uniqueName(join(dirname(to), `.${basename(to)}.`))}.tmp`;
    await this.#note({ path: resolve(temporary), identity: undefined }, placed);
    await copyFile(from, temporary);
    await this.#move(temporary, to, placed);
  }

  /** To be called before the file is there. */
  async #note({ path, identity }: Entry, placed: ReplaceableFile[]): Promise<void> {
    const file = new ReplaceableFile(path, identity);
    placed.push(file);
    kept.set(keyOf(file), { record: this.#record });
    removeAtExit();
    const others = entriesOf(this.#record).filter((entry) => isThere(entry) || kept.has(keyOf(entry)));
    await replaceFile(this.#record, (record) => record.writeFile(JSON.stringify([...others, { path, identity }])));
  }
}

/**
 * Removes the files of all records, because their readers end with this process. Called at its `exit`; to be called before
 * it ends by a signal. Never throws.
 */
export function removePlacedFiles(): void {
  const records = new Set([...kept.values()].map(({ record }) => record));
  for (const { timer } of kept.values()) clearTimeout(timer);
  kept.clear();
  for (const record of records) removeFiles(record);
}

let isRemovedAtExit = false;

function removeAtExit(): void {
  if (isRemovedAtExit) return;
  isRemovedAtExit = true;
  process.once("exit", removePlacedFiles);
}

function keyOf({ path, identity }: Entry): string {
  return `${identity} ${path}`;
}

function isThere({ path, identity }: Entry): boolean {
  try {
    const found = identityOf(path);
    return found !== undefined && (identity === undefined || found === identity);
  } catch {
    return false;
  }
}

/** Removes the files of a record that are not kept, and the record once it names none. Never throws. */
function removeFiles(record: string): void {
  const entries = entriesOf(record);
  try {
    const staying = entries.filter((entry) => {
      if (kept.has(keyOf(entry))) return true;
      if (entry.identity === undefined) rmSync(entry.path, { force: true });
      else new ReplaceableFile(entry.path, entry.identity).remove();
      return isThere(entry);
    });
    if (staying.length === 0) rmSync(record, { force: true });
    else if (staying.length < entries.length) writeFileSync(record, JSON.stringify(staying));
  } catch {
    // The next start tries again.
  }
}

/** The entries of a record; none of one that cannot be read: nothing may be removed by it. */
function entriesOf(record: string): readonly Entry[] {
  try {
    const found: unknown = JSON.parse(readFileSync(record, "utf8"));
    return Array.isArray(found) ? found.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is Entry {
  const { path, identity } = Object(value) as Partial<Entry>;
  return typeof path === "string" && (identity === undefined ? path.endsWith(".tmp") : typeof identity === "string");
}
