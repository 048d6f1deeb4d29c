import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { codeOf, diskError, isMissing } from "../disk/errors.ts";
import { hasEnded, PROC, statOf } from "../disk/process-stat.ts";

/**
 * The arguments of a process, of which a thread of the kernel has none; `ended`: there is no such process; `ending`: it has
 * given its arguments back, and has files open yet; `hidden`: nobody may read of it, or the system has no /proc.
 */
export type CommandLine = readonly string[] | "ended" | "ending" | "hidden";

/** How long a process that is ending may take, in milliseconds. */
const ENDING_MS = 5_000;
/** A program that is just being started has no arguments for a moment, in milliseconds. */
const STARTING_MS = 100;
const POLL_MS = 20;

export interface CommandLineOptions {
  /** How long a process that is ending is waited for, in milliseconds. @default 5000 */
  readonly endingMs?: number;
  /** Where the processes are seen. @default "/proc" */
  readonly proc?: string;
}

/** The command line of a process. @throws `UNAVAILABLE` when the system refuses, for instance for want of descriptors */
export async function commandLineOf(
  pid: number,
  { endingMs = ENDING_MS, proc = PROC }: CommandLineOptions = {},
): Promise<CommandLine> {
  for (let waited = 0; ; waited += POLL_MS) {
    const read = await readArguments(`${proc}/${pid}/cmdline`);
    if (read.length > 0) return read;
    const stat = await statOf(pid, proc);
    if (stat === undefined || hasEnded(stat)) return "ended";
    if (stat.isKernel) return [];
    const isEnding = stat.isExiting || stat.state === "Z";
    if (waited >= (isEnding ? endingMs : STARTING_MS)) return isEnding ? "ending" : [];
    await delay(POLL_MS);
  }
}

async function readArguments(path: string): Promise<string[] | "ended" | "hidden"> {
  try {
    const text = await readFile(path, "utf8");
    return text === "" ? [] : text.split("\0");
  } catch (cause) {
    const code = codeOf(cause);
    if (isMissing(cause) || code === "ESRCH") return process.platform === "linux" ? "ended" : "hidden";
    if (code === "EACCES" || code === "EPERM") return "hidden";
    throw diskError("see the processes of this machine", cause);
  }
}
