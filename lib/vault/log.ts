import type { RetriedBlobs } from "../blobs/retry.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { VaultContext } from "./context.ts";
import { findEncrypted } from "./downgrade.ts";
import { decodeEntry, type Entry, encodeEntry } from "./entry.ts";
import { EMPTY_LOG } from "./entry-draft.ts";
import type { SessionFrames } from "./frames.ts";
import { entryKey, entryNumber, logPrefix, sessionKey, sessionName } from "./layout.ts";
import { readWhole } from "./read-whole.ts";

/**
 * The outcome of an append. `taken` is the entry that has the number. `atOnce`: only one put was sent. A second put may
 * come much later, and find that another holder took the number meanwhile and has pruned it since.
 */
export type AppendResult = { committed: true; bytes: number; atOnce: boolean } | { committed: false; taken: Entry };

/** How often a reader lists again when the entry it found was pruned meanwhile. */
const LOOKS = 5;

/** The log of a session, to read it. @throws `INVALID` for a session of no possible name */
export function logOf(context: VaultContext, session: string): SessionLog {
  return new SessionLog(context.blobs, context.frames(sessionName(session)));
}

/** The numbered entries of one session. */
export class SessionLog {
  readonly session: string;
  readonly exclusiveCreate: boolean;
  readonly #blobs: RetriedBlobs;
  readonly #frames: SessionFrames;

  /** @param exclusiveCreate whether the backend's `ifAbsent` really excludes; without it an append is a look and a put. */
  constructor(blobs: RetriedBlobs, frames: SessionFrames, exclusiveCreate = true) {
    this.#blobs = blobs;
    this.#frames = frames;
    this.session = frames.session;
    this.exclusiveCreate = exclusiveCreate;
  }

  /** Numbers of all entries, in no order. */
  async numbers(signal?: AbortSignal): Promise<number[]> {
    const numbers: number[] = [];
    for await (const { key } of this.#blobs.list(logPrefix(this.session), { signal, keysOnly: true })) {
      const n = entryNumber(this.session, key);
      if (n !== undefined) numbers.push(n);
    }
    return numbers;
  }

  /**
   * The newest entry, or `undefined` when and only when the log never had one.
   * @throws `CORRUPT` when the session is known and its log is gone: a backend that lost it is no absence.
   */
  async newest(signal?: AbortSignal): Promise<Entry | undefined> {
    const gone = (n: number): never => {
      const message = `Could not read log entry ${n} of ${this.session}, the newest: it is listed and gone.`;
      throw new VaultError("CORRUPT", message, { hint: repairHint(this.session, n) });
    };
    const read = (n: number, numbers: readonly number[]): Promise<Entry | undefined> =>
      this.#readNewest(n, numbers, signal);
    return (await this.findNewest(read, gone, signal))?.newest;
  }

