import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import type { Lease, RestoreReport } from "../../../lib/store.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, type Files, filesIn, noise, profileFiles } from "../../contract/profile.ts";
import { countCalls } from "../../profile/support/disk-calls.ts";
import { useFolder } from "../../support/folder.ts";
import { countedCapture } from "../support/counted-capture.ts";
import { Requests } from "../support/requests.ts";
import { levelDbProfile } from "../support/threads/large-profile.ts";

// What saves and restores cost: as little as has changed, however large the profile is. Counts, and no times.

const session = "RemoteAuth-bot";
/** Tables of a profile of 2 MB, and of one of 20 MB. */
const SIZES = [1, 10] as const;
const TABLE_BYTES = 2_000_000;
/** A table has 2 MiB and its last block, its index and its footer: the largest of a recorded profile. */
const LARGE_TABLE_BYTES = 2_121_372;
const PAGE_BYTES = 8 * 1024;
const PAGES = 100;
/** So many that old entries are deleted once. */
const SAVES = 16;
/** Bytes that an append sends again: the last piece of a log. */
const PIECE_BYTES = 64 * 1024;
/** Bytes of an entry, of its manifest without pieces, and of frames. */
const ENTRY_BYTES = 4_000;
/** Bytes of the log of a profile in LevelDB, about. */
const LOG_BYTES = 302_000;
const LOG = "Default/IndexedDB/000003.log";
const DATABASE = "Default/IndexedDB/database";

const newFolder = useFolder();
let requests: Requests;
let vault: Vault;
let lease: Lease;

beforeEach(open);

async function open(): Promise<void> {
  requests = new Requests(new MemoryBlobs());
  vault = new Vault({ blobs: requests });
  lease = await vault.acquire({ session });
}

function tableName(number: number): string {
  return `Default/IndexedDB/${number}.ldb`;
}

/** A profile with so many tables. */
function profile(tables: number): Files {
  const files: Record<string, Buffer> = {};
  for (let number = 1; number <= tables; number++) files[tableName(number)] = text(TABLE_BYTES, number);
  return profileFiles("one", { ...files, [LOG]: text(300_000, 101), [DATABASE]: text(PAGES * PAGE_BYTES, 102) });
}

/** Bytes that compress somewhat. */
function text(bytes: number, seed: number): Buffer {
  const content = noise(bytes, seed);
  for (let at = 0; at < bytes; at += 3) content[at] = 0;
  return content;
}

/** What a browser changes: a new table, more in the log, some pages of a database. */
const NEW_TABLE = text(TABLE_BYTES, 201);
const MORE = text(100_000, 202);
const CHANGED_PAGES = 5;

function used(files: Files): Files {
  const { [LOG]: log, [DATABASE]: database } = files as Record<string, Buffer>;
  const pages = Buffer.from(database as Buffer);
  for (let page = 0; page < CHANGED_PAGES; page++) text(PAGE_BYTES, 300 + page).copy(pages, page * 20 * PAGE_BYTES);
  return { ...files, [tableName(99)]: NEW_TABLE, [LOG]: Buffer.concat([log as Buffer, MORE]), [DATABASE]: pages };
}

function sizeOf(files: Files): number {
  return Object.values(files).reduce((sum, { length }) => sum + length, 0);
}

function compressed(contents: Iterable<Buffer>): number {
  return [...contents].reduce((sum, content) => sum + deflateRawSync(content, { level: 1 }).length, 0);
}

interface Cost {
  /** Bytes that were read of each file. */
  readonly read: Readonly<Record<string, number>>;
  readonly bytesRead: number;
  readonly bytesSent: number;
  /** Their names, and the folders of their keys. */
  readonly requests: readonly string[];
}

async function save(files: Files): Promise<Cost> {
  requests.take();
  const before = requests.bytesPut;
  const { capture, read } = countedCapture(files);
  await vault.saveProfile({ session, lease, capture });
  return {
    read: Object.fromEntries(read),
    bytesRead: [...read.values()].reduce((sum, bytes) => sum + bytes, 0),
    bytesSent: requests.bytesPut - before,
    requests: requests.take().map(placeOf),
  };
}

/** E.g. `put chunks` of `put RemoteAuth-bot/chunks/…`, and `list` of `list RemoteAuth-bot/`. */
function placeOf(request: string): string {
  const [call, key = ""] = request.split(" ");
  return `${call} ${key.split("/").at(key.startsWith(session) ? 1 : 0)}`.trim();
}

/** What `measure` answers for a profile of 2 MB, and for one of 20 MB, each in a new store. */
async function inBothSizes<T>(measure: (files: Files) => Promise<T>): Promise<[T, T]> {
  const costs: T[] = [];
  for (const tables of SIZES) {
    await open();
    costs.push(await measure(profile(tables)));
  }
  return costs as [T, T];
}

describe("a first save", () => {
  it.each(SIZES)("reads each byte once, and sends it once, compressed (tables: %i)", async (tables) => {
    const files = profile(tables);
    const { read, bytesSent, requests } = await save(files);
    expect(read).toEqual(Object.fromEntries(Object.entries(files).map(([path, { length }]) => [path, length])));
    expect(bytesSent).toBeLessThan(1.05 * compressed(Object.values(files)) + ENTRY_BYTES);
    // Each table and the database alone, all small pieces in one chunk, then the entry.
    expect(requests.filter((request) => request === "put chunks")).toHaveLength(tables + 1);
    expect(requests.filter((request) => request !== "put chunks")).toEqual(["put log"]);
  });
});

