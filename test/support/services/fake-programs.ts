import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, vi } from "vitest";
import { useFolder } from "../folder.ts";

/** Scripts in place of package managers, and a cache for their files. New for each test. */
export interface FakePrograms {
  /** `$FOLDER` of the scripts. Its `bin` comes first on the PATH; the cache is below its `cache`. */
  readonly folder: string;
  /** The lines that scripts have added to `$FOLDER/calls`. */
  calls(): string[];
}

/** Lets scripts in a folder stand in for programs on the PATH, and silences the messages about installing. */
export function useFakePrograms(): FakePrograms {
  const newFolder = useFolder();
  let folder = "";
  beforeEach(() => {
    folder = newFolder();
    mkdirSync(join(folder, "bin"));
    vi.stubEnv("PATH", `${join(folder, "bin")}${delimiter}${process.env.PATH}`);
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
    vi.stubEnv("FOLDER", folder);
    vi.spyOn(console, "error").mockImplementation(() => {});
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });
  return {
    get folder() {
      return folder;
    },
    calls() {
      const path = join(folder, "calls");
      return existsSync(path) ? readFileSync(path, "utf8").split("\n").filter(Boolean) : [];
    },
  };
}

/** Writes a shell script. @returns its path */
export function script(path: string, text: string): string {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}
