import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { compiled } from "../test/support/compiled.ts";
import { root } from "../test/support/packed-package.ts";
import type { Figures, Side } from "./figures.ts";
import type { StoreSpec } from "./stores.ts";

/** Options of a worker. */
export interface WorkerSpec {
  readonly side: Side;
  readonly store: StoreSpec;
  /** Where the profiles are saved from, or restored to. */
  readonly dataPath: string;
  readonly sessions: number;
}

export interface WorkerRequest {
  readonly action: "save" | "restore";
}

export type WorkerReply = { readonly ready: true } | { readonly figures: Figures } | { readonly error: string };

/** One side in a process of its own; it makes each step with all its sessions at once. */
export interface Worker {
  run(action: WorkerRequest["action"]): Promise<Figures>;
  /** Resolves once its process has ended by itself. */
  close(): Promise<void>;
}

/** Those that run: an interrupted benchmark leaves none behind. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Starts the JavaScript that the compiler makes of the sources, as it makes the package: a loader would weigh on the side
 * that is written in TypeScript.
 * @param cpuProfiles where V8 leaves a profile of the process, when it should make one
 */
export async function startWorker(spec: WorkerSpec, cpuProfiles?: string): Promise<Worker> {
  const profile = cpuProfiles ? ["--cpu-prof", `--cpu-prof-dir=${cpuProfiles}`] : [];
  const script = compiled(join(root, "bench", "worker.ts"), [join(root, "lib"), join(root, "adapters")]);
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = fork(script, [JSON.stringify(spec)], {
    execArgv: ["--expose-gc", ...profile],
    env,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  running.add(child);
  const exited = once(child, "exit").finally(() => running.delete(child));
  await nextReply(child);
  return {
    async run(action) {
      const replied = nextReply(child);
      child.send({ action } satisfies WorkerRequest);
      const reply = await replied;
      if ("figures" in reply) return reply.figures;
      throw new Error(`${spec.side}, ${action}: ${"error" in reply ? reply.error : "no figures"}`);
    },
    async close() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

function nextReply(child: ChildProcess): Promise<WorkerReply> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null): void => {
      child.off("message", onMessage);
      reject(new Error(`a worker has ended (${signal ?? code})`));
    };
    const onMessage = (reply: WorkerReply): void => {
      child.off("exit", onExit);
      resolve(reply);
    };
    child.once("message", onMessage);
    child.once("exit", onExit);
  });
}
