import { once } from "node:events";
import type { Transform } from "node:stream";
import { discardWholeBuffer } from "../async/memory.ts";

/**
 * What an engine of zlib makes of `input`, in one buffer. zlib's own functions for that leave two buffers of the size of
 * the input behind for the collector.
 * @param engine a new one, whose `chunkSize` is more than all that it makes.
 * @param most the most bytes that it may make. @default no limit
 * @throws the error of the engine; `RangeError` when it makes more.
 */
export async function inOneBuffer(
  engine: Transform,
  input: Buffer,
  most: number = Number.POSITIVE_INFINITY,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let made = 0;
  engine.on("data", (part: Buffer) => {
    parts.push(part);
    made += part.length;
    if (made > most) engine.destroy(new RangeError(`it makes more than ${most} bytes`));
  });
  engine.end(input);
  await once(engine, "end");
  const [first = Buffer.alloc(0), ...rest] = parts;
  let end = first.byteOffset + first.length;
  const follows = (part: Buffer): boolean => {
    const isNext = part.buffer === first.buffer && part.byteOffset === end;
    end += part.length;
    return isNext;
  };
  if (rest.every(follows)) return Buffer.from(first.buffer, first.byteOffset, made);
  const whole = Buffer.concat(parts, made);
  for (const part of parts) discardWholeBuffer(part);
  return whole;
}
