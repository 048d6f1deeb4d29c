import { describe, it } from "vitest";
import { MemoryBlobs } from "../../adapters/memory.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { blobContract } from "../contract/index.ts";
import { storeSuites } from "../support/store-suites.ts";

const SMALLEST = 64 * 1024;

blobContract(
  { describe, it },
  {
    name: "memory with the smallest values",
    open: () => ({ blobs: new MemoryBlobs({ maxBlobBytes: SMALLEST }) }),
  },
);
storeSuites("a vault on memory with the smallest values", (options) => {
  const blobs = new MemoryBlobs({ maxBlobBytes: SMALLEST });
  const again = (): Vault => new Vault({ ...options, blobs });
  return { blobs, store: again(), again };
});
