import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import type { GenerationInfo, HistoryEntry } from "../../lib/store.ts";
import type { Encryption } from "../../lib/vault/encryption.ts";
import { keyOf } from "../../lib/vault/frame.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, noise, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { keyIdOf, testKey } from "../support/keys.ts";
import { times } from "../support/length.ts";
import { takeOver } from "../support/take-over.ts";
import { everything } from "../support/traces.ts";
import { outage, Requests } from "./support/requests.ts";

const session = "RemoteAuth-bot";
const key = { key: testKey(1) };
const ID = keyIdOf(testKey(1));
const wid = "491701234567@c.us";

const folder = useFolder();
let backend: MemoryBlobs;
let requests: Requests;
let warnings: string[];
beforeEach(() => {
  backend = new MemoryBlobs();
  requests = new Requests(backend);
  warnings = [];
});

const open = (encryption?: Encryption): Vault =>
  new Vault({ blobs: requests, encryption, retries: 0, retryDelayMs: 0, onWarning: (text) => warnings.push(text) });

/** The files of the generations that {@link aLife} saves. */
const lives: Files[] = ["one", "two", "three"].map((value, n) =>
  profileFiles(value, {
    "Default/table.ldb": noise(700_000, 1),
    "Default/in place": Buffer.concat([noise(60_000, 2), noise(9_000, 10 + n)]),
    "Default/empty": Buffer.alloc(0),
  }),
);

/** Several holders, generations, marks and entries for people. @returns the generations, oldest first */
async function aLife(encryption?: Encryption): Promise<readonly GenerationInfo[]> {
  const store = open(encryption);
  for (const [n, files] of lives.entries()) {
    const lease = await store.acquire({ session });
    const { generation } = await store.saveProfile({ session, capture: captureOf(files), lease, wid });
    if (n === 0) await store.mark({ session, lease, generation, as: "proven" });
    if (n === 1) await store.mark({ session, lease, generation, as: "rejected" });
    await lease.release();
  }
  await store.delete({ session });
  await store.undelete({ session });
  return generationsOf(store);
}

async function generationsOf(store: Vault): Promise<readonly GenerationInfo[]> {
  return (await store.state({ session }))?.generations ?? [];
}

/** Fails unless `store` has exactly these generations, encrypted with the key of this id, and their files. */
async function hasAll(store: Vault, generations: readonly GenerationInfo[], keyId: string): Promise<void> {
  expect(await generationsOf(store)).toEqual(generations.map((one) => ({ ...one, keyId })));
  for (const [n, { generation, id }] of generations.entries()) {
    const into = join(folder(), "into");
    expect(await store.restoreProfile({ session, into, generation })).toMatchObject({ generation, id });
    assertSameFiles(await filesIn(into), lives[n] as Files);
  }
}

/** By key, the id of the key of everything of the session that is not encrypted with the key of this id. */
async function leftBehind(keyId: string): Promise<Record<string, string | undefined>> {
  const all = [...(await everything(backend, session))].filter(([key]) => key.startsWith(`${session}/`));
  return Object.fromEntries(all.map(([key, frame]) => [key, keyOf(frame)]).filter(([, id]) => id !== keyId));
}

