// `lib/async/threads` takes long, pure work off the thread of the bot. It knows nothing of the work: the modules that
// have jobs import it.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { VaultError } from "../../errors.ts";
import type { Answer, Call, Job } from "./job.ts";

export interface ThreadPoolOptions {
  /** The most threads. @default 1 where the process has up to two processors, else 2 */
  readonly size?: number;
  /** The module that a thread runs. @default `thread.js` beside this one */
  readonly entry?: URL | undefined;
  /** No thread is started before so many bytes were offered without a pause: to start one costs as much as to check them. */
  readonly startBytes?: number;
  /** After this time without work the threads end, in milliseconds. */
  readonly idleMs?: number;
}

/** The most threads of a process. */
export const MOST_THREADS: number = availableParallelism() <= 2 ? 1 : 2;

/** The file of this module, as it is built. */
const OWN_NAME = "thread-pool.js";
const START_BYTES = 16 * 1024 * 1024;
const IDLE_MS = 5_000;
/** After so many failures (a thread that died, or a job that lost what was moved to it) no more jobs are taken. */
const MOST_FAILURES = 3;
/** A thread needs little memory for objects: its bytes are outside of them, and V8 fills what it may have. */
const LIMITS = { maxYoungGenerationSizeMb: 2 };

/**
 * A few threads for all sessions of the process: started when there is much work, ended when there is none. Where
 * threads cannot be had (a bundler has left out the file of the thread, the process may not start threads, or they die of
 * what they do), the callers do the work themselves, as they do until the first thread runs.
 */
export class ThreadPool {
  readonly #options: Required<Omit<ThreadPoolOptions, "entry">>;
  readonly #entry: URL | undefined;
  readonly #threads = new Set<Thread>();
  /** Bytes that were offered since the last pause. */
  #offered = 0;
  /** Offers that are not answered. */
  #offers = 0;
  #failures = 0;
  #isUsable = true;
  #idle: NodeJS.Timeout | undefined;

  constructor({ entry, ...options }: ThreadPoolOptions = {}) {
    this.#options = { size: MOST_THREADS, startBytes: START_BYTES, idleMs: IDLE_MS, ...options };
    this.#entry = entry ?? besideThis("thread.js");
  }

  /** The threads that there are now. */
  get size(): number {
    return this.#threads.size;
  }

  /**
   * Lets a thread do a job.
   * @param bytes the bytes that the job goes through.
   * @returns `undefined` when no thread did it: the caller has to.
   * @throws `UNAVAILABLE` when a thread failed to whom buffers were moved; without moved buffers that is `undefined`, too.
   */
  async offer<Input, Result>(job: Job<Input, Result>, input: Input, bytes: number): Promise<Result | undefined> {
    this.#offers++;
    try {
      const thread = await this.#thread(bytes);
      return thread && ((await thread.run(job, input)) as Result | undefined);
    } finally {
      this.#offers--;
      this.#endWhenIdle();
    }
  }

