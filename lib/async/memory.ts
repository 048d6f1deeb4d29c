// Memory of contents, outside of V8's heap. It has one owner at a time. Who moves bytes to a thread, gives a block back to
// `blocks`, or discards bytes, owns them no more: their length is 0 from then on, or others write into them. So lengths are
// read before that, and what a caller or a backend may still look at is never given away.
import { MessageChannel, type MessagePort } from "node:worker_threads";

/** The bytes as a `Buffer` over the same memory: a `Buffer` that was sent to another thread arrives as a `Uint8Array`. */
export function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Node allocates smaller buffers from a common one: of 8 KiB, since Node.js 26 of 64 KiB. */
export const LEAST_OWN_BYTES: number = 256 * 1024;

/** The buffer of these bytes, to be moved with them; none when other bytes may lie in it. */
export function ownBuffers({ buffer, byteOffset }: Uint8Array): ArrayBuffer[] {
  return byteOffset === 0 && buffer instanceof ArrayBuffer && buffer.byteLength >= LEAST_OWN_BYTES ? [buffer] : [];
}

/**
 * Frees the memory of bytes at once: V8 collects buffers late, because they take no room in its heap, and lets hundreds of
 * megabytes add up before. Whoever looks at the bytes later finds none. Does nothing when other bytes lie in the same buffer.
 */
export function discard(bytes: Uint8Array): void {
  if (bytes.byteLength === bytes.buffer.byteLength) discardWholeBuffer(bytes);
}

/** As {@link discard}, also when the buffer is larger than the bytes: for a caller who knows that the rest is unused. */
export function discardWholeBuffer(bytes: Uint8Array): void {
  const [buffer] = ownBuffers(bytes);
  if (buffer === undefined) return;
  // Since Node.js 22.
  const { transfer } = buffer as { transfer?: (length: number) => ArrayBuffer };
  try {
    if (transfer) transfer.call(buffer, 0);
    else nowhere().postMessage(undefined, [buffer]);
  } catch {
    // It cannot be moved, as the memory of WebAssembly: the collector has it.
  }
}

let closed: MessagePort | undefined;

/** A port that nobody listens to: what is moved there is freed. */
function nowhere(): MessagePort {
  if (closed === undefined) {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    closed = port1;
    closed.unref();
  }
  return closed;
}

/** Whether memory could not be had, which is no damage of what was being read. */
export function isOutOfMemory(cause: unknown): boolean {
  const { code = "", message = "" } = Object(cause) as { code?: string; message?: string };
  return (
    ["ERR_MEMORY_ALLOCATION_FAILED", "Z_MEM_ERROR", "ZSTD_error_memory_allocation"].includes(code) ||
    message.includes("allocation failed")
  );
}
