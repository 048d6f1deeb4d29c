// `lib/profile/capture` takes a consistent view of a live profile: `capture.ts` for all databases,
// `database-capture.ts` the steps of one. It imports `leveldb` and `sqlite`, which import from here `database-capture`,
// `errors`, `file-pool` and `spool`. Outside of `lib/profile` only `capture.ts` and `errors.ts` may be imported.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { threads } from "../../async/threads/thread-pool.ts";
import { diskError, isOutOfDescriptors } from "../../disk/errors.ts";
import { isVaultError, VaultError } from "../../errors.ts";
import type { Capture, CaptureFile, ProfileFacts } from "../../store.ts";
import { CheckedFiles } from "../checked-files.ts";
import { LevelDbCapture } from "../leveldb/capture.ts";
import { namesOf } from "../listing.ts";
import { SqliteCapture } from "../sqlite/capture.ts";
import { type ProfileLayout, probeProfile, VERSION_FILE } from "../storage-layout.ts";
import { type DatabaseCapture, type DatabaseOptions, smallFile } from "./database-capture.ts";
import { InconsistentCapture, StaleRead } from "./errors.ts";
import { FilePool } from "./file-pool.ts";
import { findMoment } from "./moment.ts";
import { descriptorBudget } from "./open-file.ts";

const MAX_ATTEMPTS = 20;
const MAX_PAUSE_MS = 250;

