// `lib/async/threads` takes long, pure work off the thread of the bot. It knows nothing of the work: the modules that
// have jobs import it.
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { Job } from "./job.ts";
import { PoolThread } from "./pool-thread.ts";

export interface ThreadPoolOptions {
  /** The most threads. @default 1 where the process has up to two processors, else 2 */
  readonly size?: number;
  /** The module that a thread runs. @default `thread.js` beside this one */
  readonly entry?: URL | undefined;
  /** No thread is started before so many bytes were offered without a pause: to start one costs as much as to check them. */
  readonly startBytes?: number;
  /** After this time without work the threads end, in milliseconds. */
  readonly idleMs?: number;
  /** A job waits so long for the start of a thread, in milliseconds: it takes some 50. */
  readonly startMs?: number;
}

/** The most threads of a process. */
export const MOST_THREADS: number = availableParallelism() <= 2 ? 1 : 2;

/** The file of this module, as it is built. */
const OWN_NAME = "thread-pool.js";
const START_BYTES = 16 * 1024 * 1024;
const IDLE_MS = 5_000;
const START_MS = 2_000;
/** After so many failures (a thread that died, or a job that lost what was moved to it) no more jobs are taken. */
const MOST_FAILURES = 3;

/**
 * A few threads for all sessions of the process: started when there is much work, ended when there is none. Where
 * threads cannot be had (a bundler has left out the file of the thread, the process may not start threads, or they die of
 * what they do), the callers do the work themselves, as they do until the first thread runs.
 */
export class ThreadPool {
  readonly #options: Required<Omit<ThreadPoolOptions, "entry">>;
  readonly #entry: URL | undefined;
  readonly #threads = new Set<PoolThread>();
  /** Bytes that were offered since the last pause. */
  #offered = 0;
  /** Offers that are not answered. */
  #offers = 0;
  /** Whether so much was expected that every job waits for a thread. */
  #isMuchExpected = false;
  /** Whether a job has waited in vain for the start of these threads: no other one does. */
  #isLate = false;
  #failures = 0;
  #isUsable = true;
  #idle: NodeJS.Timeout | undefined;

  constructor({ entry, ...options }: ThreadPoolOptions = {}) {
    this.#options = { size: MOST_THREADS, startBytes: START_BYTES, idleMs: IDLE_MS, startMs: START_MS, ...options };
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
   * So many bytes will be offered soon: threads for them start now, so that they are there by then. When they are much, no
   * job is left to its caller because no thread has started yet.
   */
  expect(bytes: number): void {
    if (!this.#isUsable || this.#entry === undefined || bytes < this.#options.startBytes) return;
    this.#offered += bytes;
    this.#isMuchExpected = true;
    this.#grow(this.#entry);
    this.#endWhenIdle();
  }

  /** Ends all threads. They start again when there is work. */
  async close(): Promise<void> {
    clearTimeout(this.#idle);
    this.#offered = 0;
    this.#isMuchExpected = false;
    this.#isLate = false;
    const ending = [...this.#threads];
    // From now on nobody offers them a job.
    this.#threads.clear();
    await Promise.all(ending.map((thread) => thread.end()));
  }

  /** The thread with the least work; `undefined` while there is none. */
  async #thread(bytes: number): Promise<PoolThread | undefined> {
    if (!this.#isUsable || this.#entry === undefined) return undefined;
    this.#offered += bytes;
    if (this.#offered < this.#options.startBytes) return undefined;
    this.#grow(this.#entry);
    // A large job, or one of many, waits for the start of a thread, which takes less time than they do.
    const mayWait = bytes >= this.#options.startBytes || this.#isMuchExpected;
    if (mayWait && !this.#isLate && ![...this.#threads].some(({ isReady }) => isReady)) await this.#firstReady();
    const ready = [...this.#threads].filter(({ isReady }) => isReady);
    return ready.sort((a, b) => a.jobs - b.jobs)[0];
  }

  /** Resolves once a thread takes jobs, none will, or that takes too long. A process stays as long as somebody waits. */
  async #firstReady(): Promise<void> {
    const wait = new AbortController();
    try {
      const late = sleep(this.#options.startMs, undefined, { signal: wait.signal }).then(() => {
        this.#isLate = true;
      });
      await Promise.race([Promise.any([...this.#threads].map(({ ready }) => ready)), late]);
    } catch {
      // None has started.
    } finally {
      wait.abort();
    }
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
      const thread: PoolThread = new PoolThread(entry, { onEnd, onFailure });
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

/**
 * @returns `undefined` in a bundle: its modules have no address, or that of the bundle, beside which any file of this name
 *   is a part of somebody's program
 */
function besideThis(name: string): URL | undefined {
  return import.meta.url?.endsWith(`/${OWN_NAME}`) ? new URL(name, import.meta.url) : undefined;
}
