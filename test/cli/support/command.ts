import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compiled } from "../../support/compiled.ts";
import { root } from "../../support/packed-package.ts";
import { scratchFolder } from "../../support/scratch.ts";

let folder: string | undefined;

/** A folder with the command `wa-vault` in it, as a package manager would install it: for PATH. */
export function commandFolder(): string {
  if (folder !== undefined) return folder;
  const made = scratchFolder("command-");
  const main = compiled(join(root, "cli", "main.ts"));
  const path = join(made, "wa-vault");
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  chmodSync(path, 0o755);
  folder = made;
  return made;
}
