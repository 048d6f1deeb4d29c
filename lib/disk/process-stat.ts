import { readFile } from "node:fs/promises";

/** Where the processes are seen: proc(5). Linux only. */
export const PROC = "/proc";

/** The part of /proc/<pid>/stat that is used. */
export interface ProcessStat {
  readonly state: string | undefined;
  readonly parent: number;
  readonly group: number;
  /** How many of its threads have not ended; a process that nobody has waited for has one. */
  readonly threads: number;
  /** In clock ticks since boot. */
  readonly startedAt: string | undefined;
  /** A thread of the kernel, which has a number as processes have, and no command line. */
  readonly isKernel: boolean;
  /** It is on its way out: its memory, and so its command line, may be gone, and it may have files open. */
  readonly isExiting: boolean;
}

/** Bits of the ninth field: PF_KTHREAD and PF_EXITING of include/linux/sched.h. */
const KERNEL = 0x0020_0000;
const EXITING = 0x4;

/** @returns `undefined` without /proc, and when there is no such process, or nobody may read of it. Never rejects. */
export async function statOf(pid: number, proc: string = PROC): Promise<ProcessStat | undefined> {
  const text = await readFile(`${proc}/${pid}/stat`, "utf8").catch(() => "");
  return parseStat(text);
}

/** Fields 3, 4, 5, 9, 20 and 22 of /proc/<pid>/stat. */
export function parseStat(text: string): ProcessStat | undefined {
  if (text === "") return undefined;
  // The second field is a name in parentheses, which may contain any character.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const flags = Number(fields[6]);
  return {
    state: fields[0],
    parent: Number(fields[1]),
    group: Number(fields[2]),
    threads: Number(fields[17]),
    startedAt: fields[19],
    isKernel: (flags & KERNEL) !== 0,
    isExiting: (flags & EXITING) !== 0,
  };
}

/**
 * Whether the process has ended, and nobody has waited for it (state `Z`, or `X` while somebody does). A process is shown
 * as `Z` as soon as its first thread has ended: while others are ending they write, and have files open.
 */
export function hasEnded({ state, threads }: ProcessStat): boolean {
  return (state === "Z" || state === "X") && !(threads > 1);
}
