// `lib/vault` stores sessions as generations over any blob store: the log, the lease, the chunks, retention and
// deletion. `FORMAT.md` has the stored bytes. It imports `lib/blobs`, `lib/archive`, `lib/profile/verify.ts`,
// `lib/disk`, `lib/async`, the types of stores and the errors. The adapters and `lib/index.ts` may import `vault.ts`,
// `lib/copy-session.ts` may import `layout.ts`; no other file of `lib` may import it.
import { discardWholeBuffer } from "../async/memory.ts";
import type { Permits } from "../async/shared-semaphore.ts";
import { isVaultError, VaultError } from "../errors.ts";
import type { VaultContext } from "./context.ts";
import type { PieceOfChunk, SessionFrames } from "./frames.ts";
import { chunkKey } from "./layout.ts";
import type { Chunk } from "./manifest.ts";
import { readWhole } from "./read-whole.ts";

interface UseOptions {
  readonly pieces: readonly PieceOfChunk[];
  readonly contents: Permits;
  readonly signal?: AbortSignal | undefined;
}

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
    return await this.#read(chunk, signal, async (frame, what) => {
      const content = await this.#frames.decodeChunk(chunk, frame, what);
      if (content.buffer !== frame.buffer) this.#context.release(frame);
      return content;
    });
  }

  /**
   * Calls `work` with the content of the chunk, whose memory is freed once `work` has ended.
   * @param options.pieces the pieces that are needed: only these are checked
   * @param options.contents permits for contents in memory
   * @throws as {@link read} and `work`
   */
  async use(
    chunk: Chunk,
    { pieces, contents, signal }: UseOptions,
    work: (content: Buffer) => Promise<void>,
  ): Promise<void> {
    await this.#read(chunk, signal, (frame, what) =>
      contents.run(async () => {
        const content = await this.#frames.decodeChunk(chunk, frame, what, pieces);
        // A content that is not compressed lies in its frame.
        const isOwn = content.buffer !== frame.buffer;
        if (isOwn) this.#context.release(frame);
        await work(content);
        if (isOwn) discardWholeBuffer(content);
        else this.#context.release(frame);
      }, signal),
    );
  }

  get #frames(): SessionFrames {
    return this.#context.frames(this.#session);
  }

  async #read<T>(
    chunk: Chunk,
    signal: AbortSignal | undefined,
    decode: (frame: Buffer, what: string) => Promise<T>,
  ): Promise<T> {
    const { blobs, chunkTrust } = this.#context;
    const key = chunkKey(this.#session, chunk);
    let isThere = false;
    const get = async (): Promise<Buffer | undefined> => {
      const frame = await blobs.get(key, { signal });
      this.bytesReceived += frame?.length ?? 0;
      isThere = frame !== undefined;
      return frame;
    };
    try {
      const found = await readWhole(get, (frame) => decode(frame, `chunk ${key}`));
      if (isThere) return found as T;
      throw new VaultError("CORRUPT", `Could not read chunk ${key}: it is missing.`);
    } catch (error) {
      // Damaged, missing, or lost: some backends notice that by themselves.
      if (isVaultError(error, "CORRUPT")) chunkTrust.distrust([key]);
      throw error;
    }
  }
}
