import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { findInstalled } from "../../support/services/path.ts";
import { debian, ServiceMissing } from "../../support/services/programs.ts";

/** The `sqlite3` program. */
export interface SqliteEngine {
  readonly way: string;
  /** Opens the database at `path` in a process that executes statements until it is stopped. */
  open(path: string): SqliteProcess;
  /** The output lines of `sql` on the database at `path`. */
  ask(path: string, sql: string): Promise<string[]>;
  stop(): Promise<void>;
}

/** Finds SQLite. @throws {@link ServiceMissing} */
export async function findSqlite(): Promise<SqliteEngine> {
  const command = findInstalled("sqlite3") ?? (await bring());
  const running = new Set<SqliteProcess>();
  return {
    way: `sqlite3: ${command}`,
    open: (path) => {
      const child = new SqliteProcess(command, path);
      running.add(child);
      return child;
    },
    ask: async (path, sql) => (await promisify(execFile)(command, ["-batch", path, sql])).stdout.trim().split("\n"),
    stop: async () => {
      for (const child of running) await child.stop();
    },
  };
}

async function bring(): Promise<string> {
  try {
    return await debian(["sqlite3"], "sqlite3").bring();
  } catch {
    throw new ServiceMissing("sqlite3 is missing. Install SQLite's command line program.");
  }
}

/** A SQLite process that is fed statements faster than it executes them. */
export class SqliteProcess {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  #isStopped = false;
  #errors = "";
  /** The last number that it has printed as `n=<number>`; 0 before. */
  number = 0;

  constructor(command: string, path: string) {
    this.#child = spawn(command, ["-batch", path], { stdio: ["pipe", "pipe", "pipe"] });
    this.#exit = once(this.#child, "exit");
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.number = Number(/.*^n=(\d+)$/ms.exec(text)?.[1] ?? this.number);
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errors += text;
    });
    this.#child.stdin?.on("error", () => {});
  }

  /** Resolves once it has printed another number. @throws when it ends before */
  async answered(): Promise<void> {
    const before = this.number;
    const { stdout } = this.#child;
    while (stdout && this.number === before) {
      const isEnded = await Promise.race([once(stdout, "data").then(() => false), this.#exit.then(() => true)]);
      if (isEnded) throw new Error(`SQLite has ended: ${this.#errors}`);
    }
  }

  /** Its output of errors. */
  get errors(): string {
    return this.#errors;
  }

  /** Feeds it the statements of `next`, as fast as it executes them, until it is stopped. */
  async feed(next: () => string): Promise<void> {
    const { stdin } = this.#child;
    while (stdin && !this.#isStopped) {
      if (!stdin.write(next())) await Promise.race([once(stdin, "drain").catch(() => {}), this.#exit]);
    }
  }

  /** Kills it. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.#exit;
  }
}
