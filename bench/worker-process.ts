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
  /** Whether the limit also compresses the files that it has saved, beside the measurement. @default false */
  readonly compresses?: boolean | undefined;
}

export interface WorkerRequest {
  readonly action: "save" | "start";
}

export type WorkerReply = { readonly node: string } | { readonly figures: Figures } | { readonly error: string };

/** One side in a process of its own; it makes each step with all its sessions at once. */
export interface Worker {
  /** The version of the Node.js that runs it. */
  readonly node: string;
  run(action: WorkerRequest["action"]): Promise<Figures>;
  /** Resolves once its process has ended by itself. */
  close(): Promise<void>;
}

/** Those that run: an interrupted benchmark leaves none behind. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface WorkerOptions {
  /** Path of the Node.js that runs it. */
  readonly node: string;
  /** Where V8 leaves a profile of the process. @default it makes none */
  readonly cpuProfiles?: string | undefined;
}

/**
 * Starts the JavaScript that the compiler makes of the sources, as it makes the package: a loader would weigh on the side
 * that is written in TypeScript.
 */
export async function startWorker(spec: WorkerSpec, { node, cpuProfiles }: WorkerOptions): Promise<Worker> {
  const profile = cpuProfiles ? ["--cpu-prof", `--cpu-prof-dir=${cpuProfiles}`] : [];
  const script = compiled(join(root, "bench", "worker.ts"), [join(root, "lib"), join(root, "adapters")]);
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = fork(script, [JSON.stringify(spec)], {
    execPath: node,
    execArgv: ["--expose-gc", ...profile],
    env,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  running.add(child);
  const exited = once(child, "exit").finally(() => running.delete(child));
  const first = await nextReply(child);
  return {
    node: "node" in first ? first.node : "",
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
