import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { compiled } from "../../test/support/compiled.ts";
import { root } from "../../test/support/packed-package.ts";
import type { StateSpec } from "./states.ts";

export type BotRequest =
  /** Connects a socket, and links it when its state is new. */
  | { readonly do: "connect"; readonly url: string }
  /** Sends messages, one after the other. */
  | { readonly do: "send"; readonly jid: string; readonly count: number }
  /** Stores records of so many bytes as JSON, without a socket. */
  | { readonly do: "fill"; readonly bytes: number; readonly isOne?: boolean }
  /** Opens a state, and reads from it, without a socket. */
  | { readonly do: "open" }
  | { readonly do: "set" | "get"; readonly count: number; readonly mostMs: number }
  | { readonly do: "end" };

/** What a request took, in milliseconds: all of it, or each of its parts. */
export interface BotResult {
  readonly ms?: number;
  readonly each?: readonly number[];
  /** Until the state is open, and some records are read. */
  readonly readMs?: number;
  /** The longest time in which the process did nothing else. */
  readonly longestBlockMs?: number;
  readonly peakBytes?: number;
}

export type BotNews = { readonly result: BotResult } | { readonly failed: string } | { readonly qr: string };

/** A bot in a process of its own. */
export interface BotProcess {
  run(request: BotRequest): Promise<BotResult>;
  /** Ends the process without a word, unless `run({ do: "end" })` has ended its bot before. */
  stop(): Promise<void>;
}

/** Those that run: an interrupted benchmark leaves none behind. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Compiled, as the package is published: a loader would weigh on the state that is written in TypeScript. */
export function compiledScript(name: string): string {
  return compiled(join(root, "bench", "baileys", name), [join(root, "lib"), join(root, "adapters")]);
}

/** @param link links the device that shows this QR */
export async function startBot(spec: StateSpec, link: (qr: string) => Promise<unknown>): Promise<BotProcess> {
  const child = fork(compiledScript("bot-worker.ts"), [JSON.stringify(spec)], {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  running.add(child);
  const exited = once(child, "exit").finally(() => running.delete(child));
  const answer = (): Promise<BotResult> =>
    new Promise((resolve, reject) => {
      const end = (): void => {
        child.off("message", hear);
        child.off("exit", onExit);
      };
      const fail = (why: string): void => {
        end();
        reject(new Error(`${spec.kind}${spec.isCached ? ", cached" : ""}: ${why}`));
      };
      const onExit = (code: number | null, signal: string | null): void =>
        fail(`its process has ended (${signal ?? code})`);
      const hear = (news: BotNews): void => {
        if ("failed" in news) {
          fail(news.failed);
        } else if ("qr" in news) {
          link(news.qr).catch((error: Error) => fail(error.message));
        } else {
          end();
          resolve(news.result);
        }
      };
      child.on("message", hear);
      child.once("exit", onExit);
    });
  await answer();
  return {
    run(request) {
      const answered = answer();
      child.send(request);
      return answered;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}
