import { describe, expect, it } from "vitest";
import { MemoryBlobs, MemoryStore } from "../../adapters/memory.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { blobContract, leaseContract, storeContract } from "../contract/index.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { testKey } from "../support/keys.ts";
import { type OpenedVault, storeSuites, withMortals } from "../support/store-suites.ts";

const runner = { describe, it };

blobContract(runner, { name: "memory", open: () => ({ blobs: new MemoryBlobs() }) });
blobContract(runner, {
  name: "memory without exclusive create",
  open: () => ({ blobs: new MemoryBlobs({ exclusiveCreate: false }) }),
});
// A memory store has blobs of its own, which nobody can look through: its suites run on a vault.
const openVault = (options: VaultOptions): OpenedVault => {
  const blobs = new MemoryBlobs();
  const again = (): Vault => new Vault({ ...options, blobs });
  return { blobs, store: again(), again };
};
storeSuites("a vault on memory", openVault, { withEncryption: true, withManyFiles: true });
const sealed = { encryption: { key: testKey(2) } };
leaseContract(runner, { name: "a vault on memory, sealed", open: () => withMortals(openVault(sealed), sealed) });
storeContract(runner, { name: "memory", open: () => ({ store: new MemoryStore() }) });

it("a memory store takes the options of every store", async () => {
  const session = "RemoteAuth-bot";
  const store = new MemoryStore({ encryption: { key: testKey(1) } });
  await store.saveProfile({
    session,
    capture: captureOf(profileFiles("one")),
    lease: await store.acquire({ session }),
  });
  expect((await store.state({ session }))?.current?.keyId).toMatch(/^[0-9a-f]{16}$/);
});
