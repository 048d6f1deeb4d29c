import { createHash } from "node:crypto";
import type { CaptureFile } from "../store.ts";

const PIECE_BYTES = 1024 * 1024;

/** The first difference between the files of two profiles as a clause, `undefined` when they are the same files. */
export async function differenceOf(
  target: readonly CaptureFile[],
  source: readonly CaptureFile[],
  signal?: AbortSignal,
): Promise<string | undefined> {
  if (target.length !== source.length) return `it has ${target.length} files instead of ${source.length}`;
  const sources = new Map(source.map((file) => [file.path, file]));
  for (const file of target) {
    signal?.throwIfAborted();
    const original = sources.get(file.path);
    if (original === undefined) return `${file.path} is not in the source`;
    if ((await digestOf(file)) !== (await digestOf(original))) return `${file.path} differs`;
  }
  return undefined;
}

async function digestOf(file: CaptureFile): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < file.size; at += PIECE_BYTES) {
    hash.update(await file.read(at, Math.min(PIECE_BYTES, file.size - at)));
  }
  return hash.digest("hex");
}
