import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

interface ProcessRow {
  pid: number;
  parent: number;
  group: number;
}

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  pid: number;
  /** When it started, in clock ticks since boot; absent where there is no /proc. */
  startedAt: string | undefined;
}

export function identify(pid: number): ProcessId {
  return { pid, startedAt: startOf(pid) };
}

/** Whether exactly this process runs. */
export function isAlive({ pid, startedAt }: ProcessId): boolean {
  return isRunning(pid) && startOf(pid) === startedAt;
}

/** Field 22 of /proc/<pid>/stat; the second one is a name in brackets that may hold anything. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

/** Ids of `pid`, everything it started, and everything in its process group; only those that exist. */
export function processTree(pid: number): number[] {
  const rows = processTable();
  return withChildren(
    rows,
    rows.filter((row) => row.pid === pid || row.group === pid),
  );
}

/** Ids of all processes except `pid` and its descendants. */
export function processesBeside(pid: number): number[] {
  const rows = processTable();
  const own = withChildren(
    rows,
    rows.filter((row) => row.pid === pid),
  );
  return rows.map((row) => row.pid).filter((each) => !own.includes(each));
}

function withChildren(rows: readonly ProcessRow[], first: readonly ProcessRow[]): number[] {
  const tree = new Set(first.map((row) => row.pid));
  for (let grown = true; grown; ) {
    grown = false;
    for (const row of rows) {
      if (!tree.has(row.pid) && tree.has(row.parent)) {
        tree.add(row.pid);
        grown = true;
      }
    }
  }
  return [...tree];
}

/**
 * `kill -9` for a process and all that {@link processTree} finds: what a host that vanishes does to a browser. Nobody
 * is killed for having the number of a process that ended before.
 */
export function killTree(target: number | ProcessId): void {
  const { pid } = typeof target === "number" ? { pid: target } : target;
  if (typeof target !== "number" && isRunning(pid) && !isAlive(target)) return;
  for (const each of processTree(pid)) {
    if (each !== process.pid) killQuietly(each);
  }
}

/** How long a process that was killed may take to be gone, in milliseconds: a busy machine has no time to end it. */
const GONE_MS = 120_000;
const POLL_MS = 20;

/**
 * Resolves when nothing of a process and what it started is left, and no file of a profile is locked any more, after it
 * was killed or has ended; or after a long time.
 */
export async function untilGone(target: ProcessId): Promise<void> {
  const { pid } = target;
  const isLeft = () => isAlive(target) || (!isRunning(pid) && processTree(pid).length > 0);
  for (const end = Date.now() + GONE_MS; isLeft() && Date.now() < end; ) await delay(POLL_MS);
}

/** Whether a process with this id exists and is no zombie. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return true;
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** All processes; from /proc where there is one, since slim images have no `ps`. */
function processTable(): ProcessRow[] {
  try {
    return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? procRow(Number(name)) : []));
  } catch {
    const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid=,pgid="], { encoding: "utf8" });
    return stdout.split("\n").flatMap((line) => {
      const [pid, parent, group] = line.trim().split(/\s+/).map(Number);
      return pid && parent !== undefined && group !== undefined ? [{ pid, parent, group }] : [];
    });
  }
}

function procRow(pid: number): ProcessRow[] {
  try {
    // `pid (any name) state ppid pgrp …`: the name may hold blanks and brackets, so count from its last bracket.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // A zombie whose threads are still ending has its files yet.
    const ended = state === "Z" && readdirSync(`/proc/${pid}/task`).length <= 1;
    return ended ? [] : [{ pid, parent: Number(parent), group: Number(group) }];
  } catch {
    return [];
  }
}
