import { createReadStream, createWriteStream, existsSync, rmSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MemoryBlobs, MemoryStore } from "../../adapters/memory.ts";
import { unzip } from "../../lib/archive/unzip.ts";
import { type CopyProgress, copySession } from "../../lib/copy-session.ts";
import type { SessionStore } from "../../lib/store.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, noise, profileFiles, writeZip } from "../contract/profile.ts";
import { useOwnDirectory } from "../support/own-directory.ts";
import { startMongo, startS3, unique } from "../support/services/index.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { openStore, type StoreKind } from "../support/stores.ts";

const folder = useOwnDirectory();

const files = profileFiles("linked", { "Default/IndexedDB/x/000005.ldb": noise(400_000) });

for (const [old, start, own] of [
  ["wwebjs-mongo", startMongo, "mongo"],
  ["wwebjs-aws-s3", startS3, "s3"],
] as const) {
  await suiteWith(old, shared(start), ({ env }) => {
    const open = (kind: StoreKind): Promise<SessionStore> => openStore({ kind, env, name: `c${unique()}` });

    it("copies a session from it into our store, and keeps the original", async () => {
      const [from, to, session] = [await open(old), await open(own), `RemoteAuth-${unique()}`];
      await saveOld(from, session, files);
      const steps: CopyProgress[] = [];
      const report = await copySession({ from, to, session, onProgress: (step) => steps.push(step) });
      expect(report).toMatchObject({ session, fromSession: session, files: 4, unchanged: false });
      expect(steps.map(({ step }) => step)).toEqual(["reading", "checking", "writing", "comparing"]);
      expect(steps[3]).toMatchObject({ session, files: 4, bytes: report.bytes });
      assertSameFiles(await filesOf(to, session), files);
      assertSameFiles(await filesOf(from, session), files);
      expect(await copySession({ from, to, session })).toMatchObject({ unchanged: true });
    });

    it("copies a session that it has stored under a path", async () => {
      const [from, to, session] = [await open(old), await open(own), `RemoteAuth-${unique()}`];
      const dataPath = join(folder, "the bot", unique());
      await saveOld(from, join(dataPath, session), files);
      await expect(copySession({ from, to, session })).rejects.toMatchObject({ code: "ABSENT", hint: /dataPath/ });
      const report = await copySession({ from, to, session, dataPath });
      expect(report).toMatchObject({ session, fromSession: join(dataPath, session) });
      assertSameFiles(await filesOf(to, session), files);
    });

    it("refuses a session that it has under both names", async () => {
      const [from, to, session] = [await open(old), await open(own), `RemoteAuth-${unique()}`];
      const dataPath = join(folder, unique());
      const misfiled = join(dataPath, session);
      await saveOld(from, session, profileFiles("old"));
      await saveOld(from, misfiled, files);
      await expect(copySession({ from, to, session, dataPath })).rejects.toMatchObject({ code: "CONFLICT" });
      expect(await to.sessionExists({ session })).toBe(false);
      await copySession({ from, to, session, fromSession: misfiled });
      assertSameFiles(await filesOf(to, session), files);
    });

    it("copies our session into it, and leaves no zip", async () => {
      const [from, to, session] = [await open(own), await open(old), `RemoteAuth-${unique()}`];
      await saveOld(from, session, files);
      await copySession({ from, to, session });
      assertSameFiles(await filesOf(to, session), files);
      expect(existsSync(`${session}.zip`)).toBe(false);
    });
  });
}

