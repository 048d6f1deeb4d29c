import { type ChildProcess, execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Program } from "./programs.ts";

/** An image, and what in it takes the program's arguments when that is not its entry point. */
export interface Image {
  image: string;
  entrypoint?: string | undefined;
}

/** A program inside a container, on the host's network; `undefined` when Docker does not answer or has no such image. */
export function inContainer(program: string, { image, entrypoint }: Image): Program | undefined {
  if (!dockerAnswers() || !hasImage(image)) return undefined;
  return {
    command: "docker",
    inContainer: true,
    before: (dir) => {
      rmSync(idFile(dir), { force: true });
      const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
      const entry = entrypoint === undefined ? [] : ["--entrypoint", entrypoint];
      const mount = ["-v", `${dir}:${dir}`, "-w", dir, "--user", user];
      // The id is written once the container is there: it is what signals go to.
      return ["run", "--rm", "--network", "host", "--cidfile", idFile(dir), ...mount, ...entry, image];
    },
    signal: (child, signal, dir) => signalContainer(child, signal, dir),
    way: `${program}: container ${image}`,
  };
}

function idFile(dir: string): string {
  return join(dir, "container-id");
}

/** The client passes no SIGSTOP or SIGKILL on, so Docker itself is told. */
function signalContainer(child: ChildProcess, signal: NodeJS.Signals, dir: string): void {
  const docker = (...args: string[]): void => void execFileSync("docker", args, { stdio: "ignore" });
  let id: string;
  try {
    id = readFileSync(idFile(dir), "utf8").trim();
  } catch {
    child.kill(signal); // It never came to a container.
    return;
  }
  if (signal === "SIGSTOP") docker("pause", id);
  else if (signal === "SIGCONT") docker("unpause", id);
  else docker("rm", "--force", id);
}

let dockerKnown: boolean | undefined;

function dockerAnswers(): boolean {
  dockerKnown ??= succeeds(["info"], 10_000);
  return dockerKnown;
}

function hasImage(image: string): boolean {
  if (succeeds(["image", "inspect", image], 10_000)) return true;
  console.error(`services: pulling ${image} (docker, once)`);
  return succeeds(["pull", "--quiet", image], 600_000);
}

function succeeds(args: string[], timeout: number): boolean {
  try {
    execFileSync("docker", args, { stdio: "ignore", timeout });
    return true;
  } catch {
    return false;
  }
}
