import { VaultError } from "../errors.ts";
import { decodeFrame, encodeFrame, type FrameKind } from "./frame.ts";
import { sha256 } from "./hash.ts";
import type { ChunkAddress } from "./layout.ts";

/**
 * Encodes and decodes the blobs of one session. The `name` of a frame is the part of its key that it is bound to: the
 * number of an entry, the id of a chunk, the folder and turn of a lease.
 */
export class SessionFrames {
  readonly session: string;

  constructor(session: string) {
    this.session = session;
  }

  /** The frame of `plain`. */
  async encode(kind: FrameKind, _name: string, plain: Buffer): Promise<Buffer> {
    return await encodeFrame(kind, plain);
  }

  /**
   * The content of `frame`.
   * @param what named in errors, e.g. "log entry 7".
   * @throws as {@link decodeFrame}.
   */
  async decode(kind: FrameKind, _name: string, frame: Buffer, what: string): Promise<Buffer> {
    return await decodeFrame(kind, frame, what);
  }

  /** The content of a chunk. @throws `CORRUPT` when it is damaged, or not the content of this id */
  async decodeChunk(
    { id, bytes }: Pick<ChunkAddress, "id"> & { bytes: number },
    frame: Buffer,
    what: string,
  ): Promise<Buffer> {
    const plain = await this.decode("chunk", id, frame, what);
    if (plain.length !== bytes || sha256(plain) !== id) {
      throw new VaultError("CORRUPT", `Could not read ${what}: its content differs from its id.`);
    }
    return plain;
  }

  /** The function that names contents of this session: the ids of new chunks, and the hashes of pieces. */
  async contentHash(_signal?: AbortSignal): Promise<(content: Buffer) => string> {
    return sha256;
  }
}
