/**
 * Bytes of a block: the largest chunk, and the most that is read at once. Two tables of LevelDB fit, which have a little more
 * than 2 MiB each.
 */
export const BLOCK_BYTES: number = 4 * 1024 * 1024 + 64 * 1024;
/** Blocks that are kept for reuse. */
const MOST = 4;
/** After this time without use they are let go, in milliseconds. */
const IDLE_MS = 5_000;

/**
 * Memory for contents on their way, used again and again: V8 collects buffers late, because they take no room in its
 * heap, so new ones for each chunk would add up to hundreds of megabytes.
 */
class Blocks {
  readonly #free: ArrayBuffer[] = [];
  #idle: NodeJS.Timeout | undefined;

  /** Memory for `bytes` bytes, which hold anything. Who does not {@link give} it back leaves it to the collector. */
  take(bytes: number): Uint8Array {
    if (bytes > BLOCK_BYTES) return new Uint8Array(bytes);
    return new Uint8Array(this.#free.pop() ?? newBlock(), 0, bytes);
  }

  /** To be called once, when nobody reads the bytes any more. Memory that is no block is ignored. */
  give({ buffer }: Uint8Array): void {
    if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== BLOCK_BYTES || this.#free.length >= MOST) return;
    this.#free.push(buffer);
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#free.splice(0), IDLE_MS).unref();
  }
}

/** Not filled with zeros: what nobody writes to takes no memory. */
function newBlock(): ArrayBuffer {
  return Buffer.allocUnsafeSlow(BLOCK_BYTES).buffer as ArrayBuffer;
}

/** The blocks of this process. */
export const blocks: Blocks = new Blocks();
