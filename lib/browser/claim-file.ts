import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { removeJudged } from "../disk/durable.ts";
import { codeOf } from "../disk/errors.ts";
import { isProcessId, type ProcessId } from "../disk/process-id.ts";
import { readOpenedFile } from "../disk/read-whole-file.ts";

/** Who has a profile: the content of the file `<profile>.claim`. */
export interface Claim extends ProcessId {
  /** Random, new with each start. */
  readonly id: string;
  readonly host: string;
  /** The file that it was written to, by its device and number: a copy is another one. Absent in files of earlier versions. */
  readonly file?: string | undefined;
}

/** A claim file as it was found; `claim` is `undefined` when it is torn. */
export interface FoundClaim {
  readonly text: string;
  readonly claim: Claim | undefined;
  /** When it was touched last: differs after each touch, and says nothing else, because clocks differ. */
  readonly touched: string;
  /** As {@link Claim.file}, of the file that was read. */
  readonly file: string;
}

const MOST_BYTES = 1024 * 1024;

/** @returns `undefined` when there is none. @throws `CORRUPT` when it is no file; the error of the disk */
export async function readClaim(path: string): Promise<FoundClaim | undefined> {
  const file = await openThere(path, constants.O_RDONLY);
  if (file === undefined) return undefined;
  try {
    return await readOpened(file);
  } finally {
    await file.close();
  }
}

/** Creates the claim file, and removes it again when it cannot be written. @returns `false` when there was one */
export async function createClaim(path: string, claim: Claim): Promise<boolean> {
  const file = await open(path, "wx", 0o600).catch((cause: unknown) => {
    if (codeOf(cause) !== "EEXIST") throw cause;
  });
  if (file === undefined) return false;
  try {
    await file.writeFile(JSON.stringify({ ...claim, file: fileOf(await file.stat({ bigint: true })) }));
  } catch (cause) {
    await rm(path, { force: true }).catch(() => undefined);
    throw cause;
  } finally {
    await file.close();
  }
  return true;
}

/** Paths of the claims that other starts have set aside to judge them. Never rejects. */
export async function asidesOf(path: string): Promise<string[]> {
  const names = await readdir(dirname(path)).catch(() => []);
  const prefix = `${basename(path)}.`;
  const isAside = (name: string): boolean =>
    name.startsWith(prefix) && /^[0-9a-f]{12}$/.test(name.slice(prefix.length));
  return names.filter(isAside).map((name) => join(dirname(path), name));
}

/** Removes the claim of the run `id`, and no other one. @returns whether there was a claim */
export async function removeOwnClaim(path: string, id: string): Promise<boolean> {
  const found = await readClaim(path);
  if (found?.claim?.id !== id) return found !== undefined;
  return await removeClaim(path, { text: found.text });
}

/**
 * Removes the claim with the text of `judged` only, which nobody has touched since when `judged` says when it was touched.
 * @returns `false` when there is another one, which is there as before
 */
export async function removeClaim(path: string, judged: { text: string; touched?: string }): Promise<boolean> {
  const isJudged = async (at: string): Promise<boolean> => {
    const found = await readClaim(at);
    return found?.text === judged.text && (judged.touched ?? found.touched) === found.touched;
  };
  return (await removeJudged(path, isJudged)) !== "given back";
}

/**
 * Shows everybody who looks that the owner of the claim lives, when the claim is still `own`: the times of no other file
 * can be changed by it.
 * @returns the claim that is there; `undefined` when there is none
 * @throws the error of the disk
 */
export async function touchClaim(path: string, own: Claim): Promise<FoundClaim | undefined> {
  const file = await openThere(path, constants.O_RDWR).catch(async (cause: unknown) => {
    // Also a disk that takes no writes any more may show that the claim is somebody else's.
    const found = await readClaim(path);
    if (found?.claim?.id === own.id) throw cause;
    return found;
  });
  if (file === undefined || !("fd" in file)) return file;
  try {
    const found = await readOpened(file);
    if (found.claim?.id === own.id) await touch(file, found.text);
    return found;
  } finally {
    await file.close();
  }
}

async function touch(file: FileHandle, text: string): Promise<void> {
  const now = new Date();
  // Some network file systems cannot set times: there the same bytes are written again.
  await file.utimes(now, now).catch(() => file.write(text, 0));
}

/** A pipe that somebody has put there is not waited for. */
async function openThere(path: string, flags: number): Promise<FileHandle | undefined> {
  return await open(path, flags | (constants.O_NONBLOCK ?? 0)).catch((cause: unknown) => {
    if (codeOf(cause) !== "ENOENT") throw cause;
    return undefined;
  });
}

async function readOpened(file: FileHandle): Promise<FoundClaim> {
  const text = String(await readOpenedFile(file, { most: MOST_BYTES, name: "the claim on the profile" }));
  const stats = await file.stat({ bigint: true });
  return { text, claim: parse(text), touched: String(stats.mtimeNs), file: fileOf(stats) };
}

function fileOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

function parse(text: string): Claim | undefined {
  try {
    const value = JSON.parse(text) as Partial<Claim> | null;
    const { id, host } = value ?? {};
    if (!isProcessId(value as ProcessId | undefined) || typeof id !== "string" || typeof host !== "string") return;
    return value as Claim;
  } catch {
    return undefined;
  }
}
