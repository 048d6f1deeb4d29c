import { readdir } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import type { GenerationCheck, Lease } from "../../lib/store.ts";
import { chunksPrefix } from "../../lib/vault/layout.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, noise, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { testKey } from "../support/keys.ts";
import { vault } from "./support/records.ts";
import { failAll, Requests } from "./support/requests.ts";

const session = "RemoteAuth-bot";
const folder = useFolder();

describe("verifySession", () => {
  let blobs: MemoryBlobs;
  let requests: Requests;
  let store: Vault;
  let lease: Lease;
  let temporary: string;
  const { TMPDIR } = process.env;

  beforeEach(async () => {
    temporary = folder();
    process.env.TMPDIR = temporary;
    blobs = new MemoryBlobs();
    requests = new Requests(blobs);
    store = new Vault({ blobs: requests, retries: 0, onWarning: () => {} });
    lease = await store.acquire({ session });
  });
  afterEach(async () => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
    // Whatever has happened, no session lies in the folder for temporary files.
    expect(await readdir(temporary)).toEqual([]);
  });

  const save = async (value: string, more: Parameters<typeof profileFiles>[1] = {}, verified = false) => {
    const capture = { ...captureOf(profileFiles(value, more)), verified };
    return (await store.saveProfile({ session, lease, capture })).generation;
  };
  const chunkKeys = async (name = session): Promise<string[]> => {
    const keys: string[] = [];
    for await (const { key } of blobs.list(chunksPrefix(name))) keys.push(key);
    return keys;
  };
  async function verify(
    options: Partial<Parameters<Vault["verifySession"]>[0]> = {},
    by = store,
  ): Promise<GenerationCheck[]> {
    const checks: GenerationCheck[] = [];
    for await (const check of by.verifySession({ session, ...options })) checks.push(check);
    return checks;
  }
  const outline = (checks: readonly GenerationCheck[]): unknown[] =>
    checks.map(({ generation, databases, problem }) => [generation.generation, databases ?? problem?.code]);
  /** Changes one byte of a value. */
  const damage = async (key: string): Promise<void> => {
    const bytes = (await blobs.get(key)) as Buffer;
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await blobs.put(key, bytes);
  };

  it("finds the current generation good, or all of them, and writes nothing to the store", async () => {
    const one = await save("one");
    const two = await save("two");
    requests.take();
    expect(outline(await verify())).toEqual([[two, "now"]]);
    expect(outline(await verify({ all: true }))).toEqual([
      [two, "now"],
      [one, "now"],
    ]);
    expect(requests.take().filter((call) => !/^(list|get)/.test(call))).toEqual([]);
    expect((await verify())[0]).toMatchObject({ isCurrent: true, damagedChunks: 0 });
  });

  it("reads what generations share once", async () => {
    const large = { "Default/large": noise(9_000_000) };
    await save("one", large, true);
    const shared = await chunkKeys();
    await save("two", large, true);
    requests.take();
    expect(outline(await verify({ all: true })).map((one) => (one as unknown[])[1])).toEqual(["before", "before"]);
    const gets = requests.take();
    const timesRead = shared.map((key) => gets.filter((call) => call === `get ${key}`).length);
    // The chunk with the small files has some of each generation.
    expect(timesRead.filter((times) => times === 1).length).toBeGreaterThanOrEqual(shared.length - 1);
  });

  it("names a generation with a damaged chunk, and reads the other chunks and generations", async () => {
    const one = await save("one", { "Default/large": noise(9_000_000) });
    const before = new Set(await chunkKeys());
    const two = await save("two", { "Default/large": noise(9_000_000), "Default/other": noise(5_000_000, 2) });
    const added = (await chunkKeys()).filter((key) => !before.has(key));
    await damage(added[0] as string);
    await blobs.delete([added[1] as string]);
    const checks = await verify({ all: true });
    expect(outline(checks)).toEqual([
      [two, "CORRUPT"],
      [one, "now"],
    ]);
    expect(checks[0]).toMatchObject({ damagedChunks: 2 });
    expect(checks[0]?.chunks).toBeGreaterThan(2);
  });

  it("verifies databases that were not before they were stored, and others when asked", async () => {
    const torn = (seed: number) => ({ "Default/Local Storage/leveldb/000003.log": noise(400, seed) });
    const n = await save("one", torn(1));
    const [check] = await verify();
    expect(check?.problem).toMatchObject({ code: "CORRUPT" });
    expect(check?.problem?.message).toContain(`generation ${n} of ${session}`);
    const two = await save("two", torn(2), true);
    expect(outline(await verify())).toEqual([[two, "before"]]);
    expect(outline(await verify({ deep: true }))).toEqual([[two, "CORRUPT"]]);
  });

  it("tells how far it is, and ends when it is told to", async () => {
    await save("one", { "Default/large": noise(20_000_000) });
    const ended = new AbortController();
    const told: number[] = [];
    const onProgress = ({ chunks, ofChunks }: { chunks: number; ofChunks: number }): void => {
      told.push(ofChunks - chunks);
      if (chunks === ofChunks) ended.abort();
    };
    const { signal } = ended;
    await expect(verify({ onProgress, signal })).rejects.toSatisfy((error) => error === signal.reason);
    expect(told.at(-1)).toBe(0);
    expect(told.length).toBeGreaterThan(3);
  });

  it("ends while the databases are written to a folder, which is removed", async () => {
    await save("one", { "Default/large": noise(9_000_000) });
    const ended = new AbortController();
    let isWriting = false;
    requests.intercept = async (call, _key, go) => {
      const found = await go();
      if (call !== "get" || (await readdir(temporary)).length === 0) return found;
      isWriting = true;
      ended.abort();
      return found;
    };
    await expect(verify({ signal: ended.signal })).rejects.toSatisfy((error) => error === ended.signal.reason);
    expect(isWriting).toBe(true);
  });

  it("tells an outage and a missing key from damage", async () => {
    await save("one");
    failAll(requests, "get");
    await expect(verify()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    requests.passAll();
    const name = "RemoteAuth-secret";
    const safe = new Vault({ blobs, encryption: { key: testKey(1) } });
    const held = await safe.acquire({ session: name });
    await safe.saveProfile({ session: name, lease: held, capture: captureOf(profileFiles("x")) });
    expect(outline(await verify({ session: name }, safe))).toEqual([[expect.any(Number), "now"]]);
    await expect(verify({ session: name })).rejects.toMatchObject({ code: "WRONG_KEY" });
    await held.release();
  });

  it("checks what `undelete` would bring back, and nothing where nothing is", async () => {
    expect(await verify()).toEqual([]);
    expect(await verify({ session: "RemoteAuth-nobody" })).toEqual([]);
    const one = await save("one");
    await store.delete({ session, lease });
    expect(outline(await verify())).toEqual([[one, "now"]]);
  });

  it("checks the generation that has taken the place of one that was removed meanwhile", async () => {
    const few = new Vault({ blobs, keep: 1 });
    await lease.release();
    const held = await few.acquire({ session });
    const put = async (value: string): Promise<number> => {
      const capture = { ...captureOf(profileFiles(value)), takenAt: new Date() };
      return (await few.saveProfile({ session, lease: held, capture })).generation;
    };
    const one = await put("one");
    const { value: first } = await store.verifySession({ session }).next();
    expect(first).toMatchObject({ generation: { generation: one } });
    const keys = await chunkKeys();
    let isRead = false;
    requests.intercept = async (call, key, go) => {
      if (!isRead && call === "get" && key.includes("/chunks/")) {
        isRead = true;
        await few.delete({ session, lease: held, retainMs: 0 });
        await put("two");
        await blobs.delete(keys);
      }
      return await go();
    };
    const [check, ...more] = await verify();
    expect(more).toEqual([]);
    expect(check?.problem).toBeUndefined();
    expect(check?.generation.generation).toBeGreaterThan(one);
    await held.release();
  });

  it("checks records: chunks, and the entries after them", async () => {
    const name = "Baileys-bot";
    const records = await vault(blobs, {}, 2).openRecords({ session: name });
    for (let n = 0; n < 4; n++) await records.set([["creds", noise(300_000, n)]]);
    await records.set([["pre-key", noise(3_000)]]);
    await records.close();
    const [check] = await verify({ session: name });
    expect(check).toMatchObject({ isCurrent: true, damagedChunks: 0, chunks: expect.any(Number) });
    expect(check).not.toHaveProperty("problem");
    const kept = new Map<string, Buffer>();
    for await (const { key } of blobs.list(chunksPrefix(name))) kept.set(key, (await blobs.get(key)) as Buffer);
    expect(kept.size).toBeGreaterThan(0);
    for (const [key, bytes] of kept) {
      await damage(key);
      const found = outline(await verify({ session: name }));
      expect(found, key).toEqual([[expect.any(Number), "CORRUPT"]]);
      await blobs.put(key, bytes);
    }
  });
});
