import { readFile, readlink } from "node:fs/promises";
import { codeOf } from "./errors.ts";
import { hasEnded, statOf } from "./process-stat.ts";

/** Identifies a process, also after a later process has taken its number, and among several machines and containers. */
export interface ProcessId {
  readonly pid: number;
  /** When the process started, in clock ticks since boot; `undefined` on systems without /proc. */
  readonly startedAt?: string | undefined;
  /** Random id of this boot of the machine; `undefined` on systems without /proc. */
  readonly boot?: string | undefined;
  /** The namespace in which `pid` counts: a container has one of its own. `undefined` on systems without /proc. */
  readonly pidNamespace?: string | undefined;
}

/** `unknown`: the process is, or may be, one of another machine or container, or its number may be of a later process. */
export type ProcessState = "running" | "ended" | "unknown";

type Place = Pick<ProcessId, "boot" | "pidNamespace">;

let own: Promise<Place> | undefined;

/** Where the processes of this machine, or of this container, are numbered. */
function place(): Promise<Place> {
  own ??= readPlace();
  return own;
}

async function readPlace(): Promise<Place> {
  // random(4) and pid_namespaces(7). A container that was started anew has the boot of before, and another namespace.
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => undefined);
  const pidNamespace = await readlink("/proc/self/ns/pid").catch(() => undefined);
  return { boot: boot?.trim(), pidNamespace };
}

/** The identity of the process that has this number here and now. */
export async function identify(pid: number): Promise<ProcessId> {
  return { pid, startedAt: await startOf(pid), ...(await place()) };
}

/** Whether `value`, which may come from a damaged file, names a process. */
export function isProcessId(value: ProcessId | undefined): value is ProcessId {
  return Number.isSafeInteger(value?.pid) && (value?.pid ?? 0) >= 1;
}

/** Whether both are the same process. */
export function isSameProcess(one: ProcessId, other: ProcessId): boolean {
  return one.pid === other.pid && one.startedAt === other.startedAt && isSamePlace(one, other);
}

function isSamePlace(one: Place, other: Place): boolean {
  return one.boot === other.boot && one.pidNamespace === other.pidNamespace;
}

/** Whether the number of the process counts here: the process is of this boot and of this namespace. */
export async function isOfHere(process: ProcessId): Promise<boolean> {
  const here = await place();
  // On a system with boots, a process whose namespace nobody can read may be of any container.
  const isKnown = here.boot === undefined || here.pidNamespace !== undefined;
  return isKnown && isSamePlace(process, here);
}

/** Whether exactly this process runs. Of two namespaces that have had one number, the first has ended. */
export async function stateOf(process: ProcessId): Promise<ProcessState> {
  return (await isOfHere(process)) ? await stateHere(process) : "unknown";
}

/**
 * As {@link stateOf}, as if the process were of this machine and container.
 * @returns `unknown` when a process has the number, and nothing tells whether it is a later one
 */
export async function stateHere({ pid, startedAt }: ProcessId): Promise<ProcessState> {
  const stat = await statOf(pid);
  if (!exists(pid) || (stat !== undefined && hasEnded(stat))) return "ended";
  // A process whose start nobody may read: /proc with `hidepid`, or no /proc.
  if (startedAt === undefined || stat === undefined) return "unknown";
  return stat.startedAt === startedAt ? "running" : "ended";
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

/** When the process started; `undefined` without /proc, and for a process that has ended. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await statOf(pid);
  return stat === undefined || hasEnded(stat) ? undefined : stat.startedAt;
}

/** The process group of a process; `undefined` without /proc, and when there is no such process. */
export async function groupOf(pid: number): Promise<number | undefined> {
  return (await statOf(pid))?.group;
}

/** The number of the process that has started a process; `undefined` as for {@link groupOf}. */
export async function parentOf(pid: number): Promise<number | undefined> {
  return (await statOf(pid))?.parent;
}
