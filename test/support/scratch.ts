import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atExit } from "./at-exit.ts";
import { RUN_DIRECTORY } from "./services/service.ts";

const folders: string[] = [];
atExit(() => {
  for (const folder of folders) {
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    } catch {
      // Something still writes there. It goes with the run, if this is one.
    }
  }
});

/**
 * A new folder that goes away with this process; in a test run with the run, since a test worker may be ended without
 * notice.
 */
export function scratchFolder(name: string): string {
  const folder = mkdtempSync(join(process.env[RUN_DIRECTORY] ?? tmpdir(), `wa-vault-${name}`));
  folders.push(folder);
  return folder;
}