describe("copySession", () => {
  const session = "RemoteAuth-a";

  it("does not replace another version without `replace`", async () => {
    const [from, to] = [new MemoryStore(), new MemoryStore()];
    await saveOld(from, session, files);
    await saveOld(to, session, profileFiles("newer"));
    await expect(copySession({ from, to, session })).rejects.toMatchObject({ code: "CONFLICT", hint: /replace/ });
    assertSameFiles(await filesOf(to, session), profileFiles("newer"));
    await copySession({ from, to, session, replace: true });
    assertSameFiles(await filesOf(to, session), files);
    expect((await to.state({ session }))?.generations).toHaveLength(2);
  });

  it("writes nothing when the source's session does not verify", async () => {
    const [from, to] = [zipStore(), new MemoryStore()];
    const broken = { ...files, "Default/Local Storage/leveldb/CURRENT": Buffer.from("") };
    await saveOld(from, session, broken);
    await expect(copySession({ from, to, session })).rejects.toMatchObject({ code: "CORRUPT" });
    await saveOld(from, session, { "Default/Preferences": Buffer.from("{}") });
    await expect(copySession({ from, to, session })).rejects.toMatchObject({ code: "CORRUPT" });
    expect(await to.state({ session })).toBeUndefined();
  });

  it("does not mistake a missing answer for an absence, nor an absence for an outage", async () => {
    const silent = { ...zipStore(), sessionExists: async () => undefined as unknown as boolean };
    const to = new MemoryStore();
    await expect(copySession({ from: silent, to, session })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(copySession({ from: zipStore(), to, session })).rejects.toMatchObject({ code: "ABSENT" });
    await expect(copySession({ from: zipStore(), to, session, fromSession: "x" })).rejects.toMatchObject({
      code: "ABSENT",
    });
  });

  it("throws when the target stores other bytes", async () => {
    const from = new MemoryStore();
    await saveOld(from, session, files);
    const kept = zipStore();
    const to = { ...kept, save: () => saveOld(kept, session, profileFiles("something else")) };
    await expect(copySession({ from, to, session })).rejects.toMatchObject({ code: "CORRUPT", hint: /as it was/ });
  });

  it.each([
    ["has no session yet", undefined],
    ["has another version", profileFiles("older")],
  ])("waits for a target that reads the zip after its `save` has resolved, and %s", async (_, older) => {
    const from = new MemoryStore();
    await saveOld(from, session, files);
    const kept = zipStore();
    if (older) await saveOld(kept, session, older);
    const to: SessionStore = {
      ...kept,
      // With a stream whose error would end the process.
      save: async () => {
        const late = join(folder, `${unique()}.late`);
        setTimeout(() => {
          const written = createReadStream(`${session}.zip`).pipe(createWriteStream(late));
          written.on("close", () => void kept.save({ session, path: late }));
        }, 200);
      },
    };
    expect(await copySession({ from, to, session, replace: true })).toMatchObject({ unchanged: false });
    assertSameFiles(await filesOf(to, session), files);
    expect(existsSync(`${session}.zip`)).toBe(false);
  });

  it("copies an older version only with `allowOlder`, and reports the skipped one", async () => {
    const { from, newest, warnings } = await damaged();
    const to = new MemoryStore();
    const refused = { code: "CORRUPT", message: expect.stringContaining(`${newest}`), hint: /allowOlder/ };
    await expect(copySession({ from, to, session })).rejects.toMatchObject(refused);
    await expect(copySession({ from, to, session, replace: true })).rejects.toMatchObject(refused);
    expect(await to.state({ session })).toBeUndefined();
    const report = await copySession({ from, to, session, allowOlder: true });
    expect(report).toMatchObject({ unchanged: false, skipped: [{ generation: newest, code: "CORRUPT" }] });
    assertSameFiles(await filesOf(to, session), profileFiles("old"));
    expect(warnings[0]).toMatch(new RegExp(`Generation ${newest} .* is not whole: generation \\d+ was extracted`));
  });

  it("does not mistake an older version in the target for its current version", async () => {
    const from = new MemoryStore();
    await saveOld(from, session, profileFiles("old"));
    const { from: to } = await damaged();
    await expect(copySession({ from, to, session })).rejects.toMatchObject({ code: "CONFLICT", message: /not whole/ });
    const report = await copySession({ from, to, session, replace: true });
    expect(report).toMatchObject({ unchanged: false, skipped: [] });
    expect(await to.extract({ session, path: join(folder, `${unique()}.zip`) })).toMatchObject({ skipped: [] });
  });

  it("names the process that has the session in the target, and writes nothing", async () => {
    const from = new MemoryStore();
    await saveOld(from, session, profileFiles("one"));
    const to = new Vault({ blobs: new MemoryBlobs() });
    const lease = await to.acquire({ session });
    const held = {
      code: "LEASE_HELD",
      message: expect.stringMatching(
        /^Could not write to the target: Could not take RemoteAuth-a: \S+:\d+ has held it /,
      ),
      hint: expect.stringMatching(/^Nothing was copied\. Stop \S+:\d+/),
      owner: expect.stringMatching(/^\S+:\d+$/),
      expiresAt: expect.any(Date),
    };
    await expect(copySession({ from, to, session })).rejects.toMatchObject(held);
    expect(await to.sessionExists({ session })).toBe(false);
    await lease.release();
    await copySession({ from, to, session });
    expect(await to.sessionExists({ session })).toBe(true);
  });

  it("reads a session that a process has in the source", async () => {
    const [from, to] = [new Vault({ blobs: new MemoryBlobs() }), new MemoryStore()];
    const lease = await from.acquire({ session });
    await from.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    await copySession({ from, to, session });
    expect(await to.sessionExists({ session })).toBe(true);
    expect(lease.lost.aborted).toBe(false);
    await lease.release();
  });

  /** A store whose newest version is not whole, and one before it is. */
  async function damaged(): Promise<{ from: Vault; newest: number; warnings: string[] }> {
    const blobs = new MemoryBlobs();
    const chunks = async (): Promise<string[]> => {
      const keys: string[] = [];
      for await (const { key } of blobs.list(`${session}/chunks/`)) keys.push(key);
      return keys;
    };
    const warnings: string[] = [];
    const from = new Vault({ blobs, onWarning: (message) => warnings.push(message) });
    const lease = await from.acquire({ session });
    await from.saveProfile({ session, lease, capture: captureOf(profileFiles("old")) });
    const before = new Set(await chunks());
    const { generation } = await from.saveProfile({ session, lease, capture: captureOf(profileFiles("new")) });
    await lease.release();
    await blobs.delete((await chunks()).filter((key) => !before.has(key)));
    return { from, newest: generation, warnings };
  }

  it.each([
    ["reading", "extract"],
    ["writing", "save"],
  ] as const)(
    "does not wait for a store that hangs while %s, and leaves the store's files in place",
    async (_, method) => {
      const good = zipStore();
      await saveOld(good, session, files);
      const controller = new AbortController();
      let path = "";
      let finish = (): void => {};
      const held = new Promise<void>((resolve) => {
        finish = resolve;
      });
      const hang = async (options: { path?: string }): Promise<void> => {
        path = options.path ?? "";
        setImmediate(() => controller.abort(new Error("enough")));
        await held;
      };
      const hung = { ...zipStore(), sessionExists: async () => method === "extract", [method]: hang };
      const stores = method === "extract" ? { from: hung, to: good } : { from: good, to: hung };
      const copy = copySession({ ...stores, session, fromSession: session, signal: controller.signal });
      await expect(copy).rejects.toThrow("enough");
      const isThere = (): boolean[] => [existsSync(join(path, "..")), existsSync(`${session}.zip`)];
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(isThere()).toEqual([true, method === "save"]);
      finish();
      await expect.poll(isThere, { timeout: 240_000 }).toEqual([false, false]);
    },
  );

  it("does not wait for a store that gives no answer whether it has the session", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const hang = (): Promise<boolean> => {
      setImmediate(() => controller.abort(new Error("enough")));
      return new Promise(() => {});
    };
    const from = { ...zipStore(), sessionExists: hang };
    await expect(copySession({ from, to: zipStore(), session, signal })).rejects.toThrow("enough");
  });

  it("stops when its signal aborts", async () => {
    const from = new MemoryStore();
    await saveOld(from, session, files);
    const to = new MemoryStore();
    const controller = new AbortController();
    const onProgress = ({ step }: CopyProgress): void => {
      if (step === "checking") controller.abort(new Error("enough"));
    };
    const copy = copySession({ from, to, session, onProgress, signal: controller.signal });
    await expect(copy).rejects.toThrow("enough");
    expect(await to.state({ session })).toBeUndefined();
  });
});

/** As the strategies of its time did: the zip beside the process, named by the session as they gave it. */
async function saveOld(store: SessionStore, session: string, content: Files): Promise<void> {
  const path = `${session.startsWith("/") ? session : join(folder, session)}.zip`;
  await mkdir(join(path, ".."), { recursive: true });
  await writeZip(content, path);
  await store.save({ session, path });
  rmSync(path);
}

async function filesOf(store: SessionStore, session: string): Promise<Files> {
  const zip = join(folder, `${unique()}.zip`);
  await store.extract({ session, path: zip });
  const into = join(folder, unique());
  await unzip(zip, into);
  return filesIn(into);
}

/** A four-method store of whole zips. */
function zipStore(): SessionStore {
  const zips = new Map<string, string>();
  return {
    sessionExists: async ({ session }) => zips.has(session),
    save: async ({ session, path = "" }) => {
      const kept = join(folder, `${unique()}.kept`);
      await copyFile(path, kept);
      zips.set(session, kept);
    },
    extract: ({ session, path }) => copyFile(zips.get(session) ?? "", path),
    delete: async ({ session }) => zips.delete(session),
  };
}
