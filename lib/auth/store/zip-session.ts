import { mkdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { HOW_TO_ZIP } from "../../archive/errors.ts";
import { unzip } from "../../archive/unzip.ts";
import { zipFiles } from "../../archive/zip.ts";
import { withSignal } from "../../async/deadline.ts";
import type { Release } from "../../async/mutex.ts";
import { VaultError } from "../../errors.ts";
import { sessionProblem, verifyProfile } from "../../profile/verify.ts";
import type { Capture, RestoreReport, SaveReport, SessionStore } from "../../store.ts";
import { ReplaceableFile } from "./replaceable-file.ts";
import type { RemoteSession, SaveOptions, StoreSession } from "./store-session.ts";
import { sha256Of } from "./zip-read-back.ts";
import { LIMITS, ZipStoreClient } from "./zip-store-client.ts";

type ZipSaveOptions = Omit<SaveOptions, "wid">;

/**
 * A session in a store that has only whatsapp-web.js's four methods: whole zips, no generations, no lease.
 *
 * Published stores open `<session>.zip` in the working directory and ignore `path` (wwebjs-mongo 1.1.0,
 * wwebjs-aws-s3 1.0.2), and a missing file there is an unhandled stream error that ends the process. So the zip is also
 * put there, and stays until the store's own promise has settled, even after the save was aborted. Sessions of one name
 * take turns there; a zip that another process has put there is only noticed after the save.
 *
 * Some stores resolve before they open the zip, or never open it (streams that nobody waits for). So a save counts, and the
 * zip is removed, once the store shows it: once in a process by returning it, after that by saying that it has the session.
 */
export class ZipSession implements StoreSession {
  /** Never aborts: there is no lease. */
  readonly lost: AbortSignal = new AbortController().signal;
  readonly canList: boolean = false;
  readonly #store: ZipStoreClient;
  readonly #session: string;
  readonly #dataPath: string;
  /** The path that the store is given. */
  readonly #path: string;
  readonly #inWorkingDirectory: boolean;
  /** Zips that the store may read yet, although it has called them saved. */
  #left: readonly ReplaceableFile[] = [];
  /** The zip that `open` fetched, until it was restored or the local profile was chosen. */
  #fetched: { path: string; sha256: string } | undefined;

  constructor(
    store: SessionStore,
    session: string,
    dataPath: string,
    inWorkingDirectory: boolean,
    limits: typeof LIMITS = LIMITS,
  ) {
    this.#store = new ZipStoreClient(store, session, limits);
    this.#session = session;
    this.#dataPath = dataPath;
    this.#path = join(dataPath, `${session}.zip`);
    this.#inWorkingDirectory = inWorkingDirectory;
  }

  /** Four methods list nothing. */
  async others(): Promise<undefined> {}

  async open(signal: AbortSignal): Promise<RemoteSession> {
    await this.close();
    // A zip that an earlier run is still sending may be about to replace the stored one.
    await this.#store.idle(signal);
    if (!(await this.#store.exists(signal))) return { kind: "absent" };
    await mkdir(this.#dataPath, { recursive: true });
    // Always the same name, so that killed processes leave one file at most.
    const path = join(this.#dataPath, `${this.#session}.fetched.zip`);
    await rm(path, { force: true });
    this.#fetched = { path, sha256: "" };
    await this.#store.extract(path, signal);
    const sha256 = await sha256Of(path).catch((cause: unknown) => {
      const message = `The store did not write the zip of ${this.#session}, and reported no error.`;
      throw new VaultError("UNAVAILABLE", message, { cause });
    });
    this.#fetched = { path, sha256 };
    return { kind: "current", id: this.#fetched.sha256 };
  }

  async restore(into: string, signal: AbortSignal): Promise<RestoreReport> {
    const startedAt = performance.now();
    const fetched = this.#fetched;
    if (fetched === undefined) throw new VaultError("ABSENT", `Session ${this.#session} was not fetched.`);
    const { size } = await stat(fetched.path);
    const { files, bytes } = await unzip(fetched.path, into, { signal });
    const verified = await verifyProfile(into, { signal });
    const problem = sessionProblem(verified);
    if (problem !== undefined) {
      const hint = "Put an older copy back into the store, or delete the session there to link again.";
      throw new VaultError("CORRUPT", `The stored zip of session ${this.#session} does not verify: ${problem}.`, {
        hint: verified.empty ? `${hint} To put a zip made by hand there: ${HOW_TO_ZIP}` : hint,
      });
    }
    await this.close();
    return {
      generation: 0,
      id: fetched.sha256,
      files: files.length,
      bytes,
      bytesReceived: size,
      ms: performance.now() - startedAt,
      skipped: [],
      profile: verified.profile,
    };
  }

  async save(capture: Capture, options: ZipSaveOptions): Promise<SaveReport> {
    return await this.#store.saving([this.#path, this.#publishedStorePath], options.signal, (signal, end) =>
      this.#save(capture, { ...options, signal }, end),
    );
  }

  /** The path at which the store may look for the zip all the same. */
  get #publishedStorePath(): string {
    return this.#inWorkingDirectory ? resolve(`${this.#session}.zip`) : this.#path;
  }

  /**
   * Calls `end` once the store's promise has settled, also after a failure, and removes the zip then, unless the store may
   * read it yet.
   */
  async #save(capture: Capture, options: ZipSaveOptions, end: Release): Promise<SaveReport> {
    const startedAt = performance.now();
    const { signal } = options;
    // No other process uses this name; the files at the other names may be replaced at any time.
    const made = join(this.#dataPath, `${this.#session}.made.zip`);
    const placed: ReplaceableFile[] = [];
    let sent: Promise<unknown> = Promise.resolve();
    let isRead = true;
    try {
      const { bytes, sha256 } = await zipFiles(capture.files, made, { signal });
      const unchanged = await this.#isUnchanged(sha256, options);
      if (!unchanged) {
        const seen = await this.#place(made, placed);
        options.beforeCommit();
        sent = this.#send(seen).then(async () => {
          const { isPrompt } = this.#store;
          isRead = false;
          await this.#shown(seen, sha256, signal).finally(() => {
            isRead = isPrompt && signal.aborted;
          });
          isRead = true;
        });
        await withSignal(sent, signal);
      }
      return {
        generation: 0,
        id: sha256,
        unchanged,
        files: capture.files.length,
        bytes: capture.files.reduce((sum, file) => sum + file.size, 0),
        bytesSent: unchanged ? 0 : bytes,
        chunksSent: unchanged ? 0 : 1,
        chunksReused: unchanged ? 1 : 0,
        captureMs: capture.captureMs,
        ms: performance.now() - startedAt,
      };
    } finally {
      await rm(made, { force: true }).catch(() => undefined);
      const cleanedUp = sent
        .catch(() => undefined)
        .then(() => {
          if (!isRead) this.#left = placed;
          else for (const file of placed) file.remove();
        })
        .finally(end);
      if (!signal.aborted) await cleanedUp;
    }
  }

  /** Whether the store has this zip already. */
  async #isUnchanged(sha256: string, { stored, beforeCommit, signal }: ZipSaveOptions): Promise<boolean> {
    beforeCommit();
    return sha256 === stored && !this.#store.unsure && (await this.#store.exists(signal));
  }

  /** Puts the zip at the paths that stores read. @returns the file that the store may have read */
  async #place(made: string, placed: ReplaceableFile[]): Promise<ReplaceableFile> {
    const ours = await ReplaceableFile.move(made, this.#path);
    placed.push(ours);
    const publishedStorePath = this.#publishedStorePath;
    if (publishedStorePath === this.#path) return ours;
    const copy = await ReplaceableFile.copy(this.#path, publishedStorePath).catch((cause) => {
      throw new VaultError("DENIED", `The zip of ${this.#session} cannot be put where the store looks for it.`, {
        cause,
        hint: "Stores with four methods read the zip from the working directory: start the bot in a writable directory.",
      });
    });
    placed.push(copy);
    return copy;
  }

  /** @param seen the file that the store may have read */
  async #send(seen: ReplaceableFile): Promise<void> {
    const failure = await this.#store.save(this.#path).then(
      () => undefined,
      (cause: unknown) => ({ cause }),
    );
    if (!seen.isThere()) throw this.#replaced(seen, failure?.cause);
    if (failure !== undefined) throw failure.cause;
  }

  /** Waits until the store shows that it has the zip. */
  async #shown(seen: ReplaceableFile, sha256: string, signal: AbortSignal): Promise<void> {
    const zip = { path: seen.path, sha256 };
    const prefix = join(this.#dataPath, `${this.#session}.returned-`);
    await this.#store.shown(zip, prefix, signal).catch((cause: unknown) => {
      // A store that reads late may have read that one.
      throw signal.aborted || seen.isThere() ? cause : this.#replaced(seen, cause);
    });
  }

  #replaced(seen: ReplaceableFile, cause: unknown): VaultError {
    const why = `another process replaced ${seen.path} while the store read it`;
    return new VaultError("UNAVAILABLE", `Could not save the session ${this.#session}: ${why}.`, {
      ...(cause === undefined ? {} : { cause }),
      hint:
        "The store may now hold another bot's session, until the next save, which sends this session again. " +
        "Give each bot its own clientId or working directory.",
    });
  }

  /** Does nothing: a store with four methods has no marks. */
  async prove(): Promise<void> {}

  /** Does nothing: a store with four methods has no marks. */
  async reject(): Promise<void> {}

  /** Does nothing: a store with four methods keeps the newest zip alone. */
  async rollBack(): Promise<undefined> {}

  async delete(retainMs?: number): Promise<void> {
    await this.#store.delete(retainMs);
    for (const file of this.#left) file.remove();
    this.#left = [];
  }

  async keepLocal(): Promise<void> {
    await this.close();
  }

  async close(): Promise<void> {
    const fetched = this.#fetched;
    this.#fetched = undefined;
    if (fetched !== undefined) await rm(fetched.path, { force: true }).catch(() => undefined);
  }
}
