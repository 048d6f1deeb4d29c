import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Resolves when Local Storage below `dataPath` has `text` on disk, by default the name of what says whose phone is
 * linked: Chromium writes it seconds after the page did, and a minute later when it has just written; a strategy that
 * does not know that saves a profile without it. A browser that is closed before that writes it at its
 * end, but not each time: a test that closes a link and opens it again waits for this first.
 */
export async function localStorageOnDisk(dataPath: string, text = "last-wid-md", timeoutMs = 300_000): Promise<void> {
  for (const end = Date.now() + timeoutMs; Date.now() < end; await delay(200)) {
    // Folders of a browser that runs come and go while they are read.
    const entries = await readdir(dataPath, { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const isOfLevelDb = entry.parentPath.endsWith(join("Local Storage", "leveldb"));
      // In SQLite it is one file, and its write-ahead log.
      if (!entry.isFile() || !(isOfLevelDb || entry.name.startsWith("LocalStorage"))) continue;
      const bytes = await readFile(join(entry.parentPath, entry.name)).catch(() => Buffer.alloc(0));
      if (bytes.includes(text)) return;
    }
  }
  throw new Error(`Local Storage was not on disk within ${timeoutMs} ms.`);
}
