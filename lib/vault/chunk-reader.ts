// `lib/vault` stores sessions as generations over any blob store: the log, the lease, the chunks, retention and
// deletion. `FORMAT.md` has the stored bytes. It imports `lib/blobs`, `lib/archive`, `lib/profile/verify.ts`,
// `lib/disk`, `lib/async`, the types of stores and the errors. The adapters and `lib/index.ts` may import `vault.ts`,
// `lib/copy-session.ts` may import `layout.ts`; no other file of `lib` may import it.
import { isVaultError, VaultError } from "../errors.ts";
import type { VaultContext } from "./context.ts";
import { chunkKey } from "./layout.ts";
import type { Chunk } from "./manifest.ts";

/** How often a value that does not decode is read before it counts as corrupt: it may have been torn on its way. */
const READS = 3;

/** Reads chunks, and checks the content of each against its id. */
export class ChunkReader {
  /** Bytes that came from the backend. */
  bytesReceived = 0;
  readonly #context: VaultContext;
  readonly #session: string;

  constructor(context: VaultContext, session: string) {
    this.#context = context;
    this.#session = session;
  }

  /** The content of the chunk. @throws `CORRUPT` when it is missing or damaged */
  async read(chunk: Chunk, signal?: AbortSignal): Promise<Buffer> {
    const key = chunkKey(this.#session, chunk);
    for (let reads = 1; ; reads++) {
      const frame = await this.#get(key, signal);
      this.bytesReceived += frame.length;
      try {
        return await this.#context.frames(this.#session).decodeChunk(chunk, frame, `chunk ${key}`);
      } catch (error) {
        const isDamaged = isVaultError(error, "CORRUPT");
        if (reads < READS && isDamaged) continue;
        if (isDamaged) this.#context.chunkTrust.distrust([key]);
        throw error;
      }
    }
  }

  async #get(key: string, signal: AbortSignal | undefined): Promise<Buffer> {
    try {
      const frame = await this.#context.blobs.get(key, { signal });
      if (frame) return frame;
      throw new VaultError("CORRUPT", `Could not read chunk ${key}: it is missing.`);
    } catch (error) {
      // Missing, or lost: some backends notice that by themselves.
      if (isVaultError(error, "CORRUPT")) this.#context.chunkTrust.distrust([key]);
      throw error;
    }
  }
}
