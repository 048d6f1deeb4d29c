import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { removeJudged } from "../disk/durable.ts";
import { codeOf, diskError } from "../disk/errors.ts";
import { VaultError } from "../errors.ts";
import { identify, isAlive, isProcessId, type ProcessId } from "./process-id.ts";

/** The right to choose, mend and replace the profile at `dir`, from the start of a run until its browser has it open. */
export interface ProfileClaim {
  /**
   * Call it before the profile is replaced.
   * @throws `LEASE_HELD` when somebody took this claim for a dead one's, and the profile with it.
   */
  check(): Promise<void>;
  /** The profile is chosen: a later start of this same process may have the claim, should no browser come of this one. */
  settle(): void;
  /** Gives it back. Never rejects; twice is fine. */
  release(): Promise<void>;
}

interface Claimant extends ProcessId {
  readonly id: string;
  readonly host: string;
}

/** What is found in the file of a claim: `undefined` when it is torn. */
interface Found {
  readonly text: string;
  readonly claimant: Claimant | undefined;
  readonly ageMs: number;
}

/** How long a claim that cannot be read counts: whoever makes one writes it right after creating it. */
const UNREADABLE_MS = 10_000;
/** How long a claim counts whose process cannot be told from a later one with the same number. */
const UNPROVEN_MS = 3_600_000;
const ATTEMPTS = 3;

/** Claims of this process whose profile is still being chosen. */
const choosing = new Set<string>();

/**
 * Claims the profile at `dir`, by a file beside it. Of two processes that start on one profile at once only one goes on;
 * a claim whose process is gone (or ran on another machine, as with the browser's lock) is taken over.
 * @throws `LEASE_HELD` when another start is under way; `UNAVAILABLE` or `DENIED` when the disk refuses.
 */
export async function claimProfile(dir: string): Promise<ProfileClaim> {
  const path = `${dir}.claim`;
  const claimant: Claimant = {
    ...(await identify(process.pid)),
    id: randomBytes(8).toString("hex"),
    host: hostname(),
  };
  const { id } = claimant;
  choosing.add(id);
  try {
    await mkdir(dirname(dir), { recursive: true });
    await create(path, dir, claimant);
  } catch (cause) {
    choosing.delete(id);
    throw diskError(`claim the profile ${dir}`, cause);
  }
  return {
    async check() {
      const found = await read(path).catch((cause) => {
        throw diskError(`look at the claim of the profile ${dir}`, cause);
      });
      if (found?.claimant?.id !== id) throw held(dir, found?.claimant);
    },
    settle: () => void choosing.delete(id),
    async release() {
      choosing.delete(id);
      const found = await read(path).catch(() => undefined);
      if (found?.claimant?.id === id) await rm(path, { force: true }).catch(() => undefined);
    },
  };
}

async function create(path: string, dir: string, claimant: Claimant): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    if (await createOnce(path, JSON.stringify(claimant))) return;
    const found = await read(path);
    if (found === undefined) continue;
    if (attempt === ATTEMPTS || !(await isFree(found, claimant))) throw held(dir, found.claimant);
    await remove(path, found.text, dir);
  }
}

/** @returns whether there was none. One that could not be written whole is taken back. */
async function createOnce(path: string, text: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, "wx", 0o600);
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") return false;
    throw cause;
  }
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

/** Takes the claim away that was judged, and no other: should a third one come meanwhile, its check tells it. */
async function remove(path: string, judged: string, dir: string): Promise<void> {
  const removed = await removeJudged(path, async (aside) => (await read(aside))?.text === judged);
  if (removed === "given back") throw held(dir, (await read(path))?.claimant);
}

async function isFree({ claimant, ageMs }: Found, own: Claimant): Promise<boolean> {
  if (claimant === undefined) return ageMs > UNREADABLE_MS;
  if (claimant.host !== own.host) return true;
  if (claimant.pid === own.pid && claimant.startedAt === own.startedAt) return !choosing.has(claimant.id);
  if (!(await isAlive(claimant))) return true;
  return claimant.startedAt === undefined && ageMs > UNPROVEN_MS;
}

async function read(path: string): Promise<Found | undefined> {
  try {
    const text = await readFile(path, "utf8");
    return { text, claimant: parse(text), ageMs: Date.now() - (await stat(path)).mtimeMs };
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw cause;
  }
}

function parse(text: string): Claimant | undefined {
  try {
    const value = JSON.parse(text) as Partial<Claimant> | null;
    const { id, host } = value ?? {};
    if (!isProcessId(value as ProcessId | undefined) || typeof id !== "string" || typeof host !== "string") return;
    return value as Claimant;
  } catch {
    return undefined;
  }
}

function held(dir: string, claimant: Claimant | undefined): VaultError {
  const who = claimant === undefined ? "another process" : `process ${claimant.pid} of ${claimant.host}`;
  return new VaultError("LEASE_HELD", `The profile ${dir} is being opened by ${who}.`, {
    ...(claimant === undefined ? {} : { owner: `${claimant.host}-${claimant.pid}` }),
    hint: `Run one process per session: end ${who}, or give this client another \`clientId\` or \`dataPath\`.`,
  });
}
