import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { BlobStore } from "../../../lib/blobs.ts";
import { SessionFrames } from "../../../lib/vault/frames.ts";
import { chunkKey } from "../../../lib/vault/layout.ts";
import type { Chunk } from "../../../lib/vault/manifest.ts";

/** Bytes of a chunk of a manifest. */
const PART = 50_000;

/**
 * Rewrites a session as the first version has stored it: chunks in folders that are named by an epoch alone, entries with
 * 0 in byte 7 and without the time of the log, and no leases.
 * @returns how many entries have their manifest in chunks
 */
export async function toEarlierLayout(blobs: BlobStore, session: string): Promise<number> {
  const keys: string[] = [];
  for await (const { key } of blobs.list(`${session}/`)) keys.push(key);
  const frames = new SessionFrames(session);
  let large = 0;
  for (const key of keys) if (key.includes("/log/") && (await rewriteEntry(blobs, frames, key))) large++;
  for (const key of keys) {
    const frame = key.includes("/chunks/") && (await blobs.get(key));
    if (frame) await blobs.put(key.replace(/-[0-9a-f]{16}\//, "/"), frame);
    if (!key.includes("/log/")) await blobs.delete([key]);
  }
  return large;
}

/** @returns whether its manifest is in chunks */
async function rewriteEntry(blobs: BlobStore, frames: SessionFrames, key: string): Promise<boolean> {
  const n = String(Number(key.split("/").at(-1)));
  const whole = await frames.decode("entry", n, (await blobs.get(key)) as Buffer, "an entry");
  const { uptimeMs: _, lease: __, manifestChunks, ...entry } = JSON.parse(String(whole));
  if (entry.manifest) entry.manifest = earlierManifest(entry.manifest);
  if (manifestChunks) entry.manifestChunks = await rewriteManifest(blobs, frames, manifestChunks);
  const frame = await frames.encode("entry", n, Buffer.from(JSON.stringify(entry)));
  frame[7] = 0;
  frame.writeUInt32BE(crc32(frame.subarray(0, -4)), frame.length - 4);
  await blobs.put(key, frame);
  return manifestChunks !== undefined;
}

async function rewriteManifest(blobs: BlobStore, frames: SessionFrames, chunks: Chunk[]): Promise<unknown[]> {
  const parts: Buffer[] = [];
  for (const chunk of chunks) {
    const frame = (await blobs.get(chunkKey(frames.session, chunk))) as Buffer;
    parts.push(await frames.decodeChunk(chunk, frame, "a manifest"));
  }
  const json = Buffer.from(JSON.stringify(earlierManifest(JSON.parse(String(Buffer.concat(parts))))));
  const folder = String(chunks[0]?.folder.split("-")[0]);
  const earlier: unknown[] = [];
  for (let at = 0; at < json.length; at += PART) {
    const content = json.subarray(at, at + PART);
    const id = createHash("sha256").update(content).digest("hex");
    const key = chunkKey(frames.session, { id, folder, alt: 0 });
    await blobs.put(key, await frames.encode("chunk", id, content));
    earlier.push({ id, epoch: Number(folder), bytes: content.length, alt: 0 });
  }
  return earlier;
}

function earlierManifest(manifest: { chunks: unknown[][] }): unknown {
  const chunks = manifest.chunks.map(([id, short, ...more]) => [id, Number(String(short).split("-")[0]), ...more]);
  return { ...manifest, chunks };
}
