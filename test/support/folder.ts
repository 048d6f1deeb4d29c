import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { RUN_DIRECTORY } from "./services/service.ts";

/**
 * Answers a function that makes a new empty folder. All of them are removed after each test; what a process that is
 * just ending still writes to is removed with the run.
 */
export function useFolder(): () => string {
  let folders: string[] = [];
  afterEach(async () => {
    const done = folders;
    folders = [];
    await Promise.all(
      done.map((folder) =>
        rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }).catch(() => undefined),
      ),
    );
  });
  return () => {
    const folder = mkdtempSync(join(process.env[RUN_DIRECTORY] ?? tmpdir(), "wa-vault-"));
    folders.push(folder);
    return folder;
  };
}
