// `lib/vault` stores sessions as generations over any blob store: the log, the lease, the chunks, retention and
// deletion. `FORMAT.md` has the stored bytes. It imports `lib/blobs`, `lib/archive`, `lib/profile/verify.ts`,
// `lib/disk`, `lib/async`, the types of stores and the errors. The adapters and `lib/index.ts` may import `vault.ts`,
// `lib/copy-session.ts` may import `layout.ts`; no other file of `lib` may import it.
import { discard, discardBuffer } from "../async/memory.ts";
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

  /** All of the content of the chunk. @throws `CORRUPT` when it is missing or damaged */
  async read(chunk: Chunk, signal?: AbortSignal): Promise<Buffer> {
    return (await this.#read(chunk, undefined, signal)).content;
  }

  /**
   * Calls `work` with the content of the chunk, whose memory is freed once `work` has ended.
   * @param pieces the pieces that are needed: only these are checked
   * @throws as {@link read} and `work`
   */
  async use(
    chunk: Chunk,
    pieces: readonly PieceOfChunk[],
    work: (content: Buffer) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const { content, frame } = await this.#read(chunk, pieces, signal);
    await work(content);
    // A content that is not compressed lies in its frame.
    if (content.buffer === frame.buffer) discard(frame);
    else discardBuffer(content);
  }

  async #read(
    chunk: Chunk,
    pieces: readonly PieceOfChunk[] | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ content: Buffer; frame: Buffer }> {
    const { blobs, chunkTrust } = this.#context;
    const frames = this.#context.frames(this.#session);
    const key = chunkKey(this.#session, chunk);
    const get = async (): Promise<Buffer | undefined> => {
      const frame = await blobs.get(key, { signal });
      this.bytesReceived += frame?.length ?? 0;
      return frame;
    };
    try {
      const found = await readWhole(get, async (frame) => {
        const content = await frames.decodeChunk(chunk, frame, `chunk ${key}`, pieces);
        if (content.buffer !== frame.buffer) discard(frame);
        return { content, frame };
      });
      if (found) return found;
      throw new VaultError("CORRUPT", `Could not read chunk ${key}: it is missing.`);
    } catch (error) {
      // Damaged, missing, or lost: some backends notice that by themselves.
      if (isVaultError(error, "CORRUPT")) chunkTrust.distrust([key]);
      throw error;
    }
  }
}
