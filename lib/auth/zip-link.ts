import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { unzip } from "../archive/unzip.ts";
import { zipFiles } from "../archive/zip.ts";
import { isVaultError, safeCause, safeMessage, VaultError } from "../errors.ts";
import { verifyProfile } from "../profile/verify.ts";
import { type Capture, isProfileStore, type SessionStore } from "../store.ts";
import { within, withSignal } from "./patience.ts";
import type { RemoteSession, RestoredSession, SavedSession, StoreLink } from "./store-link.ts";

/** The longest a store may take, in milliseconds: nobody knows whether somebody else's ever gives up by itself. */
interface Limits {
  /** To say whether it has the session. */
  readonly answerMs: number;
  /** To take or bring a zip: some are gigabytes. */
  readonly transferMs: number;
  /** To delete: whatsapp-web.js waits for it before it tells of the end. */
  readonly deleteMs: number;
}

const LIMITS: Limits = { answerMs: 60_000, transferMs: 900_000, deleteMs: 30_000 };

/**
 * Talks to a store that has only whatsapp-web.js's four methods: whole zips, no generations, no lease.
 *
 * Published stores open `<session>.zip` in the working directory and ignore `path` (wwebjs-mongo 1.1.0,
 * wwebjs-aws-s3 1.0.2), and a missing file there is an unhandled stream error that ends the process: so the zip lies
 * there too, and stays until the store's own promise has settled, also when nobody waits for it any more.
 */
export class ZipLink implements StoreLink {
  readonly lost: undefined;
  readonly #store: SessionStore;
  readonly #session: string;
  readonly #dataPath: string;
  readonly #inWorkingDirectory: boolean;
  readonly #limits: Limits;
  /** The zip that `open` fetched, until it was restored or is not needed. */
  #fetched: { path: string; sha256: string } | undefined;
  /** Settles when the store has let go of the zip of the last save. */
  #saving: Promise<void> = Promise.resolve();

  constructor(
    store: SessionStore,
    session: string,
    dataPath: string,
    inWorkingDirectory: boolean,
    limits: Limits = LIMITS,
  ) {
    this.#store = store;
    this.#session = session;
    this.#dataPath = dataPath;
    this.#inWorkingDirectory = inWorkingDirectory;
    this.#limits = limits;
  }

