import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { identify, isProcessId, type ProcessId, stateHere } from "../../../lib/disk/process-id.ts";
import { cacheDirectory } from "./cache.ts";

const POLL_MS = 250;
const TELL_AFTER_MS = 5_000;

/** The lock file of `name`: it is there while somebody does that work, or was killed doing it. */
export function lockFile(name: string): string {
  return join(cacheDirectory(), `${name}.lock`);
}

/**
 * Does `work` in one process at a time, of all that share a cache directory: test workers and clones want the same
 * programs at the same moment. A lock whose owner has died is taken over. Says so when it has to wait.
 */
export async function exclusively<T>(name: string, work: () => Promise<T>): Promise<T> {
  await take(lockFile(name), name);
  try {
    return await work();
  } finally {
    await rm(lockFile(name), { force: true });
  }
}

async function take(lock: string, name: string): Promise<void> {
  // Made elsewhere and linked, so that a lock is never seen without its owner in it.
  const mine = `${lock}-${randomUUID()}`;
  await writeFile(mine, JSON.stringify(await identify(process.pid)));
  try {
    for (let waited = 0; !(await linked(mine, lock)); waited += POLL_MS) {
      const text = await readFile(lock, "utf8").catch(() => undefined);
      if (text === undefined) continue;
      const owner = parse(text);
      if (owner === undefined || (await stateHere(owner)) === "ended") {
        await removeStale(lock, text);
        continue;
      }
      if (waited === TELL_AFTER_MS) console.error(`services: waiting for process ${owner.pid} (${name})`);
      await delay(POLL_MS);
    }
  } finally {
    await rm(mine, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function parse(text: string): ProcessId | undefined {
  try {
    const owner = JSON.parse(text) as ProcessId;
    return isProcessId(owner) ? owner : undefined;
  } catch {
    return undefined;
  }
}

/** Takes the lock file away when it still says `text`: another process may have done so first, and locked anew. */
async function removeStale(lock: string, text: string): Promise<void> {
  const aside = `${lock}-${randomUUID()}`;
  try {
    await rename(lock, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if ((await readFile(aside, "utf8")) !== text) await linked(aside, lock);
  await rm(aside, { force: true });
}