describe("a session that was stored without encryption", () => {
  it("is encrypted anew as a whole: same generations, same files, nothing plain is left", async () => {
    const before = await aLife();
    expect(before.map(({ keyId }) => keyId)).toEqual([undefined, undefined, undefined]);
    const store = open(key);
    const report = await store.rekey({ session });
    const [first, second, third] = before.map(({ generation }) => generation);
    expect(report).toEqual({ keyId: ID, generations: [third, second, first], entries: expect.any(Number) });
    expect(report.entries).toBeGreaterThan(0);
    expect(await leftBehind(ID)).toEqual({});
    await hasAll(open(key), before, ID);
    expect((await store.state({ session }))?.current?.generation).toBe(third);
    expect(warnings).toEqual([]);
  });

  it("shares chunks between its generations as before", async () => {
    await aLife();
    const bytes = async (): Promise<number> =>
      [...(await everything(backend, session))].reduce((sum, [, { length }]) => sum + length, 0);
    const before = await bytes();
    await open(key).rekey({ session });
    expect(await bytes()).toBeLessThan(before * 1.1);
  });

  it("goes on: the next save of an unchanged profile changes nothing, and another one sends what is new", async () => {
    await aLife();
    const store = open(key);
    await store.rekey({ session });
    const lease = await store.acquire({ session });
    const save = (files: Files) => store.saveProfile({ session, lease, wid, capture: captureOf(files) });
    expect(await save(lives[2] as Files)).toMatchObject({ unchanged: true });
    const report = await save({ ...lives[2], "Default/more": noise(5_000, 20) });
    expect(report).toMatchObject({ unchanged: false });
    expect(report.bytesSent).toBeLessThan(50_000);
    await store.mark({ session, lease, generation: report.generation, as: "proven" });
    await store.prune({ session, lease });
    expect(await leftBehind(ID)).toEqual({});
  });

  it("keeps its marks, its rollback and its history", async () => {
    const before = await aLife();
    const store = open(key);
    await store.rekey({ session });
    const lease = await store.acquire({ session });
    const [first] = before;
    await store.rollback({ session, lease, generation: first?.generation ?? 0 });
    expect((await store.state({ session }))?.current).toMatchObject({ id: first?.id, proven: true });
    const told: HistoryEntry[] = [];
    for await (const entry of store.history({ session })) told.push(entry);
    expect(told.filter(({ kind }) => kind === "unreadable")).toEqual([]);
    const rekeyed = told.filter(({ kind }) => kind === "rekeyed").map(({ saved }) => saved);
    expect(rekeyed.map((saved) => [saved?.generation, saved?.isKept, saved?.isCurrent])).toEqual(
      before.map(({ generation }, n) => [generation, true, n === 0]),
    );
  });

  it("is refused as plain from then on, also by a store that has seen nothing of it", async () => {
    await aLife();
    const plain = await everything(backend, session);
    await open(key).rekey({ session });
    for (const [key, bytes] of plain) if (key.includes("/log/")) await backend.put(key, bytes);
    const into = join(folder(), "into");
    const { generation } = await open(key).restoreProfile({ session, into });
    assertSameFiles(await filesIn(into), lives[2] as Files);
    expect(generation).toBe((await open(key).state({ session }))?.current?.generation);
    await expect(open({ ...key, refusePlain: true }).state({ session })).resolves.toMatchObject({ current: {} });
  });
});

describe("a session under an old key", () => {
  it.each<[string, Encryption, Encryption]>([
    ["a key", { key: testKey(2) }, { keys: [testKey(1), testKey(2)] }],
    [
      "a passphrase",
      { passphrase: "correct horse battery" },
      { keys: [testKey(1), { passphrase: "correct horse battery" }] },
    ],
  ])("%s is encrypted anew, and read without the old one", async (_, old, both) => {
    const before = await aLife(old);
    await open(both).rekey({ session });
    expect(await leftBehind(ID)).toEqual({});
    await hasAll(open(key), before, ID);
  });

  it("that is partly encrypted with the first key keeps that part", async () => {
    await aLife({ key: testKey(2) });
    const store = open({ keys: [testKey(1), testKey(2)] });
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, wid, capture: captureOf({ ...lives[2], "Default/x": noise(100, 1) }) });
    const before = await generationsOf(store);
    requests.take();
    const report = await store.rekey({ session, lease });
    expect(report.generations.length).toBe(3);
    const after = await generationsOf(open(key));
    expect(after).toEqual(before.map((one) => ({ ...one, keyId: ID })));
    expect(requests.take().filter((line) => line.startsWith("put") && line.includes("/chunks/")).length).toBeLessThan(
      6,
    );
    expect(await leftBehind(ID)).toEqual({});
  });
});