  /**
   * So many bytes will be offered soon: threads for them start now, so that they are there by then.
   */
  expect(bytes: number): void {
    if (!this.#isUsable || this.#entry === undefined || bytes < this.#options.startBytes) return;
    this.#offered += bytes;
    this.#grow(this.#entry);
    this.#endWhenIdle();
  }

  /** Ends all threads. They start again when there is work. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    this.#offered = 0;
    const ending = [...this.#threads];
    // From now on nobody offers them a job.
    this.#threads.clear();
    await Promise.all(ending.map((thread) => thread.end()));
  }

  /** The thread with the least work; `undefined` while there is none. */
  async #thread(bytes: number): Promise<Thread | undefined> {
    if (!this.#isUsable || this.#entry === undefined) return undefined;
    this.#offered += bytes;
    if (this.#offered < this.#options.startBytes) return undefined;
    this.#grow(this.#entry);
    // A large job waits for the start of a thread, which takes less time than the job.
    if (bytes >= this.#options.startBytes)
      await Promise.any([...this.#threads].map(({ ready }) => ready)).catch(() => {});
    const ready = [...this.#threads].filter(({ isReady }) => isReady);
    return ready.sort((a, b) => a.jobs - b.jobs)[0];
  }

  /** Starts one thread more, if there may be more. */
  #grow(entry: URL): void {
    if (this.#threads.size >= this.#options.size) return;
    try {
      const onEnd = (): void => {
        this.#threads.delete(thread);
        if (thread.isClosed) return;
        // Where one cannot begin, another one would fail as well.
        if (!thread.isReady) this.#isUsable = false;
        onFailure();
      };
      const onFailure = (): void => {
        if (++this.#failures >= MOST_FAILURES) this.#isUsable = false;
      };
      const thread: Thread = new Thread(entry, { onEnd, onFailure });
      this.#threads.add(thread);
    } catch {
      this.#isUsable = false;
    }
  }

  #endWhenIdle(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#offers === 0) void this.close();
    }, this.#options.idleMs).unref();
  }
}

/** The threads of this process. */
export const threads: ThreadPool = new ThreadPool();

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly isMoved: boolean;
}

class Thread {
  /** Resolves once it takes jobs; rejects when it ends before. */
  readonly ready: Promise<void>;
  isReady = false;
  /** Whether it was ended on purpose. */
  isClosed = false;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  readonly #onFailure: () => void;
  #hasEnded = false;

  /**
   * @param on.onEnd called once it has ended, for whatever reason
   * @param on.onFailure called for each job that failed in it and to which buffers were moved
   * @throws when the process may not start threads
   */
  constructor(entry: URL, { onEnd, onFailure }: { readonly onEnd: () => void; readonly onFailure: () => void }) {
    this.#onFailure = onFailure;
    // Neither the arguments of the process nor NODE_OPTIONS: they load what a thread of ours does not need.
    this.#worker = new Worker(entry, { execArgv: [], env: {}, name: "wa-vault", resourceLimits: LIMITS });
    this.#worker.unref();
    this.#worker.on("message", (answer: Answer) => this.#take(answer));
    this.ready = new Promise((resolve, reject) => {
      // Its first message says that its module is loaded.
      this.#worker.once("message", () => {
        this.isReady = true;
        resolve();
      });
      this.#worker.once("exit", reject);
    });
    // The end follows.
    this.#worker.on("error", () => {});
    // Whoever does not wait for it learns of the end by `onEnd`.
    this.ready.catch(() => {});
    this.#worker.once("exit", () => {
      this.#hasEnded = true;
      onEnd();
      for (const id of [...this.#waiting.keys()]) this.#take({ id, error: new Error("the thread has ended") });
    });
  }

  /** Jobs that it has not answered. */
  get jobs(): number {
    return this.#waiting.size;
  }

  /** @returns `undefined` when it failed, and nothing was moved to it */
  async run<Input, Result>(job: Job<Input, Result>, input: Input): Promise<unknown> {
    const id = ++this.#calls;
    const moved = job.movedIn?.(input) ?? [];
    const call: Call = { id, module: job.module, input };
    try {
      this.#worker.postMessage(call, moved);
    } catch {
      // It is not of a kind that can be sent, and nothing was moved.
      return undefined;
    }
    // A process stays as long as somebody waits for a thread.
    this.#worker.ref();
    return await new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, isMoved: moved.length > 0 });
    });
  }

  async end(): Promise<void> {
    this.isClosed = true;
    await this.#worker.terminate();
  }

  #take(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ("result" in answer) waiting?.resolve(answer.result);
    else if (waiting?.isMoved) {
      if (!this.#hasEnded) this.#onFailure();
      waiting.reject(failure(answer.error));
    } else waiting?.resolve(undefined);
  }
}

function failure(cause: unknown): VaultError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new VaultError("UNAVAILABLE", `Could not prepare what is to be stored: ${why}.`, {
    cause,
    hint: "A thread of this process has failed. What is stored is as it was; the next save tries again.",
  });
}

/**
 * @returns `undefined` in a bundle: its modules have no address, or that of the bundle, beside which any file of this name
 *   is a part of somebody's program
 */
function besideThis(name: string): URL | undefined {
  return import.meta.url?.endsWith(`/${OWN_NAME}`) ? new URL(name, import.meta.url) : undefined;
}
