import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { entryKey, sessionPrefix } from "../../lib/vault/layout.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, noise, profileFiles } from "../contract/profile.ts";
import { testKey } from "../support/keys.ts";
import { vault } from "./support/records.ts";

const session = "RemoteAuth-bot";

describe("details of a session", () => {
  it("tell all generations, the browser of the current one, and the bytes that are stored", async () => {
    const blobs = new MemoryBlobs();
    const store = new Vault({ blobs, encryption: { key: testKey(1) } });
    expect(await store.facts({ session, details: true })).toBeUndefined();
    const lease = await store.acquire({ session });
    for (const value of ["one", "two"]) {
      await store.saveProfile({ session, lease, capture: captureOf(profileFiles(value)) });
    }
    const { current } = (await store.state({ session })) ?? {};
    await store.mark({ session, lease, generation: current?.generation ?? 0, as: "proven" });
    const details = await store.facts({ session, details: true });
    const state = await store.state({ session });
    // The newest entry is a mark; the profile is that of the save.
    expect(details).toMatchObject({
      session,
      kind: "profile",
      saved: state?.current,
      kept: state?.generations,
      entry: state?.entry,
      epoch: state?.epoch,
      restores: state?.generations.map(({ generation }) => generation).reverse(),
      profile: { browserVersion: "156.0.8078.73", localStorage: "leveldb" },
      lease: { owner: state?.lease?.owner, expiresAt: expect.any(Date) },
    });
    const sizes: number[] = [];
    for await (const { size } of blobs.list(sessionPrefix(session))) sizes.push(size);
    expect(details?.stored).toEqual({ values: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) });
    await lease.release();
    await store.delete({ session });
    const deleted = await store.facts({ session, details: true });
    expect(deleted).toMatchObject({ deleted: { until: expect.any(Date) }, saved: { proven: true }, restores: [] });
    expect(deleted?.kept.map(({ generation }) => generation)).toEqual(
      state?.generations.map(({ generation }) => generation),
    );
    await expect(new Vault({ blobs }).facts({ session, details: true })).rejects.toMatchObject({ code: "WRONG_KEY" });
  });

  it("tell how records are put together", async () => {
    const blobs = new MemoryBlobs();
    const records = await vault(blobs, {}, 2).openRecords({ session: "Baileys-bot" });
    for (let n = 0; n < 5; n++) await records.set([["creds", noise(100, n)]]);
    await records.close();
    const details = await new Vault({ blobs }).facts({ session: "Baileys-bot", details: true });
    expect(details).toMatchObject({
      kind: "records",
      folds: { segments: expect.any(Number), entriesAfter: expect.any(Number) },
    });
    expect(details?.folds?.segments).toBeGreaterThan(0);
  });

  it("leave out what a damaged generation would tell", async () => {
    const blobs = new MemoryBlobs();
    const store = new Vault({ blobs });
    const lease = await store.acquire({ session });
    const { generation } = await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    await store.mark({ session, lease, generation, as: "proven" });
    await blobs.put(entryKey(session, generation), Buffer.from("torn"));
    const details = await store.facts({ session, details: true });
    expect(details).toMatchObject({ kept: [{ generation }] });
    expect(details).not.toHaveProperty("profile");
    await lease.release();
  });
});
