import { expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { BlobInfo, ListOptions } from "../../../lib/blobs.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { linkedProfile } from "../../auth/support/linked-profile.ts";
import { captureOf } from "../../contract/profile.ts";

/** Records what was asked of each listing. */
class ListedBlobs extends MemoryBlobs {
  readonly listed: { prefix: string; keysOnly: boolean }[] = [];

  override async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<BlobInfo> {
    this.listed.push({ prefix, keysOnly: options.keysOnly ?? false });
    yield* super.list(prefix, options);
  }
}

it("asks for more than the keys only where it looks at sizes", async () => {
  const blobs = new ListedBlobs();
  const session = "RemoteAuth-bot";
  for (const name of ["first", "second"]) {
    const store = new Vault({ blobs });
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(linkedProfile(name)) });
    await lease.release();
    expect(await store.state({ session })).toBeDefined();
    for await (const found of store.sessions()) expect(found).toBe(session);
  }
  const all = blobs.listed.filter(({ keysOnly }) => !keysOnly).map(({ prefix }) => prefix);
  expect(new Set(all)).toEqual(new Set([`${session}/chunks/`]));
  expect(blobs.listed.length).toBeGreaterThan(all.length);
});
