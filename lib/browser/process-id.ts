import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** When it started, in clock ticks since boot; absent where there is no /proc. */
  readonly startedAt?: string | undefined;
}

/** The process that has this number now. */
export async function identify(pid: number): Promise<ProcessId> {
  return { pid, startedAt: await startOf(pid) };
}

/** Whether `value`, which may come from a file that anybody wrote, names a process. */
export function isProcessId(value: ProcessId | undefined): value is ProcessId {
  return Number.isSafeInteger(value?.pid) && (value?.pid ?? 0) >= 1;
}

/** Whether exactly this process runs. Without a start time nothing can be proven of a number that is in use. */
export async function isAlive({ pid, startedAt }: ProcessId): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const now = await startOf(pid);
  return now === undefined ? process.platform !== "linux" : startedAt === undefined || now === startedAt;
}

/** Field 22 of /proc/<pid>/stat (proc(5)); `undefined` where there is none, and for a process that has ended (`Z`). */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The second field is a name in parentheses that may hold anything.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields?.[0] === "Z" ? undefined : fields?.[19];
}

/** Whether a process group has a member that is no zombie (proc(5): state and group are fields 3 and 5). Linux only. */
export function hasLiveMember(group: number): boolean {
  return readdirSync("/proc").some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const [state, , its] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return state !== "Z" && Number(its) === group;
    } catch {
      // It ended meanwhile.
      return false;
    }
  });
}
