import { join } from "node:path";
import { entriesOfSync, walk } from "../files.ts";
import { identified, type PartFile, type Stored, Unsettled } from "./database-capture.ts";
import type { Held, Holder } from "./file-pool.ts";

/**
 * The blob files of a database. Chromium writes one before it commits what refers to it, and deletes it after it has
 * committed that nothing does: those that are there at a moment are all that the database needs at that moment.
 */
export class BlobFiles {
  readonly #dir: string;
  readonly #paths: readonly string[];
  readonly #holder: Holder;
  readonly #stored: Stored;
  #listed: readonly string[] | undefined;
  /** Those that were seen since it was prepared. */
  #seen = new Set<string>();
  #held: ReadonlyMap<string, Held> = new Map();

  /** @param paths directories, relative to the profile at `dir`. */
  constructor(dir: string, paths: readonly string[], holder: Holder, stored: Stored) {
    this.#dir = dir;
    this.#paths = paths;
    this.#holder = holder;
    this.#stored = stored;
  }

  /** Holds those that are there now; what can be held before the moment need not be after it. */
  async prepare(): Promise<void> {
    this.#seen = new Set();
    for (const path of this.#paths) {
      for (const file of await walk(this.#dir, path)) if (await this.#hold(file)) this.#seen.add(file);
    }
  }

  /** Notes those that are there at the moment. Synchronous. */
  mark(): void {
    this.#listed = this.#paths.flatMap((path) => walkSync(this.#dir, path));
  }

  /** What was noted is of another moment. */
  forget(): void {
    this.#listed = undefined;
  }

  /** Adds those that are there to those that were seen: without a moment, one too many is better than one too few. */
  see(): void {
    for (const path of this.#paths) for (const file of walkSync(this.#dir, path)) this.#seen.add(file);
  }

  /** Holds those of the moment; without one, all that were seen. */
  async secure(): Promise<void> {
    const held = new Map<string, Held>();
    for (const path of this.#listed ?? this.#seen) {
      const file = await this.#hold(path);
      if (file === undefined) throw new Unsettled(`${path}: it went before it could be held`, false);
      held.set(path, file);
    }
    this.#held = held;
  }

  files(): PartFile[] {
    return [...this.#held].map(([path, held]) => ({
      path,
      change: "never",
      size: held.size,
      read: (position, length) => held.read(position, length),
      ...identified(held.stamp, held.size),
    }));
  }

  #hold(path: string): Promise<Held | undefined> {
    return this.#holder.hold(join(this.#dir, path), this.#stored.get(path));
  }
}

function walkSync(dir: string, path: string): string[] {
  return entriesOfSync(join(dir, path)).flatMap((entry) => {
    const below = `${path}/${entry.name}`;
    if (entry.isDirectory()) return walkSync(dir, below);
    return entry.isFile() ? [below] : [];
  });
}
