import { Worker } from "node:worker_threads";
import { VaultError } from "../../errors.ts";
import type { Answer, Call, Job } from "./job.ts";

/** A thread needs little memory for objects: its bytes are outside of them, and V8 fills what it may have. */
const LIMITS = { maxYoungGenerationSizeMb: 2 };

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly isMoved: boolean;
}

/** A thread of a `ThreadPool`. */
export class PoolThread {
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
