import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { type Figures, type Side, sides } from "./figures.ts";
import type { StoreSpec } from "./stores.ts";
import { startWorker, type Worker, type WorkerOptions, type WorkerRequest, type WorkerSpec } from "./worker-process.ts";

export interface SideWorkersOptions extends WorkerOptions {
  readonly stores: Readonly<Record<Side, StoreSpec>>;
  /** Where the profiles of a side are saved from, or restored to. */
  readonly dataPath: (side: Side) => string;
  /** How many sessions one process has. */
  readonly sessions: number;
  /** @default false */
  readonly compresses?: WorkerSpec["compresses"];
}

/** A new process for each side, while `work` runs. */
export async function withSideWorkers(
  { stores, dataPath, sessions, compresses, node, cpuProfiles }: SideWorkersOptions,
  work: (workers: Readonly<Record<Side, Worker>>) => Promise<void>,
): Promise<void> {
  const started: Worker[] = [];
  const start = async (side: Side): Promise<Worker> => {
    const profiles = cpuProfiles && join(cpuProfiles, side);
    const spec = { side, store: stores[side], dataPath: dataPath(side), sessions, compresses };
    const worker = await startWorker(spec, { node, cpuProfiles: profiles });
    started.push(worker);
    return worker;
  };
  try {
    await work({ shipped: await start("shipped"), ours: await start("ours"), limit: await start("limit") });
  } finally {
    await Promise.all(started.map((worker) => worker.close()));
  }
}

/** A B C, then C B A: the later sides find other caches. */
export function inTurn(turn: number): readonly Side[] {
  return turn % 2 === 0 ? sides : [...sides].reverse();
}

/** One step of one side, after the disk has finished all writes: no side waits for the bytes of another. */
export async function alone(worker: Worker, action: WorkerRequest["action"], folder: string): Promise<Figures> {
  spawnSync("sync", ["-f", folder], { stdio: "ignore" });
  return await worker.run(action);
}
