import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { nodeVersions, obtainNode } from "../test/support/services/node.ts";

/** The Node.js that both sides run on. */
export interface BenchNode {
  /** Path of the executable. */
  readonly command: string;
  /** All of it, e.g. `24.21.0`. */
  readonly version: string;
}

/**
 * The Node.js of a release: the running one where it is of that release, else one that is named or fetched.
 * @param wanted a major version, e.g. `24`, or all of it. @default the running one
 * @throws when it cannot be had here: the sentence says how to provide it
 */
export async function nodeOf(wanted: string = process.versions.node): Promise<BenchNode> {
  const own = { command: process.execPath, version: process.versions.node };
  if (isOf(own.version, wanted)) return own;
  const { command } = await obtainNode(nodeVersions.find((version) => isOf(version, wanted)) ?? wanted);
  const { stdout } = await promisify(execFile)(command, ["--version"]);
  return { command, version: stdout.trim().replace(/^v/, "") };
}

function isOf(version: string, wanted: string): boolean {
  return version === wanted || version.startsWith(`${wanted}.`);
}
