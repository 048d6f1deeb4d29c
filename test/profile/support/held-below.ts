import { readdirSync, readlinkSync } from "node:fs";

/** Paths below `root` of files that this process has open; a deleted file, such as a spool, has the path it had. */
export function heldBelow(root: string): string[] {
  const open = readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  return open.filter((path) => path.startsWith(root));
}
