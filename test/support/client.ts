import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import type { AuthStrategy, Client, ClientOptions } from "whatsapp-web.js";
import { atExit } from "./at-exit.ts";
import { chromiumFlags, findChromium } from "./chromium.ts";
import { EventLog, type SeenEvent } from "./events.ts";
import { isPageGone, type Phone, phoneOf } from "./phone.ts";
import { identify, killTree, type ProcessId, untilGone } from "./process-tree.ts";
import { scratchFolder } from "./scratch.ts";
import { answerEverything, standInOptions } from "./stand-in/stand-in.ts";
import { type WhatsappVersion, whatsapp } from "./whatsapp.ts";

export interface OpenClientOptions {
  authStrategy: AuthStrategy;
  /** @default 1.34.7 */
  version?: WhatsappVersion;
  /** Launch options beside the shared ones; `args` are added to the shared flags. */
  puppeteer?: NonNullable<ClientOptions["puppeteer"]>;
  /** Client options beside the shared ones. */
  client?: ClientOptions;
  /** Talk to the real WhatsApp Web. @default false */
  live?: boolean;
  /** Called with every event that is remembered. */
  onEvent?: (event: SeenEvent) => void;
}

/** A real client in a real Chromium on the stand-in page. */
export interface OpenClient {
  readonly client: Client;
  readonly phone: Phone;
  readonly events: readonly SeenEvent[];
  /**
   * The `count`-th event of this name since the client was opened, also when it has already happened. Beside the
   * client's own: `injected` (at every load of the page), `injection_failed` (its page went away meanwhile),
   * `initialized`, `initialize_failed` (the reason), `browser_gone` (with all its processes).
   * @param timeoutMs @default 180000
   */
  until(name: string, timeoutMs?: number, count?: number): Promise<SeenEvent>;
  /** The first event of this name that comes after `event`. */
  untilAfter(event: SeenEvent, name: string): Promise<SeenEvent>;
  /** How often this event was seen. */
  count(name: string): number;
  /** Process id of the browser that runs now. */
  browserPid(): number;
  /** `kill -9` for the browser and all its processes. */
  killBrowser(): void;
  /** `client.destroy()`; remaining processes of the browser are killed. Resolves when no process of it is left. */
  close(): Promise<void>;
}

/** What whatsapp-web.js and puppeteer give a step, in milliseconds: a busy machine needs more than their 30 seconds. */
const SLOW_MS = 180_000;

const names = [
  "qr",
  "code",
  "authenticated",
  "auth_failure",
  "ready",
  "disconnected",
  "change_state",
  "message",
  "remote_session_saved",
  "remote_session_restored",
  "remote_session_error",
  "remote_session_interrupted",
  "remote_session_lost",
  "remote_session_deleted",
];

const browsers = new Set<number>();
atExit(() => browsers.forEach(killTree));

/** A process that has ended is removed, because another process may have its number. */
function killRunning(pid: number): void {
  if (browsers.has(pid)) killTree(pid);
}

/** Opens a client and begins its `initialize()`, which is not awaited: see `until`. */
export function openClient(options: OpenClientOptions): OpenClient {
  const log = new EventLog(options.onEvent);
  const client = new (whatsapp(options.version).Client)(clientOptions(options));
  for (const name of names) client.on(name, (...values: unknown[]) => log.add(name, values));
  const endings = hookBrowser(client, options.live === true, log);
  const injections = hookInjections(client, log);

  let pid: number | undefined;
  client.on("browser_started", (started: number) => {
    pid = started;
  });
  client.initialize().then(
    () => log.add("initialized", []),
    (error: unknown) => {
      log.add("initialize_failed", [error]);
      log.end(asError(error));
    },
  );

  const browserPid = () => {
    if (pid === undefined) throw new Error("No browser was started.");
    return pid;
  };
  return {
    client,
    phone: phoneOf(client),
    events: log.seen,
    until: (name, timeoutMs, count) => log.until(name, timeoutMs, count),
    untilAfter: (event, name) => log.untilAfter(event, name),
    count: (name) => log.all(name).length,
    browserPid,
    killBrowser: () => killRunning(browserPid()),
    async close() {
      try {
        // A client in the middle of a step has not yet emitted every event that a test may check.
        await Promise.race([Promise.allSettled(injections), setTimeout(5_000, undefined, { ref: false })]);
        await client.destroy();
      } finally {
        for (const each of endings.keys()) killRunning(each);
        // Chromium writes its storage in a process of its own, which may outlive the one that puppeteer waits for.
        await Promise.all(endings.values());
        log.end(new Error("the client was closed"));
      }
    },
  };
}

/** What every client here is given: the browser, its flags, the stand-in. */
export function clientOptions(options: OpenClientOptions): ClientOptions {
  const { args = [], ...puppeteer } = options.puppeteer ?? {};
  return {
    ...(options.live ? { webVersionCache: { type: "none" } } : standInOptions()),
    authTimeoutMs: SLOW_MS,
    ...options.client,
    authStrategy: options.authStrategy,
    puppeteer: {
      headless: true,
      timeout: SLOW_MS,
      protocolTimeout: SLOW_MS,
      executablePath: findChromium().executablePath,
      env: browserEnvironment(),
      ...puppeteer,
      args: [...chromiumFlags({ offline: !options.live }), ...args],
    },
  };
}

let temporary: string | undefined;

/**
 * A browser that is killed leaves its sockets in the temp folder; on Linux, where paths are short, that is one of ours.
 */
function browserEnvironment(): Record<string, string | undefined> {
  if (process.platform !== "linux") return process.env;
  temporary ??= scratchFolder("tmp-");
  return { ...process.env, TMPDIR: temporary };
}

/**
 * Runs after every launch, between whatsapp-web.js's own steps: the page exists and nothing was loaded.
 * @returns for each browser that has not ended, by its process id, what resolves when none of its processes is left
 */
function hookBrowser(client: Client, live: boolean, log: EventLog): ReadonlyMap<number, Promise<void>> {
  const endings = new Map<number, Promise<void>>();
  const hooked = client as unknown as { initWebVersionCache(): Promise<void> };
  const own = hooked.initWebVersionCache.bind(client);
  hooked.initWebVersionCache = async () => {
    const child = client.pupBrowser?.process();
    if (child?.pid !== undefined) {
      const { pid } = child;
      const gone = ended(child, identify(pid)).then(() => {
        endings.delete(pid);
        log.add("browser_gone", [pid]);
      });
      endings.set(pid, gone);
      client.emit("browser_started", pid);
    }
    await own();
    if (!live && client.pupPage) await answerEverything(client.pupPage as never);
  };
  return endings;
}

async function ended(child: ChildProcess, id: ProcessId): Promise<void> {
  browsers.add(id.pid);
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  browsers.delete(id.pid);
  await untilGone(id);
}

/**
 * The injections that are under way. whatsapp-web.js runs one at every navigation, and awaits only the first of a page:
 * of a later one nobody catches that the page went away meanwhile.
 */
function hookInjections(client: Client, log: EventLog): Set<Promise<void>> {
  const running = new Set<Promise<void>>();
  const hooked = client as unknown as { inject(): Promise<void> };
  const own = hooked.inject.bind(client);
  let page: unknown;
  hooked.inject = async () => {
    const isAwaited = client.pupPage !== page;
    page = client.pupPage;
    const injection = own();
    running.add(injection);
    try {
      await injection;
      log.add("injected", []);
    } catch (error) {
      if (isAwaited || !isPageGone(error)) throw error;
      log.add("injection_failed", [error]);
    } finally {
      running.delete(injection);
    }
  };
  return running;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
