import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, onTestFinished } from "vitest";
import { exitOf } from "../support/child-exit.ts";
import { compiled } from "../support/compiled.ts";
import { killTree } from "../support/process-tree.ts";
import { scratchFolder } from "../support/scratch.ts";
import { standInFiles } from "../support/stand-in/stand-in.ts";

export const root: string = fileURLToPath(new URL("../../", import.meta.url));
/** Where the examples are. */
export const folder: string = join(root, "examples");

/** Of examples/remote-auth.mts. */
export const session = "RemoteAuth-support";

/** What is loaded before an example, by what the example drives. */
const PRELOADS: Record<"browser" | "baileys" | "nothing", string[]> = {
  browser: ["preload.js"],
  baileys: ["baileys-preload.js"],
  nothing: [],
};

/** What else is compiled with them. */
const OTHERS = ["baileys-preload.ts", "observed-life.ts"];

/** The folder of this one in what is compiled: all examples and what is loaded before them, as JavaScript. */
export function compiledHere(): string {
  const examples = readdirSync(folder).filter((name) => name.endsWith(".mts"));
  const more = [
    ...examples.map((name) => join(folder, name)),
    ...OTHERS.map((name) => join(import.meta.dirname, name)),
  ];
  return dirname(compiled(join(import.meta.dirname, "preload.ts"), [...more, ...standInFiles]));
}

/** The JavaScript of an example, or what is there already. */
export function scriptOf(name: string): string {
  if (isAbsolute(name)) return name;
  return join(compiledHere(), "../../examples", name.replace(/\.mts$/, ".mjs"));
}

/**
 * Writes code of a document, which is JavaScript, into a folder where the package and the others that it imports are
 * installed. @returns the path of its file
 */
export function placeCode(cwd: string, name: string, code: string): string {
  const modules = join(cwd, "node_modules");
  mkdirSync(modules, { recursive: true });
  symlinkSync(join(compiledHere(), "../../.."), join(modules, "wa-vault"));
  for (const other of ["whatsapp-web.js", "qrcode-terminal"]) {
    symlinkSync(join(root, "node_modules", other), join(modules, other));
  }
  const file = join(cwd, `${name}.mjs`);
  writeFileSync(file, code);
  return file;
}

/** An example in a process of its own, and in a folder of its own. */
export class Example {
  readonly events: string[] = [];
  /** Its folder. */
  readonly cwd: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  #output = "";

  /** @param name of a file in `examples`, or the path of a script */
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
    const preloads = PRELOADS[drives].flatMap((preload) => [
      "--import",
      pathToFileURL(join(compiledHere(), preload)).href,
    ]);
    const node = [process.execPath, ...preloads, scriptOf(name), ...args];
    const [program = "", ...rest] = [...inside, ...node];
    this.#child = spawn(program, rest, {
      cwd,
      env: { ...process.env, ...more },
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

/** The second run of an example, on a machine that has only what is `kept` of the first one. Both have ended. */
export async function runTwice(name: string, kept: string): Promise<Example> {
  const cwd = scratchFolder("example-");
  const first = new Example(name, cwd);
  await first.until("remote_session_saved");
  expect(await first.end("SIGTERM")).toEqual([null, "SIGTERM"]);
  for (const entry of readdirSync(cwd)) if (entry !== kept) rmSync(join(cwd, entry), { recursive: true });
  const second = new Example(name, cwd);
  await second.until("ready");
  await second.until("remote_session_saved");
  await second.end("SIGTERM");
  return second;
}
