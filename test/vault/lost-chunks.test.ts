import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { VaultError } from "../../lib/errors.ts";
import type { Lease, SaveReport } from "../../lib/store.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, noise, profileFiles } from "../contract/profile.ts";
import { Requests } from "./requests.ts";

const session = "RemoteAuth-bot";
const tables: Files = { "Default/a.ldb": noise(600_000), "Default/b.ldb": noise(700_000, 2) };

let parent: string;
let backend: MemoryBlobs;
let requests: Requests;
let warnings: string[];

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "wa-vault-lost-"));
  backend = new MemoryBlobs();
  requests = new Requests(backend);
  warnings = [];
});
afterEach(() => rm(parent, { recursive: true, force: true }));

function open(options: VaultOptions = {}): Vault {
  const onWarning = (message: string): unknown => warnings.push(message);
  return new Vault({ blobs: requests, retries: 0, retryDelayMs: 0, onWarning, ...options });
}

function save(store: Vault, lease: Lease, files: Files): Promise<SaveReport> {
  return store.saveProfile({ session, lease, capture: captureOf(files) });
}

/** As another machine would have it. */
async function restored(generation?: number): Promise<Files> {
  const into = await mkdtemp(join(parent, "into-"));
  const report = await open().restoreProfile({ session, into, generation });
  expect(report.skipped).toEqual([]);
  return filesIn(into);
}

async function chunkKeys(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of backend.list(`${session}/chunks/`)) keys.push(key);
  return keys.sort();
}

describe("a chunk of which the store itself says that it is lost", () => {
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
    const lease = await store.acquire({ session });
    const into = join(parent, "damaged");
    await expect(store.restoreProfile({ session, into })).rejects.toMatchObject({ code: "CORRUPT" });
    const saved = await save(store, lease, profileFiles("one", tables));
    expect(saved).toMatchObject({ unchanged: false, chunksReused: 0 });
    assertSameFiles(await restored(), profileFiles("one", tables));
  });
});
