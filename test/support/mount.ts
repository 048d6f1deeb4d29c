import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Whether this process may mount a file system: a test that gives a disk of its own to something needs that. */
export function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    execFileSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/tmp"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Mounts an empty file system in memory on a directory. @param size e.g. `1m` */
export function mountMemory(at: string, size: string): void {
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", at], { stdio: "ignore" });
}

/** The file systems that are mounted below a directory now, wherever it was when they were. Linux only. */
export function mountsBelow(directory: string): string[] {
  if (process.platform !== "linux") return [];
  const places = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  return places.filter((place) => place.startsWith(`${directory}/`));
}
