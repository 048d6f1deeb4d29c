import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { VaultError } from "../../lib/errors.ts";
import type { Lease, SaveReport } from "../../lib/store.ts";
import { encodeEntry } from "../../lib/vault/entry.ts";
import { EMPTY_LOG } from "../../lib/vault/entry-draft.ts";
import { SessionFrames } from "../../lib/vault/frames.ts";
import { entryKey } from "../../lib/vault/layout.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, filesIn, noise, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { outage, Requests } from "./support/requests.ts";

const session = "RemoteAuth-bot";

const folder = useFolder();
let backend: MemoryBlobs;
let requests: Requests;
let store: Vault;

beforeEach(() => {
  backend = new MemoryBlobs();
  requests = new Requests(backend);
  store = new Vault({ blobs: requests, retries: 1, retryDelayMs: 0 });
});

describe("an entry that is refused and cannot be read", () => {
  // MongoDB while a majority has not yet seen what was written: the primary refuses the number, and a read does not show it.
  it("is an outage, and loses no lease", async () => {
    const lease = await store.acquire({ session });
    let isHidden = false;
    requests.intercept = async (call, key, go) => {
      if (call === "get" && isHidden && key.includes("/log/")) return undefined as never;
      const result = await go();
      if (call === "put" && key.includes("/log/")) {
        isHidden = true;
        throw outage();
      }
      return result;
    };
    const saving = store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    await expect(saving).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(lease.lost.aborted).toBe(false);
    requests.passAll();
    const { generation } = await store.saveProfile({ session, lease, capture: captureOf(profileFiles("two")) });
    const into = folder();
    expect((await store.restoreProfile({ session, into })).generation).toBe(generation);
    assertSameFiles(await filesIn(into), profileFiles("two"));
  });
});

