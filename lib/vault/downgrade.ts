import { forEachConcurrent } from "../async/semaphore.ts";
import type { BlobStore } from "../blobs.ts";
import { isEncrypted } from "./frame.ts";
import type { SessionFrames } from "./frames.ts";
import { entryKey } from "./layout.ts";

/** How many entries are read at once. */
const AT_ONCE = 16;

/**
 * Tells `frames` of the encrypted entries among `numbers`, readable or not. A session that was never encrypted has none;
 * where there is one, whoever wrote a plain entry after it had no key.
 */
export async function findEncrypted(
  blobs: BlobStore,
  frames: SessionFrames,
  numbers: Iterable<number>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const unknown = [...numbers].filter((n) => !frames.plainEntries.has(n));
  await forEachConcurrent(
    unknown,
    AT_ONCE,
    async (n) => {
      const frame = await blobs.get(entryKey(frames.session, n), { signal });
      if (frame && isEncrypted(frame)) frames.foundEncrypted(n);
      else if (frame) frames.plainEntries.add(n);
    },
    signal,
  );
}
