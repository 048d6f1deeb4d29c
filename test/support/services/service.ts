import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { atExit } from "../at-exit.ts";
import { identify, processTree, untilGone } from "../process-tree.ts";
import { lastLines } from "./apt.ts";
import { findInstalled, isExecutable } from "./path.ts";
import { accepts, freePort, isFree, listensOn } from "./ports.ts";
import type { Program } from "./programs.ts";

/** A server that tests or the demo talk to. */
export interface Service {
  /** Its kind, e.g. `redis`. */
  readonly name: string;
  /** Its address and credentials, under the names of the environment variables that would give them. */
  readonly env: Readonly<Record<string, string>>;
  /** One line: which way it was had. */
  readonly way: string;
  /** Ends it and removes its data. Does nothing to a server that was only given an address of. */
  stop(): Promise<void>;
}

/** A service whose process is ours, so it can be hurt. */
export interface OwnService extends Service {
  readonly pid: number;
  readonly port: number;
  /** Freezes it: connections stay, answers stop. Resolves when every thread of it stands still. */
  pause(): Promise<void>;
  /** Undoes {@link OwnService.pause}. */
  resume(): void;
  /** Ends it at once, without a word. Its data stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data, after a `kill`. */
  restart(): Promise<void>;
}

/** Where a server runs. */
export interface Place {
  port: number;
  /** Another port, for servers that need two. */
  second: number;
  /** Its data directory. */
  dir: string;
}

/** The program to run, and the check that it answers. */
export interface LaunchPlan {
  name: string;
  program: Program;
  /** Arguments, given what was chosen for it. */
  args: (at: Place) => string[];
  env?: Record<string, string>;
  /** Puts files where it looks for them, before the first start. */
  prepare?: (at: Place) => void;
  /** Whether it answers; asked until it does. @default a connection is accepted */
  ready?: (port: number) => Promise<boolean>;
  /** What {@link Service.env} says. */
  address: (port: number) => Record<string, string>;
  /** Where its data directory is made. @default the run's directory */
  root?: string;
  /** Who runs it, of a program that root may not run; its data directory is handed to that user. @default this user */
  user?: User | undefined;
}

/** A user of the system, by numbers. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

const READY_WITHIN_MS = 240_000;
const ATTEMPTS = 5;

/**
 * Starts a server on a free loopback port, with data in a fresh temp directory.
 * @throws the last lines of its log when it does not come up
 */
export async function launch(plan: LaunchPlan): Promise<OwnService> {
  for (let attempt = 1; ; attempt++) {
    const dir = mkdtempSync(join(plan.root ?? runDirectory(), `${plan.name}-`));
    const at = { port: await freePort(), second: await freePort(), dir };
    if (plan.user) handTo(plan.user, dir);
    try {
      plan.prepare?.(at);
      return serviceOf(plan, at, await begin(plan, at));
    } catch (error) {
      // Between choosing a port and binding it, somebody else may have taken it. Any other reason will be there again.
      const taken = isPortTaken(error) || !(await isFree(at.port)) || !(await isFree(at.second));
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
      if (!taken || attempt === ATTEMPTS) throw error;
    }
  }
}

/** The run's directory is for its owner alone: another user has to pass through it. */
function handTo({ uid, gid }: User, dir: string): void {
  chmodSync(dirname(dir), 0o711);
  chownSync(dir, uid, gid);
}

function isPortTaken(error: unknown): boolean {
  return error instanceof Error && /in use|EADDRINUSE/i.test(error.message);
}

