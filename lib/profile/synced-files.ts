import { dirname, join } from "node:path";
import { forEachConcurrent } from "../async/semaphore.ts";
import { SYNCS_AT_ONCE, syncDirectory, syncWritten } from "../disk/durable.ts";
import { diskError } from "../disk/errors.ts";
import type { CaptureFile } from "../store.ts";

const BRINGING = "bring the profile to disk";

/**
 * Brings to disk what somebody else has written: a browser leaves most of a profile in the system's memory, where a
 * capture reads it, and a power failure takes it.
 */
export class SyncedFiles {
  readonly #dir: string;
  /** What is on disk: identities by path. */
  #known: ReadonlyMap<string, string | undefined> = new Map();
  /** What the disk has refused once. The system takes that for written, and has no error the next time. */
  readonly #refused = new Map<string, unknown>();

  /** @param dir the profile */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * Resolves when the files of a capture are on disk, as they were then or newer, with their names. One that is gone
   * meanwhile is fine: what took its place was brought to disk before.
   * @throws `UNAVAILABLE` or `DENIED` when the disk fails, and from then on as long as there is a file that it failed for
   */
  async sync(files: readonly Pick<CaptureFile, "path" | "identity">[], signal: AbortSignal): Promise<void> {
    const isNew = ({ path, identity }: (typeof files)[number]): boolean =>
      identity === undefined || this.#known.get(path) !== identity;
    const paths = files.filter(isNew).map(({ path }) => path);
    await forEachConcurrent(paths, SYNCS_AT_ONCE, (path) => this.#attempt(path, syncWritten), signal);
    // A name is on disk when all directories above it are.
    for (const path of foldersOf(paths)) {
      signal.throwIfAborted();
      await this.#attempt(path, syncDirectory);
    }
    for (const path of [...paths, ...foldersOf(paths)]) {
      if (this.#refused.has(path)) throw diskError(BRINGING, this.#refused.get(path));
    }
    this.#known = new Map(files.map(({ path, identity }) => [path, identity]));
  }

  async #attempt(path: string, sync: (path: string) => Promise<void>): Promise<void> {
    await sync(join(this.#dir, path)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).syscall !== "fsync") throw diskError(BRINGING, error);
      this.#refused.set(path, error);
    });
  }
}

/** The directories that `paths` lie in, up to the profile itself: the deepest first. */
function foldersOf(paths: readonly string[]): string[] {
  const folders = new Set<string>();
  for (const path of paths) {
    for (let folder = dirname(path); !folders.has(folder); folder = dirname(folder)) folders.add(folder);
  }
  return [...folders].sort((a, b) => b.length - a.length);
}
