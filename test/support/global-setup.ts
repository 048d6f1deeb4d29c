import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { identify, processesBeside, untilGone } from "./process-tree.ts";
import { RUN_DIRECTORY } from "./services/service.ts";

/**
 * Runs once before all test files. Services are started by the files that need them (`services/suite.ts`), so that a
 * run of one file starts nothing else; here is only the place where they keep their data, and what ends those whose
 * test worker crashed before it could.
 */
export default async function setup(): Promise<() => Promise<void>> {
  // Asked for each project of the configuration: the first one makes it, and its end is the last.
  if (process.env[RUN_DIRECTORY]) return async () => {};
  const directory = mkdtempSync(join(tmpdir(), "wa-vault-test-"));
  process.env[RUN_DIRECTORY] = directory;
  return async () => {
    await Promise.all(leftOver(directory).map(end));
    unmountBelow(directory);
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  };
}

/** Disks of tests that were killed: a directory that one is mounted on cannot be removed. */
function unmountBelow(directory: string): void {
  if (!existsSync("/proc/self/mounts")) return;
  const lines = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const places = lines
    .map((line) => line.split(" ")[1] ?? "")
    .filter((place) => place.startsWith(join(directory, sep)));
  for (const place of places.reverse()) spawnSync("umount", ["--lazy", place], { stdio: "ignore" });
}

async function end(pid: number): Promise<void> {
  const id = identify(pid);
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
  await untilGone(id);
}

/**
 * Servers, bots and browsers that are left: what was started in this run was told of its directory. A worker that is
 * still ending counts what it started as its own, so servers are known by the number that was noted as well.
 */
function leftOver(directory: string): number[] {
  const noted = notedIn(join(directory, "pids"));
  if (!existsSync("/proc/self/environ")) return noted;
  return [...new Set([...noted, ...processesBeside(process.pid)])].filter((pid) => isOurs(pid, directory));
}

function notedIn(folder: string): number[] {
  return existsSync(folder) ? readdirSync(folder).map(Number) : [];
}

/** Redis overwrites its arguments with its title, but runs in its directory. */
function isOurs(pid: number, directory: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`).startsWith(join(directory, sep))) return true;
    return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`${RUN_DIRECTORY}=${directory}`);
  } catch {
    return false;
  }
}
