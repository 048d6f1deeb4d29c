import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import type { GenerationInfo, Lease } from "../../lib/store.ts";
import { generationInfo } from "../../lib/vault/entry.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";

const session = "RemoteAuth";
const phone = "15550001111@c.us";
const saved = { n: 4, id: "a", at: 1_000, bytes: 7, files: 2 };

async function save(store: Vault, lease: Lease, name: string, wid?: string): Promise<number> {
  return (await store.saveProfile({ session, lease, wid, capture: captureOf(profileFiles(name)) })).generation;
}

describe("a generation as callers see it", () => {
  it("has no field that its entry does not have", () => {
    const info = { generation: 4, id: "a", at: new Date(1_000), bytes: 7, files: 2 };
    const marks = { proven: false, rejected: false, suspect: false, beforeDeletion: false };
    expect(generationInfo(saved)).toStrictEqual({ ...info, ...marks });
    expect(generationInfo({ ...saved, pairing: "p", rejected: true, rejectedIn: 6 }, 5)).toStrictEqual({
      ...info,
      ...marks,
      pairing: "p",
      rejected: true,
      rejectedIn: 6,
      beforeDeletion: true,
    });
  });

  it("tells one phone from another, the entry of the last rejection, and what was saved before a deletion", async () => {
    const store = new Vault({ blobs: new MemoryBlobs() });
    const lease = await store.acquire({ session });
    const [first, second] = [await save(store, lease, "one", phone), await save(store, lease, "two", phone)];
    const kept = async (): Promise<readonly GenerationInfo[]> => (await store.state({ session }))?.generations ?? [];
    const [one, two] = await kept();
    expect(one?.pairing).toEqual(expect.any(String));
    expect(two?.pairing).toBe(one?.pairing);

    await store.mark({ session, lease, generation: first, as: "rejected" });
    const { entry: marked } = (await store.state({ session })) ?? {};
    await store.mark({ session, lease, generation: second, as: "rejected" });
    await store.mark({ session, lease, generation: second, as: "proven" });
    expect((await kept())[0]).toMatchObject({ rejected: true, rejectedIn: marked });
    expect((await kept())[1]).toMatchObject({ rejected: false, proven: true });
    expect((await kept())[1]).not.toHaveProperty("rejectedIn");

    await save(store, lease, "other", "15559999999@c.us");
    const { current: other } = (await store.state({ session })) ?? {};
    expect(other?.pairing).toEqual(expect.any(String));
    expect(other?.pairing).not.toBe(one?.pairing);
    await save(store, lease, "unnamed");
    expect((await store.state({ session }))?.current).not.toHaveProperty("pairing");

    await store.delete({ session, lease });
    await save(store, lease, "linked anew", phone);
    const generations = await kept();
    expect(generations.at(-1)?.beforeDeletion).toBe(false);
    expect(generations.slice(0, -1).every(({ beforeDeletion }) => beforeDeletion)).toBe(true);
    expect(generations.length).toBeGreaterThan(1);
  });
});
