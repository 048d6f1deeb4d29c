import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { Lease, SaveReport } from "../../../lib/store.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, noise, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { toEarlierLayout } from "../support/earlier-layout.ts";

const session = "RemoteAuth-bot";
const table: Files = { "Default/a.ldb": noise(600_000) };

const folder = useFolder();
let blobs: MemoryBlobs;
let store: Vault;

beforeEach(async () => {
  blobs = new MemoryBlobs();
  store = new Vault({ blobs });
  const lease = await store.acquire({ session });
  for (const value of ["one", "two"]) await save(lease, profileFiles(value, table));
  await lease.release();
  await toEarlierLayout(blobs, session);
});

function save(lease: Lease, files: Files): Promise<SaveReport> {
  return store.saveProfile({ session, lease, capture: captureOf(files) });
}

async function restored(generation?: number): Promise<Files> {
  const into = folder();
  const report = await new Vault({ blobs }).restoreProfile({ session, into, generation });
  expect(report.skipped).toEqual([]);
  return filesIn(into);
}

async function chunkFolders(): Promise<Set<string>> {
  const folders = new Set<string>();
  for await (const { key } of blobs.list(`${session}/chunks/`)) folders.add(key.split("/")[2] ?? "");
  return folders;
}

describe("a session that the version before has stored", () => {
  it("is restored, each generation of it", async () => {
    expect(await chunkFolders()).toEqual(new Set(["0000000000000001"]));
    assertSameFiles(await restored(), profileFiles("two", table));
    assertSameFiles(await restored(2), profileFiles("one", table));
  });

  it("is restored also where its manifest is too large for an entry, and goes on", async () => {
    // The smaller the blobs, and the longer the names, the sooner.
    blobs = new MemoryBlobs({ maxBlobBytes: 64 * 1024 });
    store = new Vault({ blobs });
    const nameOf = (n: number): string => noise(150, n).toString("base64url");
    const many = Object.fromEntries(
      Array.from({ length: 500 }, (_, n) => [`Default/IndexedDB/blob/${n % 9}/${nameOf(n)}`, noise(40, n)]),
    );
    const lease = await store.acquire({ session });
    const { generation } = await save(lease, profileFiles("one", many));
    await lease.release();
    expect(await toEarlierLayout(blobs, session)).toBe(1);
    assertSameFiles(await restored(), profileFiles("one", many));
    store = new Vault({ blobs });
    const next = await store.acquire({ session });
    expect(await save(next, profileFiles("one", many))).toMatchObject({ unchanged: true, generation });
    await save(next, profileFiles("two", many));
    await store.prune({ session, lease: next });
    assertSameFiles(await restored(), profileFiles("two", many));
    assertSameFiles(await restored(generation), profileFiles("one", many));
  });

  it("goes on: chunks that are stored already are not sent again", async () => {
    const lease = await store.acquire({ session });
    expect(await save(lease, profileFiles("two", table))).toMatchObject({ unchanged: true });
    const report = await save(lease, profileFiles("three", table));
    expect(report).toMatchObject({ unchanged: false, chunksSent: 1, chunksReused: 2 });
    assertSameFiles(await restored(), profileFiles("three", table));
  });

  it("is pruned: old folders go once no generation needs them", async () => {
    store = new Vault({ blobs, keep: 1 });
    await store.delete({ session });
    const lease = await store.acquire({ session });
    await store.delete({ session, lease, retainMs: 0 });
    expect(await chunkFolders()).toEqual(new Set());
    await save(lease, profileFiles("three", table));
    assertSameFiles(await restored(), profileFiles("three", table));
  });
});