/** How a capture is taken. */
export interface CaptureOptions {
  /**
   * Whether a browser may be writing. Files that are overwritten in place are then copied; at rest they are not, and a
   * read rejects with `StaleRead` once such a file has changed.
   */
  live: boolean;
  /** The facts of the last generation: a storage that it had and the profile has not is an error. */
  expected?: ProfileFacts | undefined;
  /**
   * Files of the last capture whose save succeeded: a file unchanged since is neither checked nor copied again, and
   * reading it rejects with `StaleRead` when it changes after the capture.
   */
  stored?: readonly Pick<CaptureFile, "path" | "identity">[] | undefined;
  /**
   * Files whose bytes this process has checked already, to which the capture adds those that it checks.
   * @default none, and every file is checked
   */
  checked?: CheckedFiles | undefined;
  /** Files held open at once. @default a quarter of the process's limit on descriptors, at most 1,024 */
  maxOpenFiles?: number | undefined;
  /** Gets the paths beside the storage that are left out of the capture: see `ProfileLayout.strangers`. */
  onStrangers?: ((paths: readonly string[]) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Captures the parts of a profile that carry the session, in a state that the browser could have crashed in, checked.
 * The files of the capture are read from open descriptors, and from a private, nameless copy of files that are
 * overwritten in place, so the browser may go on writing; `close` releases both.
 * @throws `CORRUPT` when the profile is damaged or lacks a storage of `expected`; `UNAVAILABLE` when the profile holds
 *   no storage yet, has disappeared, or was never consistent in 20 attempts; the signal's reason
 */
export async function captureProfile(dir: string, options: CaptureOptions): Promise<Capture> {
  const pool = new FilePool(dir, options.maxOpenFiles ?? (await descriptorBudget()), options.signal);
  try {
    return await new ProfileCapture(dir, options, pool).take();
  } catch (error) {
    await pool.close();
    options.signal?.throwIfAborted();
    throw diskError("capture the profile", error);
  }
}

/** The attempts at one capture. A database that one attempt has opened is kept for the next. */
class ProfileCapture {
  readonly #options: CaptureOptions;
  /** What the captures of all databases are given. */
  readonly #common: Omit<DatabaseOptions, "path" | "blobs">;
  readonly #takenAt: Date = new Date();
  readonly #started: number = performance.now();
  readonly #failures: InconsistentCapture[] = [];
  #databases = new Map<string, DatabaseCapture>();

  constructor(dir: string, options: CaptureOptions, pool: FilePool) {
    this.#options = options;
    const stored = new Map<string, string>();
    for (const { path, identity } of options.stored ?? []) if (identity) stored.set(path, identity);
    this.#common = { dir, pool, stored, checked: options.checked ?? new CheckedFiles(), live: options.live };
  }

  async take(): Promise<Capture> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      await this.#pause(attempt);
      try {
        const layout = await this.#layout();
        const captured = await this.#attempt(layout);
        // A database that was created or dropped meanwhile needs another attempt.
        if (signature(await this.#layout()) === signature(layout)) {
          this.#options.onStrangers?.(layout.strangers);
          return this.#capture(layout, captured);
        }
      } catch (error) {
        this.#noteFailure(error);
        await this.#mustExist();
        if (!this.#options.live && attempt >= 2 && this.#isDamage()) break;
      }
    }
    const message = this.#failures.at(-1)?.message ?? "its databases were created and deleted meanwhile";
    const last = message.replace(/\.$/, "");
    if (this.#isDamage()) {
      throw new VaultError("CORRUPT", `Could not capture the profile: ${last}.`, {
        hint: this.#failures.at(-1)?.hint ?? "The stored session is not touched; restore it to replace this profile.",
      });
    }
    throw new VaultError("UNAVAILABLE", `Could not capture the profile in ${MAX_ATTEMPTS} attempts: ${last}.`);
  }

  /** A profile that has disappeared is not a damaged one. */
  async #mustExist(): Promise<void> {
    try {
      if ((await namesOf(join(this.#common.dir, "Default"))).length > 0) return;
    } catch (error) {
      return this.#noteFailure(error);
    }
    throw new VaultError("UNAVAILABLE", "Could not capture the profile: it is gone.", {
      hint: "Check that the volume of the profile is still mounted.",
    });
  }

  async #layout(): Promise<ProfileLayout> {
    const layout = await probeProfile(this.#common.dir);
    const { expected } = this.#options;
    for (const storage of ["indexedDb", "localStorage"] as const) {
      if (expected?.[storage] !== undefined && layout.facts[storage] === undefined) {
        throw new InconsistentCapture(
          `it has no ${storage === "indexedDb" ? "IndexedDB" : "Local Storage"} any more`,
          true,
        );
      }
    }
    if (layout.storages.length === 0) {
      throw new VaultError("UNAVAILABLE", "Could not capture the profile: it holds no storage of the site yet.");
    }
    return layout;
  }

  async #attempt(layout: ProfileLayout): Promise<Pick<Capture, "files" | "spreadMs">> {
    const { signal, stored } = this.#options;
    const before = this.#databases;
    this.#databases = new Map();
    for (const [key, open] of this.#openers(layout)) this.#databases.set(key, before.get(key) ?? open());
    const databases = [...this.#databases.values()];
    const spreadMs = await findMoment(databases, signal);
    for (const database of databases) await database.holdFiles();
    // A save follows, which goes through all that is new.
    if (stored) threads.expect(databases.reduce((sum, { newBytes }) => sum + newBytes, 0));
    const files: CaptureFile[] = [];
    for (const database of databases) {
      signal?.throwIfAborted();
      files.push(...(await database.finish()));
    }
    return { files, spreadMs };
  }

  /** For each database of the profile a key that tells it from others, and how its capture is begun. */
  *#openers({ storages }: ProfileLayout): Generator<[string, () => DatabaseCapture]> {
    for (const { backend, path, databases, blobs } of storages) {
      if (backend === "leveldb") yield [path, () => new LevelDbCapture({ ...this.#common, path, blobs })];
      for (const name of databases) {
        const database = `${path}/${name}`;
        const own = blobs.filter((blob) => blob === `${database}_`);
        // A database whose blob directory has appeared meanwhile is captured anew.
        const key = [database, ...own].join("\n");
        yield [key, () => new SqliteCapture({ ...this.#common, path: database, blobs: own })];
      }
    }
  }

  #capture({ facts }: ProfileLayout, captured: Pick<Capture, "files" | "spreadMs">): Capture {
    const { pool, live, checked } = this.#common;
    const files = [...captured.files];
    checked.retain(new Set(files.map(({ path }) => path)));
    if (facts.browserVersion) files.push(smallFile(VERSION_FILE, Buffer.from(facts.browserVersion)));
    files.sort((a, b) => (a.path < b.path ? -1 : 1));
    return {
      files: files.map((file) => bounded(file, pool)),
      profile: facts,
      live,
      takenAt: this.#takenAt,
      captureMs: performance.now() - this.#started,
      spreadMs: captured.spreadMs,
      verified: true,
      close: () => pool.close(),
    };
  }

  /** Records why an attempt failed; rethrows an error that another attempt cannot cure. */
  #noteFailure(error: unknown): void {
    if (error instanceof InconsistentCapture) this.#failures.push(error);
    else if (error instanceof StaleRead) this.#failures.push(new InconsistentCapture(error.message, false));
    else if (isVaultError(error, "CORRUPT"))
      this.#failures.push(new InconsistentCapture(error.message, true, error.hint));
    else if (isOutOfDescriptors(error) || (isVaultError(error) && isOutOfDescriptors(error.cause))) {
      this.#failures.push(new InconsistentCapture("this process has run out of file descriptors", false));
    } else throw error;
  }

  /** Whether every attempt has failed of the same damage. */
  #isDamage(): boolean {
    const last = this.#failures.at(-1);
    return last?.damage === true && this.#failures.every(({ message }) => message === last.message);
  }

  async #pause(attempt: number): Promise<void> {
    this.#options.signal?.throwIfAborted();
    if (attempt === 0) return;
    const ms = Math.min(MAX_PAUSE_MS, 2 ** attempt * (0.5 + Math.random()));
    await sleep(ms, undefined, this.#options.signal ? { signal: this.#options.signal } : {});
  }
}

function signature({ storages }: ProfileLayout): string {
  return JSON.stringify(storages);
}

/** A file of the capture; a read past its captured end, or after the capture was closed, is refused. */
function bounded(file: CaptureFile, pool: FilePool): CaptureFile {
  return {
    ...file,
    read: async (position, length) => {
      if (pool.isClosed) throw new VaultError("INVALID", `Could not read ${file.path}: the capture is closed.`);
      if (position < 0 || length < 0 || position + length > file.size) {
        throw new VaultError("CORRUPT", `Could not read ${file.path}: it ends at ${file.size}.`);
      }
      try {
        return await file.read(position, length);
      } catch (cause) {
        throw diskError(`read ${file.path}`, cause);
      }
    },
    withDescriptor: (work) =>
      pool.isClosed
        ? undefined
        : file.withDescriptor?.(work)?.catch((cause: unknown) => {
            throw diskError(`read ${file.path}`, cause);
          }),
  };
}
