import { MemoryBlobs, type MemoryBlobsOptions } from "../lib/blobs/memory.ts";
import { Vault, type VaultOptions } from "../lib/vault/vault.ts";

export { MemoryBlobs, type MemoryBlobsOptions };

/** Sessions in this process: for tests, and for sessions that need not outlive the process. */
export class MemoryStore extends Vault {
  constructor(options: VaultOptions & MemoryBlobsOptions = {}) {
    super({ ...options, blobs: new MemoryBlobs(options) });
  }
}
