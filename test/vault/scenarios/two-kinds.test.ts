import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { VaultOptions } from "../../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";
import { testKey } from "../../support/keys.ts";
import { session, set, take, vault } from "../support/records.ts";

const capture = captureOf(profileFiles("one"));
const options: VaultOptions = { encryption: { key: testKey(1) } };

describe("the state of a session", () => {
  it("says no kind before anything is saved", async () => {
    const store = vault(new MemoryBlobs());
    const lease = await store.acquire({ session });
    expect(lease.state).not.toHaveProperty("kind");
    await lease.release();
    const records = await take(store);
    await records.close();
    expect(await store.state({ session })).not.toHaveProperty("kind");
  });

  it("says `profile` once a profile is saved, whatever its name, also while it is deleted", async () => {
    const store = vault(new MemoryBlobs());
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture });
    expect(await store.state({ session })).toMatchObject({ kind: "profile" });
    await store.delete({ session, lease });
    expect(await store.state({ session })).toMatchObject({ kind: "profile", deleted: {} });
    await lease.release();
    expect((await store.acquire({ session })).state).toMatchObject({ kind: "profile" });
  });

  it("says `records` once records are set, also while it is deleted, and encrypted", async () => {
    const store = vault(new MemoryBlobs(), options);
    const records = await take(store);
    await set(records, { a: "1" });
    expect(await store.state({ session })).toMatchObject({ kind: "records", current: { files: 1, bytes: 1 } });
    await records.close();
    await store.delete({ session });
    expect(await store.state({ session })).toMatchObject({ kind: "records", deleted: {} });
    expect((await store.acquire({ session })).state).toMatchObject({ kind: "records" });
  });
});

describe("one session", () => {
  it("of a browser has no records, and stays as it is", async () => {
    const store = vault(new MemoryBlobs());
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture });
    await lease.release();
    await expect(store.openRecords({ session })).rejects.toMatchObject({ code: "INVALID" });
    expect(await store.sessionExists({ session })).toBe(true);
    // It was given back.
    await (await store.acquire({ session })).release();
  });

  it("of records takes no profile", async () => {
    const store = vault(new MemoryBlobs());
    const records = await take(store);
    await set(records, { a: "1" });
    await records.close();
    const lease = await store.acquire({ session });
    const common = { session, lease };
    const refused = { code: "INVALID", message: expect.stringContaining("Baileys") };
    await expect(store.saveProfile({ ...common, capture })).rejects.toMatchObject(refused);
    await expect(store.restoreProfile({ session, into: "nowhere" })).rejects.toMatchObject(refused);
    await expect(store.mark({ ...common, generation: 2, as: "proven" })).rejects.toMatchObject(refused);
    await expect(store.rollback({ ...common, generation: 2 })).rejects.toMatchObject(refused);
    await lease.release();
    expect(await store.peekRecords({ session })).toEqual(new Map([["a", Buffer.from("1")]]));
  });
});
