import { beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "../adapters/fs/index.ts";
import { MemoryBlobs } from "../lib/blobs/memory.ts";
import { copySession } from "../lib/copy-session.ts";
import { renameSession } from "../lib/rename-session.ts";
import type { ProfileStore } from "../lib/store.ts";
import { Vault } from "../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, profileFiles } from "./contract/profile.ts";
import { useFolder } from "./support/folder.ts";
import { outage, Requests } from "./vault/support/requests.ts";

const folder = useFolder();
const [session, newSession] = ["RemoteAuth-old", "RemoteAuth-new"];
const files = profileFiles("linked");
let requests: Requests;
let backend: MemoryBlobs;

beforeEach(() => {
  backend = new MemoryBlobs();
  requests = new Requests(backend);
});

/** The store of another process. */
function open(): Vault {
  return new Vault({ blobs: requests, retries: 0, retryDelayMs: 0 });
}

async function save(store: ProfileStore, name: string, content: Files): Promise<void> {
  const lease = await store.acquire({ session: name });
  await store.saveProfile({ session: name, capture: captureOf(content), lease });
  await lease.release();
}

async function filesOf(store: ProfileStore, name: string): Promise<Files> {
  const into = folder();
  await store.restoreProfile({ session: name, into });
  return filesIn(into);
}

async function saveRecords(store: Vault, name: string, value: string): Promise<void> {
  const records = await store.openRecords({ session: name });
  await records.set(new Map([["creds", Buffer.from(value)]]));
  await records.close();
}

describe("copySession within one store", () => {
  it("copies a session to another name, and refuses to overwrite one", async () => {
    const store = open();
    await save(store, session, files);
    const copy = (name: string) => copySession({ from: store, to: store, session: name, fromSession: session });
    expect(await copy(newSession)).toMatchObject({ session: newSession, fromSession: session, unchanged: false });
    for (const name of [session, newSession]) assertSameFiles(await filesOf(store, name), files);
    await save(store, "RemoteAuth-third", profileFiles("other"));
    await expect(copy("RemoteAuth-third")).rejects.toMatchObject({ code: "CONFLICT" });
    assertSameFiles(await filesOf(store, "RemoteAuth-third"), profileFiles("other"));
    expect(await copy(session)).toMatchObject({ unchanged: true });
  });
});

describe("renameSession", () => {
  it.each([
    ["memory", () => open()],
    ["a directory", () => new FileStore({ directory: folder() })],
  ])("gives a session of a browser another name, in %s", async (_, opened) => {
    const store = opened();
    await save(store, session, files);
    const report = await renameSession({ store, session, newSession });
    expect(report).toEqual({
      session: newSession,
      fromSession: session,
      files: Object.keys(files).length,
      bytes: expect.any(Number),
      ms: expect.any(Number),
    });
    assertSameFiles(await filesOf(store, newSession), files);
    expect(await store.sessionExists({ session })).toBe(false);
    expect((await store.state({ session }))?.lease).toBeUndefined();
    await (await store.acquire({ session: newSession })).release();
    await store.undelete({ session });
    assertSameFiles(await filesOf(store, session), files);
  });

  it("gives a session of Baileys another name", async () => {
    const store = open();
    await saveRecords(store, "Baileys-old", "me");
    await renameSession({ store, session: "Baileys-old", newSession: "Baileys-new" });
    expect((await store.peekRecords({ session: "Baileys-new" }))?.get("creds")?.toString()).toBe("me");
    expect(await store.peekRecords({ session: "Baileys-old" })).toBeUndefined();
    await store.undelete({ session: "Baileys-old" });
    expect((await store.peekRecords({ session: "Baileys-old" }))?.get("creds")?.toString()).toBe("me");
  });

  it("refuses a session that would heal itself: WhatsApp has refused the current generation, and an older one is better", async () => {
    for (const isProven of [true, false]) {
      requests = new Requests(new MemoryBlobs());
      const store = open();
      const lease = await store.acquire({ session });
      const saveAs = async (name: string): Promise<number> =>
        (await store.saveProfile({ session, capture: captureOf(profileFiles(name)), lease })).generation;
      const good = await saveAs("good");
      if (isProven) await store.mark({ session, lease, generation: good, as: "proven" });
      const bad = await saveAs("bad");
      await store.mark({ session, lease, generation: bad, as: "rejected" });
      await lease.release();
      await expect(renameSession({ store, session, newSession })).rejects.toMatchObject({
        code: "INVALID",
        message: `Could not rename ${session}: WhatsApp has refused its generation ${bad}.`,
        hint: expect.stringContaining(`roll the session back to generation ${good}.`),
      });
      expect(await store.state({ session: newSession })).toBeUndefined();
      const again = await store.acquire({ session });
      await store.rollback({ session, lease: again, generation: good });
      await again.release();
      await renameSession({ store, session, newSession });
      assertSameFiles(await filesOf(store, newSession), profileFiles("good"));
      expect((await store.state({ session: newSession }))?.current?.proven).toBe(isProven);
    }
  });

  it("renames a refused session that has no better generation", async () => {
    const store = open();
    const lease = await store.acquire({ session });
    const { generation } = await store.saveProfile({ session, capture: captureOf(files), lease });
    await store.mark({ session, lease, generation, as: "rejected" });
    await lease.release();
    await renameSession({ store, session, newSession });
    assertSameFiles(await filesOf(store, newSession), files);
    expect((await store.state({ session: newSession }))?.current).toMatchObject({ rejected: true, proven: false });
  });

  it("does not say of a session that was refused after it was proven that a bot was ready with it", async () => {
    const store = open();
    const lease = await store.acquire({ session });
    const { generation } = await store.saveProfile({ session, capture: captureOf(files), lease });
    await store.mark({ session, lease, generation, as: "proven" });
    await store.mark({ session, lease, generation, as: "rejected" });
    await lease.release();
    await renameSession({ store, session, newSession });
    expect((await store.state({ session: newSession }))?.current).toMatchObject({ rejected: true, proven: false });
  });

  it("keeps the session under a name whose own was deleted", async () => {
    const store = open();
    await save(store, session, files);
    await save(store, newSession, profileFiles("before"));
    await store.delete({ session: newSession });
    await renameSession({ store, session, newSession });
    assertSameFiles(await filesOf(store, newSession), files);
  });

  it("refuses a session that a bot has, and one whose new name a bot has", async () => {
    const [store, bot] = [open(), open()];
    await save(store, session, files);
    const lease = await bot.acquire({ session });
    await expect(renameSession({ store, session, newSession })).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect(await store.state({ session: newSession })).toBeUndefined();
    await lease.release();
    const other = await bot.acquire({ session: newSession });
    await expect(renameSession({ store, session, newSession })).rejects.toMatchObject({ code: "LEASE_HELD" });
    await other.release();
    assertSameFiles(await filesOf(store, session), files);
    await renameSession({ store, session, newSession });
  });

  it("refuses to overwrite another session", async () => {
    const store = open();
    await save(store, session, files);
    await save(store, newSession, profileFiles("other"));
    await saveRecords(store, "Baileys-old", "one");
    await saveRecords(store, "Baileys-new", "other");
    for (const names of [
      { session, newSession },
      { session: "Baileys-old", newSession: "Baileys-new" },
    ]) {
      const renamed = renameSession({ store, ...names });
      await expect(renamed).rejects.toMatchObject({ code: "CONFLICT", hint: /^Nothing was changed/ });
    }
    assertSameFiles(await filesOf(store, session), files);
    assertSameFiles(await filesOf(store, newSession), profileFiles("other"));
    expect((await store.peekRecords({ session: "Baileys-new" }))?.get("creds")?.toString()).toBe("other");
  });

  it("says which sessions there are when there is none of the name, and writes nothing", async () => {
    const store = open();
    await save(store, session, files);
    const renamed = renameSession({ store, session: "RemoteAuth-odl", newSession });
    await expect(renamed).rejects.toMatchObject({ code: "ABSENT", hint: "The store has RemoteAuth-old." });
    expect(await store.state({ session: "RemoteAuth-odl" })).toBeUndefined();
    await renameSession({ store, session, newSession });
    const again = renameSession({ store, session, newSession });
    await expect(again).rejects.toMatchObject({ code: "ABSENT", hint: /renamed already/ });
  });

  it.each([
    [session, session],
    [session, "new"],
    [session, "RemoteAuthnew"],
    [session, "Baileys-old"],
    ["Baileys-old", session],
    [session, "a b"],
    [session, "_x"],
    [session, "x".repeat(129)],
    [session, ""],
  ])("refuses names that no bot would find: %s to %s", async (from, to) => {
    const store = open();
    await save(store, session, files);
    const renamed = renameSession({ store, session: from, newSession: to });
    await expect(renamed).rejects.toMatchObject({ code: "INVALID" });
    assertSameFiles(await filesOf(store, session), files);
  });

  it("refuses a store without leases", async () => {
    const store = { sessionExists: () => true, save: () => {}, extract: () => {}, delete: () => {} };
    const renamed = renameSession({ store: store as never, session, newSession });
    await expect(renamed).rejects.toMatchObject({ code: "INVALID", hint: /copySession/ });
  });

  it("leaves the old name whole when it is cut off at any request, and goes on when it is called again", async () => {
    let whole = false;
    for (let allowed = 0; !whole; allowed++) {
      backend = new MemoryBlobs();
      requests = new Requests(backend);
      const store = open();
      await save(store, session, files);
      let left = allowed;
      requests.intercept = (_call, _key, go) => (left-- > 0 ? go() : Promise.reject(outage()));
      whole = await renameSession({ store, session, newSession }).then(
        () => left > 0,
        () => false,
      );
      requests.passAll();
      const after = open();
      const there = await after.sessionExists({ session });
      if (there) assertSameFiles(await filesOf(after, session), files);
      else assertSameFiles(await filesOf(after, newSession), files);
      await after.breakLease({ session });
      await after.breakLease({ session: newSession });
      if (there) await renameSession({ store: after, session, newSession });
      expect(await after.sessionExists({ session })).toBe(false);
      assertSameFiles(await filesOf(after, newSession), files);
    }
  });

  it("tells a delete that has failed, with both names whole", async () => {
    const store = open();
    await save(store, session, files);
    const { delete: remove } = store;
    store.delete = () => Promise.reject(outage());
    const renamed = renameSession({ store, session, newSession });
    await expect(renamed).rejects.toMatchObject({ code: "UNAVAILABLE", hint: /Both names/ });
    for (const name of [session, newSession]) assertSameFiles(await filesOf(store, name), files);
    store.delete = remove;
    await renameSession({ store, session, newSession });
    expect(await store.sessionExists({ session })).toBe(false);
  });

  it("ends at a signal, and gives the session back", async () => {
    const store = open();
    await save(store, session, files);
    const controller = new AbortController();
    const onProgress = (): void => controller.abort(new Error("enough"));
    const renamed = renameSession({ store, session, newSession, onProgress, signal: controller.signal });
    await expect(renamed).rejects.toThrow("enough");
    await (await open().acquire({ session })).release();
    assertSameFiles(await filesOf(store, session), files);
  });
});
