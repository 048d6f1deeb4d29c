import { afterAll, beforeAll } from "vitest";
import { scratchFolder } from "./scratch.ts";

/**
 * A working directory for this test file alone: zips for stores with the four methods, and those of the shipped
 * `RemoteAuth`, have the same name in every test and lie there.
 */
export function useOwnDirectory(): void {
  const home = process.cwd();
  beforeAll(() => process.chdir(scratchFolder("cwd-")));
  afterAll(() => process.chdir(home));
}
