// The built package, for processes that tests start: there, unlike beside the sources, a thread has a file to run.
import { fstatSync } from "node:fs";
import { createRequire, syncBuiltinESMExports } from "node:module";
import { basename } from "node:path";
import type { Worker } from "node:worker_threads";
import type { Job } from "../../../../lib/async/threads/job.ts";

/** @param path of a source file, e.g. `lib/vault/vault.ts` */
export async function built<Module>(path: string): Promise<Module> {
  const file = path.replace(/\.ts$/, ".js");
  return (await import(new URL(`../../../../dist/${file}`, import.meta.url).href)) as Module;
}

/** The threads that were started and have not ended. */
const workers = new Set<Worker>();
const module = createRequire(import.meta.url)("node:worker_threads") as typeof import("node:worker_threads");
module.Worker = class extends module.Worker {
  constructor(...values: ConstructorParameters<typeof Worker>) {
    super(...values);
    workers.add(this);
    this.once("exit", () => workers.delete(this));
  }
};
syncBuiltinESMExports();

const pool = await built<typeof import("../../../../lib/async/threads/thread-pool.ts")>(
  "lib/async/threads/thread-pool.ts",
);

/** Bytes after which the pool starts a thread. */
const MUCH = 16 * 1024 * 1024;

/** The threads of this process: whether they are used, and what they have done. */
class Threads {
  /** Whether jobs are offered to threads; else this thread does all of them. */
  isOn = true;
  /** Descriptors that were closed, or belonged to another file, when a job that reads by them had ended. */
  readonly closed: number[] = [];
  /** Awaited before a job is offered, also when threads are not used. */
  before: (job: string) => Promise<void> = async () => {};
  /** Called once a job was offered, also when threads are not used. */
  onOffer: (job: string) => void = () => {};
  /** The jobs that threads have done, by the names of their modules. */
  readonly done: Record<string, number> = {};

  constructor() {
    const { threads } = pool;
    const [offer, expect] = [threads.offer.bind(threads), threads.expect.bind(threads)];
    threads.expect = (bytes) => {
      if (this.isOn) expect(bytes);
    };
    threads.offer = async <Input, Result>(job: Job<Input, Result>, input: Input, bytes: number) => {
      const name = basename(job.module, ".js");
      await this.before(name);
      const { fd } = input as { fd?: number };
      const file = fd === undefined ? undefined : fstatSync(fd).ino;
      const answer = this.isOn ? offer(job, input, bytes) : undefined;
      this.onOffer(name);
      try {
        const result = await answer;
        if (result !== undefined) this.done[name] = (this.done[name] ?? 0) + 1;
        return result;
      } finally {
        if (fd !== undefined && file !== inodeOf(fd)) this.closed.push(fd);
      }
    };
  }

  /** Resolves once a thread takes jobs, or none will: from then on every job is offered to it. */
  async start(): Promise<void> {
    this.isOn = true;
    const nothing = { module: new URL("no-job.mjs", import.meta.url).href, run: () => ({}) };
    await pool.threads.offer(nothing, {}, MUCH);
  }

  /** Ends the threads, whatever they are doing: nobody has told the pool. */
  async kill(): Promise<void> {
    await Promise.all([...workers].map((worker) => worker.terminate()));
  }

  /** The threads that there are now. */
  get size(): number {
    return pool.threads.size;
  }
}

function inodeOf(fd: number): number | undefined {
  try {
    return fstatSync(fd).ino;
  } catch {
    return undefined;
  }
}

export const threads: Threads = new Threads();
