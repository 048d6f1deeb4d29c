import { closeSync, lstatSync, openSync, readlinkSync, readSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, relative, resolve, sep } from "node:path";
import type { PuppeteerOptions } from "./client.ts";
import { usersOptions } from "./launch-options.ts";
import { browserOf } from "./singleton-lock.ts";

/** Every program of a snap is a link to this one, which starts the program in its confinement. */
const SNAP_RUNNER = "/usr/bin/snap";
/** Ubuntu's `/usr/bin/chromium-browser` and `/usr/bin/chromium` are scripts of a few lines. */
const SCRIPT_BYTES = 16_384;
const MAX_LINKS = 40;
/** What puppeteer and Chromium say when Chromium could not lock the profile, whatever the reason. */
const NOT_LOCKED = /browser is already running for|Failed to create a ProcessSingleton|\bCode: 21\b/;

/**
 * The warning for a browser that is a snap and for a profile that it may not be able to write to; else `undefined`. A
 * snap has a `/tmp` of its own, and of the disk it sees the user's home folder, without the hidden folders in it
 * (https://snapcraft.io/docs/home-interface).
 * @param dir the profile
 */
export function snapWarning(options: PuppeteerOptions | undefined, dir: string): string | undefined {
  const program = executableOf(options);
  if (program === undefined || !isSnap(program)) return undefined;
  const why = unseenBecause(dir);
  if (why === undefined) return undefined;
  return (
    `The browser ${program} is a snap, and the profile ${dir} ${why}: it may not be able to write there, and then says ` +
    `that a browser is already running. Set \`dataPath\` to a folder in ${join(homedir(), "snap/chromium/common")}, or ` +
    "use a browser that is no snap."
  );
}

/**
 * The warning for a browser that could not lock the profile although no other has it open; else `undefined`. Puppeteer
 * says then that a browser is already running.
 * @param error of the start
 */
export async function noBrowserWarning(
  error: unknown,
  dir: string,
  options: PuppeteerOptions | undefined,
): Promise<string | undefined> {
  if (!(error instanceof Error) || !NOT_LOCKED.test(error.message)) return undefined;
  if ((await browserOf(dir).catch(() => 0)) !== undefined) return undefined;
  const program = executableOf(options);
  const snap = program !== undefined && isSnap(program) ? " The browser is a snap, which cannot write everywhere." : "";
  return (
    `No browser of this machine has the profile ${dir} open: the browser could not make its lock there.${snap} Check ` +
    "that its user may write there, that the disk is neither full nor read-only, and that the folder is on a disk that takes links."
  );
}

/** The browser that puppeteer is told to start; `undefined` when puppeteer chooses one. */
function executableOf(options: PuppeteerOptions | undefined): string | undefined {
  const { executablePath } = usersOptions(options);
  const path = executablePath ?? process.env.PUPPETEER_EXECUTABLE_PATH;
  return typeof path === "string" && path !== "" ? path : undefined;
}

/** Whether a program is a snap, which has a `/tmp` of its own and does not see hidden folders. */
export function isSnap(program: string): boolean {
  try {
    const path = endOfLinks(program);
    return isOfSnap(path) || /\bexec\s+["']?\/snap\//.test(scriptAt(path));
  } catch {
    // Puppeteer says that there is no such program.
    return false;
  }
}

function isOfSnap(path: string): boolean {
  return path === SNAP_RUNNER || path.startsWith("/snap/");
}

/** Where the links from `program` lead to, or the first path of a snap on the way. */
function endOfLinks(program: string): string {
  let path = resolve(program);
  for (let links = 0; links < MAX_LINKS && !isOfSnap(path); links++) {
    if (!lstatSync(path).isSymbolicLink()) return realpathSync(path);
    path = resolve(dirname(path), readlinkSync(path));
  }
  return path;
}

/** The script at `path`; empty when another kind of program is there. */
function scriptAt(path: string): string {
  if (!statSync(path).isFile()) return "";
  const descriptor = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(SCRIPT_BYTES);
    const text = bytes.toString("latin1", 0, readSync(descriptor, bytes));
    return text.startsWith("#!") ? text : "";
  } finally {
    closeSync(descriptor);
  }
}

/** Why a snap may not see a folder; `undefined` when it does. */
function unseenBecause(dir: string): string | undefined {
  const below = relative(homedir(), dir);
  if (below === ".." || below.startsWith(`..${sep}`) || below === dir) return "lies outside of the home folder";
  // The folder that a snap has for itself.
  if (below.startsWith(`snap${sep}`)) return undefined;
  return below.split(sep).some((part) => part.startsWith(".")) ? "lies in a hidden folder" : undefined;
}