  /**
   * The numbers of all entries, in no order, and what `read` makes of the newest one; `undefined` when and only when the
   * log never had one.
   * @param read resolves to `undefined` when the entry is not there.
   * @param gone the result for a newest entry that is listed and not there.
   * @throws `CORRUPT` when the session is known and its log is gone: a backend that lost it is no absence.
   */
  async findNewest<T>(
    read: (n: number, numbers: readonly number[]) => Promise<T | undefined>,
    gone: (n: number) => T,
    signal?: AbortSignal,
  ): Promise<{ numbers: number[]; newest: T } | undefined> {
    let last = 0;
    let isKnown = false;
    for (let look = 0; look < LOOKS; look++) {
      const numbers = await this.numbers(signal);
      const n = newestOf(numbers);
      if (n === 0 && isKnown) throw lostLog(this.session);
      if (n === 0) {
        isKnown = (await this.#blobs.get(sessionKey(this.session), { signal })) !== undefined;
        if (!isKnown) return undefined;
        // It may have been announced after the listing: look once more.
        continue;
      }
      const newest = (await read(n, numbers)) ?? (n === last ? gone(n) : undefined);
      if (newest !== undefined) return { numbers, newest };
      // Only an entry that is no longer the newest may be pruned: the log has grown between the two requests.
      last = n;
    }
    const why = `its newest entry changed at each of ${LOOKS} attempts`;
    throw new VaultError("UNAVAILABLE", `Could not read the log of ${this.session}: ${why}.`);
  }

  /** Entry `n`, or `undefined` when there is none. */
  async read(n: number, signal?: AbortSignal): Promise<Entry | undefined> {
    return await readWhole(
      () => this.#blobs.get(entryKey(this.session, n), { signal }),
      (frame) => decodeEntry(this.#frames, n, frame),
    );
  }

  /**
   * Entry `n`, which follows an entry of the caller's. One that this store has no key for is another holder's: a holder
   * encrypts with one key for as long as it has the session.
   */
  async readFollower(n: number, signal?: AbortSignal): Promise<Entry | undefined> {
    try {
      return await this.read(n, signal);
    } catch (error) {
      if (!isVaultError(error, "WRONG_KEY")) throw error;
      return { ...EMPTY_LOG, n, by: "a process that encrypts with another key" };
    }
  }

  /** Without its newest entry a session cannot be read at all: the error says what a person can do. */
  async #readNewest(
    n: number,
    numbers: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<Entry | undefined> {
    try {
      const entry = await this.read(n, signal);
      if (!entry || !this.#frames.mayBeDowngraded) return entry;
      await findEncrypted(this.#blobs, this.#frames, numbers, signal);
      return this.#frames.mayBeDowngraded ? entry : await this.read(n, signal);
    } catch (error) {
      if (!isVaultError(error, "CORRUPT")) throw error;
      throw new VaultError("CORRUPT", `${error.message} It is the newest entry of ${this.session}.`, {
        cause: error,
        hint: repairHint(this.session, n),
      });
    }
  }

  /**
   * Creates the entry: the only commit point there is. After a lost answer the entry is read back: its id tells whether
   * the append has succeeded or another holder was first.
   * @throws when it is unknown whether the entry was or will be created.
   */
  async append(entry: Entry, signal?: AbortSignal): Promise<AppendResult> {
    const key = entryKey(this.session, entry.n);
    const frame = await encodeEntry(this.#frames, entry);
    let failure: unknown;
    let puts = 0;
    try {
      if (!this.exclusiveCreate && (await this.#blobs.get(key, { signal }))) {
        throw new VaultError("CONFLICT", `Could not create ${key}: it exists.`);
      }
      await this.#blobs.put(key, frame, { ifAbsent: true, signal, onAttempt: () => puts++ });
      return { committed: true, bytes: frame.length, atOnce: puts <= 1 };
    } catch (error) {
      if (signal?.aborted || !isUncertain(error)) throw error;
      failure = error;
    }
    const taken = await this.readFollower(entry.n, signal);
    if (taken?.id === entry.id) return { committed: true, bytes: frame.length, atOnce: false };
    if (taken) return { committed: false, taken };
    // Refused, and nothing to be read: whose entry it is cannot be known yet (a majority has not seen it, say).
    if (isVaultError(failure, "CONFLICT")) throw new VaultError("UNAVAILABLE", notShown(entry), { cause: failure });
    // Not there after a failure that left the outcome open: the put may still take effect.
    throw failure;
  }
}

/** The largest number, 0 when there is none. */
export function newestOf(numbers: readonly number[]): number {
  return numbers.reduce((newest, n) => Math.max(newest, n), 0);
}

function isUncertain(error: unknown): boolean {
  return isVaultError(error, "CONFLICT") || isVaultError(error, "UNAVAILABLE");
}

function notShown({ n }: Entry): string {
  return `Could not create log entry ${n}: the store says that it exists, and returns nothing when it is read.`;
}

function repairHint(session: string, n: number): string {
  return `If the error stays, stop every process of this session and delete that entry, with the blobs of this store (FileBlobs, S3Blobs, MongoBlobs, RedisBlobs, PostgresBlobs) and the options of this store: \`await blobs.delete(["${entryKey(session, n)}"])\`. The session is then as it was before that entry.`;
}

function lostLog(session: string): VaultError {
  return new VaultError(
    "CORRUPT",
    `Could not read the log of ${session}: the store knows the session and has lost all its log entries.`,
    {
      hint: `Restore the store from a backup. To start over with a new link, remove every key of the session, ${sessionKey(session)} last: keys that are left would be taken for its history.`,
    },
  );
}
