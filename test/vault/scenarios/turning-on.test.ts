import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { Encryption } from "../../../lib/vault/encryption.ts";
import { isEncrypted } from "../../../lib/vault/frame.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, noise, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { keyIdOf, testKey } from "../../support/keys.ts";
import { everything } from "../../support/traces.ts";

const session = "RemoteAuth-bot";
const key = { key: testKey(1) };
const ID = keyIdOf(testKey(1));

const folder = useFolder();
let blobs: MemoryBlobs;
let warnings: string[];
beforeEach(() => {
  blobs = new MemoryBlobs();
  warnings = [];
});

const open = (encryption?: Encryption, keep = 5): Vault =>
  new Vault({ blobs, encryption, keep, retryDelayMs: 0, onWarning: (message) => warnings.push(message) });

/** Files that are the same in each version, and one that is not. */
const filesOf = (value: string): Files => profileFiles(value, { "Default/table.ldb": noise(600_000, 5) });

async function save(store: Vault, ...values: string[]): Promise<number[]> {
  const lease = await store.acquire({ session });
  const saved: number[] = [];
  for (const value of values) {
    const { generation } = await store.saveProfile({ session, lease, capture: captureOf(filesOf(value)) });
    saved.push(generation);
  }
  await lease.release();
  return saved;
}

async function restored(store: Vault, generation?: number): Promise<Files> {
  const into = join(folder(), "into");
  await store.restoreProfile({ session, into, generation });
  return await filesIn(into);
}

describe("encryption that is turned on for a stored session", () => {
  it("reads what is stored, says once that it is not encrypted, and encrypts what is saved", async () => {
    const plain = await save(open(), "one", "two");
    const store = open(key);
    assertSameFiles(await restored(store), filesOf("two"));
    expect(warnings).toEqual([]);
    const [third] = await save(store, "three");
    await save(store, "three");
    expect(warnings).toEqual([expect.stringContaining(`generation ${plain.join(", ")} of ${session}`)]);
    expect(warnings[0]).toContain("rekey");
    const { generations = [] } = (await store.state({ session })) ?? {};
    expect(generations.map(({ generation, keyId }) => [generation, keyId])).toEqual([
      ...plain.map((generation) => [generation, undefined]),
      [third, ID],
    ]);
    assertSameFiles(await restored(open(key)), filesOf("three"));
    assertSameFiles(await restored(open(key), plain[0]), filesOf("one"));
  });

  it("saves an unchanged profile again, and refers to nothing that is not encrypted", async () => {
    await save(open(), "one");
    const before = new Set((await everything(blobs, session)).keys());
    const store = open(key);
    await save(store, "one");
    const news = [...(await everything(blobs, session))].filter(([name]) => !before.has(name));
    for (const [name, bytes] of news) expect([name, isEncrypted(bytes)]).toEqual([name, true]);
    // Without the plain chunks the new generation is whole.
    for (const name of before) if (name.includes("/chunks/")) await blobs.delete([name]);
    assertSameFiles(await restored(open(key)), filesOf("one"));
  });

  it("encrypts also a profile that has no bytes", async () => {
    const saveEmpty = async (store: Vault): Promise<unknown> => {
      const lease = await store.acquire({ session });
      const capture = captureOf({ "Default/empty": Buffer.alloc(0) });
      const { unchanged } = await store.saveProfile({ session, lease, capture });
      await lease.release();
      return unchanged;
    };
    await saveEmpty(open());
    expect(await saveEmpty(open(key))).toBe(false);
    expect(await saveEmpty(open(key))).toBe(true);
    expect((await open(key).state({ session }))?.current?.keyId).toBe(ID);
  });

  it("does not fall back to what anybody could have written, and restores it by number", async () => {
    const [first] = await save(open(), "one");
    const before = new Set((await everything(blobs, session)).keys());
    const store = open(key);
    await save(store, "two");
    for (const name of (await everything(blobs, session)).keys()) {
      if (name.includes("/chunks/") && !before.has(name)) await blobs.delete([name]);
    }
    await expect(store.restoreProfile({ session, into: join(folder(), "into") })).rejects.toMatchObject({
      code: "CORRUPT",
      hint: `Generations ${first} can be restored by number.`,
    });
    assertSameFiles(await restored(open(key), first), filesOf("one"));
  });

  it("ends by itself when newer generations have taken the place of the plain ones", async () => {
    await save(open(undefined, 1), "one");
    const store = open(key, 1);
    for (let round = 0; round < 12; round++) await save(store, `round ${round}`);
    const lease = await store.acquire({ session });
    await store.prune({ session, lease });
    // One that is to become an hour and a day old stays, as always.
    const { generations = [] } = (await store.state({ session })) ?? {};
    const plain = generations.filter(({ keyId }) => keyId === undefined);
    expect(plain.length).toBeLessThanOrEqual(1);
    const kept = [...(await everything(blobs, session))].filter(([name]) => name.includes("/chunks/"));
    expect(kept.filter(([, bytes]) => !isEncrypted(bytes)).length).toBe(2 * plain.length);
  });

  it("is refused for a plain session where only encrypted ones are taken", async () => {
    await save(open(), "one");
    const strict = open({ ...key, refusePlain: true });
    for (const call of [
      strict.state({ session }),
      strict.acquire({ session }),
      strict.restoreProfile({ session, into: join(folder(), "into") }),
    ]) {
      await expect(call).rejects.toMatchObject({ code: "CORRUPT", message: expect.stringContaining("not encrypted") });
    }
    await open(key).rekey({ session });
    assertSameFiles(await restored(strict), filesOf("one"));
  });
});
