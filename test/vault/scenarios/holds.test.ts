import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { BlobStore } from "../../../lib/blobs.ts";
import type { Lease, SaveReport } from "../../../lib/store.ts";
import { entryKey, entryNumber, logPrefix } from "../../../lib/vault/layout.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";
import { takeOver } from "../../support/take-over.ts";
import { FakeTime } from "../support/fake-time.ts";

const session = "RemoteAuth-bot";
const DAY = 24 * 60 * 60 * 1000;

let backend: MemoryBlobs;
let time: FakeTime;

beforeEach(() => {
  backend = new MemoryBlobs();
  time = new FakeTime();
});

function open(blobs: BlobStore = backend): Vault {
  return new Vault({ blobs, retries: 0 }, { clock: time.clock() });
}

function save(store: Vault, lease: Lease, value: string): Promise<SaveReport> {
  return store.saveProfile({ session, lease, capture: captureOf(profileFiles(value)) });
}

async function entries(): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { key } of backend.list(logPrefix(session))) numbers.push(entryNumber(session, key) ?? 0);
  return numbers.sort((a, b) => a - b);
}

describe("a hold", () => {
  it("stays when another host's clock was a month ahead, and stops that host", async () => {
    const stamps = new Map<string, number>();
    const [first, second] = [open(stamped(31 * DAY, stamps)), open(stamped(0, stamps))];
    const zombie = await first.acquire({ session });
    await save(first, zombie, "one");
    const lease = await takeOver(second, session);
    const { generation } = await save(second, lease, "two");
    await second.prune({ session, lease });
    expect(await entries()).toContain(3);
    await expect(save(first, zombie, "of the zombie")).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect((await second.state({ session }))?.current?.generation).toBe(generation);
  });

  it("goes once later holders have held the session for a month, however short each of them", async () => {
    for (let days = 0; days < 33; days += 3) {
      const store = open();
      const lease = await store.acquire({ session });
      time.skip(3 * DAY);
      await save(store, lease, `day ${days}`);
      await lease.release();
      // Time in which nobody holds it counts for nothing.
      time.skip(300 * DAY);
    }
    expect(await entries()).toContain(1);
    const store = open();
    await store.prune({ session, lease: await store.acquire({ session }) });
    expect(await entries()).not.toContain(1);
    expect(await entries()).toContain(3);
  });

  it("stays as long as its holder is the newest one", async () => {
    const store = open();
    const lease = await store.acquire({ session });
    await save(store, lease, "one");
    time.skip(90 * DAY);
    await save(store, lease, "two");
    await store.prune({ session, lease });
    expect(await backend.get(entryKey(session, 1))).toBeDefined();
  });
});

/** A backend that dates what it stores by the clock of its user, as a disk does. */
function stamped(aheadMs: number, stamps: Map<string, number>): BlobStore {
  return {
    traits: (call) => backend.traits(call),
    get: (key, call) => backend.get(key, call),
    put: async (key, bytes, call) => {
      await backend.put(key, bytes, call);
      stamps.set(key, Date.now() + aheadMs);
    },
    async *list(prefix, call) {
      for await (const info of backend.list(prefix, call)) {
        yield { ...info, modifiedAt: new Date(stamps.get(info.key) ?? 0) };
      }
    },
    delete: (keys, call) => backend.delete(keys, call),
  };
}