describe("a signal that was aborted before", () => {
  it("leaves no unhandled rejection", async () => {
    const reason = new Error("enough");
    const blobs = { ...methodsOf(backend), traits: () => Promise.reject(outage()) };
    const vault = new Vault({ blobs, retries: 0 });
    // A rejection that nobody handles fails the run.
    await expect(vault.acquire({ session, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe("a newest entry that is damaged", () => {
  it("has a hint that works as it is written", async () => {
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    const { generation } = await store.saveProfile({ session, lease, capture: captureOf(profileFiles("two")) });
    await backend.put(entryKey(session, generation), Buffer.from("damaged"));
    const error = await store.state({ session }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "CORRUPT", hint: expect.stringContaining(`blobs.delete(["`) });
    const [, key = ""] = /blobs\.delete\(\["([^"]+)"\]\)/.exec((error as VaultError).hint ?? "") ?? [];
    await backend.delete([key]);
    const into = folder();
    await store.restoreProfile({ session, into });
    assertSameFiles(await filesIn(into), profileFiles("one"));
    await lease.release();
    const next = await store.acquire({ session });
    await store.saveProfile({ session, lease: next, capture: captureOf(profileFiles("three")) });
    await store.prune({ session, lease: next });
    const again = folder();
    expect((await store.restoreProfile({ session, into: again })).skipped).toEqual([]);
    assertSameFiles(await filesIn(again), profileFiles("three"));
  });

  it("has the same hint when the backend has lost its value", async () => {
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    requests.intercept = async (call, key, go) => {
      if (call === "get" && key.includes("/log/")) throw new VaultError("CORRUPT", "evicted");
      return go();
    };
    await expect(store.state({ session })).rejects.toMatchObject({ hint: expect.stringContaining("blobs.delete") });
  });

  it("has another hint than an older entry, which need not be deleted", async () => {
    const lease = await store.acquire({ session });
    const { generation } = await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("two")) });
    await backend.put(entryKey(session, generation), Buffer.from("damaged"));
    const error = await store.restoreProfile({ session, generation, into: folder() }).catch((e) => e);
    expect(error).toMatchObject({ code: "CORRUPT" });
    expect(String(error.hint)).not.toContain("delete");
  });
});

function methodsOf(blobs: MemoryBlobs): ConstructorParameters<typeof Vault>[0]["blobs"] {
  return {
    traits: (options) => blobs.traits(options),
    get: (key, options) => blobs.get(key, options),
    put: (key, bytes, options) => blobs.put(key, bytes, options),
    list: (prefix, options) => blobs.list(prefix, options),
    delete: (keys, options) => blobs.delete(keys, options),
  };
}

describe("a session that is linked anew after it was deleted", () => {
  it("is never restored from a generation before the deletion", async () => {
    const lease = await store.acquire({ session });
    const old = await store.saveProfile({ session, lease, capture: captureOf(profileFiles("logged out")) });
    await store.mark({ session, lease, generation: old.generation, as: "proven" });
    await store.delete({ session, lease });
    const fresh = await store.saveProfile({ session, lease, capture: captureOf(profileFiles("linked anew")) });
    await store.mark({ session, lease, generation: fresh.generation, as: "proven" });
    await backend.put(entryKey(session, fresh.generation), Buffer.from("damaged"));
    const error = await store.restoreProfile({ session, into: folder() }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "CORRUPT", hint: expect.stringContaining(String(old.generation)) });
    // People may.
    const into = folder();
    await store.rollback({ session, lease, generation: old.generation });
    await store.restoreProfile({ session, into });
    assertSameFiles(await filesIn(into), profileFiles("logged out"));
  });
});

describe("a store that loses entries it had confirmed", () => {
  // A fail-over to a copy that was behind: the newest keys are gone, and the holder knows nothing of it.
  it("is sent everything anew within some saves, and restores the newest one", async () => {
    const warnings: string[] = [];
    const holder = new Vault({ blobs: backend, onWarning: (message) => warnings.push(message) });
    const lease = await holder.acquire({ session });
    const large = { "Default/a.ldb": noise(600_000), "Default/b.ldb": noise(600_000, 2) };
    const save = (round: number): Promise<unknown> =>
      holder.saveProfile({ session, lease, capture: captureOf(profileFiles(`round ${round}`, large)) });
    const before = new Set<string>();
    for await (const { key } of backend.list(`${session}/`)) before.add(key);
    for (let round = 0; round < 3; round++) await save(round);
    for await (const { key } of backend.list(`${session}/`)) if (!before.has(key)) await backend.delete([key]);
    for (let round = 3; round < 20; round++) await save(round);
    const into = folder();
    expect((await store.restoreProfile({ session, into })).skipped).toEqual([]);
    assertSameFiles(await filesIn(into), profileFiles("round 19", large));
    await holder.prune({ session, lease });
    // Said once: what was lost is given up, and pruning goes on.
    expect(warnings).toEqual([expect.stringContaining("should be there")]);
    const kept = (await holder.state({ session }))?.generations.map(({ generation }) => generation);
    expect(kept).toEqual(expect.not.arrayContaining([2]));
    expect(kept).toEqual(expect.arrayContaining([17, 18, 19, 20, 21]));
  });

  it("gives up a generation whose number another entry has taken since, and prunes again", async () => {
    const warnings: string[] = [];
    const holder = new Vault({ blobs: backend, onWarning: (message) => warnings.push(message) });
    let lease: Lease = await holder.acquire({ session });
    const save = (value: string): Promise<SaveReport> =>
      holder.saveProfile({ session, lease, capture: captureOf(profileFiles(value)) });
    const { generation } = await save("one");
    await save("two");
    await lease.release();
    const frames = new SessionFrames(session);
    const late = { ...EMPTY_LOG, session, n: generation, id: "another", epoch: 1, salt: "5a" };
    await backend.put(entryKey(session, generation), await encodeEntry(frames, late));
    lease = await holder.acquire({ session });
    await holder.prune({ session, lease });
    await save("three");
    await holder.prune({ session, lease });
    expect(warnings).toEqual([expect.stringContaining("should be there")]);
    expect((await holder.state({ session }))?.generations.map((kept) => kept.generation)).not.toContain(generation);
  });
});
