import { dirname, join } from "node:path";
import { forEachConcurrent } from "../async/semaphore.ts";
import { SYNCS_AT_ONCE, syncWritten, syncWrittenNames } from "../disk/durable.ts";
import { diskError } from "../disk/errors.ts";
import type { CaptureFile } from "../store.ts";

const BRINGING = "bring the profile to disk";

/**
 * Syncs the files of a profile that a browser has written: the browser leaves most of them in the page cache, where a
 * capture reads them and a power failure loses them.
 */
export class SyncedFiles {
  readonly #dir: string;
  /** Identities by path of the files that are on disk. */
  #known: ReadonlyMap<string, string | undefined> = new Map();
  /**
   * Errors by path of files that the disk has refused to sync. The system then takes them for written, and reports no
   * error again.
   */
  readonly #refused = new Map<string, unknown>();

  /** @param dir the profile */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * Resolves when the files of a capture are on disk with their names, as they were captured or newer. A file that was
   * deleted meanwhile is ignored: the browser has synced the files that replace it.
   * @throws `UNAVAILABLE` or `DENIED` when the disk fails, and in every later call that names a file it failed for
   */
  async sync(files: readonly Pick<CaptureFile, "path" | "identity">[], signal: AbortSignal): Promise<void> {
    const isNew = ({ path, identity }: (typeof files)[number]): boolean =>
      identity === undefined || this.#known.get(path) !== identity;
    const paths = files.filter(isNew).map(({ path }) => path);
    const folders = foldersOf(paths);
    // A name is on disk once all directories above it are synced; in which order makes no difference in the end.
    const syncs = [
      ...paths.map((path) => () => this.#attempt(path, syncWritten)),
      ...folders.map((path) => () => this.#attempt(path, syncWrittenNames)),
    ];
    await forEachConcurrent(syncs, SYNCS_AT_ONCE, (sync) => sync(), signal);
    for (const path of [...paths, ...folders]) {
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

/** The directories that `paths` lie in, up to the profile itself. */
function foldersOf(paths: readonly string[]): string[] {
  const folders = new Set<string>();
  for (const path of paths) {
    for (let folder = dirname(path); !folders.has(folder); folder = dirname(folder)) folders.add(folder);
  }
  return [...folders];
}
