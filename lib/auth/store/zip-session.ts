import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { unzip } from "../../archive/unzip.ts";
import { zipFiles } from "../../archive/zip.ts";
import { withSignal } from "../../async/deadline.ts";
import type { Release } from "../../async/mutex.ts";
import { VaultError } from "../../errors.ts";
import { sessionProblem, verifyProfile } from "../../profile/verify.ts";
import type { Capture, RestoreReport, SaveReport, SessionStore } from "../../store.ts";
import { ReplaceableFile } from "./replaceable-file.ts";
import type { RemoteSession, StoreSession } from "./store-session.ts";
import { LIMITS, type Limits, ZipStoreClient } from "./zip-store-client.ts";

interface SaveOptions {
  readonly stored: string | undefined;
  readonly beforeCommit: () => void;
  readonly signal: AbortSignal;
}

/**
 * Talks to a store that has only whatsapp-web.js's four methods: whole zips, no generations, no lease.
 *
 * Published stores open `<session>.zip` in the working directory and ignore `path` (wwebjs-mongo 1.1.0,
 * wwebjs-aws-s3 1.0.2), and a missing file there is an unhandled stream error that ends the process: so the zip lies
 * there too, and stays until the store's own promise has settled, also when nobody waits for it any more. Sessions of
 * one name take turns there; of another process that has put its own there it can only be told afterwards.
 */
export class ZipSession implements StoreSession {
  readonly lost: undefined;
  readonly #store: ZipStoreClient;
  readonly #session: string;
  readonly #dataPath: string;
  readonly #inWorkingDirectory: boolean;
  /** The zip that `open` fetched, until it was restored or is not needed. */
  #fetched: { path: string; sha256: string } | undefined;

  constructor(
    store: SessionStore,
    session: string,
    dataPath: string,
    inWorkingDirectory: boolean,
    limits: Limits = LIMITS,
  ) {
    this.#store = new ZipStoreClient(store, session, limits);
    this.#session = session;
    this.#dataPath = dataPath;
    this.#inWorkingDirectory = inWorkingDirectory;
  }

  async open(signal: AbortSignal): Promise<RemoteSession> {
    await this.close();
    // What an earlier run has sent may be about to take the place of what would be read.
    await this.#store.idle(signal);
    if (!(await this.#store.exists(signal))) return { kind: "absent" };
    await mkdir(this.#dataPath, { recursive: true });
    // Always the same name: a process that was killed leaves one, not one more each time.
    const path = join(this.#dataPath, `${this.#session}.fetched.zip`);
    await rm(path, { force: true });
    this.#fetched = { path, sha256: "" };
    await this.#store.extract(path, signal);
    this.#fetched = { path, sha256: await sha256Of(path, this.#session) };
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
      throw new VaultError("CORRUPT", `The stored zip of session ${this.#session} does not verify: ${problem}.`, {
        hint: "Put an older copy back into the store, or delete the session there to link again.",
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

  async save(capture: Capture, options: SaveOptions): Promise<SaveReport> {
    const path = join(this.#dataPath, `${this.#session}.zip`);
    const whereOldStoresLook = this.#inWorkingDirectory ? resolve(`${this.#session}.zip`) : path;
    return await this.#store.saving([path, whereOldStoresLook], options.signal, (signal, end) =>
      this.#save(capture, { ...options, signal }, path, whereOldStoresLook, end),
    );
  }

  /** The zip is gone, and `end` is called, when the store has let go of it, whatever happened. */
  async #save(
    capture: Capture,
    options: SaveOptions,
    path: string,
    whereOldStoresLook: string,
    end: Release,
  ): Promise<SaveReport> {
    const startedAt = performance.now();
    const { signal } = options;
    // Nobody else's name: what lies at the others may be replaced at any time.
    const made = join(this.#dataPath, `${this.#session}.made.zip`);
    const placed: ReplaceableFile[] = [];
    let sent: Promise<void> = Promise.resolve();
    try {
      const { bytes, sha256 } = await zipFiles(capture.files, made, { signal });
      const unchanged = await this.#isUnchanged(sha256, options);
      if (!unchanged) {
        const seen = await this.#place(made, path, whereOldStoresLook, placed);
        options.beforeCommit();
        sent = this.#send(path, seen);
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
      const letGo = sent
        .catch(() => undefined)
        .then(() => {
          for (const file of placed) file.remove();
        })
        .finally(end);
      if (!signal.aborted) await letGo;
    }
  }

  /** Whether there is nothing to send. */
  async #isUnchanged(sha256: string, { stored, beforeCommit, signal }: SaveOptions): Promise<boolean> {
    beforeCommit();
    return sha256 === stored && !this.#store.unsure && (await this.#store.exists(signal));
  }

  /** Puts the zip where stores look. @returns the one that others may replace */
  async #place(
    made: string,
    path: string,
    whereOldStoresLook: string,
    placed: ReplaceableFile[],
  ): Promise<ReplaceableFile> {
    const ours = await ReplaceableFile.move(made, path);
    placed.push(ours);
    if (whereOldStoresLook === path) return ours;
    const copy = await ReplaceableFile.copy(path, whereOldStoresLook).catch((cause) => {
      throw new VaultError("DENIED", `The zip of ${this.#session} cannot be put where the store looks for it.`, {
        cause,
        hint: "Stores with four methods read it from the working directory: start the bot in a writable one.",
      });
    });
    placed.push(copy);
    return copy;
  }

  /** @param seen what the store may have read */
  async #send(path: string, seen: ReplaceableFile): Promise<void> {
    const failure = await this.#store.save(path).then(
      () => undefined,
      (cause: unknown) => ({ cause }),
    );
    if (!seen.isThere()) {
      const why = `something else replaced ${seen.path} while the store read it`;
      throw new VaultError("UNAVAILABLE", `Could not save the session ${this.#session}: ${why}.`, {
        ...failure,
        hint:
          "The store may now hold another bot's session, until the next save, which sends this one again. " +
          "Give each bot its own clientId or working directory.",
      });
    }
    if (failure !== undefined) throw failure.cause;
    this.#store.sent();
  }

  /** A store with four methods has nowhere to write that down. */
  async prove(): Promise<void> {}

  /** It keeps the newest zip alone. */
  async rollBack(): Promise<undefined> {}

  async delete(retainMs?: number): Promise<void> {
    await this.#store.delete(retainMs);
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

async function sha256Of(path: string, session: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path), hash);
  } catch (cause) {
    throw new VaultError("UNAVAILABLE", `The store said it extracted ${session}, and there is no zip.`, { cause });
  }
  return hash.digest("hex");
}
