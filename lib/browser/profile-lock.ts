import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { removeJudged } from "../disk/durable.ts";
import { codeOf, diskError } from "../disk/errors.ts";
import { identify, isAlive, isProcessId, type ProcessId } from "../disk/process-id.ts";
import { VaultError } from "../errors.ts";

/** Locks a profile while a start chooses, repairs and replaces it, until the browser has it open. */
export interface ProfileLock {
  /**
   * Must be called before the profile is replaced.
   * @throws `LEASE_HELD` when another process has taken the lock over, because it took this process for dead.
   */
  check(): Promise<void>;
  /** The profile is chosen: a later start of this same process may take the lock over, if this start got no browser. */
  chosen(): void;
  /** Releases the lock. Never rejects; may be called twice. */
  release(): Promise<void>;
}

interface Owner extends ProcessId {
  readonly id: string;
  readonly host: string;
}

/** The content of a lock file; `owner` is `undefined` when the file is torn. */
interface Found {
  readonly text: string;
  readonly owner: Owner | undefined;
  readonly ageMs: number;
}

/** How long a torn lock file counts as held, in milliseconds: its owner writes the file right after creating it. */
const UNREADABLE_MS = 10_000;
/** The same for a lock whose process cannot be told from a later process with the same number. */
const UNPROVEN_MS = 3_600_000;
const ATTEMPTS = 3;

/** Ids of the locks of this process whose profile is still being chosen. */
const choosing = new Set<string>();

/**
 * Locks the profile at `dir`, by a file beside it. Of several processes that start on one profile at once only one gets
 * the lock. The lock of a process that has ended, or that ran on another machine, is taken over.
 * @throws `LEASE_HELD` when another start is under way; `UNAVAILABLE` or `DENIED` when the disk refuses.
 */
export async function lockProfile(dir: string): Promise<ProfileLock> {
  const path = `${dir}.claim`;
  const id = randomBytes(8).toString("hex");
  const owner: Owner = { ...(await identify(process.pid)), id, host: hostname() };
  choosing.add(id);
  try {
    await mkdir(dirname(dir), { recursive: true });
    await create(path, dir, owner);
  } catch (cause) {
    choosing.delete(id);
    throw diskError(`lock the profile ${dir}`, cause);
  }
  return {
    async check() {
      const found = await read(path).catch((cause) => {
        throw diskError(`read the lock of the profile ${dir}`, cause);
      });
      if (found?.owner?.id !== id) throw held(dir, found?.owner);
    },
    chosen: () => void choosing.delete(id),
    async release() {
      choosing.delete(id);
      const found = await read(path).catch(() => undefined);
      if (found?.owner?.id === id) await rm(path, { force: true }).catch(() => undefined);
    },
  };
}

async function create(path: string, dir: string, owner: Owner): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    if (await createOnce(path, JSON.stringify(owner))) return;
    const found = await read(path);
    if (found === undefined) continue;
    if (attempt === ATTEMPTS || !(await isFree(found, owner))) throw held(dir, found.owner);
    await remove(path, found.text, dir);
  }
}

/** Creates the lock file, and removes it again when it cannot be written. @returns `false` when there was one */
async function createOnce(path: string, text: string): Promise<boolean> {
  const file = await open(path, "wx", 0o600).catch((cause: unknown) => {
    if (codeOf(cause) !== "EEXIST") throw cause;
  });
  if (file === undefined) return false;
  try {
    await file.writeFile(text);
  } catch (cause) {
    await rm(path, { force: true }).catch(() => undefined);
    throw cause;
  } finally {
    await file.close();
  }
  return true;
}

/** Removes the lock with the text `judged` only: a process whose lock is renamed meanwhile learns it by `check`. */
async function remove(path: string, judged: string, dir: string): Promise<void> {
  const removed = await removeJudged(path, async (aside) => (await read(aside))?.text === judged);
  if (removed === "given back") throw held(dir, (await read(path))?.owner);
}

async function isFree({ owner, ageMs }: Found, own: Owner): Promise<boolean> {
  if (owner === undefined) return ageMs > UNREADABLE_MS;
  if (owner.host !== own.host) return true;
  if (owner.pid === own.pid && owner.startedAt === own.startedAt) return !choosing.has(owner.id);
  if (!(await isAlive(owner))) return true;
  return owner.startedAt === undefined && ageMs > UNPROVEN_MS;
}

async function read(path: string): Promise<Found | undefined> {
  try {
    const text = await readFile(path, "utf8");
    return { text, owner: parse(text), ageMs: Date.now() - (await stat(path)).mtimeMs };
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw cause;
  }
}

function parse(text: string): Owner | undefined {
  try {
    const value = JSON.parse(text) as Partial<Owner> | null;
    const { id, host } = value ?? {};
    if (!isProcessId(value as ProcessId | undefined) || typeof id !== "string" || typeof host !== "string") return;
    return value as Owner;
  } catch {
    return undefined;
  }
}

function held(dir: string, owner: Owner | undefined): VaultError {
  const holder = owner === undefined ? "another process" : `process ${owner.pid} of ${owner.host}`;
  return new VaultError("LEASE_HELD", `The profile ${dir} is being opened by ${holder}.`, {
    owner: owner && `${owner.host}-${owner.pid}`,
    hint: `Run one process per session: end ${holder}, or give this client another \`clientId\` or \`dataPath\`.`,
  });
}
