import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { VaultError } from "../../lib/errors.ts";
import type { Lease, SaveReport } from "../../lib/store.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, noise, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { takeOver } from "../support/take-over.ts";
import { Requests } from "./support/requests.ts";

const session = "RemoteAuth-bot";
const tables: Files = { "Default/a.ldb": noise(600_000), "Default/b.ldb": noise(700_000, 2) };

const folder = useFolder();
let backend: MemoryBlobs;
let requests: Requests;
let warnings: string[];

beforeEach(() => {
  backend = new MemoryBlobs();
  requests = new Requests(backend);
  warnings = [];
});

function open(options: VaultOptions = {}): Vault {
  const onWarning = (message: string): unknown => warnings.push(message);
  return new Vault({ blobs: requests, retries: 0, retryDelayMs: 0, onWarning, ...options });
}

function save(store: Vault, lease: Lease, files: Files): Promise<SaveReport> {
  return store.saveProfile({ session, lease, capture: captureOf(files) });
}

/** As another machine would have it. */
async function restored(generation?: number): Promise<Files> {
  const into = folder();
  const report = await open().restoreProfile({ session, into, generation });
  expect(report.skipped).toEqual([]);
  return filesIn(into);
}

async function chunkKeys(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of backend.list(`${session}/chunks/`)) keys.push(key);
  return keys.sort();
}

describe("a chunk that the store itself reports as lost", () => {
  it("is sent anew by the save after the restore that found it", async () => {
    const first = open();
    await save(first, await first.acquire({ session }), profileFiles("one", tables));
    // As Redis does with a value that was evicted: its key is listed, and it is gone.
    const gone = new Set(await chunkKeys());
    requests.intercept = async (call, key, go) => {
      if (call === "put") gone.delete(key);
      if (call === "get" && gone.has(key)) throw new VaultError("CORRUPT", `${key} was stored, and has no value.`);
      return go();
    };
    const store = open();
    const lease = await takeOver(store, session);
    const into = folder();
    await expect(store.restoreProfile({ session, into })).rejects.toMatchObject({ code: "CORRUPT" });
    const saved = await save(store, lease, profileFiles("one", tables));
    expect(saved).toMatchObject({ unchanged: false, chunksReused: 0 });
    assertSameFiles(await restored(), profileFiles("one", tables));
  });
});

