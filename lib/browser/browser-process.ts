import { readdir, readlink, realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, resolve } from "node:path";
import { diskError, isMissing } from "../disk/errors.ts";
import { PROC } from "../disk/process-stat.ts";
import { type CommandLineOptions, commandLineOf } from "./command-line.ts";

const PROFILE = "--user-data-dir=";
/** Chromium starts its other processes with a type: the one that has the profile open has none. */
const TYPE = "--type=";
const BROWSER = /chrom|edge|brave|headless|vivaldi|opera/i;
/** Programs that start browsers, or that test them: they may have the options of a browser on their command line. */
const STARTER = /^(node|nodejs|bun|deno|tsx|ts-node|npm|npx|pnpm|yarn)\b/i;

/**
 * Whether the command line of the process names this profile. A process that is ending is waited for, and may be that
 * browser when it does not end, as may one that nobody may read of; so may every process on systems without /proc.
 * @throws `UNAVAILABLE` when the system refuses
 */
export async function isBrowserOf(pid: number, dir: string, options: CommandLineOptions = {}): Promise<boolean> {
  const commandLine = await commandLineOf(pid, options);
  if (commandLine === "ended") return false;
  if (typeof commandLine === "string") return true;
  // The number of a browser that has ended may be that of a process of another browser now.
  if (isPart(commandLine)) return false;
  const directories = directoriesIn(commandLine);
  if (directories.length === 0) return BROWSER.test(commandLine[0] ?? "");
  return await opensOneOf(pid, directories, dir);
}

/**
 * The numbers of the browsers of this machine or container whose command line names this profile; also of a script that has
 * started one, as Debian's `chromium-headless-shell`. Linux only.
 * @throws `UNAVAILABLE` when the system refuses
 */
export async function browsersOf(dir: string): Promise<number[]> {
  const names = await readdir(PROC).catch((cause: unknown) => {
    if (isMissing(cause)) return [];
    throw diskError("see the processes of this machine", cause);
  });
  const found: number[] = [];
  for (const pid of names.map(Number).filter((each) => Number.isSafeInteger(each) && each !== process.pid)) {
    const commandLine = await commandLineOf(pid, { endingMs: 0 });
    // It may end at any moment, or be somebody else's.
    if (typeof commandLine === "string" || isPart(commandLine)) continue;
    if (await opensOneOf(pid, directoriesIn(commandLine), dir)) found.push(pid);
  }
  return found;
}

/** Whether the name of the program that the process runs, or the name it was started by, is that of a browser. Linux only. */
export async function looksLikeBrowser(pid: number): Promise<boolean> {
  const startedBy = await nameOf(pid);
  const program = await readlink(`/proc/${pid}/exe`).catch(() => "");
  return !STARTER.test(basename(startedBy)) && [startedBy, program].some((path) => BROWSER.test(basename(path)));
}

/** Whether the process is one of those that start browsers, as `node`. Linux only. */
export async function isStarter(pid: number): Promise<boolean> {
  return STARTER.test(basename(await nameOf(pid)));
}

/** The name that a process was started by; empty when it is not known. */
async function nameOf(pid: number): Promise<string> {
  const commandLine = await commandLineOf(pid, { endingMs: 0 });
  return typeof commandLine === "string" ? "" : (commandLine[0] ?? "");
}

/** Whether the process is one of those that a browser has started: some of them have put their arguments into one. */
function isPart([name = "", ...rest]: readonly string[]): boolean {
  return name.includes(` ${TYPE}`) || rest.some((argument) => argument.startsWith(TYPE));
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
