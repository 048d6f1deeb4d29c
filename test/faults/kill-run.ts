import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { exitOf } from "../support/child-exit.ts";
import { compiled } from "../support/compiled.ts";
import type { BlobsSpec, StopAt } from "./kill-blobs.ts";

/** A life in another process. */
export interface LifeSpec {
  readonly blobs: BlobsSpec;
  readonly session: string;
  readonly stopAt: StopAt;
}

/** What the process of a life says: a call has ended, it has stopped, or it has lived to its end. */
export type LifeNews =
  | { readonly done: string }
  | { readonly moment: string }
  | { readonly moments: readonly string[] };

/** The end of a life in another process. */
export interface LivedLife {
  /** How many calls had ended, and said so. */
  readonly told: number;
  /** The moment at which the process was killed; absent when it lived to its end. */
  readonly moment?: string;
  /** All moments of the life; known when the process lived to its end. */
  readonly moments?: readonly string[];
}

/** Stops nowhere. */
export const NEVER: number = Number.MAX_SAFE_INTEGER;

/**
 * Lives in a process of its own, and kills that process with SIGKILL at the moment. Resolves when no process is left.
 * @param script the file of that process, in this folder
 */
export async function liveAndDie(spec: LifeSpec, script: string): Promise<LivedLife> {
  const file = compiled(fileURLToPath(new URL(script, import.meta.url)));
  const child = fork(file, [JSON.stringify(spec)], { execArgv: [], stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let life: LivedLife = { told: 0 };
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  child.on("message", (news: LifeNews) => {
    if ("done" in news) life = { ...life, told: life.told + 1 };
    else life = { ...life, ...news };
    if ("moment" in news) child.kill("SIGKILL");
  });
  const [code, signal] = await exitOf(child);
  const ended = life.moment === undefined ? code === 0 && life.moments !== undefined : signal === "SIGKILL";
  if (!ended) throw new Error(`The process of the life ended with ${signal ?? code}: ${stderr}`);
  return life;
}
