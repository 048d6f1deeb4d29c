import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ClientOptions } from "whatsapp-web.js";
import type { SaveReport } from "../../lib/store.ts";
import { atExit } from "./at-exit.ts";
import { exitOf } from "./child-exit.ts";
import { compiled } from "./compiled.ts";
import { inNamespaces } from "./containers.ts";
import { EventLog, type SeenEvent } from "./events.ts";
import { type Phone, phoneBy } from "./phone.ts";
import { identify, killTree, type ProcessId, processTree, untilGone } from "./process-tree.ts";
import { scratchFolder } from "./scratch.ts";
import { RUN_DIRECTORY } from "./services/service.ts";
import { standInFiles } from "./stand-in/stand-in.ts";
import type { StrategySpec } from "./strategies.ts";

/** Options of a bot. */
export interface BotSpec extends StrategySpec {
  client?: ClientOptions;
  /** Arguments of the browser beside the shared ones. */
  args?: string[];
  /** The host that the process takes its machine for. @default the real one */
  host?: string;
  /** Runs in namespaces of its own, as in a container with this name (see `obtainNamespaces`). @default in none */
  container?: string;
  /** Launch options of puppeteer beside the shared ones. */
  puppeteer?: { headless?: boolean | "shell"; executablePath?: string };
  /** Destroys its client on SIGTERM and exits, as bots with a handler of their own do. @default false */
  destroysOnSignal?: boolean;
  /** Talk to the real WhatsApp Web. @default false */
  live?: boolean;
  /** Working directory of the process. @default this one's */
  cwd?: string;
  /** The Node that runs the process. @default this one's */
  execPath?: string;
}

export interface BotRequest {
  id: number;
  action: string;
  values: unknown[];
}

export type BotReply =
  | { event: string; values: unknown[] }
  | { id: number; result: unknown }
  | { id: number; error: unknown };

/** A bot in another process. None of its processes outlives this process. */
export interface Bot {
  readonly pid: number;
  readonly phone: Phone;
  readonly events: readonly SeenEvent[];
  /**
   * As of a client here (`openClient`); beside those `browser_started` `starting` (the version of
   * its Node; before anything is done) and `exit` (code, signal).
   */
  until(name: string, timeoutMs?: number, count?: number): Promise<SeenEvent>;
  /** The first event of this name that comes after `event`. */
  untilAfter(event: SeenEvent, name: string): Promise<SeenEvent>;
  count(name: string): number;
  /** Process id of the browser that was started last. */
  browserPid(): number;
  /** The output of the process on stderr. */
  stderr(): string;
  backup(): Promise<SaveReport>;
  destroy(): Promise<void>;
  logout(): Promise<void>;
  /** Calls something else of the bot by name: `initialize`, `storeRemoteSession`. */
  call(action: string, ...values: unknown[]): Promise<unknown>;
  /** Sends a signal to the bot's process alone. */
  signal(name: NodeJS.Signals): void;
  /** Closes the channel to the bot, which then ends when nothing else keeps it alive. */
  leave(): void;
  killBrowser(): void;
  /** Resolves when no process is left of the browser that was started last. */
  browserGone(): Promise<void>;
  /** The host is gone: bot and browser are killed at once. Resolves when no process is left. */
  vanish(): Promise<void>;
  /** Ends the bot in order: `destroy()`, then its process. Remaining processes are killed. */
  close(): Promise<void>;
}

interface Running {
  bot: ProcessId;
  browser: ProcessId | undefined;
}

const BOT = fileURLToPath(new URL("bot.ts", import.meta.url));

const bots = new Set<Running>();
atExit(() => {
  for (const { bot, browser } of bots) {
    killTree(bot);
    if (browser !== undefined) killTree(browser);
  }
});

