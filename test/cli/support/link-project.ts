// A project in which `wa-vault link` is run by a test: its whatsapp-web.js is the real one on the stand-in page. The test is
// told what happens, and acts, over the IPC channel.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach } from "vitest";
import { atExit } from "../../support/at-exit.ts";
import { chromiumFlags, findChromium, writesSoon } from "../../support/chromium.ts";
import { compiled } from "../../support/compiled.ts";
import { EventLog } from "../../support/events.ts";
import { root } from "../../support/packed-package.ts";
import { type Phone, phoneBy } from "../../support/phone.ts";
import { identify, killTree, type ProcessId } from "../../support/process-tree.ts";
import { standInOptions } from "../../support/stand-in/stand-in.ts";

/** The command, compiled. */
const command = (): string => compiled(join(root, "cli", "main.ts"));

/** How a command is started. */
export interface StartLink {
  /** The project, an empty folder. */
  readonly folder: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Arguments of the browser beside the shared ones. */
  readonly browserArgs?: readonly string[];
  /** The release of whatsapp-web.js, as it is installed here. @default "whatsapp-web.js" */
  readonly client?: string;
}

/** A command that runs. */
export interface RunningLink {
  readonly child: ChildProcess;
  /** `qr`, `code`, `ready`, `remote_session_saved` … of the client, with the number of the client before: `2 ready`. */
  readonly events: EventLog;
  /** The phone that acts on the page of the newest client. */
  readonly phone: Phone & { closeBrowser(): Promise<void>; evaluate<T>(script: string): Promise<T> };
  /** Resolves when stderr has this text. */
  said(text: string): Promise<void>;
  /** Resolves when this is so; asked at each output of the command. */
  until(isSo: () => boolean): Promise<void>;
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves with the exit code. */
  end(): Promise<number>;
}

const LIMIT_MS = 240_000;

/** Makes the project's own libraries. */
function project({ folder, client = "whatsapp-web.js", browserArgs = writesSoon }: StartLink): void {
  const modules = join(folder, "node_modules");
  const own = join(modules, "whatsapp-web.js");
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, "package.json"), '{ "name": "whatsapp-web.js", "main": "index.cjs" }');
  writeFileSync(join(own, "index.cjs"), clientModule(join(root, "node_modules", client), browserArgs));
}

function clientModule(path: string, browserArgs: readonly string[]): string {
  const options = JSON.stringify(standInOptions());
  const args = JSON.stringify([...chromiumFlags(), ...browserArgs]);
  return `
const real = require(${JSON.stringify(path)});
const tell = (message) => process.connected && process.send(message, () => {});
let clients = 0;
let newest;
class Client extends real.Client {
  constructor(options) {
    const puppeteer = { ...options.puppeteer, args: [...options.puppeteer.args, ...${args}], timeout: 180000, protocolTimeout: 180000 };
    super({ ...options, ...${options}, puppeteer, authTimeoutMs: 180000 });
    clients += 1;
    const number = clients;
    newest = this;
    const emit = this.emit.bind(this);
    this.emit = (name, ...values) => {
      tell({ event: number + " " + name, values: values.map((value) => (typeof value === "string" ? value : undefined)) });
      return emit(name, ...values);
    };
  }
}
process.on("message", async ({ id, action, values }) => {
  try {
    if (action === "closeBrowser") return void newest.pupBrowser.close().then(() => tell({ id }));
    if (action === "evaluate") return tell({ id, result: await newest.pupPage.evaluate(values[0]) });
    const call = "window.standIn[" + JSON.stringify(action) + "](" + values.map((value) => JSON.stringify(value)).join(",") + ")";
    tell({ id, result: await newest.pupPage.evaluate(call) });
  } catch (error) {
    tell({ id, error: String(error) });
  }
});
process.channel?.unref();
module.exports = { ...real, Client };
`;
}

const running = new Map<ChildProcess, ProcessId>();
atExit(() => {
  for (const id of running.values()) killTree(id);
});

/** To be called at the top of a file: what it starts is ended after each test. */
export function useLinks(): (options: StartLink) => RunningLink {
  const started: RunningLink[] = [];
  afterEach(async () => {
    for (const { child } of started.splice(0)) {
      const id = running.get(child);
      if (id === undefined) continue;
      killTree(id);
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }
  });
  return (options) => {
    const link = startLink(options);
    started.push(link);
    return link;
  };
}

/** Starts `wa-vault link`. */
function startLink(options: StartLink): RunningLink {
  project(options);
  const { folder, args, env = {} } = options;
  const child = fork(command(), ["link", ...args], {
    cwd: folder,
    env: { ...process.env, DISPLAY: "", PUPPETEER_EXECUTABLE_PATH: findChromium().executablePath, ...env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    execArgv: [],
  });
  if (child.pid === undefined) throw new Error("The command could not be started.");
  running.set(child, identify(child.pid));
  const events = new EventLog();
  const output = { stdout: "", stderr: "" };
  const waits = new Set<() => void>();
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
      for (const look of waits) look();
    });
  }
  const calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  child.on(
    "message",
    (message: { event?: string; values?: unknown[]; id?: number; result?: unknown; error?: string }) => {
      if (message.event !== undefined) return events.add(message.event, message.values ?? []);
      const call = calls.get(message.id ?? -1);
      calls.delete(message.id ?? -1);
      if (message.error === undefined) call?.resolve(message.result);
      else call?.reject(new Error(message.error));
    },
  );
  let hasEnded = false;
  const ended = once(child, "close").then(([code]) => {
    hasEnded = true;
    running.delete(child);
    const error = new Error(`the command has ended with ${code}: ${output.stderr}`);
    events.end(error);
    for (const { reject } of calls.values()) reject(error);
    for (const look of waits) look();
    return code as number;
  });
  const until = (isSo: () => boolean, otherwise: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const isTrue = isSo();
        if (!isTrue && !hasEnded) return;
        waits.delete(look);
        clearTimeout(timer);
        if (isTrue) resolve();
        else reject(new Error(`${otherwise}: ${output.stderr}`));
      };
      const timer = setTimeout(() => {
        waits.delete(look);
        reject(new Error(`${otherwise}: ${output.stderr}`));
      }, LIMIT_MS);
      waits.add(look);
      look();
    });
  let ids = 0;
  const send = (action: string, values: unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      ids += 1;
      calls.set(ids, { resolve, reject });
      child.send({ id: ids, action, values });
    });
  return {
    child,
    events,
    phone: Object.assign(phoneBy(send), {
      closeBrowser: async () => void (await send("closeBrowser", [])),
      evaluate: async <T>(script: string) => (await send("evaluate", [script])) as T,
    }),
    said: (text) => until(() => output.stderr.includes(text), `"${text}" was not said`),
    until: (isSo) => until(isSo, "it did not come to be so"),
    get stdout() {
      return output.stdout;
    },
    get stderr() {
      return output.stderr;
    },
    end: () => ended,
  };
}
