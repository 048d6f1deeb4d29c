import { once } from "node:events";
import type { Transform } from "node:stream";
import { discardBuffer } from "../async/memory.ts";

/**
 * What an engine of zlib makes of `input`, in one buffer. zlib's own functions for that leave two buffers of the size of
 * the input behind for the collector.
 * @param engine a new one, whose `chunkSize` is enough for all that it makes.
 * @throws the error of the engine.
 */
export async function inOneBuffer(engine: Transform, input: Buffer): Promise<Buffer> {
  const parts: Buffer[] = [];
  engine.on("data", (part: Buffer) => parts.push(part));
  engine.end(input);
  await once(engine, "end");
  const [first = Buffer.alloc(0), ...rest] = parts;
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  let end = first.byteOffset + first.length;
  const follows = (part: Buffer): boolean => {
    const isNext = part.buffer === first.buffer && part.byteOffset === end;
    end += part.length;
    return isNext;
  };
  if (rest.every(follows)) return Buffer.from(first.buffer, first.byteOffset, bytes);
  const whole = Buffer.concat(parts, bytes);
  for (const part of parts) discardBuffer(part);
  return whole;
}
