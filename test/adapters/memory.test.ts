import { describe, it } from "vitest";
import { MemoryBlobs, MemoryStore } from "../../adapters/memory.ts";
import { blobContract, profileStoreContract, storeContract } from "../contract/index.ts";

const runner = { describe, it };

blobContract(runner, { name: "memory", open: () => ({ blobs: new MemoryBlobs() }) });
blobContract(runner, {
  name: "memory without exclusive create",
  open: () => ({ blobs: new MemoryBlobs({ exclusiveCreate: false }) }),
});
storeContract(runner, { name: "memory", open: () => ({ store: new MemoryStore() }) });
profileStoreContract(runner, { name: "memory", open: () => ({ store: new MemoryStore() }) });