describe("encrypting a session anew", () => {
  it("writes nothing of a session that is encrypted with the first key already", async () => {
    const before = await aLife(key);
    const store = open(key);
    const lease = await store.acquire({ session });
    const { entry } = (await store.state({ session })) ?? {};
    expect(await store.rekey({ session, lease })).toEqual({ keyId: ID, generations: [], entries: 0 });
    expect((await store.state({ session }))?.entry).toBe(entry);
    await hasAll(store, before, ID);
  });

  it("is INVALID without a key, ABSENT without a session, and WRONG_KEY without the old key", async () => {
    await expect(open().rekey({ session })).rejects.toMatchObject({ code: "ABSENT" });
    await aLife({ key: testKey(2) });
    await expect(open(key).rekey({ session })).rejects.toMatchObject({ code: "WRONG_KEY" });
    backend = new MemoryBlobs();
    requests = new Requests(backend);
    await aLife();
    const before = await everything(backend, session);
    await expect(open().rekey({ session })).rejects.toMatchObject({ code: "INVALID" });
    for (const [key, bytes] of before) if (key.includes("/chunks/")) expect(await backend.get(key)).toEqual(bytes);
    expect(await open(key).state({ session })).toBeDefined();
  });

  it("waits for nobody's session: a process that holds it is not disturbed", async () => {
    await aLife();
    const holder = open();
    const lease = await holder.acquire({ session });
    await expect(open(key).rekey({ session })).rejects.toMatchObject({ code: "LEASE_HELD" });
    await holder.saveProfile({ session, lease, wid, capture: captureOf(profileFiles("more")) });
    await takeOver(open(key), session);
  });

  it("names a damaged generation, encrypts the others, and deletes nothing", async () => {
    const before = await aLife();
    const log = [...(await everything(backend, session)).keys()].filter((name) => name.includes("/log/"));
    const second = log.find((name) => name.endsWith(String(before[1]?.generation).padStart(16, "0"))) ?? "";
    await backend.put(second, Buffer.from("damaged"));
    const chunks = [...(await everything(backend, session)).keys()].filter((name) => name.includes("/chunks/"));
    await expect(open(key).rekey({ session })).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining(`generation ${before[1]?.generation} is damaged`),
    });
    const after = await generationsOf(open(key));
    expect(after.map(({ keyId }) => keyId)).toEqual([ID, undefined, ID]);
    for (const name of chunks) expect(await backend.get(name)).toBeDefined();
  });

  it("ends at once when its signal aborts, and goes on when it is called again", async () => {
    const before = await aLife();
    const controller = new AbortController();
    requests.intercept = async (call, name, go) => {
      if (call === "put" && name.includes("/chunks/")) controller.abort(new Error("enough"));
      return await go();
    };
    const store = open(key);
    await expect(store.rekey({ session, signal: controller.signal })).rejects.toThrow("enough");
    requests.passAll();
    await store.rekey({ session });
    await hasAll(open(key), before, ID);
    expect(await leftBehind(ID)).toEqual({});
  });

  // As if the process had been killed there: nothing it would have done afterwards happens.
  it("loses nothing when it ends at any of its requests, and ends what is left when it is called again", async () => {
    await aLife();
    const start = await everything(backend, session);
    let total = Number.POSITIVE_INFINITY;
    for (let end = 1; end <= total; end += times(3, 1)) {
      backend = new MemoryBlobs();
      for (const [name, bytes] of start) await backend.put(name, bytes);
      requests = new Requests(backend);
      const before = await generationsOf(open(key));
      let count = 0;
      requests.intercept = async (_, __, go) => {
        if (++count >= end) throw outage();
        return await go();
      };
      const first = open(key);
      const isDone = await first.rekey({ session }).then(
        () => true,
        () => false,
      );
      requests.passAll();
      if (isDone) total = end;
      const middle = await generationsOf(open(key));
      expect(middle.map(({ id, proven, rejected }) => [id, proven, rejected])).toEqual(
        before.map(({ id, proven, rejected }) => [id, proven, rejected]),
      );
      const into = join(folder(), "into");
      await open(key).restoreProfile({ session, into });
      assertSameFiles(await filesIn(into), lives[2] as Files);
      // What was read once stays readable: no plain entry follows an encrypted one.
      const reader = open(key);
      for (const _ of [1, 2]) {
        for await (const { kind, entry } of reader.history({ session }))
          expect([entry, kind]).not.toContain("unreadable");
      }
      await takeOver(open(key), session).then((lease) => lease.release());
      await open(key).rekey({ session });
      expect(await leftBehind(ID), `ended at request ${end}`).toEqual({});
      expect(await generationsOf(open(key))).toEqual(before.map((one) => ({ ...one, keyId: ID })));
    }
    expect(total).toBeGreaterThan(30);
    await hasAll(open(key), await generationsOf(open(key)), ID);
  });
});
