import { afterAll, beforeAll } from "vitest";
import { scratchFolder } from "./scratch.ts";

/**
 * A working directory for this test file alone: zips for stores with the four methods, and those of the shipped
 * `RemoteAuth`, have the same name in every test and lie there.
 * @returns its path
 */
export function useOwnDirectory(): string {
  const home = process.cwd();
  const folder = scratchFolder("cwd-");
  beforeAll(() => process.chdir(folder));
  afterAll(() => process.chdir(home));
  return folder;
}
