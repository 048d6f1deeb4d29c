// What a store holds stays bounded when saves are never committed, when processes die at once, and when deletes fail.
import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { BlobStore } from "../../../lib/blobs.ts";
import type { Capture, Lease, SaveReport } from "../../../lib/store.ts";
import { decodeEntry, encodeEntry } from "../../../lib/vault/entry.ts";
import { SessionFrames } from "../../../lib/vault/frames.ts";
import { entryKey } from "../../../lib/vault/layout.ts";
import type { Processes } from "../../../lib/vault/lease/owner.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { captureOf, noise, profileFiles } from "../../contract/profile.ts";
import { times } from "../../support/length.ts";
import { FakeTime } from "../support/fake-time.ts";
import { MeasuredBlobs } from "../support/measured-blobs.ts";
import { isEntryPut, outage, Requests } from "../support/requests.ts";

// The long run starts some ten thousand processes on a log of some thousand entries.
vi.setConfig({ testTimeout: times(300_000, 3_600_000) });

const session = "RemoteAuth-bot";
const MIB = 1024 * 1024;
/** More than eight profiles and 64 MiB is never stored before a save uploads anything, and one profile comes on top. */
const MOST_BYTES = 64 * MIB + 10 * 700_000;
const ROUNDS = times(105, 1000);

let time: FakeTime;
let blobs: MeasuredBlobs;
let requests: Requests;
let warnings: string[];

beforeEach(() => {
  time = new FakeTime();
  blobs = new MeasuredBlobs();
  requests = new Requests(blobs);
  warnings = [];
});

/** The store of a new process. Every process before it is gone. */
function open(line: BlobStore = requests): Vault {
  const pid = ++lastPid;
  const processes: Processes = { self: async () => ({ host: "a", pid }), isGone: async () => true };
  const onWarning = (message: string): void => void warnings.push(message);
  const options = { blobs: line, retries: 0, attemptTimeoutMs: 1_000_000_000, onWarning };
  return new Vault(options, { clock: time.clock(), processes });
}
let lastPid = 1;

/** A profile of 700 KB that has nothing in common with that of another round. */
const capture = (round: number): Capture =>
  captureOf(profileFiles(`round ${round}`, { "Default/a.ldb": noise(700_000, round + 1) }));
const save = (store: Vault, lease: Lease, round: number): Promise<SaveReport> =>
  store.saveProfile({ session, lease, capture: capture(round) });

/** Enough good saves for some batches of deletions. */
async function saveWell(store: Vault, lease: Lease): Promise<void> {
  for (let round = 0; round < 24; round++) {
    time.skip(5 * 60_000);
    await save(store, lease, round);
  }
}
/** Kept generations, and those of one batch that is not due yet. */
const LEFT_BYTES = 18 * 700_000;

