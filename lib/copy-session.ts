import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { unzip } from "./archive/unzip.ts";
import { withSignal } from "./async/deadline.ts";
import { isVaultError, safeCause, safeMessage, VaultError } from "./errors.ts";
import { sessionProblem, verifyProfile } from "./profile/verify.ts";
import { type CaptureFile, isProfileStore, type RestoreReport, type SessionStore } from "./store.ts";
import { sessionName } from "./vault/layout.ts";

/** What {@link copySession} takes. */
export interface CopySessionOptions {
  /** Any store with whatsapp-web.js's four methods; nothing is ever written to it. */
  from: SessionStore;
  /** Any store with whatsapp-web.js's four methods. */
  to: SessionStore;
  /** Its name, e.g. `RemoteAuth-support`. */
  session: string;
  /** What `from` calls it, when that is another name. @default the name, else where whatsapp-web.js 1.34.5 and 1.34.6 put it */
  fromSession?: string | undefined;
  /** Where the bot that saved it kept its data: those two versions made it a part of the name. @default "./.wwebjs_auth/" */
  dataPath?: string | undefined;
  /** Makes it the current version also where `to` has the session already. @default false */
  replace?: boolean | undefined;
  /** Copies an older version where the newest one of `from` is not whole. @default false */
  allowOlder?: boolean | undefined;
  /** Told at the beginning of each step. */
  onProgress?: ((progress: CopyProgress) => void) | undefined;
  /** Ends the copy at once; what a store was asked to do by then it may still do. */
  signal?: AbortSignal | undefined;
}

/** How far a copy is. */
export interface CopyProgress {
  readonly step: "reading" | "checking" | "writing" | "comparing";
  readonly session: string;
  /** Files of the profile, once they are known. */
  readonly files?: number;
  /** Bytes of the profile, once they are known. */
  readonly bytes?: number;
}

/** What a copy did. */
export interface CopyReport {
  /** What it is called in `to`. */
  readonly session: string;
  /** What it was called in `from`. */
  readonly fromSession: string;
  readonly files: number;
  readonly bytes: number;
  /** `to` had exactly this already: nothing was written. */
  readonly unchanged: boolean;
  /** Newer versions of `from` that were not whole; empty without `allowOlder`. */
  readonly skipped: RestoreReport["skipped"];
  readonly ms: number;
}

/**
 * Copies a session from one store to another: reads it, checks that Chromium would open it, writes it, reads it back and
 * compares every file. The source is left alone.
 * @throws `ABSENT` when `from` does not have it; `CORRUPT` when what it has does not verify, or its newest version is not
 *   whole and `allowOlder` is not set (nothing is written then), or `to` gave something else back; `CONFLICT` when `to` has another version of it and `replace` is not set, or `from` has
 *   it under two names; `UNAVAILABLE` when a store does not answer.
 */
export async function copySession(options: CopySessionOptions): Promise<CopyReport> {
  options.signal?.throwIfAborted();
  const directory = await mkdtemp(join(tmpdir(), "wa-vault-copy-"));
  const copy = new Copy(options, directory);
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  try {
    return await copy.run();
  } finally {
    // A store that was asked and is not waited for any more still reads or writes there.
    if (copy.asked.size > 0)
      void Promise.allSettled(copy.asked)
        .then(remove)
        .catch(() => {});
    else await remove();
  }
}

class Copy {
  /** What stores were asked for and have not answered. */
  readonly asked: Set<Promise<unknown>> = new Set();
  readonly #options: CopySessionOptions;
  readonly #directory: string;
  readonly #session: string;

  constructor(options: CopySessionOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
    this.#session = sessionName(options.session);
  }

