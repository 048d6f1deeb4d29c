import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import type { PutOptions } from "../../lib/blobs.ts";
import type { Capture } from "../../lib/store.ts";
import type { VaultLease } from "../../lib/vault/lease.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, type Files, noise, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { gate } from "../support/gate.ts";
import { times } from "../support/length.ts";
import { Requests } from "./support/requests.ts";

const MIB = 1024 * 1024;
/** Chunks of saves under way for a vault, and saves that hold bytes: one of the vault and some more. */
const [CHUNKS, SAVES] = [5, 2];
/** Each table is another part of it. */
const bytes = noise(5 * MIB);

const folder = useFolder();

/** A profile of so many tables of 4 MiB, like nobody else's. */
function tables(count: number, seed: number): Files {
  const table = (index: number): Buffer => bytes.subarray((seed * count + index) * 4096).subarray(0, 4 * MIB);
  return profileFiles(
    "value",
    Object.fromEntries(
      Array.from({ length: count }, (_, index) => [`Default/Local Storage/leveldb/${100 + index}.ldb`, table(index)]),
    ),
  );
}

/** Tells of every read. */
function watched(capture: Capture, onRead: (length: number) => void): Capture {
  const files = capture.files.map((file) => ({
    ...file,
    read: async (position: number, length: number) => {
      onRead(length);
      return await file.read(position, length);
    },
  }));
  return { ...capture, files };
}

/** No put of a chunk is answered from now on. */
function hangChunks(requests: Requests): { readonly count: () => number; readonly stopped: Promise<void> } {
  let waiting = 0;
  const all = gate();
  requests.intercept = (call, key, go) => {
    if (call !== "put" || !key.includes("/chunks/")) return go();
    if (++waiting === CHUNKS) all.open();
    return new Promise(() => {});
  };
  return { count: () => waiting, stopped: all.opened };
}

async function save(vault: Vault, session: string, capture: Capture, signal?: AbortSignal): Promise<void> {
  const lease = await vault.acquire({ session });
  await vault.saveProfile({ session, capture, lease, signal });
}

it("holds the bytes of few saves at once, however many wait", async () => {
  let [held, most, stored] = [0, 0, 0];
  class Counting extends MemoryBlobs {
    override async put(key: string, frame: Buffer, options?: PutOptions): Promise<void> {
      await super.put(key, frame, options);
      if (frame.length < 4 * MIB) return;
      held--;
      stored++;
    }
  }
  const vault = new Vault({ blobs: new Counting() });
  const onRead = (length: number): void => {
    // What is small travels in a chunk with others.
    if (length < 4 * MIB) return;
    held++;
    most = Math.max(most, held);
  };
  const count = times(8, 24);
  const saves = Array.from({ length: count }, (_, index) => {
    return save(vault, `RemoteAuth-${index}`, watched(captureOf(tables(3, index)), onRead));
  });
  await Promise.all(saves);
  expect([held, stored]).toEqual([0, 3 * count]);
  // One is read while others are compressed.
  expect(most).toBeGreaterThan(2);
  expect(most).toBeLessThanOrEqual(CHUNKS + SAVES);
});

it("lets a small save pass while large ones go on", async () => {
  const vault = new Vault({ blobs: new MemoryBlobs() });
  const ended: string[] = [];
  const one = async (name: string, files: Files): Promise<void> => {
    await save(vault, `RemoteAuth-${name}`, captureOf(files));
    ended.push(name);
  };
  const large = [1, 2, 3].map((index) => one(`large-${index}`, tables(8, index)));
  await Promise.all([...large, one("small", profileFiles("small"))]);
  expect(ended.indexOf("small")).toBeLessThan(2);
});

it("holds no permit after saves that were ended while they waited for one", async () => {
  const requests = new Requests(new MemoryBlobs());
  const vault = new Vault({ blobs: requests, retries: 0 });
  const controller = new AbortController();
  const enough = new Error("enough");
  const chunks = hangChunks(requests);
  const sessions = [1, 2, 3].map((index) => `RemoteAuth-${index}`);
  const leases = await Promise.all(sessions.map(async (session) => (await vault.acquire({ session })) as VaultLease));
  const hanging = leases.map((lease, index) => {
    const capture = captureOf(tables(5, index));
    const saving = vault.saveProfile({ session: lease.session, lease, capture, signal: controller.signal });
    return expect(saving).rejects.toBe(enough);
  });
  const { chunkPermits, encodePermits, savePermits, sendPermits } = (leases[0] as VaultLease).context;
  // All that may be sent are, and a save waits with its permit for a chunk.
  await chunks.stopped;
  while (chunkPermits.held <= CHUNKS) await setImmediate();
  expect(chunks.count()).toBe(CHUNKS);
  controller.abort(enough);
  await Promise.all(hanging);
  const held = [chunkPermits, sendPermits, encodePermits, savePermits].map((permits) => permits.held);
  expect(held).toEqual([0, 0, 0, 0]);
});

it("saves into one vault while the backend of another vault does not answer", async () => {
  const requests = new Requests(new MemoryBlobs());
  const hung = new Vault({ blobs: requests, retries: 0 });
  const controller = new AbortController();
  const enough = new Error("enough");
  const chunks = hangChunks(requests);
  const hanging = [1, 2, 3, 4].map((index) =>
    expect(save(hung, `RemoteAuth-${index}`, captureOf(tables(5, index)), controller.signal)).rejects.toBe(enough),
  );
  await chunks.stopped;

  const vault = new Vault({ blobs: new MemoryBlobs() });
  const session = "RemoteAuth-other";
  await save(vault, session, captureOf(tables(5, 9)));
  const { files } = await vault.restoreProfile({ session, into: folder() });
  expect(files).toBe(8);
  // As many as ever, although 20 wait.
  expect(chunks.count()).toBe(CHUNKS);
  controller.abort(enough);
  await Promise.all(hanging);
});
