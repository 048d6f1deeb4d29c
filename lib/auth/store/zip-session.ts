import { mkdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { HOW_TO_ZIP } from "../../archive/errors.ts";
import { unzip } from "../../archive/unzip.ts";
import { zipFiles } from "../../archive/zip.ts";
import { withSignal } from "../../async/deadline.ts";
import { diskError } from "../../disk/errors.ts";
import { PlacedFiles } from "../../disk/placed-files.ts";
import type { ReplaceableFile } from "../../disk/replaceable-file.ts";
import { VaultError } from "../../errors.ts";
import { sessionProblem, verifyProfile } from "../../profile/verify.ts";
import { type Capture, isProfileStore, type RestoreReport, type SaveReport, type SessionStore } from "../../store.ts";
import type { RemoteSession, SaveOptions, StoreSession } from "./store-session.ts";
import { WrittenFiles } from "./written-files.ts";
import { sha256Of } from "./zip-read-back.ts";
import { LIMITS, ZipStoreClient } from "./zip-store-client.ts";

type ZipSaveOptions = Omit<SaveOptions, "wid">;

/** A zip at the paths that stores read. */
interface PlacedZip {
  readonly all: readonly ReplaceableFile[];
  /** The one that the store may have read. */
  readonly seen: ReplaceableFile;
}

/** How far a save is. */
interface Sending {
  files?: PlacedZip;
  /** The store's own call. */
  sent?: Promise<void>;
}

/**
 * A session in a store that has only whatsapp-web.js's four methods: whole zips, no generations, no lease.
 *
 * Published stores open `<session>.zip` in the working directory and ignore `path` (wwebjs-mongo 1.1.0,
 * wwebjs-aws-s3 1.0.2), and a missing file there is an unhandled stream error that ends the process. So the zip is also
 * put there. Sessions of one name take turns there; a zip that another process has put there is only noticed after the save.
 *
 * Some stores resolve before they open the zip, or never open it (streams that nobody waits for). No answer of a store tells
 * that it will not open the zip later. So the zip stays for some time after each call of `save` (see {@link PlacedFiles}),
 * and a save counts once the store shows it: the first one of a run, the first one after a failure, and one in ten by
 * returning it, the others by saying that it has the session.
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
  readonly #placed: PlacedFiles;
  /** How long the store may open a zip after its `save` has ended, in milliseconds. */
  readonly #graceMs: number;
  /** What `open` fetches, until it was restored or the local profile was chosen. */
  #fetched: { files: WrittenFiles; path: string; sha256: string } | undefined;

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
    this.#placed = new PlacedFiles(join(dataPath, `${session}.placed.json`));
    this.#graceMs = isProfileStore(store) ? 0 : limits.graceMs;
  }

  /** The path at which the store may look for the zip all the same. */
  get #publishedStorePath(): string {
    return this.#inWorkingDirectory ? resolve(`${this.#session}.zip`) : this.#path;
  }

  /** No other process uses this name; the files at the other names may be replaced at any time. */
  get #made(): string {
    return join(this.#dataPath, `${this.#session}.made.zip`);
  }

  get #fetchedPrefix(): string {
    return join(this.#dataPath, `${this.#session}.fetched-`);
  }

  get #returnedPrefix(): string {
    return join(this.#dataPath, `${this.#session}.returned-`);
  }

  /** Four methods list nothing. */
  async others(): Promise<undefined> {}

  async open(signal: AbortSignal): Promise<RemoteSession> {
    await this.close();
    // A zip that an earlier run is still sending may be about to replace the stored one.
    await this.#store.idle(signal);
    this.#placed.removeLeft();
    for (const prefix of [this.#fetchedPrefix, this.#returnedPrefix]) await WrittenFiles.removeLeft(prefix);
    await rm(this.#made, { force: true }).catch(() => undefined);
    if (!(await this.#store.exists(signal))) return { kind: "absent" };
    await mkdir(this.#dataPath, { recursive: true });
    const files = new WrittenFiles(this.#fetchedPrefix);
    this.#fetched = { files, path: "", sha256: "" };
    await this.#store.extract(files, signal);
    const [path = ""] = files.paths;
    const sha256 = await sha256Of(path).catch((cause: unknown) => {
      const message = `The store did not write the zip of ${this.#session}, and reported no error.`;
      throw new VaultError("UNAVAILABLE", message, { cause });
    });
    this.#fetched = { files, path, sha256 };
    return { kind: "current", id: sha256 };
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
    const paths = [this.#path, this.#publishedStorePath];
    return await this.#store.saving(paths, options.signal, async (signal, end) => {
      const sending: Sending = {};
      try {
        return await this.#save(capture, { ...options, signal }, sending);
      } finally {
        const ended = this.#ended(sending).finally(end);
        // The store's own call may take longer than the save.
        if (!signal.aborted) await ended;
      }
    });
  }

  async #save(capture: Capture, options: ZipSaveOptions, sending: Sending): Promise<SaveReport> {
    const startedAt = performance.now();
    try {
      const { bytes, sha256 } = await zipFiles(capture.files, this.#made, { signal: options.signal });
      const unchanged = await this.#isUnchanged(sha256, options);
      const isShown = unchanged || (await this.#deliver(sha256, options, sending));
      return {
        generation: 0,
        id: sha256,
        unchanged,
        ...(isShown ? {} : { unverified: true }),
        files: capture.files.length,
        bytes: capture.files.reduce((sum, file) => sum + file.size, 0),
        bytesSent: unchanged ? 0 : bytes,
        chunksSent: unchanged ? 0 : 1,
        chunksReused: unchanged ? 1 : 0,
        captureMs: capture.captureMs,
        ms: performance.now() - startedAt,
      };
    } finally {
      await rm(this.#made, { force: true }).catch(() => undefined);
    }
  }

  /** Whether the store has this zip already. */
  async #isUnchanged(sha256: string, { stored, beforeCommit, signal }: ZipSaveOptions): Promise<boolean> {
    beforeCommit();
    return sha256 === stored && !this.#store.unsure && (await this.#store.exists(signal));
  }

  /**
   * Puts the zip where stores read it, and sends it.
   * @returns whether the store has shown it; `false` when the store has called it saved, and then the signal has aborted
   */
  async #deliver(sha256: string, { beforeCommit, signal }: ZipSaveOptions, sending: Sending): Promise<boolean> {
    const files = await this.#place();
    sending.files = files;
    beforeCommit();
    sending.sent = this.#send(files.seen);
    await withSignal(sending.sent, signal);
    const zip = { path: files.seen.path, sha256 };
    return await this.#store.shown(zip, this.#returnedPrefix, signal).catch((cause: unknown) => {
      // A store that reads late may have read that one.
      throw signal.aborted || files.seen.isThere() ? cause : this.#replaced(files.seen, cause);
    });
  }

  /** Resolves when the store's own call has ended: from now on the zip stays for the time in which the store may open it. */
  async #ended({ files, sent }: Sending): Promise<void> {
    await sent?.catch(() => undefined);
    if (files !== undefined) this.#placed.release(files.all, sent === undefined ? 0 : this.#graceMs);
  }

  /** Puts the zip at the paths that stores read. */
  async #place(): Promise<PlacedZip> {
    const published = this.#publishedStorePath;
    const others = published === this.#path ? [] : [published];
    const all = await this.#placed.put(this.#made, [this.#path, ...others]).catch((cause: unknown) => {
      const failure = diskError(`put the zip of ${this.#session} where the store looks for it`, cause);
      if (failure.code !== "DENIED") throw failure;
      throw new VaultError("DENIED", `The zip of ${this.#session} cannot be put where the store looks for it.`, {
        cause,
        hint: "Stores with four methods read the zip from the working directory: start the bot in a writable directory.",
      });
    });
    const seen = all.find(({ path }) => path === resolve(published));
    if (seen === undefined) throw new Error(`No zip was put at ${published}.`);
    return { all, seen };
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

  /** Removes the zips that are left on the disk, too. */
  async delete(retainMs?: number): Promise<void> {
    await this.#store.delete(retainMs);
    this.#placed.removeAll();
  }

  async keepLocal(): Promise<void> {
    await this.close();
  }

  async close(): Promise<void> {
    const fetched = this.#fetched;
    this.#fetched = undefined;
    await fetched?.files.close();
  }
}
