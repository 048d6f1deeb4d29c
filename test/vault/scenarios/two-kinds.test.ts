import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { Lease } from "../../../lib/store.ts";
import type { VaultLease } from "../../../lib/vault/lease.ts";
import { SessionRecords } from "../../../lib/vault/records/session-records.ts";
import type { Vault, VaultOptions } from "../../../lib/vault/vault.ts";
import { captureOf, profileFiles, writeZip } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { gate } from "../../support/gate.ts";
import { testKey } from "../../support/keys.ts";
import { session, set, stored, take, vault } from "../support/records.ts";

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

describe("a session of a browser", () => {
  it("has no records, and stays as it is", async () => {
    const store = vault(new MemoryBlobs());
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture });
    await lease.release();
    const refused = { code: "INVALID", message: expect.stringContaining("it holds the profile of a browser") };
    await expect(store.openRecords({ session })).rejects.toMatchObject(refused);
    await expect(store.peekRecords({ session })).rejects.toMatchObject(refused);
    await store.delete({ session });
    await expect(store.openRecords({ session })).rejects.toMatchObject(refused);
    await expect(store.peekRecords({ session })).rejects.toMatchObject(refused);
    await store.undelete({ session });
    expect(await store.sessionExists({ session })).toBe(true);
    // It was given back.
    await (await store.acquire({ session })).release();
  });

  it("can be followed by records once nothing of it is left", async () => {
    const store = vault(new MemoryBlobs());
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture });
    await lease.release();
    await store.delete({ session, retainMs: 0 });
    const records = await take(store);
    await set(records, { a: "1" });
    await records.close();
    expect(await stored(store)).toEqual({ a: "1" });
  });
});

describe("a session of records", () => {
  const folder = useFolder();
  const asBrowser = { code: "INVALID", message: expect.stringMatching(/^Could not use .*Baileys, and has records/) };
  const rollback = {
    code: "INVALID",
    message: `Could not roll ${session} back: it is a session of Baileys, and a rollback would use sending counters again.`,
    hint: expect.stringContaining("undelete"),
  };

  it.each<[string, (store: Vault, lease: Lease) => Promise<unknown>, object]>([
    ["saveProfile", (store, lease) => store.saveProfile({ session, lease, capture }), asBrowser],
    ["restoreProfile", (store) => store.restoreProfile({ session, into: join(folder(), "profile") }), asBrowser],
    ["mark", (store, lease) => store.mark({ session, lease, generation: 2, as: "proven" }), asBrowser],
    ["rollback", (store, lease) => store.rollback({ session, lease, generation: 2 }), rollback],
    ["extract", (store) => store.extract({ session, path: join(folder(), "session.zip") }), asBrowser],
    [
      "save",
      async (store, lease) => {
        await lease.release();
        const path = join(folder(), "session.zip");
        await writeZip(profileFiles("one"), path);
        await store.save({ session, path });
      },
      asBrowser,
    ],
  ])("refuses %s with the reason, and stays as it is, also while it is deleted", async (_, call, refused) => {
    const store = vault(new MemoryBlobs());
    const records = await take(store);
    await set(records, { a: "1" });
    await records.close();
    for (const isDeleted of [false, true]) {
      if (isDeleted) await store.delete({ session });
      const lease = await store.acquire({ session });
      await expect(call(store, lease)).rejects.toMatchObject(refused);
      await lease.release();
      expect(await store.sessionExists({ session })).toBe(!isDeleted);
    }
    await store.undelete({ session });
    expect(await stored(store)).toEqual({ a: "1" });
  });

  it("whose records are open is not changed behind their back", async () => {
    const store = vault(new MemoryBlobs(), options);
    const lease = await store.acquire({ session });
    const records = await SessionRecords.open(lease as VaultLease, { onError: () => {} });
    await set(records, { a: "1" });
    const refused = { code: "INVALID", message: expect.stringContaining("its records are open under this lease") };
    await expect(store.delete({ session, lease })).rejects.toMatchObject(refused);
    await expect(store.undelete({ session, lease })).rejects.toMatchObject(refused);
    await expect(store.rekey({ session, lease })).rejects.toMatchObject(refused);
    // Nor by a call without it.
    const held = { code: "LEASE_HELD" };
    await expect(store.delete({ session })).rejects.toMatchObject(held);
    await expect(store.undelete({ session })).rejects.toMatchObject(held);
    await expect(store.rekey({ session })).rejects.toMatchObject(held);
    await records.close();
    expect(await stored(store)).toEqual({ a: "1" });
  });

  it("is pruned beside its holder, and no set waits for that", async () => {
    const blobs = new MemoryBlobs();
    const store = vault(blobs, {}, 4);
    const lease = await store.acquire({ session });
    const records = await SessionRecords.open(lease as VaultLease, { onError: () => {} });
    for (let n = 0; n < 9; n++) await set(records, { a: `${n}` });
    const door = gate();
    const reached = gate();
    const list = blobs.list.bind(blobs);
    blobs.list = async function* (prefix, call) {
      reached.open();
      await door.opened;
      yield* list(prefix, call);
    };
    const pruned = store.prune({ session, lease });
    await reached.opened;
    for (let n = 0; n < 9; n++) await set(records, { b: `${n}` });
    door.open();
    await pruned;
    await records.close();
    expect(await stored(store)).toEqual({ a: "8", b: "8" });
  });
});
