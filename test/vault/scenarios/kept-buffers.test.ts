import { expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { BlobInfo, BlobStore, BlobTraits, CallOptions, PutOptions } from "../../../lib/blobs.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, filesIn, noise, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";

const session = "RemoteAuth-bot";
const folder = useFolder();

/** A backend that keeps the very buffers it is given, and returns them, as caches do; it does not say that it keeps none. */
class KeepingBlobs implements BlobStore {
  readonly kept = new Map<string, Buffer>();
  readonly #blobs = new MemoryBlobs();

  traits(options?: CallOptions): Promise<BlobTraits> {
    return this.#blobs.traits(options);
  }

  async get(key: string): Promise<Buffer | undefined> {
    return this.kept.get(key);
  }

  async put(key: string, bytes: Buffer, options?: PutOptions): Promise<void> {
    await this.#blobs.put(key, bytes, options);
    this.kept.set(key, bytes);
  }

  list(prefix: string, options?: CallOptions): AsyncIterable<BlobInfo> {
    return this.#blobs.list(prefix, options);
  }

  async delete(keys: readonly string[], options?: CallOptions): Promise<void> {
    await this.#blobs.delete(keys, options);
    for (const key of keys) this.kept.delete(key);
  }
}

it("a backend that keeps the buffers it was given, and returns them again, loses nothing", async () => {
  const files = profileFiles("one", {
    "Default/noise.ldb": noise(1_000_000, 1),
    "Default/text.ldb": Buffer.alloc(1_000_000, "some text "),
  });
  const blobs = new KeepingBlobs();
  const vault = new Vault({ blobs });
  const lease = await vault.acquire({ session });
  await vault.saveProfile({ session, lease, capture: captureOf(files) });
  for (let n = 0; n < 2; n++) {
    const into = folder();
    await vault.restoreProfile({ session, into });
    assertSameFiles(await filesIn(into), files);
  }
  expect([...blobs.kept.values()].every(({ length }) => length > 0)).toBe(true);
});
