// The entry of each thread of a `ThreadPool`.
import { parentPort } from "node:worker_threads";
import type { Answer, Call, Job } from "./job.ts";

parentPort?.on("message", (call: Call) => {
  answer(call).catch((error: unknown) => {
    parentPort?.postMessage({ id: call.id, error } satisfies Answer);
  });
});

parentPort?.postMessage({ id: 0, result: "ready" } satisfies Answer);

async function answer({ id, module, input }: Call): Promise<void> {
  const { job } = await load(module);
  const result = await job.run(input);
  parentPort?.postMessage({ id, result } satisfies Answer, job.movedOut?.(result) ?? []);
}

/** Ends the thread when the module cannot be loaded here: the pool stops to start threads that die. */
async function load(module: string): Promise<{ readonly job: Job<unknown, unknown> }> {
  return (await import(module).catch(() => process.exit(1))) as { job: Job<unknown, unknown> };
}
