import { readdirSync, readlinkSync } from "node:fs";

/** Files below `root` that this process has open; those without a name, as spools are, by the name they had. */
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