describe("chunks of saves that are never committed", () => {
  it("are bounded while the caller refuses every commit, and go after good saves", async () => {
    const store = open();
    const lease = await store.acquire({ session });
    await save(store, lease, 0);
    const beforeCommit = (): void => {
      throw new Error("not now");
    };
    for (let round = 1; round <= ROUNDS; round++) {
      const refused = store.saveProfile({ session, lease, capture: capture(round), beforeCommit });
      await expect(refused).rejects.toThrow("not now");
    }
    const most = blobs.takeMost().bytes;
    expect(most).toBeGreaterThan(64 * MIB);
    expect(most).toBeLessThan(MOST_BYTES);
    await saveWell(store, lease);
    expect(blobs.held.bytes).toBeLessThan(LEFT_BYTES);
  });

  it("are bounded while no entry can be stored, and go after good saves", async () => {
    const store = open();
    const lease = await store.acquire({ session });
    await save(store, lease, 0);
    requests.intercept = (call, key, go) => (isEntryPut(call, key) ? Promise.reject(outage()) : go());
    for (let round = 1; round <= ROUNDS; round++) {
      await expect(save(store, lease, round)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    }
    expect(blobs.takeMost().bytes).toBeLessThan(MOST_BYTES);
    requests.passAll();
    await saveWell(store, lease);
    expect(blobs.held.bytes).toBeLessThan(LEFT_BYTES);
  });

  it("are bounded while every process is killed in its first save, and go after good saves", async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const line = new Requests(blobs);
      const store = open(line);
      const lease = await store.acquire({ session });
      await new Promise<void>((resolve) => {
        line.intercept = (call, key, go) => {
          if (!isEntryPut(call, key)) return go();
          line.intercept = () => new Promise(() => {});
          resolve();
          return new Promise(() => {});
        };
        void save(store, lease, round);
      });
    }
    expect(blobs.takeMost().bytes).toBeLessThan(MOST_BYTES);
    const store = open();
    await saveWell(store, await store.acquire({ session }));
    expect(blobs.held.bytes).toBeLessThan(LEFT_BYTES);
  });

  it("go after good saves also when their puts arrive late", async () => {
    const store = open();
    const lease = await store.acquire({ session });
    const late: (() => Promise<unknown>)[] = [];
    requests.intercept = (call, key, go) => {
      if (call !== "put" || isEntryPut(call, key)) return go();
      late.push(go);
      return Promise.reject(outage());
    };
    for (let round = 20; round < 40; round++) await expect(save(store, lease, round)).rejects.toThrow();
    requests.passAll();
    await saveWell(store, lease);
    for (const arrive of late) await arrive();
    await saveWell(store, lease);
    expect(blobs.held.bytes).toBeLessThan(LEFT_BYTES);
  });

  it("stay while the store refuses every delete: saves go on, and each says so", async () => {
    const store = open();
    const lease = await store.acquire({ session });
    requests.intercept = (call, _key, go) => (call === "delete" ? Promise.reject(outage()) : go());
    for (let round = 0; round < 130; round++) expect((await save(store, lease, round)).unchanged).toBe(false);
    expect(warnings.length).toBeGreaterThan(10);
    for (const warning of warnings) expect(warning).toMatch(/^Could not remove old data of RemoteAuth-bot/);
    requests.passAll();
    await saveWell(store, lease);
    expect(blobs.held.bytes).toBeLessThan(LEFT_BYTES);
  });
});

describe("the log", () => {
  /** Most of the starts before the test, at a hundredth of their time. */
  async function addHolds(count: number): Promise<void> {
    const frames = new SessionFrames(session);
    const state = await open().state({ session });
    const first = state?.entry ?? 0;
    const newest = await decodeEntry(frames, first, (await blobs.get(entryKey(session, first))) as Buffer);
    const { manifest: _, ...hold } = newest;
    for (let n = first + 1; n <= first + count; n++) {
      const id = randomBytes(16).toString("hex");
      const entry = { ...hold, n, id, kind: "hold" as const, epoch: newest.epoch + n - first, lease: undefined };
      await blobs.put(entryKey(session, n), await encodeEntry(frames, entry));
    }
  }

  it.each([
    ["at once", false],
    ["after they have marked a generation", true],
  ])("is bounded while all processes die %s", async (_when, marks) => {
    const first = open();
    const { generation } = await save(first, await first.acquire({ session }), 0);
    const saved = blobs.takeMost().bytes;
    await addHolds(times(4_990, 10));
    for (let start = 0; start < times(25, 10_000); start++) {
      const store = open();
      const lease = await store.acquire({ session });
      if (marks) await store.mark({ session, lease, generation, as: start % 2 === 0 ? "rejected" : "proven" });
    }
    const most = blobs.takeMost();
    expect(most.entries).toBeGreaterThan(4_096);
    expect(most.entries).toBeLessThan(5_010);
    expect(most.entryBytes).toBeLessThan(500);
    // Entries and what is left of leases.
    expect(most.objects).toBeLessThan(most.entries + 100);
    expect(most.bytes - saved).toBeLessThan(5_010 * 500);
    const store = open();
    await save(store, await store.acquire({ session }), 1);
  });

  it("has few entries that are superseded, also while no process saves anything", async () => {
    const first = open();
    const { generation } = await save(first, await first.acquire({ session }), 0);
    for (let start = 0; start < 40; start++) {
      const store = open();
      const lease = await store.acquire({ session });
      for (const as of ["rejected", "proven"] as const) await store.mark({ session, lease, generation, as });
    }
    let proven = 0;
    for await (const { kind } of open().history({ session })) if (kind === "proven") proven++;
    expect(proven).toBeLessThanOrEqual(8);
  });
});
