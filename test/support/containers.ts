import { execFileSync } from "node:child_process";
import { ServiceMissing } from "./services/programs.ts";

/** Namespaces as a container has them: another name of the machine, and processes with numbers of their own. */
const NAMESPACES = ["--uts", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"];

/**
 * Arguments of a process that runs a program in namespaces of its own. When that process is killed, so is all in them.
 * @param host the name of the machine there
 */
export function inNamespaces(host: string): { command: string; args: string[] } {
  return { command: "unshare", args: [...NAMESPACES, "sh", "-c", 'hostname "$0" && exec "$@"', host] };
}

/** @throws ServiceMissing when this process may not make namespaces */
export async function obtainNamespaces(): Promise<{ way: string }> {
  const { command, args } = inNamespaces("tried");
  try {
    if (
      String(execFileSync(command, [...args, "hostname"], { stdio: ["ignore", "pipe", "ignore"] })).trim() === "tried"
    ) {
      return { way: "unshare" };
    }
  } catch {
    // It is not there, or not allowed.
  }
  throw new ServiceMissing(
    "Namespaces cannot be made here: run the tests on Linux, as root, with util-linux (unshare).",
  );
}
