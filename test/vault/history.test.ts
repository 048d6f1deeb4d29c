import { setImmediate } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import type { HistoryEntry, Lease, SaveReport } from "../../lib/store.ts";
import { entryKey } from "../../lib/vault/layout.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { testKey } from "../support/keys.ts";
import { takeOver } from "../support/take-over.ts";
import { FakeTime } from "./support/fake-time.ts";
import { set, take, vault } from "./support/records.ts";
import { failAll, Requests } from "./support/requests.ts";

const session = "RemoteAuth-bot";
const MINUTE = 60_000;

describe("the history of a session", () => {
  let time: FakeTime;
  let blobs: MemoryBlobs;
  let requests: Requests;
  let store: Vault;
  let reader: Vault;

  const open = (options: VaultOptions = {}): Vault =>
    new Vault({ blobs: requests, retries: 0, onWarning: () => {}, ...options }, { clock: time.clock() });
  beforeEach(() => {
    time = new FakeTime();
    blobs = new MemoryBlobs();
    requests = new Requests(blobs);
    [store, reader] = [open(), open()];
  });

  const save = async (lease: Lease, value: string): Promise<SaveReport> => {
    await time.advance(5 * MINUTE);
    return store.saveProfile({ session, lease, capture: captureOf(profileFiles(value)) });
  };
  async function history(signal?: AbortSignal): Promise<HistoryEntry[]> {
    const entries: HistoryEntry[] = [];
    for await (const entry of reader.history(signal ? { session, signal } : { session })) entries.push(entry);
    return entries;
  }
  const outline = (entries: readonly HistoryEntry[]): unknown[] => entries.map(({ entry, kind }) => [entry, kind]);

  it("is empty for a session that was never written, and takes nothing", async () => {
    expect(await history()).toEqual([]);
    expect(requests.log.filter((call) => !/^(list|get)/.test(call))).toEqual([]);
  });

  it("tells every change, newest first, while another vault holds the session", async () => {
    const lease = await store.acquire({ session });
    const one = await save(lease, "one");
    await store.mark({ session, lease, generation: one.generation, as: "proven" });
    const two = await save(lease, "two");
    await store.mark({ session, lease, generation: two.generation, as: "rejected" });
    await store.rollback({ session, lease, generation: one.generation });
    await store.delete({ session, lease, retainMs: 60 * MINUTE });
    await store.undelete({ session, lease });

    requests.take();
    const entries = await history();
    expect(requests.take().filter((call) => !/^(list|get)/.test(call))).toEqual([]);
    expect(entries.map(({ entry, kind, generation }) => [entry, kind, generation])).toEqual([
      [8, "undeleted", one.generation],
      [7, "deleted", undefined],
      [6, "rollback", one.generation],
      [5, "rejected", two.generation],
      [4, "save", undefined],
      [3, "proven", one.generation],
      [2, "save", undefined],
      [1, "hold", undefined],
    ]);
    const by = expect.stringMatching(/^.+:\d+$/);
    for (const entry of entries) expect(entry).toMatchObject({ by, epoch: 1, at: expect.any(Date) });
    expect(entries[1]?.until?.getTime()).toBe((entries[1]?.at?.getTime() ?? 0) + 60 * MINUTE);
    const kept = { isKept: true, suspect: false, files: one.files, bytes: one.bytes };
    const [second, first] = [entries[4], entries[6]];
    expect(second?.saved).toMatchObject({ ...kept, id: two.id, isCurrent: false, proven: false, rejected: true });
    expect(first?.saved).toMatchObject({ ...kept, id: one.id, isCurrent: true, proven: true, rejected: false });
    expect((second?.at?.getTime() ?? 0) - (first?.at?.getTime() ?? 0)).toBe(5 * MINUTE);
    expect(first?.saved?.at).toEqual(first?.at);
    // It has taken nothing.
    await save(lease, "three");
  });

  it("tells which process took the session", async () => {
    const lease = await store.acquire({ session });
    await save(lease, "one");
    await lease.release();
    await reader.acquire({ session });
    expect((await history())[0]).toMatchObject({ entry: 3, kind: "hold", epoch: 2 });
  });

  it("says that a save is neither kept nor current once the session was deleted for good", async () => {
    const lease = await store.acquire({ session });
    const { generation } = await save(lease, "one");
    await store.delete({ session, lease });
    expect((await history()).find(({ entry }) => entry === generation)?.saved).toMatchObject({
      isKept: true,
      isCurrent: false,
    });
    requests.intercept = (call, _key, go) => (call === "delete" ? (Promise.resolve() as never) : go());
    await store.undelete({ session, lease });
    await store.delete({ session, lease, retainMs: 0 });
    expect((await history()).find(({ entry }) => entry === generation)?.saved).toMatchObject({
      isKept: false,
      isCurrent: false,
    });
  });

  it("goes on after entries that are damaged, and reports each of them", async () => {
    const lease = await store.acquire({ session });
    for (const value of ["one", "two", "three"]) await save(lease, value);
    for (const n of [2, 4]) await blobs.put(entryKey(session, n), Buffer.from("damaged"));
    const entries = await history();
    expect(outline(entries)).toEqual([
      [4, "unreadable"],
      [3, "save"],
      [2, "unreadable"],
      [1, "hold"],
    ]);
    for (const { error } of [entries[0], entries[2]] as HistoryEntry[])
      expect(error).toMatchObject({ code: "CORRUPT" });
    // As the session is without its newest entry.
    expect(entries[1]?.saved).toMatchObject({ isKept: true, isCurrent: true });
  });

  it("reports every entry of a log in which none can be read", async () => {
    await save(await store.acquire({ session }), "one");
    for (const n of [1, 2]) await blobs.put(entryKey(session, n), Buffer.from("damaged"));
    expect(outline(await history())).toEqual([
      [2, "unreadable"],
      [1, "unreadable"],
    ]);
  });

  it("leaves out an entry that is pruned while the history is read", async () => {
    const lease = await store.acquire({ session });
    for (let n = 0; n < 7; n++) await save(lease, `round ${n}`);
    let isPruned = false;
    requests.intercept = async (call, _key, go) => {
      const result = await go();
      if (call !== "get" || isPruned) return result;
      isPruned = true;
      // Between the newest entry and the others.
      await store.delete({ session, lease, retainMs: 0 });
      return result;
    };
    expect(outline(await history())).toEqual([
      [8, "save"],
      [1, "hold"],
    ]);
    expect(isPruned).toBe(true);
  });

  it("begins again when the newest entry is pruned before it is read", async () => {
    const lease = await store.acquire({ session });
    await save(lease, "one");
    let isPruned = false;
    requests.intercept = async (call, _key, go) => {
      if (call === "get" && !isPruned) {
        isPruned = true;
        await store.delete({ session, lease, retainMs: 0 });
      }
      return go();
    };
    expect(outline(await history())).toEqual([
      [3, "deleted"],
      [1, "hold"],
    ]);
  });

  it("reports a kept generation that the store has lost, or has another entry for", async () => {
    const lease = await store.acquire({ session });
    for (const value of ["one", "two", "three"]) await save(lease, value);
    await blobs.delete([entryKey(session, 2)]);
    const other = new Requests(new MemoryBlobs());
    const stranger = new Vault({ blobs: other });
    const strange = await stranger.acquire({ session });
    for (const value of ["a", "b"]) {
      await stranger.saveProfile({ session, lease: strange, capture: captureOf(profileFiles(value)) });
    }
    await blobs.put(entryKey(session, 3), (await other.get(entryKey(session, 3))) as Buffer);
    const entries = await history();
    expect(outline(entries)).toEqual([
      [4, "save"],
      [3, "unreadable"],
      [2, "unreadable"],
      [1, "hold"],
    ]);
    expect(entries[1]?.error).toMatchObject({ code: "CORRUPT" });
  });

  it("tells which generations are encrypted, also once they were encrypted anew", async () => {
    await save(await store.acquire({ session }), "one");
    const encrypting = open({ encryption: { key: testKey(1) } });
    await takeOver(encrypting, session);
    store = encrypting;
    const lease = await takeOver(encrypting, session);
    await save(lease, "two");
    reader = open({ encryption: { key: testKey(1) } });
    const keys = async (): Promise<unknown[]> =>
      (await history()).flatMap(({ kind, saved }) => (saved?.isKept ? [[kind, saved.generation, saved.keyId]] : []));
    const [[, second, keyId] = [], [, first] = []] = (await keys()) as [string, number, string][];
    expect(await keys()).toEqual([
      ["save", second, expect.stringMatching(/^[0-9a-f]{16}$/)],
      ["save", first, undefined],
    ]);
    await encrypting.rekey({ session, lease });
    expect(await keys()).toEqual([
      ["rekeyed", first, keyId],
      ["save", second, keyId],
    ]);
    expect((await history()).filter(({ kind }) => kind === "unreadable")).toEqual([]);
    // Without the key nothing can be told but that there are entries.
    reader = open();
    for (const { kind, error } of await history()) {
      expect([kind, error?.code]).toEqual(["unreadable", "WRONG_KEY"]);
    }
  });

  it("is CORRUPT when the store has lost the whole log", async () => {
    await save(await store.acquire({ session }), "one");
    await blobs.delete([entryKey(session, 1), entryKey(session, 2)]);
    await expect(history()).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("throws in an outage, and when its signal aborts", async () => {
    await save(await store.acquire({ session }), "one");
    failAll(requests, "get");
    await expect(history()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    const reason = new Error("stop");
    await expect(history(AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it("reads no more than the entries that are asked for, and a few", async () => {
    const lease = await store.acquire({ session });
    for (let n = 0; n < 40; n++) await store.rollback({ session, lease, generation: await saved(lease, n) });
    requests.take();
    for await (const { entry } of reader.history({ session })) if (entry > 0) break;
    expect(requests.take().filter((call) => call.startsWith("get")).length).toBe(1);
  });

  /** Two saves. @returns the number of the first */
  async function saved(lease: Lease, n: number): Promise<number> {
    const { generation } = await save(lease, `first ${n}`);
    await save(lease, `second ${n}`);
    return generation;
  }

  it("keeps take-overs, rejections, rollbacks and deletions when later entries follow", async () => {
    const lease = await store.acquire({ session });
    const first = await saved(lease, 0);
    await store.mark({ session, lease, generation: first + 1, as: "rejected" });
    await store.rollback({ session, lease, generation: first });
    await store.delete({ session, lease });
    await store.undelete({ session, lease });
    for (let n = 0; n < 30; n++) await save(lease, `round ${n}`);
    await store.prune({ session, lease });
    const kinds = (await history()).map(({ kind }) => kind).filter((kind) => kind !== "save");
    expect(kinds).toEqual(["undeleted", "deleted", "rollback", "rejected", "hold"]);
  });
});

describe("the history of a session of records", () => {
  async function history(of: Vault): Promise<HistoryEntry[]> {
    const entries: HistoryEntry[] = [];
    for await (const entry of of.history({ session: "Baileys-bot" })) entries.push(entry);
    return entries;
  }

  it("tells each entry, what it holds, and which one has all records", async () => {
    const store = vault(new MemoryBlobs());
    const records = await take(store);
    await set(records, { a: "1", b: "2" });
    await set(records, { a: undefined });
    await records.clear({ retainMs: 60 * MINUTE });
    await records.close();
    await store.undelete({ session: "Baileys-bot" });
    const next = await take(store);
    await set(next, { c: "3" });
    await next.close();

    const entries = await history(store);
    expect(entries.map(({ kind, changes, generation }) => [kind, changes, generation])).toEqual([
      ["records", 1, undefined],
      ["hold", undefined, undefined],
      ["undeleted", undefined, 4],
      ["hold", undefined, undefined],
      ["deleted", undefined, undefined],
      ["records", 1, undefined],
      ["records", 2, undefined],
      ["hold", undefined, undefined],
    ]);
    const [, , , , deleted, second, first] = entries;
    expect(deleted?.until?.getTime()).toBe((deleted?.at?.getTime() ?? 0) + 60 * MINUTE);
    expect(deleted?.saved).toMatchObject({ generation: 4, files: 1, bytes: 1, isKept: true, isCurrent: true });
    // The first entry of records is a generation, until another one takes its place.
    expect(first?.saved).toMatchObject({ generation: 2, isKept: false, isCurrent: false });
    expect(second).not.toHaveProperty("saved");
    expect(JSON.stringify(entries)).not.toContain('"3"');
  });

  it("is short however many sets there were, and keeps deletions and take-overs", async () => {
    const store = vault(new MemoryBlobs(), {}, 8);
    const records = await take(store);
    await set(records, { a: "first" });
    await records.clear();
    for (let n = 0; n < 300; n++) {
      await set(records, { [`key ${n % 10}`]: `${n}` });
      await setImmediate();
    }
    await records.close();
    const kinds = (await history(store)).map(({ kind }) => kind);
    expect(kinds.length).toBeLessThan(40);
    expect(kinds.filter((kind) => kind !== "records")).toEqual(["deleted", "hold"]);
  });

  it("reports an entry of records that should be there and is missing", async () => {
    const blobs = new MemoryBlobs();
    const store = vault(blobs);
    const records = await take(store);
    for (const a of ["1", "2", "3"]) await set(records, { a });
    await records.close();
    await blobs.delete([entryKey("Baileys-bot", 3)]);
    const found = (await history(store)).map(({ entry, kind, error }) => [entry, kind, error?.code]);
    expect(found).toContainEqual([3, "unreadable", "CORRUPT"]);
    expect(found).toHaveLength(4);
  });
});
