// Debian's packages. As a program (`tsx apt.ts <program> <package>…`) for callers that cannot wait for a promise.
import { execFile } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cacheDirectory } from "./cache.ts";
import { exclusively, lockFile } from "./lock.ts";
import { findInstalled } from "./path.ts";

const ATTEMPTS = 5;
const HOUR_MS = 3_600_000;
const PAUSE_MS = 3_000;
/** apt itself waits for other apt processes (an unattended upgrade, say). */
const LOCK_TIMEOUT_SECONDS = 600;
/** One lock for all packages: apt runs one at a time anyway, and does not queue for all of its locks. */
const LOCK = "apt";

/**
 * Installs Debian packages and answers the path of `program`, which they hold. Only root can.
 * @param options.pauseMs wait before a second attempt, a third … @default 3000
 * @throws what apt said last
 */
export async function aptInstall(
  packages: readonly string[],
  program: string,
  options: { pauseMs?: number } = {},
): Promise<string> {
  const apt = aptForRoot();
  return exclusively(LOCK, async () => {
    // Also when it is there: an installation that was interrupted may have left a program without its libraries.
    const failed = await install(apt, packages, options.pauseMs ?? PAUSE_MS);
    const path = findInstalled(program);
    if (path !== undefined && failed === undefined) return path;
    throw new Error(failed ?? `${packages.join(", ")} brought no ${program}`);
  });
}

/** Installs a Debian package that holds no program. Only root can. @throws an error with the last lines of apt */
export async function aptInstallLibrary(name: string): Promise<void> {
  const apt = aptForRoot();
  await exclusively(LOCK, async () => {
    const failed = await install(apt, [name], PAUSE_MS);
    if (failed !== undefined) throw new Error(failed);
  });
}

/** The path of apt-get. @throws why there is nothing that it could do */
export function aptForRoot(): string {
  const apt = findInstalled("apt-get");
  if (apt === undefined) throw new Error("there is no apt-get");
  if (process.getuid?.() !== 0) throw new Error("only root can install packages");
  return apt;
}

/** Whether packages are being installed, or an installation was killed: the programs on the PATH may not be whole. */
export function isAptAtWork(): boolean {
  return existsSync(lockFile(LOCK));
}

/** Resolves when no process installs packages. */
export async function aptAtRest(): Promise<void> {
  if (isAptAtWork()) await exclusively(LOCK, async () => {});
}

/** The version that `apt-get install` would bring, e.g. `2:1.19~1`. */
export async function aptCandidate(name: string): Promise<string | undefined> {
  const { output } = await run("apt-cache", ["policy", name]);
  return /Candidate: ([^\s(]+)/.exec(output)?.[1];
}

/** Brings the lists of packages up to date. A failure may pass, and need not matter. */
async function update(): Promise<void> {
  const { ok } = await run(aptForRoot(), ["update", "-qq", "-o", "Acquire::Retries=3"]);
  if (ok) writeFileSync(updatedFile(), "");
}

/**
 * The same, unless it was done within the hour. Old lists bring old programs: a browser without its last fixes, say.
 */
export async function aptUpdate(): Promise<void> {
  const done = statSync(updatedFile(), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (Math.abs(Date.now() - done) > HOUR_MS) await update();
}

function updatedFile(): string {
  return join(cacheDirectory(), "apt-updated");
}

/** @returns why it could not be done */
async function install(apt: string, packages: readonly string[], pauseMs: number): Promise<string | undefined> {
  const settings = ["-o", `DPkg::Lock::Timeout=${LOCK_TIMEOUT_SECONDS}`, "-o", "Acquire::Retries=3"];
  const wanted = ["-y", "-qq", "--no-install-recommends", "--no-upgrade", ...settings, ...packages];
  console.error(`services: installing ${packages.join(", ")} (apt-get, once: a minute or so)`);
  await aptUpdate();
  for (let attempt = 1; ; attempt++) {
    const { ok, output } = await run(apt, ["install", ...wanted]);
    if (ok) return undefined;
    if (attempt === ATTEMPTS) return `apt-get install ${packages.join(" ")}: ${lastLines(output)}`;
    if (attempt > 1) await delay(pauseMs * (attempt - 1));
    // An interrupted installation is finished first. New lists: a mirror may have changed meanwhile.
    if (/dpkg --configure/.test(output)) await run("dpkg", ["--configure", "-a"]);
    if (/fix-broken|-f install/.test(output)) await run(apt, ["install", "-y", "-qq", "--fix-broken", ...settings]);
    await update();
  }
}

/** The last lines of a program's output as one line, without positions in the source. */
export function lastLines(text: string, count = 3): string {
  const lines = text.split("\n").filter((line) => !/^\s*(at .*|[{}]*)$/.test(line));
  return lines.slice(-count).join(" | ").trim() || "it said nothing";
}

interface Outcome {
  ok: boolean;
  output: string;
}

function run(command: string, args: readonly string[]): Promise<Outcome> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_MODE: "a", LC_ALL: "C" };
  return new Promise((resolve) => {
    const child = execFile(command, args, { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ ok: error === null, output: `${stdout}${stderr}` || (error?.message ?? "") });
    });
    child.stdin?.end();
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , program = "", ...packages] = process.argv;
  try {
    console.log(await aptInstall(packages, program));
  } catch (error) {
    console.log(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
