import type { Transform } from "node:stream";
import { setImmediate } from "node:timers/promises";
import zlib from "node:zlib";
import { VaultError } from "../errors.ts";
import { inOneBuffer } from "./one-buffer.ts";
import { checkZstdFrame } from "./zstd-frame.ts";

/** The largest content that is compressed with zstd. Chunks have 4 MiB; a longer one is no content of this library. */
export const ZSTD_LARGEST_CONTENT: number = 64 * 1024 * 1024;

/** Compresses and decompresses on the thread pool. */
export interface NodeZstd {
  /** One frame of zstd, with the length of its content in its header. */
  compress(plain: Buffer): Promise<Buffer>;
  /** @throws when `body` is damaged, or has a content of more than `bytes` bytes */
  decompress(body: Buffer, bytes: number): Promise<Buffer>;
}

/** What Node.js has since 22.15 and 23.8, and its types for Node.js 20 do not. */
interface ZstdFunctions {
  createZstdCompress(options: object): Transform;
  createZstdDecompress(options: object): Transform;
  zstdCompressSync(plain: Buffer, options: object): Buffer;
  readonly constants: { readonly ZSTD_c_compressionLevel: number };
}

/** zstd's fastest level whose bytes are about as few as deflate's (FORMAT.md has the measurements). */
const LEVEL = 1;

/** With so much more than the output needs, zlib never asks for a second buffer. */
const ROOM = 64;

/** What this Node has of zstd; `undefined` before 22.15, and in 23 before 23.8. */
export const nodeZstd: NodeZstd | undefined = findNodeZstd(false);

/**
 * As {@link nodeZstd}, for a thread that has nothing else to do: it compresses on the spot. Each thread of Node's pool would
 * keep memory for it.
 */
export const blockingZstd: NodeZstd | undefined = findNodeZstd(true);

function findNodeZstd(blocks: boolean): NodeZstd | undefined {
  const { createZstdCompress, createZstdDecompress, zstdCompressSync, constants } = zlib as unknown as ZstdFunctions;
  if (typeof createZstdCompress !== "function" || typeof createZstdDecompress !== "function") return undefined;
  const params = { [constants.ZSTD_c_compressionLevel]: LEVEL };
  return {
    compress: async (plain) => {
      // In one piece: with Node's own 16 KiB pieces it takes a quarter more time.
      const options = { params, pledgedSrcSize: plain.length, chunkSize: largestFrame(plain.length) };
      return blocks ? zstdCompressSync(plain, options) : await inOneBuffer(createZstdCompress(options), plain);
    },
    decompress: (body, bytes) => inOneBuffer(createZstdDecompress({ chunkSize: bytes + ROOM }), body, bytes),
  };
}

/** The most bytes that zstd makes of `bytes` bytes (`ZSTD_COMPRESSBOUND`, and a reserve). */
function largestFrame(bytes: number): number {
  return bytes + (bytes >> 8) + 1024;
}

/** The `bytes` bytes in a frame of zstd, or another number of them when it is damaged. Blocks the thread. */
export type Decode = (body: Buffer, bytes: number) => Uint8Array;

/**
 * The content of a frame of zstd, by Node or, where `zstd` is `undefined`, by a decoder in WebAssembly on this thread:
 * that takes some 15 ms for a chunk of 4 MiB.
 * @param load brings that decoder
 * @throws an `Error` when `body` is not one whole frame with a content of exactly `bytes` bytes; `INVALID` when the
 *   decoder cannot be loaded, because that is no damage
 */
export async function unzstd(
  body: Buffer,
  bytes: number,
  zstd: NodeZstd | undefined,
  load: () => Promise<Decode> = loadOnce,
): Promise<Buffer> {
  if (bytes > ZSTD_LARGEST_CONTENT) throw new RangeError(`its content would have ${bytes} bytes`);
  checkZstdFrame(body, bytes);
  if (zstd) return await zstd.decompress(body, bytes);
  const decode = await load().catch(notLoaded);
  // Between two chunks the process gets to its other work.
  await setImmediate();
  const plain = decode(body, bytes);
  if (plain.length !== bytes) throw new RangeError(`its content has ${plain.length} bytes instead of ${bytes}`);
  return Buffer.from(plain.buffer, plain.byteOffset, plain.length);
}

let loading: Promise<Decode> | undefined;

/** With the first frame that needs it: it takes some 50 ms and 16 MiB. */
function loadOnce(): Promise<Decode> {
  loading ??= loadDecoder().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function loadDecoder(): Promise<Decode> {
  const { ZSTDDecoder } = await import("zstddec");
  const decoder = new ZSTDDecoder();
  await withoutFetch(() => decoder.init());
  return (body, bytes) => decoder.decode(body, bytes);
}

/**
 * The decoder would fetch its own code from a `data:` URL, which not every replacement of `fetch` can do (node-fetch, mocks).
 * @param begin looks for `fetch` before it returns, and does without
 */
function withoutFetch<T>(begin: () => T): T {
  const { fetch } = globalThis;
  Object.assign(globalThis, { fetch: undefined });
  try {
    return begin();
  } finally {
    globalThis.fetch = fetch;
  }
}

function notLoaded(cause: unknown): never {
  throw new VaultError("INVALID", "Could not decompress zstd: the package `zstddec` cannot be loaded.", {
    cause,
    hint: "Install the dependencies of wa-vault, or use Node.js 22.15 or newer, which needs no such package.",
  });
}
