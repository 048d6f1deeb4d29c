import { Readable, type Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

/**
 * Sends the chunks of `source` through `transform`, if there is one, and calls `sink` with each chunk.
 * @throws the first error of the source, the transform or the sink; a pipeline by itself may replace an error of the
 *   sink by one that says only that the stream was closed early
 */
export async function flow(
  source: AsyncIterable<Buffer>,
  transform: Transform | undefined,
  sink: (chunk: Buffer) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const failures: unknown[] = [];
  const drain = async (chunks: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of chunks) {
      await sink(chunk).catch((cause: unknown) => {
        failures.push(cause);
        throw cause;
      });
    }
  };
  const readable = Readable.from(source, { objectMode: false });
  const options = signal ? { signal } : {};
  try {
    if (transform === undefined) await pipeline(readable, drain, options);
    else await pipeline(readable, transform, drain, options);
  } catch (cause) {
    throw failures.length > 0 ? failures[0] : cause;
  }
}
