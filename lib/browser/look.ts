import { lstat, open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { forEachConcurrent } from "../async/semaphore.ts";
import { codeOf } from "../disk/errors.ts";

/**
 * How long somebody else's files are looked at, in milliseconds by the monotonic clock: whoever uses them on another
 * machine, or in another container, cannot be asked.
 */
export interface LookTimes {
  /** For a claim, which its owner touches every two seconds. */
  readonly claimMs: number;
  /** For the lock of a browser, which says nothing while its browser writes nothing. */
  readonly lockMs: number;
  /** For the claim of a running process of this machine: a bot that was told to end a moment ago ends its browser first. */
  readonly heldMs: number;
}

export const LOOK_TIMES: LookTimes = { claimMs: 10_000, lockMs: 5_000, heldMs: 4_000 };
const POLL_MS = 250;
const FILES_AT_ONCE = 16;

/**
 * Looks at something for a while, until it changes.
 * @param print what is compared
 * @returns whether it has changed
 * @throws the signal's reason; the errors of `print`
 */
export async function changesWithin(
  ms: number,
  print: () => Promise<string>,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const until = performance.now() + ms;
  const first = await print();
  do {
    await delay(Math.min(POLL_MS, ms), undefined, { signal }).catch(() => signal?.throwIfAborted());
    if ((await print()) !== first) return true;
  } while (performance.now() < until);
  return false;
}

/** The names below `dir`, with the size and the times of each file: it changes while a browser uses the profile. */
export async function printOfProfile(dir: string): Promise<string> {
  const lines: string[] = [];
  const folders = [dir];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const parent = folder;
    // A folder that this user may not read, as the `lost+found` of a disk: nobody else can be seen in it either.
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      lines.push(`${parent} ${codeOf(error) ?? "unknown"}`);
      return [];
    });
    folders.push(...entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(parent, name)));
    await forEachConcurrent(entries, FILES_AT_ONCE, async (entry) => {
      const path = join(parent, entry.name);
      const print = entry.isFile() ? await printOfFile(path) : await printOfOther(path);
      lines.push(`${path} ${print}`);
    });
  }
  return lines.sort().join("\n");
}

/**
 * The size and times of a file, or the code of the error. The file is opened first: a network file system asks the server
 * then, and answers from its memory else (nfs(5), "Close-to-open cache consistency").
 */
async function printOfFile(path: string): Promise<string> {
  const file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return await printOfOther(path);
  try {
    const { size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
    return `${size} ${mtimeNs} ${ctimeNs}`;
  } finally {
    await file.close();
  }
}

async function printOfOther(path: string): Promise<string> {
  try {
    const found = await lstat(path, { bigint: true });
    if (found.isSymbolicLink()) return await readlink(path);
    return `${found.isDirectory() ? "" : found.size} ${found.mtimeNs} ${found.ctimeNs}`;
  } catch (error) {
    return codeOf(error) ?? "unknown";
  }
}