  async run(): Promise<CopyReport> {
    const { from, to, replace = false, allowOlder = false } = this.#options;
    const began = performance.now();
    this.#tell("reading");
    const fromSession = await this.#nameInSource();
    const zip = join(this.#directory, "source.zip");
    const skipped = skippedOf(
      await this.#ask("read from the source", () => from.extract({ session: fromSession, path: zip })),
    );
    if (skipped.length > 0 && !allowOlder) throw notWhole(this.#session, skipped);
    this.#tell("checking");
    const source = await this.#unpacked(zip, "source");
    const done = { session: this.#session, fromSession, files: source.files.length, bytes: source.bytes, skipped };

    if (await this.#exists(to, this.#session)) {
      const difference = await this.#difference(source.files).catch((error: unknown) => {
        if (isVaultError(error, "CORRUPT")) return error.message;
        throw error;
      });
      if (difference === undefined) return { ...done, unchanged: true, ms: performance.now() - began };
      if (!replace) {
        throw new VaultError("CONFLICT", `The target has another version of ${this.#session}: ${difference}.`, {
          hint: "Set `replace` to make the source's version the current one.",
        });
      }
    }
    this.#tell("writing", source);
    await this.#write(zip);
    this.#tell("comparing", source);
    const difference = await this.#difference(source.files);
    if (difference !== undefined) {
      throw new VaultError("CORRUPT", `The target did not keep ${this.#session} as it was given: ${difference}.`, {
        hint: "The source is as it was. Check the target, and copy again.",
      });
    }
    return { ...done, unchanged: false, ms: performance.now() - began };
  }

  /** What the source calls the session. Two of whatsapp-web.js's versions named it by the path of its zip. */
  async #nameInSource(): Promise<string> {
    const { from, session, fromSession, dataPath = "./.wwebjs_auth/" } = this.#options;
    if (fromSession !== undefined) {
      if (await this.#exists(from, fromSession)) return fromSession;
      throw new VaultError("ABSENT", `The source has no session ${fromSession}.`);
    }
    // One of ours goes by the base name alone: to it both are the same.
    const names = isProfileStore(from) ? [session] : [...new Set([session, resolve(dataPath, this.#session)])];
    const found: string[] = [];
    for (const name of names) if (await this.#exists(from, name)) found.push(name);
    const [only, other] = found;
    if (only === undefined) {
      throw new VaultError("ABSENT", `The source has no session ${names.join(", nor ")}.`, {
        hint: "Set `dataPath` to the folder where the bot that saved it kept its data, as that bot saw it.",
      });
    }
    if (other === undefined) return only;
    throw new VaultError("CONFLICT", `The source has ${this.#session} under two names: ${found.join(" and ")}.`, {
      hint: "Say which with `fromSession`; the longer one was written by whatsapp-web.js 1.34.5 or 1.34.6.",
    });
  }

  /** Of somebody else's store only `true` means there and only `false` means absent. */
  async #exists(store: SessionStore, session: string): Promise<boolean> {
    const answer: unknown = await this.#ask("look for the session", () => store.sessionExists({ session }));
    if (typeof answer === "boolean") return answer;
    throw new VaultError("UNAVAILABLE", `Could not look for ${session}: the store answered neither true nor false.`);
  }

  async #unpacked(zip: string, name: string): Promise<{ files: readonly CaptureFile[]; bytes: number }> {
    const { signal } = this.#options;
    const into = join(this.#directory, name);
    const unpacked = await unzip(zip, into, { signal });
    const problem = sessionProblem(await verifyProfile(into, signal === undefined ? {} : { signal }));
    if (problem === undefined) return unpacked;
    throw new VaultError("CORRUPT", `Session ${this.#session} in the ${name} does not verify: ${problem}.`);
  }

  /**
   * Published stores open `<session>.zip` in the working directory and ignore `path`, and end the process when it is not
   * there: so it lies there too, while they save.
   */
  async #write(zip: string): Promise<void> {
    const { to } = this.#options;
    const save = (): unknown => to.save({ session: this.#session, path: zip });
    if (isProfileStore(to)) return void (await this.#ask("write to the target", save));
    const place = resolve(`${this.#session}.zip`);
    await copyFile(zip, place, constants.COPYFILE_EXCL).catch((cause) => {
      throw new VaultError("INVALID", `The zip cannot be put at ${place}, where the target may look for it.`, {
        cause,
      });
    });
    await this.#ask("write to the target", async () => {
      try {
        await save();
      } finally {
        await rm(place, { force: true });
      }
    });
  }

  /** In what the target's version differs from these files; `undefined` when in nothing that it keeps. */
  async #difference(files: readonly CaptureFile[]): Promise<string | undefined> {
    const zip = join(this.#directory, "target.zip");
    await rm(join(this.#directory, "target"), { recursive: true, force: true });
    const { to, signal } = this.#options;
    const report = await this.#ask("read from the target", () => to.extract({ session: this.#session, path: zip }));
    const [damaged] = skippedOf(report);
    if (damaged !== undefined) return `its generation ${damaged.generation} is not whole`;
    const kept = await this.#unpacked(zip, "target");
    const sources = new Map(files.map((file) => [file.path, file]));
    if (kept.files.length !== files.length) return `it has ${kept.files.length} files instead of ${files.length}`;
    for (const file of kept.files) {
      signal?.throwIfAborted();
      const source = sources.get(file.path);
      if (source === undefined) return `${file.path} is not in the source`;
      if ((await digestOf(file)) !== (await digestOf(source))) return `${file.path} differs`;
    }
    return undefined;
  }

  /** What a store answers; without it when the signal aborts first, since no store has to heed one. */
  async #ask<T>(what: string, call: () => Promise<T> | T): Promise<T> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const answer = (async () => call())().catch((cause: unknown) => {
      if (isVaultError(cause)) throw cause;
      throw new VaultError("UNAVAILABLE", `Could not ${what} (${this.#session}): ${safeMessage(cause)}`, {
        cause: safeCause(cause),
      });
    });
    this.asked.add(answer);
    const answered = (): unknown => this.asked.delete(answer);
    answer.then(answered, answered);
    return withSignal(answer, signal);
  }

  #tell(step: CopyProgress["step"], known: { files?: readonly CaptureFile[]; bytes?: number } = {}): void {
    this.#options.signal?.throwIfAborted();
    const { files, bytes } = known;
    this.#options.onProgress?.({
      step,
      session: this.#session,
      ...(files === undefined ? {} : { files: files.length }),
      ...(bytes === undefined ? {} : { bytes }),
    });
  }
}

/** What a store of ours passed over to find a whole version; others tell nothing. */
function skippedOf(report: unknown): RestoreReport["skipped"] {
  const { skipped } = Object(report) as Partial<RestoreReport>;
  return Array.isArray(skipped) ? skipped : [];
}

function notWhole(session: string, skipped: RestoreReport["skipped"]): VaultError {
  const which = skipped.map(({ generation, code }) => `generation ${generation} (${code})`).join(", ");
  return new VaultError("CORRUPT", `The newest version of ${session} in the source is not whole: ${which}.`, {
    hint: "Nothing was copied. Set `allowOlder` to copy the newest whole version before it; the bot's own profile may be newer.",
  });
}

const PIECE_BYTES = 1024 * 1024;

async function digestOf(file: CaptureFile): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    hash.update(await file.read(at, Math.min(PIECE_BYTES, file.size - at)));
  }
  return hash.digest("hex");
}
