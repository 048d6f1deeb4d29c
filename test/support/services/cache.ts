import { accessSync, constants, mkdirSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";

/** Where fetched programs and locks are kept between runs; under the temp folder where the home directory is not ours. */
export function cacheDirectory(): string {
  const base = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const temporary = join(tmpdir(), `wa-vault-cache-${process.getuid?.() ?? "user"}`);
  const directory = [join(base, "wa-vault", "bin"), temporary].find(isUsable);
  if (directory === undefined) throw new Error(`Neither ${base} nor ${tmpdir()} can be written to.`);
  return directory;
}

function isUsable(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
