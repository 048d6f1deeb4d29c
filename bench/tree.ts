import { createHash } from "node:crypto";
import { open, readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";

/** What tells that a file was not written to. */
export interface FileFacts {
  readonly size: number;
  readonly mtimeMs: number;
}

/** Every file below `folder`, or below those of its `parts` that exist, by its path with `/`. */
export async function filesBelow(folder: string, parts: readonly string[] = [""]): Promise<Map<string, FileFacts>> {
  const files = new Map<string, FileFacts>();
  for (const part of parts) {
    const at = join(folder, part);
    const entry = await stat(at).catch(() => undefined);
    const paths = entry?.isDirectory() ? await readdir(at, { recursive: true }) : entry ? [""] : [];
    for (const path of paths) {
      const facts = await stat(join(at, path));
      if (facts.isFile()) files.set(relative(folder, join(at, path)).split(sep).join("/"), facts);
    }
  }
  return files;
}

/** A copy keeps its time to the millisecond, more or less. */
export function isSame(a: FileFacts | undefined, b: FileFacts): boolean {
  return a?.size === b.size && Math.abs(a.mtimeMs - b.mtimeMs) < 2;
}

export async function bytesOf(folder: string, parts?: readonly string[]): Promise<number> {
  return [...(await filesBelow(folder, parts)).values()].reduce((sum, { size }) => sum + size, 0);
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
