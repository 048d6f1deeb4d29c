import { lstat, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { exists, renameBusy, replaceFile, syncDirectory, syncTree, uniqueName } from "../disk/durable.ts";
import { codeOf, diskError } from "../disk/errors.ts";
import { readWholeFile } from "../disk/read-whole-file.ts";
import { invalidOption, isVaultError } from "../errors.ts";

// Names beside a profile `<dir>`, on its volume; each restore has an `<id>` of its own, so that two never collide:
//   <dir>.staged-<id>     the profile that is being restored
//   <dir>.swap            the completion mark: it names a staged profile that is whole and on disk, and is to replace
//                         the profile
//   <dir>.replaced-<id>   the profile that was replaced
//   <dir>.kept-<id>       one that was replaced and that nothing removes: it may be the only copy of a session

const STAGED = ".staged";
const REPLACED = ".replaced";
const KEPT = ".kept";
const MARK = ".swap";
/** A mark has one name. */
const MOST_MARK_BYTES = 4096;

/** The path of a directory beside the profile at `dir` to restore another one to; new with each call. */
export function newStagingPath(dir: string): string {
  return uniqueName(`${dir}${STAGED}-`);
}

/**
 * Replaces the profile at `to` by the staged one; the replaced profile stays beside it until `discardReplaced`.
 * Whenever the process dies, `recoverSwap` finds one of the two whole. No other process may move the profile meanwhile.
 * @param options.from a path from `newStagingPath(to)` that holds a complete, verified profile
 * @param options.isOnDisk whether all of `from` was synced. @default false: it is now
 * @param options.beforeMove called when all of `from` is on disk and nothing was moved yet; when it rejects, nothing is
 *   moved
 * @param options.warn called for each profile of an earlier swap that cannot be removed: it takes space and does no
 *   harm
 * @throws `UNAVAILABLE` or `DENIED` when the disk refuses; the old profile is then still in place, and the staged one
 *   removed
 */
export async function swapIn({
  from,
  to,
  isOnDisk = false,
  beforeMove,
  warn = () => {},
}: {
  from: string;
  to: string;
  isOnDisk?: boolean;
  beforeMove?: () => Promise<void>;
  warn?: (message: string) => void;
}): Promise<void> {
  if (!from.startsWith(`${to}${STAGED}-`)) throw invalidOption("from", "a newStagingPath(to)", from);
  if (!(await exists(from))) throw invalidOption("from", "a directory that is there", from);
  await guard("put the restored profile in place", async () => {
    try {
      if (!isOnDisk) await syncTree(from);
      await beforeMove?.();
      await writeMark(to, from);
      await finish(to, from);
    } catch (error) {
      await undo(to, from);
      throw error;
    }
    const older = (await namesOf(to, REPLACED)).filter((path) => path !== replacedBy(to, from));
    for (const path of older) await removeOrWarn(path, warn);
  });
}

/**
 * Finishes or undoes a swap that was interrupted, in this process or another. To be called before the profile at `to`
 * is read, while no other process restores a profile to it.
 * @param warn called for each leftover that cannot be removed: it takes space and does no harm
 * @returns `finished`: the staged profile was whole and is at `to` now. `undone`: the staged profile was not whole, and
 *   `to` is as it was. `none`: there was nothing to do
 */
export async function recoverSwap(
  to: string,
  warn: (message: string) => void = () => {},
): Promise<"none" | "finished" | "undone"> {
  return await guard("recover a swap of profiles", async () => {
    const leftovers = await namesOf(to, STAGED);
    const begun = await begunSwap(to);
    if (begun !== undefined) await finish(to, begun);
    else await removeMark(to);
    for (const path of leftovers.filter((each) => each !== begun)) await removeOrWarn(path, warn);
    if (begun !== undefined) return "finished";
    // A profile that an earlier swap replaced is not put back: its session may have been logged out.
    return leftovers.length > 0 ? "undone" : "none";
  });
}

/**
 * Removes the profiles that swaps have replaced, when there are any.
 * @throws `UNAVAILABLE` or `DENIED` when one cannot be removed; the next call tries again
 */
export async function discardReplaced(to: string): Promise<void> {
  await guard("remove a replaced profile", async () => {
    const removed = (await namesOf(to, REPLACED)).map((path) => rm(path, { recursive: true, force: true }));
    for (const result of await Promise.allSettled(removed)) if (result.status === "rejected") throw result.reason;
  });
}

/**
 * Keeps the profiles that swaps have replaced, under names that nothing removes.
 * @returns their new paths, `<to>.kept-<id>`
 * @throws `UNAVAILABLE` or `DENIED` when one cannot be renamed
 */
export async function keepReplaced(to: string): Promise<string[]> {
  return await guard("keep a replaced profile", async () => {
    const kept: string[] = [];
    for (const path of await namesOf(to, REPLACED)) {
      const place = uniqueName(`${to}${KEPT}-`);
      await renameBusy(path, place);
      kept.push(place);
    }
    return kept;
  });
}

function markPath(to: string): string {
  return `${to}${MARK}`;
}

/** The path to which the profile is moved that `staged` replaces. */
function replacedBy(to: string, staged: string): string {
  return `${to}${REPLACED}${staged.slice(`${to}${STAGED}`.length)}`;
}

/** The staged profile of a swap that was begun and not finished. */
async function begunSwap(to: string): Promise<string | undefined> {
  const staged = await namesOf(to, STAGED);
  const marked = join(dirname(to), await readMark(to));
  if (staged.includes(marked)) return marked;
  // A mark that the disk has lost: a replaced profile proves the same, as long as nothing is at `to`.
  if (await exists(to)) return undefined;
  for (const each of staged) if (await exists(replacedBy(to, each))) return each;
  return undefined;
}

/** Each step looks at the disk first, so that an interrupted swap can be finished from any point. */
async function finish(to: string, staged: string): Promise<void> {
  if (await exists(to)) {
    // When another process has removed the staged profile, the old one must not be moved.
    await lstat(staged);
    const replaced = replacedBy(to, staged);
    await renameBusy(to, (await exists(replaced)) ? uniqueName(`${replaced}-`) : replaced);
  }
  await renameBusy(staged, to);
  await syncDirectory(dirname(to));
  await removeMark(to);
}

/**
 * After a failed swap: moves the old profile back and removes the staged one, as far as the disk lets us. Never
 * rejects.
 */
async function undo(to: string, staged: string): Promise<void> {
  try {
    const replaced = replacedBy(to, staged);
    if (!(await exists(to)) && (await exists(replaced))) await renameBusy(replaced, to);
    // The mark goes first: as long as it exists, the staged profile must be whole, because the next start finishes the
    // swap.
    await removeMark(to);
    await rm(staged, { recursive: true, force: true });
  } catch {
    // The caller throws the first error, which tells more; the next start recovers.
  }
}

async function writeMark(to: string, staged: string): Promise<void> {
  await replaceFile(markPath(to), (file) => file.writeFile(`${basename(staged)}\n`), uniqueName(`${markPath(to)}.`));
}

/** The name in the mark; empty when there is no mark, or none that can be read. */
async function readMark(to: string): Promise<string> {
  try {
    return String(await readWholeFile(markPath(to), { most: MOST_MARK_BYTES })).trim();
  } catch (error) {
    if (isVaultError(error, "CORRUPT") || ["ENOENT", "EISDIR"].includes(codeOf(error) ?? "")) return "";
    throw error;
  }
}

async function removeMark(to: string): Promise<void> {
  const marks = await namesOf(to, MARK);
  for (const path of marks) await rm(path, { recursive: true, force: true });
  if (marks.length > 0) await syncDirectory(dirname(to));
}

/** Paths of the entries beside the profile whose name is the profile's, then `suffix`, then anything. */
async function namesOf(to: string, suffix: string): Promise<string[]> {
  const prefix = `${basename(to)}${suffix}`;
  try {
    const names = await readdir(dirname(to));
    return names.filter((name) => name.startsWith(prefix)).map((name) => join(dirname(to), name));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

async function removeOrWarn(path: string, warn: (message: string) => void): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch((cause) => {
    warn(`${path} is not needed any more and could not be removed: ${codeOf(cause) ?? cause}.`);
  });
}

async function guard<T>(what: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw diskError(what, cause);
  }
}
