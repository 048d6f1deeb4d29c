import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "../lib/disk/errors.ts";

/** What tells that a file was not written to. */
export interface FileFacts {
  readonly size: number;
  readonly mtimeMs: number;
}

/** The site's storage: all that any side carries, and a little more. */
export const storageParts: readonly string[] = [
  "Default/IndexedDB",
  "Default/Local Storage",
  "Default/LocalStorage",
  "Default/LocalStorage-wal",
];

/**
 * Every file below `folder`, or below those of its `parts` that exist, by its path with `/`. A file that a running
 * browser deletes meanwhile is left out.
 */
export function filesBelow(folder: string, parts: readonly string[] = [""]): Map<string, FileFacts> {
  const files = new Map<string, FileFacts>();
  for (const part of parts) add(folder, part, files);
  return files;
}

function add(folder: string, path: string, files: Map<string, FileFacts>): void {
  const at = join(folder, path);
  const entry = statSync(at, { throwIfNoEntry: false });
  if (entry?.isFile()) files.set(path, entry);
  if (!entry?.isDirectory()) return;
  for (const name of namesIn(at)) add(folder, path ? `${path}/${name}` : name, files);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** A copy keeps its time to the millisecond, more or less. */
export function isSame(a: FileFacts | undefined, b: FileFacts): boolean {
  return a?.size === b.size && Math.abs(a.mtimeMs - b.mtimeMs) < 2;
}

export function bytesOf(folder: string, parts?: readonly string[]): number {
  return [...filesBelow(folder, parts).values()].reduce((sum, { size }) => sum + size, 0);
}

/** SHA-256 of the first `size` bytes, `undefined` when there are fewer. */
export async function hashOf(path: string, size: number): Promise<string | undefined> {
  const hash = createHash("sha256");
  const file = await open(path).catch(() => undefined);
  try {
    const piece = Buffer.allocUnsafe(1 << 20);
    for (let at = 0; at < size; ) {
      const { bytesRead } = (await file?.read(piece, 0, Math.min(piece.length, size - at), at)) ?? { bytesRead: 0 };
      if (bytesRead === 0) return undefined;
      hash.update(piece.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await file?.close();
  }
  return hash.digest("hex");
}
