import { beforeEach, describe, expect, it, vi } from "vitest";
import { entryKey } from "../../lib/vault/layout.ts";
import type { VaultLease } from "../../lib/vault/lease.ts";
import { prune } from "../../lib/vault/prune.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { captureOf, noise, profileFiles } from "../contract/profile.ts";
import { gate } from "../support/gate.ts";
import { takeOver } from "../support/take-over.ts";
import { LatePuts } from "./support/late-puts.ts";

const session = "RemoteAuth-bot";

let line: LatePuts;
let store: Vault;
let lease: VaultLease;

beforeEach(async () => {
  line = new LatePuts();
  store = open();
  lease = await take(store);
});

function open(options: VaultOptions = {}): Vault {
  return new Vault({ blobs: line, retries: 0, retryDelayMs: 0, onWarning: () => {}, ...options });
}

async function take(by: Vault): Promise<VaultLease> {
  return (await by.acquire({ session })) as VaultLease;
}

async function save(value: string, by = store, hold = lease): Promise<number> {
  const capture = captureOf(profileFiles(value));
  return (await by.saveProfile({ session, lease: hold, capture })).generation;
}

describe("a look beside a commit", () => {
  it("leaves an entry of its own that has just arrived to the commit", async () => {
    await line.during(() => save("one"));
    line.beforePut = async () => {
      line.beforePut = undefined;
      await line.arrive();
      await lease.writer.lookBeside();
    };
    const generation = await save("two");
    expect(lease.lost.aborted).toBe(false);
    expect((await store.state({ session }))?.generations.map((one) => one.generation)).toEqual([2, generation]);
  });

  it("takes no entry that the commit has just created for another holder's", async () => {
    const { log } = lease.writer;
    const read = log.read.bind(log);
    let saving: Promise<number> | undefined;
    let looking: Promise<void> | undefined;
    line.afterPut = async () => {
      line.afterPut = undefined;
      await lease.writer.lookBeside();
      // Its answer comes once the save has ended.
      vi.spyOn(log, "read").mockImplementationOnce(async (n) => {
        const entry = await read(n);
        await saving;
        return entry;
      });
      looking = lease.writer.lookBeside();
    };
    saving = save("one");
    await saving;
    await looking;
    expect(lease.lost.aborted).toBe(false);
  });

  it("finds the hold of another holder, and the lease is lost", async () => {
    await open().breakLease({ session });
    await expect(lease.writer.lookBeside()).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(lease.lost.aborted).toBe(true);
  });

  it("finds it also behind an entry of its own that has arrived late", async () => {
    await line.during(() => save("one"));
    await line.arrive();
    await open().breakLease({ session });
    await expect(lease.writer.lookBeside()).rejects.toMatchObject({ code: "LEASE_LOST" });
  });

  it("finds it also behind the number of an entry that has arrived late and was pruned", async () => {
    await line.during(() => save("one"));
    await line.arrive();
    await open().breakLease({ session });
    await line.backend.delete([entryKey(session, 2)]);
    await expect(lease.writer.lookBeside()).rejects.toMatchObject({ code: "LEASE_LOST" });
  });

  it("finds nothing where an entry that was given up has not arrived", async () => {
    await line.during(() => save("one"));
    await lease.writer.lookBeside();
    expect(lease.lost.aborted).toBe(false);
  });
});

describe("a look for a successor", () => {
  it("takes no entry that a commit beside it has just created for another holder's", async () => {
    const { log } = lease.writer;
    const read = log.read.bind(log);
    const committed = gate();
    vi.spyOn(log, "read").mockImplementationOnce(async (n) => {
      await committed.opened;
      return await read(n);
    });
    const looking = lease.writer.look();
    await lease.writer.commit(() => ({ kind: "renewed" }));
    committed.open();
    await looking;
    expect(lease.lost.aborted).toBe(false);
    expect(lease.writer.state).toMatchObject({ n: 2, kind: "renewed" });
  });

  it("finds it behind an entry of its own that has arrived late, and nothing is deleted", async () => {
    await line.during(() => save("one"));
    await line.arrive();
    await takeOver(open(), session);
    const keys = await line.keys();
    await expect(store.prune({ session, lease })).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await line.keys()).toEqual(keys);
  });

  it("finds it behind the number of an entry that has arrived late and was pruned", async () => {
    await line.during(() => save("one"));
    await line.arrive();
    await takeOver(open(), session);
    await line.backend.delete([entryKey(session, 2)]);
    await expect(store.prune({ session, lease })).rejects.toMatchObject({ code: "LEASE_LOST" });
  });

  it("learns of several entries of its own that have arrived late, and loses nothing", async () => {
    await line.during(() => save("one"));
    await line.arrive();
    await line.during(() => save("two"));
    await line.arrive();
    await store.prune({ session, lease });
    expect(lease.writer.state.live.map(({ n }) => n)).toEqual([2, 3]);
  });
});

describe("a listing of a prune", () => {
  it("shows another holder, and nothing is deleted", async () => {
    await save("one");
    await takeOver(open(), session);
    const keys = await line.keys();
    await expect(prune(lease)).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await line.keys()).toEqual(keys);
  });

  it("shows another holder whose first entry is gone again, and nothing is deleted", async () => {
    await save("one");
    const { n } = lease.writer.state;
    const other = open();
    await save("two", other, (await takeOver(other, session)) as VaultLease);
    await line.backend.delete([entryKey(session, n + 1)]);
    const keys = await line.keys();
    await expect(prune(lease)).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await line.keys()).toEqual(keys);
  });

  it("is the only one", async () => {
    await save("one");
    const list = vi.spyOn(line, "list");
    await prune(lease);
    expect(list.mock.calls.map(([prefix]) => prefix)).toEqual([`${session}/`]);
  });
});

describe("a save whose lease is lost while it sends chunks", () => {
  it("sends no more of them", async () => {
    const puts: string[] = [];
    const { put } = line;
    const noticed = gate();
    line.put = async (key, bytes, options) => {
      await put.call(line, key, bytes, options);
      if (!key.includes("/chunks/")) return;
      if (puts.push(key) !== 1) return await noticed.opened;
      await takeOver(open(), session);
      await lease.writer.lookBeside().catch(() => {});
      noticed.open();
    };
    store = open({ concurrency: 2 });
    lease = (await takeOver(store, session)) as VaultLease;
    const tables = Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [`Default/${n}.ldb`, noise(600_000, n)]));
    const saving = store.saveProfile({ session, lease, capture: captureOf(profileFiles("one", tables)) });
    await expect(saving).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(puts.length).toBeLessThan(4);
  });
});

describe("a refusal by the state that a holder knows", () => {
  it("is LEASE_LOST, and not ABSENT, when another process has taken the session and saved", async () => {
    await save("one");
    const other = open();
    const generation = await save("two", other, (await takeOver(other, session)) as VaultLease);
    await expect(store.mark({ session, lease, generation, as: "proven" })).rejects.toMatchObject({
      code: "LEASE_LOST",
    });
    await expect(store.rollback({ session, lease, generation })).rejects.toMatchObject({ code: "LEASE_LOST" });
  });
});
