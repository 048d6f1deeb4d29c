// Jobs for threads, as a module that needs no compiler.
import { setTimeout as sleep } from "node:timers/promises";
import { threadId } from "node:worker_threads";

/** What the job does is in its input. */
export const job = {
  module: import.meta.url,
  run: async ({ what, bytes, ms }) => {
    if (what === "throw") throw new Error("it cannot be done");
    if (what === "exit") process.exit(1);
    if (what === "sleep") await sleep(ms);
    if (what === "fill") bytes.fill(7);
    return { threadId, ...(bytes ? { bytes } : {}) };
  },
  movedIn: ({ bytes }) => (bytes ? [bytes.buffer] : []),
  movedOut: ({ bytes }) => (bytes ? [bytes.buffer] : []),
};
