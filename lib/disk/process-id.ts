import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { codeOf } from "./errors.ts";

/** Identifies a process, also after a later process has taken its number. */
export interface ProcessId {
  readonly pid: number;
  /** When the process started, in clock ticks since boot; `undefined` on systems without /proc. */
  readonly startedAt?: string | undefined;
}

/** The identity of the process that has this number now. */
export async function identify(pid: number): Promise<ProcessId> {
  return { pid, startedAt: await startOf(pid) };
}

/** Whether `value`, which may come from a damaged file, names a process. */
export function isProcessId(value: ProcessId | undefined): value is ProcessId {
  return Number.isSafeInteger(value?.pid) && (value?.pid ?? 0) >= 1;
}

/** Whether exactly this process runs. Without a start time every process with its number counts as this process. */
export async function isAlive({ pid, startedAt }: ProcessId): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
  }
  const now = await startOf(pid);
  return now === undefined ? process.platform !== "linux" : startedAt === undefined || now === startedAt;
}

/**
 * Whether exactly this process has ended, for certain: nothing runs under its number, or a process that has started at
 * another time. A process whose start nobody may read (/proc with `hidepid`) counts as running.
 */
export async function hasProvablyEnded({ pid, startedAt }: ProcessId): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return true;
  }
  const stat = await statOf(pid);
  return stat !== undefined && (stat.state === "Z" || (startedAt !== undefined && stat.startedAt !== startedAt));
}

/** When the process started; `undefined` without /proc, and for a process that has ended. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await statOf(pid);
  return stat?.state === "Z" ? undefined : stat?.startedAt;
}

/** Fields 3 and 22 of /proc/<pid>/stat (proc(5)): a process that has ended, and was not waited for, has the state `Z`. */
async function statOf(pid: number): Promise<{ state: string | undefined; startedAt: string | undefined } | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The second field is a name in parentheses, which may contain any character.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields && { state: fields[0], startedAt: fields[19] };
}

/** Whether a process group has a member that is no zombie (proc(5): state and group are fields 3 and 5). Linux only. */
export function hasLiveMember(group: number): boolean {
  return readdirSync("/proc").some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const [state, , itsGroup] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return state !== "Z" && Number(itsGroup) === group;
    } catch {
      // The process has just ended.
      return false;
    }
  });
}