function serviceOf(plan: LaunchPlan, at: Place, first: ChildProcess): OwnService {
  let child = first;
  const { port, dir } = at;
  return {
    name: plan.name,
    env: plan.address(port),
    way: plan.program.way,
    port,
    get pid() {
      return pidOf(child);
    },
    pause: async () => {
      plan.program.signal(child, "SIGSTOP", dir);
      if (plan.program.inContainer) return;
      for (const pid of processTree(pidOf(child))) {
        while (!standsStill(`/proc/${pid}/task`)) await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    resume: () => plan.program.signal(child, "SIGCONT", dir),
    kill: () => end(plan, child, dir),
    restart: async () => {
      child = await begin(plan, at);
    },
    stop: async () => {
      await end(plan, child, dir);
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function begin(plan: LaunchPlan, at: Place): Promise<ChildProcess> {
  const log = join(at.dir, "output.log");
  const output = openSync(log, "a");
  const [command, ...args] = endingWithUs(plan.program);
  const child = spawn(command, [...args, ...plan.program.before(at.dir), ...plan.args(at)], {
    cwd: at.dir,
    env: { ...process.env, ...plan.env },
    ...plan.user,
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  let failed = "";
  child.once("error", (error) => {
    failed = error.message;
  });
  const kill = (): unknown =>
    plan.program.inContainer ? child.kill("SIGKILL") : plan.program.signal(child, "SIGKILL", at.dir);
  kills.add(kill);
  child.once("exit", () => kills.delete(kill));
  remember(child);
  const said = (): string => lastLines(existsSync(log) ? readFileSync(log, "utf8") : "", 5);
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!(await isReady(plan, child, at.port))) {
    const late = performance.now() > deadline;
    if (failed !== "" || hasEnded(child) || late) {
      const how = failed || (late ? `no answer within ${READY_WITHIN_MS / 1000} s` : fate(child));
      await end(plan, child, at.dir);
      throw new Error(`${plan.name} did not start: ${how}: ${said()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  child.once("exit", () => {
    if (!ended.has(child)) console.error(`services: ${plan.name} ended by itself: ${fate(child)}: ${said()}`);
  });
  return child;
}

/** Its command, by util-linux where that is there: of a process that is killed nobody else would end the servers. */
function endingWithUs({ command, inContainer }: Program): [string, ...string[]] {
  const setpriv = inContainer || !isExecutable(command) ? undefined : findInstalled("setpriv");
  return setpriv === undefined ? [command] : [setpriv, "--pdeathsig", "KILL", command];
}

/** Whether it answers, and it is this one that does. */
async function isReady({ ready = accepts, program }: LaunchPlan, child: ChildProcess, port: number): Promise<boolean> {
  if (!(await ready(port).catch(() => false)) || hasEnded(child) || child.pid === undefined) return false;
  return program.inContainer || processTree(child.pid).some((pid) => listensOn(pid, port));
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function fate(child: ChildProcess): string {
  return child.signalCode === null ? `exit code ${child.exitCode}` : `killed by ${child.signalCode}`;
}

/** Servers that were ended on purpose. */
const ended = new WeakSet<ChildProcess>();

async function end(plan: LaunchPlan, child: ChildProcess, dir: string): Promise<void> {
  if (hasEnded(child) || child.pid === undefined) return;
  ended.add(child);
  const gone = new Promise((resolve) => child.once("exit", resolve));
  const all = plan.program.inContainer ? [] : processTree(child.pid).map(identify);
  plan.program.signal(child, "SIGKILL", dir);
  await gone;
  // Of a server of several processes: who is left may have its memory, or its port.
  for (const each of all) await untilGone(each);
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("The process never started.");
  return child.pid;
}

/**
 * Whether all threads are stopped: a signal reaches them one by one. Unknown without /proc.
 * @param tasks the process's `/proc/<pid>/task`
 */
export function standsStill(tasks: string): boolean {
  return !existsSync(tasks) || readdirSync(tasks).every((thread) => threadStandsStill(`${tasks}/${thread}/stat`));
}

/** One that has ended since it was listed does nothing either: its file is gone (ENOENT), or going (ESRCH). */
function threadStandsStill(stat: string): boolean {
  try {
    return / T /.test(readFileSync(stat, "utf8"));
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return true;
    throw error;
  }
}

// The servers of a process that ends without stopping them end with it.
const kills = new Set<() => unknown>();
atExit(() => {
  for (const kill of kills) kill();
});

/** Where this run keeps data directories and the process ids of its servers; made by the global setup of the tests. */
export const RUN_DIRECTORY = "WA_VAULT_RUN_DIRECTORY";

let ownRunDirectory: string | undefined;

function runDirectory(): string {
  const shared = process.env[RUN_DIRECTORY];
  if (shared) return shared;
  if (ownRunDirectory === undefined) {
    const made = mkdtempSync(join(tmpdir(), "wa-vault-services-"));
    ownRunDirectory = made;
    atExit(() => rmSync(made, { recursive: true, force: true }));
  }
  return ownRunDirectory;
}

/** Notes the process id, so that the end of the run finds the servers of a crashed test worker. */
function remember(child: ChildProcess): void {
  const pids = join(runDirectory(), "pids");
  mkdirSync(pids, { recursive: true });
  if (child.pid === undefined) return;
  const file = join(pids, String(child.pid));
  writeFileSync(file, "");
  child.once("exit", () => rmSync(file, { force: true }));
}
