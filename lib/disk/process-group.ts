import { readdirSync, readFileSync } from "node:fs";
import { codeOf } from "./errors.ts";
import { hasEnded, PROC, parseStat } from "./process-stat.ts";

/**
 * Whether a process group has a member that has not ended. Without Linux's /proc, also one that has ended, and that nobody
 * has waited for. Windows has no groups. Never throws.
 * @param group number of the group: that of the process it was made for
 * @param proc where the processes are seen. @default "/proc"
 */
export function isGroupRunning(group: number | undefined, proc: string = PROC): boolean {
  if (group === undefined || process.platform === "win32") return false;
  try {
    process.kill(-group, 0);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
  return hasLiveMember(group, proc) ?? true;
}

/** By /proc, all of which is read for it; `undefined` without. */
function hasLiveMember(group: number, proc: string): boolean | undefined {
  let names: string[];
  try {
    // Other systems have another /proc, or an empty one.
    readFileSync(`${proc}/self/stat`);
    names = readdirSync(proc);
  } catch {
    return undefined;
  }
  return names.some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = parseStat(readFileSync(`${proc}/${name}/stat`, "utf8"));
      return stat !== undefined && stat.group === group && !hasEnded(stat);
    } catch {
      // The process has just ended.
      return false;
    }
  });
}
