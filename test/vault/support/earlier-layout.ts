import type { BlobStore } from "../../../lib/blobs.ts";
import { SessionFrames } from "../../../lib/vault/frames.ts";

/**
 * Rewrites a session as the version before has stored it: chunks in folders that are named by an epoch alone, and entries
 * without the time of the log.
 */
export async function toEarlierLayout(blobs: BlobStore, session: string): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of blobs.list(`${session}/`)) keys.push(key);
  for (const key of keys) {
    const frame = (await blobs.get(key)) as Buffer;
    if (key.includes("/log/")) await blobs.put(key, await earlierEntry(new SessionFrames(session), key, frame));
    if (!key.includes("/chunks/")) continue;
    await blobs.put(key.replace(/-[0-9a-f]{16}\//, "/"), frame);
    await blobs.delete([key]);
  }
}

async function earlierEntry(frames: SessionFrames, key: string, frame: Buffer): Promise<Buffer> {
  const n = String(Number(key.split("/").at(-1)));
  const { uptimeMs: _, ...entry } = JSON.parse(String(await frames.decode("entry", n, frame, "an entry")));
  for (const chunk of entry.manifest?.chunks ?? []) chunk[1] = Number(String(chunk[1]).split("-")[0]);
  return frames.encode("entry", n, Buffer.from(JSON.stringify(entry)));
}