describe("a save of a profile that has not changed", () => {
  it("reads and sends nothing, and asks once whether another process has the session", async () => {
    const nothing = { read: {}, bytesRead: 0, bytesSent: 0, requests: ["get log"] };
    const costs = await inBothSizes(async (files) => {
      await save(files);
      return await save(files);
    });
    expect(costs).toEqual([nothing, nothing]);
  });
});

describe("a later save", () => {
  it("reads each changed file once and no other, and sends what has changed", async () => {
    const costs = await inBothSizes(async (files) => {
      await save(files);
      return await save(used(files));
    });
    const changes = [NEW_TABLE, MORE, Buffer.alloc(PIECE_BYTES), ...Array(CHANGED_PAGES).fill(text(PAGE_BYTES, 300))];
    for (const { read, bytesSent, requests } of costs) {
      expect(read).toEqual({
        [tableName(99)]: TABLE_BYTES,
        [LOG]: 300_000 + MORE.length,
        [DATABASE]: PAGES * PAGE_BYTES,
      });
      expect(bytesSent).toBeLessThan(1.1 * compressed(changes) + PIECE_BYTES + ENTRY_BYTES);
      expect(requests).toEqual(["put chunks", "put log"]);
    }
    // The manifest names each file.
    const [few, many] = costs;
    expect(Math.abs(many.bytesSent - few.bytesSent)).toBeLessThan(200 * (SIZES[1] - SIZES[0]));
  });

  it.each([
    [2, 1],
    [3, 2],
    [4, 2],
    // Two by two up to 24 MiB, which are eleven; then each by itself.
    [14, 9],
  ])("puts two tables of LevelDB into a chunk (new tables: %i, chunks: %i)", async (tables, chunks) => {
    const files = profile(1);
    await save(files);
    const added = Array.from({ length: tables }, (_, index) => [
      tableName(50 + index),
      text(LARGE_TABLE_BYTES, 500 + index),
    ]);
    const all = { ...files, ...Object.fromEntries(added) };
    const { requests } = await save(all);
    expect(requests).toEqual([...Array(chunks).fill("put chunks"), "put log"]);
    const into = join(newFolder(), "restored");
    await vault.restoreProfile({ session, into });
    assertSameFiles(await filesIn(into), all);
  });

  it("asks the same of the store in a row of saves, also where old entries are deleted", async () => {
    const [few, many] = await inBothSizes(async (files) => {
      await save(files);
      const all: string[] = [];
      let current = files;
      for (let count = 0; count < SAVES; count++) {
        current = { ...current, [LOG]: Buffer.concat([current[LOG] as Buffer, text(1_000, 400 + count)]) };
        all.push(...(await save(current)).requests);
      }
      return all;
    });
    expect(many).toEqual(few);
    const others = many.filter((request) => request !== "put chunks" && request !== "put log");
    expect(many.length - others.length).toBe(2 * SAVES);
    // Once, when eight entries are dead: the newest entry is read, and all keys are listed at once.
    expect(others).toEqual(["get log", "list", "delete chunks", "delete log"]);
  });
});

describe("a restore", () => {
  /** What a restore costs of a profile that has so many tables of LevelDB. */
  async function restore(tables: number) {
    await open();
    const profile = await levelDbProfile(join(newFolder(), "profile"), tables);
    for (let count = 0; count < 2; count++) {
      const capture = await captureProfile(profile.dir, { live: true });
      await vault.saveProfile({ session, lease, capture });
      await capture.close();
      if (count === 0) await profile.use();
    }
    requests.take();
    const into = join(newFolder(), "restored");
    const { bytes, written, result } = await countCalls(() => vault.restoreProfile({ session, into }));
    const log = requests.take();
    const files = await filesIn(into);
    assertSameFiles(files, await filesIn(profile.dir));
    return { log, read: bytes, written, result, size: sizeOf(files) };
  }

  it("fetches each chunk once, writes each byte once, and reads no contents back that were verified", async () => {
    const [few, many] = [await restore(SIZES[0]), await restore(SIZES[1])];
    for (const { log, written, result, size } of [few, many]) {
      expect(written).toBe(size);
      const chunks = log.filter((request) => request.includes("/chunks/"));
      expect(new Set(chunks).size).toBe(chunks.length);
      expect(chunks.length).toBeGreaterThan(0);
      const others = log.filter((request) => !request.includes("/chunks/"));
      expect(others.map(placeOf)).toEqual(["list log", "get log", "get log"]);
      expect(wasteOf(result)).toBeLessThan(0.5);
    }
    // What ties the files together: manifests and logs, and no table.
    expect(few.read).toBeLessThan(LOG_BYTES + ENTRY_BYTES);
    expect(many.read - few.read).toBeLessThan(50 * (SIZES[1] - SIZES[0]));
  });
});

/** Bytes that a restore has fetched and not written, as a share of those that it wrote: the contents compress somewhat. */
function wasteOf({ bytes, bytesReceived }: RestoreReport): number {
  return (bytesReceived - bytes) / bytes;
}
