import { readdir, readFile, readlink, realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, resolve } from "node:path";
import { codeOf, isMissing } from "../disk/errors.ts";

const PROFILE = "--user-data-dir=";
/** Chromium starts its other processes with a type: the one that has the profile open has none. */
const TYPE = "--type=";
const BROWSER = /chrom|edge|brave|headless|vivaldi|opera/i;
/** Programs that start browsers, or that test them: they may have the options of a browser on their command line. */
const STARTER = /^(node|nodejs|bun|deno|tsx|ts-node|npm|npx|pnpm|yarn)\b/i;

/** Whether the command line of the process names this profile; `true` on systems without command lines in /proc. */
export async function isBrowserOf(pid: number, dir: string): Promise<boolean> {
  let commandLine: string[] | undefined;
  try {
    commandLine = await commandLineOf(pid);
  } catch (cause) {
    const gone = isMissing(cause) || codeOf(cause) === "ESRCH";
    return !gone || process.platform !== "linux";
  }
  if (commandLine === undefined) return false;
  const directories = directoriesIn(commandLine);
  if (directories.length === 0) return BROWSER.test(commandLine[0] ?? "");
  return await opensOneOf(pid, directories, dir);
}

/**
 * The numbers of the browsers of this machine or container whose command line names this profile; also of a script that has
 * started one, as Debian's `chromium-headless-shell`. Linux only.
 */
export async function browsersOf(dir: string): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  const found: number[] = [];
  for (const pid of names.map(Number).filter((each) => Number.isSafeInteger(each) && each !== process.pid)) {
    // It may end at any moment, or be somebody else's.
    const commandLine = (await commandLineOf(pid).catch(() => undefined)) ?? [];
    if (commandLine.some((argument) => argument.startsWith(TYPE))) continue;
    if (await opensOneOf(pid, directoriesIn(commandLine), dir)) found.push(pid);
  }
  return found;
}

/** Whether the name of the program that the process runs, or the name it was started by, is that of a browser. Linux only. */
export async function looksLikeBrowser(pid: number): Promise<boolean> {
  const [startedBy = ""] = (await commandLineOf(pid).catch(() => undefined)) ?? [];
  const program = await readlink(`/proc/${pid}/exe`).catch(() => "");
  return !STARTER.test(basename(startedBy)) && [startedBy, program].some((path) => BROWSER.test(basename(path)));
}

/** Whether the process is one of those that start browsers, as `node`. Linux only. */
export async function isStarter(pid: number): Promise<boolean> {
  const [startedBy = ""] = (await commandLineOf(pid).catch(() => undefined)) ?? [];
  return STARTER.test(basename(startedBy));
}

/** The command line of a process; `undefined` for a zombie, whose command line is empty. @throws without /proc */
async function commandLineOf(pid: number): Promise<string[] | undefined> {
  const text = await readFile(`/proc/${pid}/cmdline`, "utf8");
  return text === "" ? undefined : text.split("\0");
}

function directoriesIn(commandLine: readonly string[]): string[] {
  return commandLine
    .filter((argument) => argument.startsWith(PROFILE))
    .map((argument) => argument.slice(PROFILE.length));
}

async function opensOneOf(pid: number, directories: readonly string[], dir: string): Promise<boolean> {
  for (const directory of directories) if (await isSameDirectory(pid, directory, dir)) return true;
  return false;
}

/** Whether `path`, as the process sees it, is the directory `dir`. A container has other directories under the same paths. */
async function isSameDirectory(pid: number, path: string, dir: string): Promise<boolean> {
  try {
    const options = { bigint: true } as const;
    // A relative path begins at the folder of that process, which may be another one than ours.
    const seen = isAbsolute(path) ? `/proc/${pid}/root${resolve(path)}` : `/proc/${pid}/cwd/${path}`;
    const [theirs, ours] = [await stat(seen, options), await stat(dir, options)];
    return theirs.dev === ours.dev && theirs.ino === ours.ino;
  } catch (cause) {
    // Another user's process may not be asked, and some systems have no /proc.
    if (process.platform === "linux" && (isMissing(cause) || !isAbsolute(path))) return false;
    return (await canonical(path)) === (await canonical(dir));
  }
}

async function canonical(path: string): Promise<string> {
  return await realpath(path).catch(() => resolve(path));
}
