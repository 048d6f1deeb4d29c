import { isVaultError, VaultError } from "../errors.ts";
import type { VaultContext } from "./context.ts";
import { decodeFrame } from "./frame.ts";
import { sha256 } from "./hash.ts";
import { chunkKey } from "./layout.ts";
import type { Chunk } from "./manifest.ts";

/** A body that was torn on its way is read again this often before it counts as corrupt. */
const READS = 3;

/** Reads chunks and checks every one against its id. */
export class ChunkReader {
  /** Bytes that came from the backend. */
  bytesReceived = 0;
  readonly #context: VaultContext;
  readonly #session: string;

  constructor(context: VaultContext, session: string) {
    this.#context = context;
    this.#session = session;
  }

  /** The content of the chunk. @throws {@link MissingChunk}; `CORRUPT` when it is damaged */
  async read(chunk: Chunk, signal?: AbortSignal): Promise<Buffer> {
    const key = chunkKey(this.#session, chunk);
    for (let reads = 1; ; reads++) {
      const frame = await this.#get(key, signal);
      this.bytesReceived += frame.length;
      try {
        return await check(chunk, frame, key);
      } catch (error) {
        if (reads < READS && isVaultError(error, "CORRUPT")) continue;
        this.#context.distrusted.add(key);
        throw error;
      }
    }
  }

  async #get(key: string, signal: AbortSignal | undefined): Promise<Buffer> {
    try {
      const frame = await this.#context.blobs.get(key, { signal });
      if (frame) return frame;
      throw new MissingChunk(key);
    } catch (error) {
      // Some backends know by themselves that they have lost a value.
      if (isVaultError(error, "CORRUPT")) this.#context.distrusted.add(key);
      throw error;
    }
  }
}

/** A chunk that a generation refers to is not there: damage, unless that generation was pruned meanwhile. */
export class MissingChunk extends VaultError {
  constructor(key: string) {
    super("CORRUPT", `Chunk ${key} is missing.`);
  }
}

async function check(chunk: Chunk, frame: Buffer, key: string): Promise<Buffer> {
  const plain = await decodeFrame("chunk", frame, `chunk ${key}`);
  if (plain.length !== chunk.bytes || sha256(plain) !== chunk.id) {
    throw new VaultError("CORRUPT", `Could not read chunk ${key}: it is not the content that its name says.`);
  }
  return plain;
}
