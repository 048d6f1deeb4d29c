import { createReadStream } from "node:fs";
import type { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";

/** The part of `node:zlib` that Node.js 20 does not have. */
interface Zstandard {
  readonly createZstdCompress?: (options: { params: Record<number, number> }) => Transform;
  readonly constants: { readonly ZSTD_c_compressionLevel?: number };
}

/** The sum of the sizes of these files, each compressed as a whole: by Zstandard where Node.js has it, else deflate. */
export async function compressedBytes(paths: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const path of paths) {
    const count = async (pieces: AsyncIterable<Buffer>): Promise<void> => {
      for await (const piece of pieces) bytes += piece.length;
    };
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), fastest(), count);
  }
  return bytes;
}

/** Level 1 of either method. */
function fastest(): Transform {
  const { createZstdCompress, constants } = zlib as Zstandard;
  const { ZSTD_c_compressionLevel: level } = constants;
  if (createZstdCompress === undefined || level === undefined) return zlib.createDeflateRaw({ level: 1 });
  return createZstdCompress({ params: { [level]: 1 } });
}
