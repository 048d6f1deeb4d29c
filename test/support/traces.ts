import type { BlobStore } from "../../lib/blobs.ts";
import { contentOf, isEncrypted, readFrame } from "../../lib/vault/frame.ts";

/** A secret that was found where anybody can read it. */
export interface Trace {
  readonly key: string;
  readonly secret: string;
}

const KINDS = ["entry", "chunk", "lease", "session", "salt"] as const;

/** Every blob of a session, and of what belongs to no session, by its key. */
export async function everything(blobs: BlobStore, session: string): Promise<Map<string, Buffer>> {
  const all = new Map<string, Buffer>();
  for (const prefix of [`${session}/`, "_sessions/", "_vault/"]) {
    for await (const { key } of blobs.list(prefix)) {
      const bytes = await blobs.get(key);
      if (bytes) all.set(key, bytes);
    }
  }
  return all;
}

/** Where any of `secrets` (by what they are) can be read in the keys and values of a store. */
export async function traces(
  blobs: BlobStore,
  session: string,
  secrets: Readonly<Record<string, Buffer | string>>,
): Promise<Trace[]> {
  const found: Trace[] = [];
  for (const [key, bytes] of await everything(blobs, session)) {
    const readable = Buffer.concat([Buffer.from(key), bytes, await unpacked(bytes)]);
    for (const [secret, text] of Object.entries(secrets)) if (readable.includes(text)) found.push({ key, secret });
  }
  return found;
}

/** The content of a plain frame: it may be compressed, which hides nothing. */
async function unpacked(frame: Buffer): Promise<Buffer> {
  const kind = KINDS[(frame[4] ?? 0) - 1];
  if (!kind || isEncrypted(frame)) return Buffer.alloc(0);
  try {
    return await contentOf(readFrame(kind, frame, "a frame"), "a frame");
  } catch {
    // No frame: some backends keep notes of their own.
    return Buffer.alloc(0);
  }
}
