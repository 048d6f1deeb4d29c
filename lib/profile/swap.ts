import { lstat, readdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { exists, renameBusy, replaceFile, syncDirectory, syncTree, uniqueName } from "../disk/durable.ts";
import { codeOf, diskError } from "../disk/errors.ts";
import { invalidOption } from "../errors.ts";

// Names beside a profile `<dir>`, on its volume; `<id>` belongs to one restore, so that two never meet:
//   <dir>.staged-<id>     what is being restored
//   <dir>.swap            the completion mark, which names what is staged: it is whole and on disk, and is to take the
//                         profile's place
//   <dir>.replaced-<id>   the profile that was there before

const STAGED = ".staged";
const REPLACED = ".replaced";
const MARK = ".swap";

/** A place to restore a profile to before it takes the place of the one at `dir`: beside it, and new with each call. */
export function newStagingPath(dir: string): string {
  return uniqueName(`${dir}${STAGED}-`);
}

/**
 * Puts the staged profile in the place of the one at `to`, which is kept beside it until `discardReplaced`. Whenever the
 * process dies, `recoverSwap` finds one of the two whole. Nobody else may move the profile meanwhile.
 * @param options.from came from `newStagingPath(to)`; complete and verified.
 * @param options.beforeMove called when all of `from` is on disk and nothing was moved yet; when it rejects, nothing is.
 * @param options.warn told of what earlier swaps replaced and cannot be removed: it takes space, and does no harm
 * @throws `UNAVAILABLE` or `DENIED` when the disk refuses; the old profile then stands, and what was staged is gone.
 */
export async function swapIn({
  from,
  to,
  beforeMove,
  warn = () => {},
}: {
  from: string;
  to: string;
  beforeMove?: () => Promise<void>;
  warn?: (message: string) => void;
}): Promise<void> {
  if (!from.startsWith(`${to}${STAGED}-`)) throw invalidOption("from", "a newStagingPath(to)", from);
  if (!(await exists(from))) throw invalidOption("from", "a directory that is there", from);
  await guard("put the restored profile in place", async () => {
    try {
      await syncTree(from);
      await beforeMove?.();
      await mark(to, from);
      await finish(to, from);
    } catch (error) {
      await giveBack(to, from);
      throw error;
    }
    const older = (await namesOf(to, REPLACED)).filter((path) => path !== replacedBy(to, from));
    for (const path of older) await removeOrWarn(path, warn);
  });
}

/**
 * Finishes or undoes a swap that was cut short, whoever began it; call it before anything looks at `to`, when nobody
 * else restores a profile to it.
 * `finished`: the staged profile was whole and now stands at `to`. `undone`: what was staged was not, and what stood at
 * `to` stands. `none`: there was nothing to do.
 * @param warn told of leftovers that cannot be removed: they take space, and do no harm
 */
export async function recoverSwap(
  to: string,
  warn: (message: string) => void = () => {},
): Promise<"none" | "finished" | "undone"> {
  return await guard("recover a swap of profiles", async () => {
    const leftovers = await namesOf(to, STAGED);
    const begun = await begunSwap(to);
    if (begun !== undefined) await finish(to, begun);
    else await unmark(to);
    for (const path of leftovers.filter((each) => each !== begun)) await removeOrWarn(path, warn);
    if (begun !== undefined) return "finished";
    // What was replaced earlier is not brought back: it may have been logged out.
    return leftovers.length > 0 ? "undone" : "none";
  });
}

/**
 * Removes the profiles that swaps have replaced. None is fine.
 * @throws `UNAVAILABLE` or `DENIED` when one cannot be removed; the next call tries again
 */
export async function discardReplaced(to: string): Promise<void> {
  await guard("remove a replaced profile", async () => {
    const removed = (await namesOf(to, REPLACED)).map((path) => rm(path, { recursive: true, force: true }));
    for (const result of await Promise.allSettled(removed)) if (result.status === "rejected") throw result.reason;
  });
}

function markPath(to: string): string {
  return `${to}${MARK}`;
}

/** Where the profile goes that `staged` replaces. */
function replacedBy(to: string, staged: string): string {
  return `${to}${REPLACED}${staged.slice(`${to}${STAGED}`.length)}`;
}

/** What is to take the profile's place, when a swap was begun and not finished. */
async function begunSwap(to: string): Promise<string | undefined> {
  const staged = await namesOf(to, STAGED);
  const marked = join(dirname(to), await readMark(to));
  if (staged.includes(marked)) return marked;
  // A mark that the disk has lost: what was moved away says the same, while nothing has come in its place.
  if (await exists(to)) return undefined;
  for (const each of staged) if (await exists(replacedBy(to, each))) return each;
  return undefined;
}

/** Each step looks at what is there, so that it can be done again from any point. */
async function finish(to: string, staged: string): Promise<void> {
  if (await exists(to)) {
    // Nothing is moved for what somebody else has taken away.
    await lstat(staged);
    const replaced = replacedBy(to, staged);
    await renameBusy(to, (await exists(replaced)) ? uniqueName(`${replaced}-`) : replaced);
  }
  await renameBusy(staged, to);
  await syncDirectory(dirname(to));
  await unmark(to);
}

/** After a swap that came to nothing: the old profile back to its place and what was staged away, as far as the disk lets us. */
async function giveBack(to: string, staged: string): Promise<void> {
  try {
    const replaced = replacedBy(to, staged);
    if (!(await exists(to)) && (await exists(replaced))) await renameBusy(replaced, to);
    // As long as there is a mark what is staged must be whole, and both profiles are: a process that dies here finishes.
    await unmark(to);
    await rm(staged, { recursive: true, force: true });
  } catch {
    // The first error tells more; the next start recovers.
  }
}

async function mark(to: string, staged: string): Promise<void> {
  await replaceFile(markPath(to), (file) => file.writeFile(`${basename(staged)}\n`), uniqueName(`${markPath(to)}.`));
}

/** What the mark names; empty without one, or without one that can be read. */
async function readMark(to: string): Promise<string> {
  try {
    return (await readFile(markPath(to), "utf8")).trim();
  } catch (error) {
    if (["ENOENT", "EISDIR"].includes(codeOf(error) ?? "")) return "";
    throw error;
  }
}

async function unmark(to: string): Promise<void> {
  const marks = await namesOf(to, MARK);
  for (const path of marks) await rm(path, { recursive: true, force: true });
  if (marks.length > 0) await syncDirectory(dirname(to));
}

/** What lies beside the profile under its name and `suffix`, whatever follows. */
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
