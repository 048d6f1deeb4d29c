import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { Capture } from "../../lib/store.ts";

const PIECE_BYTES = 1 << 20;

/** Writes the files of a capture below `dir`. */
export async function writeCapture(capture: Capture, dir: string): Promise<void> {
  for (const file of capture.files) {
    const path = join(dir, file.path);
    await mkdir(dirname(path), { recursive: true });
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let at = 0; at < file.size; at += PIECE_BYTES) {
        yield await file.read(at, Math.min(PIECE_BYTES, file.size - at));
      }
    }
    await pipeline(pieces, createWriteStream(path));
  }
}
