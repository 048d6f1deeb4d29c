// `lib/vault` stores sessions as generations over any blob store: the log, the lease, the chunks, retention and
// deletion. `FORMAT.md` has the stored bytes. It imports `lib/blobs`, `lib/archive`, `lib/profile/verify.ts`,
// `lib/disk`, `lib/async`, the types of stores and the errors. The adapters and `lib/index.ts` may import `vault.ts`,
// `lib/copy-session.ts` may import `layout.ts`; no other file of `lib` may import it.
import { isVaultError, VaultError } from "../errors.ts";
import type { VaultContext } from "./context.ts";
import type { PieceOfChunk } from "./frames.ts";
import { chunkKey } from "./layout.ts";
import type { Chunk } from "./manifest.ts";
import { readWhole } from "./read-whole.ts";

/** Reads chunks, and checks the content of each against its id, or against the hashes of its pieces. */
export class ChunkReader {
  /** Bytes that came from the backend. */
  bytesReceived = 0;
  readonly #context: VaultContext;
  readonly #session: string;

  constructor(context: VaultContext, session: string) {
    this.#context = context;
    this.#session = session;
  }

  /**
   * The content of the chunk.
   * @param pieces the pieces that are needed: only these are checked. @default all of it
   * @throws `CORRUPT` when it is missing or damaged
   */
  async read(chunk: Chunk, signal?: AbortSignal, pieces?: readonly PieceOfChunk[]): Promise<Buffer> {
    const { blobs, chunkTrust } = this.#context;
    const frames = this.#context.frames(this.#session);
    const key = chunkKey(this.#session, chunk);
    const get = async (): Promise<Buffer | undefined> => {
      const frame = await blobs.get(key, { signal });
      this.bytesReceived += frame?.length ?? 0;
      return frame;
    };
    try {
      const content = await readWhole(get, (frame) => frames.decodeChunk(chunk, frame, `chunk ${key}`, pieces));
      if (content) return content;
      throw new VaultError("CORRUPT", `Could not read chunk ${key}: it is missing.`);
    } catch (error) {
      // Damaged, missing, or lost: some backends notice that by themselves.
      if (isVaultError(error, "CORRUPT")) chunkTrust.distrust([key]);
      throw error;
    }
  }
}
