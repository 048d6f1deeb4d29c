import { expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { leasesPrefix } from "../../../lib/vault/layout.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";

const session = "RemoteAuth-bot";

it("a prune deletes what earlier leases have left, and nothing of its own lease, or of one of the same or a later epoch", async () => {
  const backend = new MemoryBlobs();
  const store = new Vault({ blobs: backend });
  await (await store.acquire({ session })).release();
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
  const keys = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const { key } of backend.list(leasesPrefix(session))) found.push(key);
    return found.sort();
  };
  const own = await keys();
  expect(own.length).toBe(1);
  const left = (folder: string): string => `${leasesPrefix(session)}${folder}/0000000000000003`;
  const same = left("0000000000000002-ffffffffffffffff");
  const later = left("0000000000000003-ffffffffffffffff");
  for (const key of [left("0000000000000001-ffffffffffffffff"), same, later])
    await backend.put(key, Buffer.from("late"));
  await store.prune({ session, lease });
  expect(await keys()).toEqual([...own, same, later].sort());
});
