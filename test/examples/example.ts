import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { exitOf } from "../support/child-exit.ts";
import { killTree } from "../support/process-tree.ts";

export const root: string = fileURLToPath(new URL("../../", import.meta.url));
/** Where the examples are. */
export const folder: string = join(root, "examples");
const env = { ...process.env, TSX_TSCONFIG_PATH: join(root, "tsconfig.json") };

/** Of examples/remote-auth.mts. */
export const session = "RemoteAuth-support";

/** What is loaded before an example, by what the example drives. */
const PRELOADS: Record<"browser" | "baileys" | "nothing", string[]> = {
  browser: ["preload.ts"],
  baileys: ["baileys-preload.ts"],
  nothing: [],
};

/** An example in a process of its own, and in a folder of its own. */
export class Example {
  readonly events: string[] = [];
  /** Its folder. */
  readonly cwd: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  #output = "";

  constructor(
    name: string,
    cwd: string,
    args: readonly string[] = [],
    more: object = {},
    drives: keyof typeof PRELOADS = "browser",
    /** The command that runs node. @default none */
    inside: readonly string[] = [],
  ) {
    this.cwd = cwd;
    const preloads = PRELOADS[drives].flatMap((name) => ["--import", new URL(name, import.meta.url).href]);
    const node = [
      process.execPath,
      "--import",
      import.meta.resolve("tsx"),
      ...preloads,
      resolve(folder, name),
      ...args,
    ];
    const [program = "", ...rest] = [...inside, ...node];
    this.#child = spawn(program, rest, {
      cwd,
      env: { ...env, ...more },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    onTestFinished(() => {
      const { pid, exitCode, signalCode } = this.#child;
      if (pid !== undefined && exitCode === null && signalCode === null) killTree(pid);
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk) => {
        this.#output += chunk;
      });
    }
    this.#child.on("message", (event: string) => this.events.push(event));
    this.#ended = exitOf(this.#child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async until(event: string): Promise<void> {
    await this.sent(new RegExp(`^${event}$`));
  }

  /** Resolves once it has sent an event that matches. */
  async sent(event: RegExp): Promise<void> {
    const seen = async (): Promise<void> => {
      while (!this.events.some((one) => event.test(one))) await once(this.#child, "message");
    };
    const ended = this.#ended.then(() => {
      throw new Error(`The example ended before ${event}:\n${this.#output}`);
    });
    await Promise.race([seen(), ended]);
  }

  /** The first match in what it has written, once there is one. */
  async written(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.#output);
      if (found) return found;
      const more = [this.#child.stdout, this.#child.stderr].map((stream) => stream && once(stream, "data"));
      const ended = this.#ended.then(() => {
        if (!pattern.test(this.#output)) throw new Error(`The example ended before ${pattern}:\n${this.#output}`);
      });
      await Promise.race([...more, ended]);
    }
  }

  /** Lets the server say that the connection has this state, e.g. `CONFLICT`. */
  setState(state: string): void {
    this.#child.send(state);
  }

  /** Sends SIGTERM, as a service manager does. @returns the exit code and signal */
  async end(signal?: NodeJS.Signals): Promise<unknown[]> {
    if (signal) this.#child.kill(signal);
    return await this.#ended;
  }

  get output(): string {
    return this.#output;
  }
}

/** Runs an example that drives nothing, and ends by itself. @returns its output */
export async function ended(name: string, cwd: string, args: readonly string[], more: object = {}): Promise<string> {
  const example = new Example(name, cwd, args, more, "nothing");
  expect(await example.end(), example.output).toEqual([0, null]);
  return example.output;
}