/** Starts a bot in a process of its own. It links, restores and saves by itself; `until` tells how far it is. */
export function startBot(spec: BotSpec): Bot {
  const log = new EventLog();
  const container = spec.container === undefined ? undefined : inNamespaces(spec.container);
  const child = fork(compiled(BOT, standInFiles), [JSON.stringify(spec)], {
    execArgv: container === undefined ? [] : [...container.args, process.execPath],
    ...(spec.cwd ? { cwd: spec.cwd } : {}),
    ...(spec.execPath ? { execPath: spec.execPath } : {}),
    ...(container === undefined ? {} : { execPath: container.command }),
    env: { ...process.env, [RUN_DIRECTORY]: botsFolder() },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error("The bot's process could not be started.");
  const running: Running = { bot: identify(pid), browser: undefined };
  bots.add(running);

  const calls = new CallTable(child);
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  child.on("message", (reply: BotReply) => {
    if ("id" in reply) return calls.settle(reply);
    // A number of a container means another process here. What is in a container ends with its first process.
    if (reply.event === "browser_started" && container === undefined)
      running.browser = identify(reply.values[0] as number);
    log.add(reply.event, reply.values);
  });
  const exited = exitOf(child).then(([code, signal]) => {
    log.add("exit", [code, signal]);
    const gone = new Error(
      `the bot's process has ended (${signal ?? code})${stderr ? `: ${stderr.slice(-2000)}` : ""}`,
    );
    log.end(gone);
    calls.end(gone);
  });

  const killBrowser = () => {
    if (running.browser !== undefined) killTree(running.browser);
  };
  const browserGone = async () => {
    if (running.browser !== undefined) await untilGone(running.browser);
  };
  const vanish = async () => {
    // Stopped first: all are killed before one can see that another is gone, and it starts no browser meanwhile. One
    // that it has not told of yet is among its children.
    const left = child.kill("SIGSTOP") ? processTree(pid).map(identify) : [];
    killTree(running.bot);
    killBrowser();
    await exited;
    killBrowser();
    await Promise.all([browserGone(), ...left.map(untilGone)]);
    bots.delete(running);
  };
  return {
    pid,
    phone: phoneBy((action, values) => calls.call(action, values)),
    events: log.seen,
    until: (name, timeoutMs, count) => log.until(name, timeoutMs, count),
    untilAfter: (event, name) => log.untilAfter(event, name),
    count: (name) => log.all(name).length,
    browserPid() {
      if (running.browser === undefined) throw new Error("No browser was started.");
      return running.browser.pid;
    },
    stderr: () => stderr,
    backup: async () => (await calls.call("backup", [])) as SaveReport,
    destroy: async () => void (await calls.call("destroy", [])),
    logout: async () => void (await calls.call("logout", [])),
    call: (action, ...values) => calls.call(action, values),
    signal: (name) => void child.kill(name),
    leave: () => child.disconnect(),
    killBrowser,
    browserGone,
    vanish,
    async close() {
      // A browser that is closing may finish its writes.
      await calls.call("destroy", []).then(browserGone, () => {});
      await vanish();
    },
  };
}

let folder: string | undefined;

/** Directory of the files that killed bots leave. */
function botsFolder(): string {
  folder ??= process.env[RUN_DIRECTORY] ?? scratchFolder("bots-");
  return folder;
}

/** Calls to a child process that are not answered yet. */
class CallTable {
  readonly #child: ChildProcess;
  readonly #open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #next = 1;
  #ended: Error | undefined;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  call(action: string, values: unknown[]): Promise<unknown> {
    if (this.#ended) return Promise.reject(new Error(`${action}: ${this.#ended.message}`));
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#open.set(id, { resolve, reject });
      this.#child.send({ id, action, values } satisfies BotRequest, (error) => {
        if (error) reject(error);
      });
    });
  }

  settle(reply: { id: number; result: unknown } | { id: number; error: unknown }): void {
    const call = this.#open.get(reply.id);
    this.#open.delete(reply.id);
    if (!("error" in reply)) {
      call?.resolve(reply.result);
      return;
    }
    const { message = String(reply.error), ...rest } = (reply.error ?? {}) as { message?: string };
    call?.reject(Object.assign(new Error(message), rest));
  }

  end(reason: Error): void {
    this.#ended = reason;
    for (const { reject } of this.#open.values()) reject(reason);
    this.#open.clear();
  }
}