describe("a chunk that the store has lost", () => {
  const told = expect.stringMatching(/has lost chunks .*Not whole without them: generation \d/);

  it("is found by a prune, reported once, and sent anew by the next save", async () => {
    const store = open();
    const lease = await store.acquire({ session });
    await save(store, lease, profileFiles("0", tables));
    const lost = await chunkKeys();
    await backend.delete(lost);
    let round = 1;
    for (; warnings.length === 0 && round < 40; round++) await save(store, lease, profileFiles(`${round}`, tables));
    const repaired = await save(store, lease, profileFiles("last", tables));
    assertSameFiles(await restored(), profileFiles("last", tables));
    for (round = 0; round < 20; round++) await save(store, lease, profileFiles(`again ${round}`, tables));
    await store.prune({ session, lease });
    expect(warnings).toEqual([told]);
    const { generations = [] } = (await store.state({ session })) ?? {};
    const later = generations.filter(({ generation }) => generation > repaired.generation);
    expect(later.length).toBeGreaterThan(4);
    for (const { generation } of later) await restored(generation);
  });

  it("is found also when it was lost during a save and the entry was not", async () => {
    const store = open();
    const lease = await store.acquire({ session });
    await save(store, lease, profileFiles("one"));
    const before = new Set(await chunkKeys());
    requests.intercept = async (call, key, go) => {
      // A fail-over to a copy that has not got what was confirmed last.
      if (call === "put" && key.includes("/log/")) {
        await backend.delete((await chunkKeys()).filter((one) => !before.has(one)));
      }
      return go();
    };
    await save(store, lease, profileFiles("two", tables));
    requests.passAll();
    for (let round = 0; warnings.length === 0 && round < 40; round++) {
      await save(store, lease, profileFiles(`${round}`, tables));
    }
    await save(store, lease, profileFiles("last", tables));
    assertSameFiles(await restored(), profileFiles("last", tables));
    expect(warnings).toEqual([told]);
  });

  it("is found by the first save of a holder, which lists once, and repairs an unchanged profile", async () => {
    const first = open();
    const files = profileFiles("one", tables);
    const { generation } = await save(first, await first.acquire({ session }), files);
    const [lost = "", ...kept] = await chunkKeys();
    await backend.delete([lost]);
    const store = open();
    const lease = await takeOver(store, session);
    requests.take();
    const repaired = await save(store, lease, files);
    expect(repaired).toMatchObject({ unchanged: false, chunksSent: 1, chunksReused: kept.length });
    expect(repaired.generation).toBeGreaterThan(generation);
    const asked = requests.take();
    expect(asked.filter((line) => line.startsWith("list"))).toEqual([`list ${session}/chunks/`]);
    expect(asked.filter((line) => line.startsWith("delete"))).toEqual([]);
    assertSameFiles(await restored(), files);
    expect(warnings).toEqual([told]);
    requests.take();
    expect(await save(store, lease, files)).toMatchObject({ unchanged: true, generation: repaired.generation });
    await save(store, lease, profileFiles("two", tables));
    expect(requests.take().filter((line) => line.startsWith("list"))).toEqual([]);
  });

  it("is repaired also where it held a part of the manifest", async () => {
    // The smaller the blobs, the sooner a manifest is too large for its entry.
    backend = new MemoryBlobs({ maxBlobBytes: 64 * 1024 });
    requests = new Requests(backend);
    const many = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, n) => [`Default/IndexedDB/blob/${n}/a long name of a file ${n}`, noise(40, n)]),
    );
    const files = profileFiles("one", many);
    const store = open();
    const lease = await store.acquire({ session });
    await save(store, lease, files);
    const before = await chunkKeys();
    // It is sent last.
    const sent = requests.log.filter((line) => line.startsWith("put") && line.includes("/chunks/"));
    const manifest = sent.at(-1)?.split(" ")[1] ?? "";
    expect(before).toContain(manifest);
    await backend.delete([manifest]);
    await store.prune({ session, lease });
    expect(warnings).toEqual([told]);
    expect(await save(store, lease, files)).toMatchObject({ unchanged: false });
    // Who reads it from the store knows it again.
    const other = open();
    expect(await save(other, await takeOver(other, session), files)).toMatchObject({ unchanged: true });
    expect(warnings).toEqual([told]);
  });

  it("is not reported when another process has taken the session and pruned it", async () => {
    const [old, next] = [open(), open()];
    await save(old, await old.acquire({ session }), profileFiles("one", tables));
    const lease = await takeOver(old, session);
    const list = requests.list.bind(requests);
    let listings = 0;
    requests.list = async function* (prefix, options) {
      if (prefix.includes("/chunks/") && ++listings === 1) {
        await next.delete({ session, lease: await takeOver(next, session), retainMs: 0 });
      }
      yield* list(prefix, options);
    };
    await expect(save(old, lease, profileFiles("late", tables))).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(listings).toBeGreaterThan(0);
    expect(await chunkKeys()).toEqual([]);
    expect(warnings).toEqual([]);
  });

  it("is looked for without failing the save when the listing fails", async () => {
    const first = open();
    await save(first, await first.acquire({ session }), profileFiles("one", tables));
    const store = open();
    const lease = await takeOver(store, session);
    const list = requests.list.bind(requests);
    requests.list = (prefix, options) => {
      if (prefix.includes("/chunks/")) throw new VaultError("UNAVAILABLE", "away");
      return list(prefix, options);
    };
    expect(await save(store, lease, profileFiles("two", tables))).toMatchObject({ unchanged: false });
    requests.list = list;
    requests.take();
    await save(store, lease, profileFiles("three", tables));
    expect(requests.take()).toContain(`list ${session}/chunks/`);
    expect(warnings).toEqual([]);
    assertSameFiles(await restored(), profileFiles("three", tables));
  });
});
