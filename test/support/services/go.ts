import { execFile } from "node:child_process";
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { aptCandidate, aptForRoot, aptInstall, aptUpdate, lastLines } from "./apt.ts";
import { cacheDirectory } from "./cache.ts";
import { exclusively } from "./lock.ts";
import { findInstalled } from "./path.ts";
import type { Source } from "./programs.ts";

const run = promisify(execFile);
const ATTEMPTS = 2;
/** Where Go's own installer puts it, which is often not on the PATH. */
const PLACES = ["/usr/local/go/bin"];
/** From this version on Go fetches the one that a module asks for, where it is allowed to. */
const FETCHES_ITSELF = 21;

/** A Go program in its one version. */
export interface GoProgram {
  /** Package and version, e.g. `github.com/minio/minio@v0.0.0-…`. */
  module: string;
  program: string;
  /** The oldest Go 1.x that builds it. */
  go: number;
}

/** Builds a Go program into the cache: minutes the first time, nothing later. */
export function goProgram(wanted: GoProgram): Source {
  // With its version, so that another one is built when it changes here.
  const target = () => join(cacheDirectory(), `${wanted.program}@${wanted.module.split("@")[1]}`);
  return {
    cached: () => (existsSync(target()) ? target() : undefined),
    bring: () => exclusively(`go-${wanted.program}`, () => build(wanted, target())),
  };
}

async function build({ module, program, go: minor }: GoProgram, target: string): Promise<string> {
  if (existsSync(target)) return target;
  const go = findInstalled("go", PLACES) ?? (await installGo(minor));
  const version = Number(/go1\.(\d+)/.exec((await run(go, ["version"])).stdout)?.[1] ?? Number.NaN);
  if (version < minor && version < FETCHES_ITSELF) throw new Error(tooOld(minor, `${go} is 1.${version}`));
  // Where others were killed; it is ours as long as the lock is.
  for (const name of readdirSync(cacheDirectory())) {
    if (name.startsWith(`build-${program}-`)) rmSync(join(cacheDirectory(), name), { recursive: true, force: true });
  }
  const folder = join(cacheDirectory(), `build-${program}-${process.pid}`);
  console.error(`services: building ${program} (go install, once: a minute or two)`);
  try {
    await goInstall(go, module, folder);
    // Named after the last part of its path, and there as a whole or not at all.
    renameSync(join(folder, module.split("@")[0]?.split("/").at(-1) ?? program), target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return target;
}

async function goInstall(go: string, module: string, folder: string): Promise<void> {
  const env = { ...process.env, GOBIN: folder, CGO_ENABLED: "0" };
  for (let attempt = 1; ; attempt++) {
    try {
      await run(go, ["install", module], { env, maxBuffer: 1 << 26 });
      return;
    } catch (error) {
      // Downloaded files stay, so a second attempt begins where the network failed.
      if (attempt === ATTEMPTS) throw new Error(`go install ${module}: ${said(error)}`);
    }
  }
}

/** Debian's Go, unless it is known to be too old: it is large. */
async function installGo(minor: number): Promise<string> {
  aptForRoot();
  await aptUpdate();
  const candidate = (await aptCandidate("golang-go")) ?? "";
  const version = Number(/^(?:\d+:)?1\.(\d+)/.exec(candidate)?.[1] ?? Number.NaN);
  if (version < minor && version < FETCHES_ITSELF) throw new Error(tooOld(minor, `Debian's is 1.${version}`));
  return aptInstall(["golang-go", "ca-certificates"], "go");
}

function tooOld(minor: number, what: string): string {
  return `it is built with Go 1.${minor} or newer, and ${what}`;
}

function said(error: unknown): string {
  const { stderr = "", message = String(error) } = error as { stderr?: string; message?: string };
  return lastLines(stderr || message);
}
