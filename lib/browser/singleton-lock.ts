import { readFile, readlink, realpath, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { removeJudged } from "../disk/durable.ts";
import { codeOf, isMissing } from "../disk/errors.ts";
import { VaultError } from "../errors.ts";

/**
 * Removes the lock (`SingletonLock`, `SingletonSocket`, `SingletonCookie`) that a browser left in the profile at `dir`,
 * when that browser has ended: it ran on another machine (a container that was replaced has another name), its process
 * does not exist, or another process has its number now. Chromium refuses a profile with the lock of another machine,
 * and kills the process that has the number of the lock on its own machine.
 * @throws `LEASE_HELD` when a browser has the profile open.
 */
export async function removeStaleLocks(dir: string): Promise<void> {
  const lock = join(dir, "SingletonLock");
  const owner = await readLock(lock);
  if (owner === undefined) return;
  await checkNoBrowser(dir);

  const removed = await removeJudged(lock, async (aside) => (await readLock(aside)) === owner);
  if (removed === "given back") throw held(dir, (await readLock(lock)) ?? "unknown");
  if (removed === "gone") return;
  for (const path of [join(dir, "SingletonSocket"), join(dir, "SingletonCookie")]) await rm(path, { force: true });
}

/** Changes nothing. @throws `LEASE_HELD` when a browser of this machine has the profile at `dir` open. */
export async function checkNoBrowser(dir: string): Promise<void> {
  const pid = await browserOf(dir);
  if (pid !== undefined) throw held(dir, `${hostname()}-${pid}`, pid);
}

/** The number of the browser that has the profile at `dir` open on this machine; `undefined` when there is none. */
export async function browserOf(dir: string): Promise<number | undefined> {
  const owner = await readLock(join(dir, "SingletonLock"));
  return owner === undefined ? undefined : await livingOwner(owner, dir);
}

/** The target of the lock, `<host>-<pid>`; empty when the lock is no symbolic link; `undefined` when it is missing. */
async function readLock(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    if (codeOf(cause) === "EINVAL") return "";
    throw cause;
  }
}

/** The number of the process that holds the lock; `undefined` when that process has provably ended. */
async function livingOwner(owner: string, dir: string): Promise<number | undefined> {
  const [, host, digits] = /^(.*)-(\d+)$/.exec(owner) ?? [];
  const pid = Number(digits);
  if (host !== hostname() || !Number.isSafeInteger(pid) || pid < 1) return undefined;
  try {
    process.kill(pid, 0);
  } catch (cause) {
    if (codeOf(cause) === "ESRCH") return undefined;
  }
  return (await isBrowserOf(pid, dir)) ? pid : undefined;
}

/** Whether the command line of the process names this profile; `true` on systems without command lines in /proc. */
async function isBrowserOf(pid: number, dir: string): Promise<boolean> {
  let commandLine: string;
  try {
    commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8");
  } catch (cause) {
    const gone = isMissing(cause) || codeOf(cause) === "ESRCH";
    return !gone || process.platform !== "linux";
  }
  // A zombie has an empty command line.
  if (commandLine === "") return false;
  const directories = commandLine.split("\0").filter((argument) => argument.startsWith("--user-data-dir="));
  const here = await canonical(dir);
  for (const argument of directories) {
    if ((await canonical(argument.slice("--user-data-dir=".length))) === here) return true;
  }
  return directories.length === 0 && /chrom|edge|brave/i.test(commandLine.split("\0")[0] ?? "");
}

async function canonical(path: string): Promise<string> {
  return await realpath(path).catch(() => path);
}

function held(dir: string, owner: string, pid?: number): VaultError {
  const holder = pid === undefined ? "another browser" : `process ${pid}`;
  return new VaultError("LEASE_HELD", `The profile ${dir} is open in ${holder}.`, {
    owner,
    hint: `End ${holder}, or give this client another \`clientId\` or \`dataPath\`.`,
  });
}