  async open(signal: AbortSignal): Promise<RemoteSession> {
    await this.close();
    if (!(await this.#exists(signal))) return { kind: "absent" };
    await mkdir(this.#dataPath, { recursive: true });
    // Always the same name: a process that was killed leaves one, not one more each time.
    const path = join(this.#dataPath, `${this.#session}.fetched.zip`);
    await rm(path, { force: true });
    this.#fetched = { path, sha256: "" };
    await this.#within("read the session", this.#limits.transferMs, signal, async (limited) => {
      await this.#ask("read the session", this.#store.extract({ session: this.#session, path }), limited);
    });
    this.#fetched = { path, sha256: await sha256Of(path, this.#session) };
    return { kind: "current", base: this.#fetched.sha256 };
  }

  async restore(into: string, signal: AbortSignal): Promise<RestoredSession> {
    const startedAt = performance.now();
    const fetched = this.#fetched;
    if (fetched === undefined) throw new VaultError("ABSENT", `Session ${this.#session} was not fetched.`);
    const { size } = await stat(fetched.path);
    const { files, bytes } = await unzip(fetched.path, into, { signal });
    const verified = await verifyProfile(into, { signal });
    const problem = verified.empty
      ? "it carries no storage of WhatsApp Web"
      : verified.problems.map(({ path, reason }) => `${path}: ${reason}`)[0];
    if (problem !== undefined) {
      throw new VaultError("CORRUPT", `The stored zip of session ${this.#session} does not verify: ${problem}.`, {
        hint: "Put an older copy back into the store, or delete the session there to link again.",
      });
    }
    await this.close();
    const report = {
      generation: 0,
      id: fetched.sha256,
      files: files.length,
      bytes,
      bytesReceived: size,
      ms: performance.now() - startedAt,
      skipped: [],
      profile: verified.profile,
    };
    return { report, base: fetched.sha256, profile: verified.profile };
  }

  async save(
    capture: Capture,
    options: { base: string | undefined; beforeCommit: () => void; signal: AbortSignal },
  ): Promise<SavedSession> {
    return await this.#within("save the session", this.#limits.transferMs, options.signal, (signal) =>
      this.#save(capture, { ...options, signal }),
    );
  }

  async #save(
    capture: Capture,
    options: { base: string | undefined; beforeCommit: () => void; signal: AbortSignal },
  ): Promise<SavedSession> {
    const startedAt = performance.now();
    await withSignal(this.#saving, options.signal);
    const path = join(this.#dataPath, `${this.#session}.zip`);
    const { bytes, sha256 } = await zipFiles(capture.files, path, { signal: options.signal });
    const unchanged = await this.#sendUnlessUnchanged(path, sha256, options);
    const report = {
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
    return { report, base: sha256 };
  }

  /** A store with four methods has nowhere to write that down. */
  async prove(): Promise<void> {}

  /** It keeps the newest zip alone. */
  async goBack(): Promise<undefined> {}

  async delete(retainMs?: number): Promise<void> {
    const session = this.#session;
    // Four methods have no word for it; a store of this package has, also when it is used by these.
    const options = retainMs === undefined || !isProfileStore(this.#store) ? { session } : { session, retainMs };
    await this.#within("delete the session", this.#limits.deleteMs, undefined, async (signal) => {
      // A save that nobody waits for any more must not arrive after the delete.
      await withSignal(this.#saving, signal);
      await this.#ask("delete the session", this.#store.delete(options), signal);
    });
  }

  async keepLocal(): Promise<void> {
    await this.close();
  }

  async close(): Promise<void> {
    const fetched = this.#fetched;
    this.#fetched = undefined;
    if (fetched !== undefined) await rm(fetched.path, { force: true }).catch(() => undefined);
  }

  /** @returns whether there was nothing to send. The zip is gone when the store has let go of it, whatever happened. */
  async #sendUnlessUnchanged(
    path: string,
    sha256: string,
    options: { base: string | undefined; beforeCommit: () => void; signal: AbortSignal },
  ): Promise<boolean> {
    const places = [path];
    let sent: Promise<unknown> = Promise.resolve();
    try {
      options.beforeCommit();
      if (sha256 === options.base && (await this.#exists(options.signal))) return true;
      const whereOldStoresLook = resolve(`${this.#session}.zip`);
      if (this.#inWorkingDirectory && whereOldStoresLook !== path) {
        places.push(whereOldStoresLook);
        await this.#copyTo(whereOldStoresLook, path);
      }
      options.beforeCommit();
      sent = this.#ask("save the session", this.#store.save({ session: this.#session, path }));
      await withSignal(sent, options.signal);
      return false;
    } finally {
      this.#saving = sent
        .catch(() => undefined)
        .then(() => Promise.allSettled(places.map((place) => rm(place, { force: true }))))
        .then(() => undefined);
      if (!options.signal.aborted) await this.#saving;
    }
  }

  async #copyTo(place: string, path: string): Promise<void> {
    await copyFile(path, place).catch((cause) => {
      throw new VaultError("DENIED", `The zip of ${this.#session} cannot be put where the store looks for it.`, {
        cause,
        hint: "Stores with four methods read it from the working directory: start the bot in a writable one.",
      });
    });
  }

  async #exists(signal: AbortSignal): Promise<boolean> {
    const what = "look for the session";
    const answer: unknown = await this.#within(what, this.#limits.answerMs, signal, (limited) =>
      this.#ask(what, this.#store.sessionExists({ session: this.#session }), limited),
    );
    if (typeof answer === "boolean") return answer;
    throw new VaultError("UNAVAILABLE", `Could not look for the session ${this.#session}: the store did not say.`, {
      hint: "Its sessionExists answered neither true nor false, as wwebjs-aws-s3 does in an outage: check the store.",
    });
  }

  /** @throws `UNAVAILABLE` when `work` took longer than `limitMs`; its signal has then told it */
  async #within<T>(
    what: string,
    limitMs: number,
    signal: AbortSignal | undefined,
    work: (limited: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const tooLate = (cause: unknown): VaultError => {
      const waited = `the store did not answer within ${limitMs / 1_000} s`;
      const hint = "Check that the store can be reached. What it was asked for may still take effect.";
      return new VaultError("UNAVAILABLE", `Could not ${what} ${this.#session}: ${waited}.`, { cause, hint });
    };
    return await within({ limitMs, signal, tooLate }, work);
  }

  async #ask<T>(what: string, answer: Promise<T> | T, signal?: AbortSignal): Promise<T> {
    try {
      return await (signal === undefined ? answer : withSignal(Promise.resolve(answer), signal));
    } catch (cause) {
      if (isVaultError(cause) || (signal?.aborted && cause === signal.reason)) throw cause;
      throw new VaultError("UNAVAILABLE", `Could not ${what} ${this.#session}: ${safeMessage(cause)}`, {
        cause: safeCause(cause),
        hint: "Check that the store can be reached and that its credentials are right.",
      });
    }
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
