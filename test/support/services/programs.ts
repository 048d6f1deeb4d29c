import type { ChildProcess } from "node:child_process";
import { aptAtRest, aptInstall } from "./apt.ts";
import { type Image, inContainer } from "./container.ts";
import { findInstalled } from "./path.ts";

/** A program that can be run: from the PATH, from the cache, or inside a container. */
export interface Program {
  readonly command: string;
  /** Whether the process that is started is not the server, but Docker's client. */
  readonly inContainer: boolean;
  /** Arguments that come before the program's own. `dir` is the data directory. */
  before(dir: string): string[];
  /** Sends a signal to the server that `child` started on `dir`. */
  signal(child: ChildProcess, signal: NodeJS.Signals, dir: string): void;
  /** One line: which way it was had. */
  readonly way: string;
}

/** Nobody could provide the service: what is missing, and how to provide it. */
export class ServiceMissing extends Error {
  override readonly name = "ServiceMissing";
}

/** A package registry that a program may come from. */
export interface Source {
  /** Its path, when it was brought before. */
  cached(): string | undefined;
  /** Brings it and answers its path. Rejects when it cannot. */
  bring(): Promise<string>;
}

/** The ways a program may be had, tried in this order: installed, fetched before, in a container, from a registry. */
export interface Ways {
  program: string;
  /** Directories beside the PATH in which it may be installed. */
  places?: readonly string[];
  /** @default none */
  image?: Image;
  source: Source;
  /** The steps by hand, for the message when every way has failed. */
  hint: string;
}

/** Finds or gets a program. @throws {@link ServiceMissing} */
export async function obtain({ program, places, image, source, hint }: Ways): Promise<Program> {
  // While packages are being installed, a program may be there before its libraries are.
  await aptAtRest();
  const installed = findInstalled(program, places);
  if (installed !== undefined) return direct(installed, `${program}: ${installed}`);
  const cached = source.cached();
  if (cached !== undefined) return direct(cached, `${program}: fetched before, ${cached}`);
  const contained = image && inContainer(program, image);
  if (contained !== undefined) return contained;
  try {
    const fetched = await source.bring();
    return direct(fetched, `${program}: fetched, ${fetched}`);
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).trim().split("\n").slice(0, 2).join(" ");
    throw new ServiceMissing(`${program} is missing (${why}). ${hint}`);
  }
}

/** Debian packages that hold a program. */
export function debian(packages: readonly string[], program: string): Source {
  return { cached: () => undefined, bring: () => aptInstall(packages, program) };
}

/** Sees to it that a small program of the same name as its Debian package is there, and says whether it is. */
export async function obtainTool(name: string): Promise<boolean> {
  if (findInstalled(name) === undefined) await aptInstall([name], name).catch(() => undefined);
  return findInstalled(name) !== undefined;
}

/** A shell that people have, and machines may not. @throws {@link ServiceMissing} */
export async function obtainZsh(): Promise<{ readonly way: string; stop(): Promise<void> }> {
  if (!(await obtainTool("zsh")))
    throw new ServiceMissing("zsh is missing. Install it (Debian, as root: apt-get install zsh).");
  return { way: "zsh", stop: async () => {} };
}

/** A program at a known path. */
export function direct(path: string, way: string): Program {
  return {
    command: path,
    inContainer: false,
    before: () => [],
    signal: (child, signal) => void child.kill(signal),
    way,
  };
}
