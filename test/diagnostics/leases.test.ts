import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { LeaseRig, SECOND, SESSION } from "../vault/support/lease-rig.ts";
import { failAll, outage } from "../vault/support/requests.ts";
import { inShort, listen, type Told } from "./support/listen.ts";

const base = { on: "lease", session: SESSION, store: "Requests", owner: expect.stringMatching(/^.+:\d+$/) };

let rig: LeaseRig;
let told: Told[];

beforeEach(() => {
  rig = new LeaseRig();
  told = listen();
});

describe("a lease", () => {
  it("is told when it is acquired and when it is released, each once", async () => {
    const { store } = rig.process();
    const lease = await store.acquire({ session: SESSION });
    await rig.time.advance(45 * SECOND);
    await lease.release();
    await lease.release();
    expect(told).toEqual([
      { ...base, change: "acquired", epoch: 1, ms: expect.any(Number) },
      { ...base, change: "released", epoch: 1, ms: 45 * SECOND },
    ]);
  });

  it("of a holder that is waited for is told as waiting, once, and then as acquired", async () => {
    const [holder, waiter] = [rig.process(), rig.process()];
    const lease = await holder.store.acquire({ session: SESSION });
    told.length = 0;
    const taking = waiter.takes(100 * SECOND);
    await rig.time.advance(30 * SECOND);
    await lease.release();
    await taking;
    expect(inShort(told)).toEqual(["lease waiting", "lease released", "lease acquired"]);
    expect(told[0]).toEqual({ ...base, owner: "web:1", change: "waiting", ms: 100 * SECOND });
    expect(told[2]).not.toHaveProperty("other");
  });

  it("of another holder is an error when it is not waited for", async () => {
    await rig.process().store.acquire({ session: SESSION });
    told.length = 0;
    await expect(rig.process().store.acquire({ session: SESSION })).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect(told).toEqual([
      expect.objectContaining({ on: "error", operation: "acquire", code: "LEASE_HELD", owner: "web:1" }),
    ]);
  });

  it("of a process that is gone is told as acquired, with the process that had it", async () => {
    await rig.process().store.acquire({ session: SESSION });
    rig.gone.add(1);
    told.length = 0;
    await rig.process().store.acquire({ session: SESSION });
    expect(told).toEqual([{ ...base, change: "acquired", epoch: 2, other: "web:1", ms: expect.any(Number) }]);
  });

  it("that a person breaks is told as broken, and then as lost by its holder, once, before it aborts", async () => {
    const holder = rig.process();
    const lease = await holder.store.acquire({ session: SESSION });
    told.length = 0;
    let seen: string[] = [];
    lease.lost.addEventListener("abort", () => {
      seen = inShort(told);
    });
    await rig.process().store.breakLease({ session: SESSION });
    await rig.time.advance(60 * SECOND);
    const capture = captureOf(profileFiles("one"));
    await expect(holder.store.saveProfile({ session: SESSION, lease, capture })).rejects.toMatchObject({
      code: "LEASE_LOST",
    });
    await lease.release();
    expect(inShort(told)).toEqual(["lease broken", "lease lost", "error save LEASE_LOST"]);
    expect(seen).toEqual(["lease broken", "lease lost"]);
    expect(told[0]).toEqual({ ...base, owner: "web:1", change: "broken" });
    expect(told[1]).toEqual({
      ...base,
      change: "lost",
      epoch: 1,
      other: expect.stringMatching(/:\d+$/),
      ms: expect.any(Number),
    });
  });

  it("of a session that was never written is not broken, and one of nobody is broken without an owner", async () => {
    const { store } = rig.process();
    await store.breakLease({ session: SESSION });
    expect(told).toEqual([]);
    await (await store.acquire({ session: SESSION })).release();
    told.length = 0;
    await store.breakLease({ session: SESSION });
    expect(told).toEqual([{ on: "lease", session: SESSION, store: "Requests", change: "broken" }]);
  });

  it("that cannot be renewed is an error for each renewal, and overdue once", async () => {
    const holder = rig.process();
    const lease = await holder.store.acquire({ session: SESSION });
    told.length = 0;
    failAll(holder.requests, "put");
    await rig.time.advance(100 * SECOND);
    const failed = "error renew UNAVAILABLE";
    // Five renewals were due: the lease had ended with the fourth.
    expect(inShort(told)).toEqual([failed, failed, failed, failed, "lease overdue", failed]);
    expect(told[0]).toEqual({
      on: "error",
      operation: "renew",
      session: SESSION,
      store: "Requests",
      epoch: 1,
      code: "UNAVAILABLE",
      retryable: true,
    });
    expect(told[4]).toEqual({ ...base, change: "overdue", epoch: 1, ms: 80 * SECOND });
    holder.requests.passAll();
    told.length = 0;
    await rig.time.advance(60 * SECOND);
    expect(told).toEqual([]);
    await lease.release();
  });

  it("whose store hangs is an error for each renewal that gets no answer", async () => {
    const holder = rig.process();
    await holder.store.acquire({ session: SESSION });
    told.length = 0;
    holder.loseLeasePuts();
    await rig.time.advance(45 * SECOND);
    expect(inShort(told)).toEqual(["error renew UNAVAILABLE"]);
  });

  it("that is released during an outage is told as released, and no renewal of it as failed", async () => {
    const holder = rig.process();
    const lease = await holder.store.acquire({ session: SESSION });
    told.length = 0;
    failAll(holder.requests);
    const released = lease.release();
    await rig.time.advance(90 * SECOND);
    await released;
    expect(inShort(told)).toEqual(["lease released"]);
  });

  it("whose acquire is ended is an error, and neither acquired nor released", async () => {
    const stop = new AbortController();
    await rig.process().store.acquire({ session: SESSION });
    told.length = 0;
    const taking = rig.process().store.acquire({ session: SESSION, waitMs: 60 * SECOND, signal: stop.signal });
    taking.catch(() => {});
    await rig.time.advance(SECOND);
    stop.abort();
    await expect(taking).rejects.toThrow();
    expect(inShort(told)).toEqual(["lease waiting", "error acquire CANCELLED"]);
  });

  it("of a store that cannot keep others out is told as well", async () => {
    const store = new Vault({ blobs: new MemoryBlobs({ exclusiveCreate: false }), onWarning: () => {} });
    const lease = await store.acquire({ session: SESSION });
    await lease.release();
    expect(inShort(told)).toEqual(["lease acquired", "lease released"]);
  });

  it("is not told of a hold that a call without a lease has taken and lost", async () => {
    const [one, other] = [rig.process(), rig.process()];
    const lease = await one.store.acquire({ session: SESSION });
    await one.store.saveProfile({ session: SESSION, lease, capture: captureOf(profileFiles("one")) });
    await lease.release();
    told.length = 0;
    await one.store.delete({ session: SESSION });
    await other.store.undelete({ session: SESSION });
    await one.store.delete({ session: SESSION });
    expect(inShort(told)).toEqual(["delete deleted", "delete undeleted", "delete deleted"]);
  });

  it("that fails while the store is away is an error of that call alone", async () => {
    const holder = rig.process();
    holder.requests.intercept = () => Promise.reject(outage());
    const taking = holder.store.acquire({ session: SESSION });
    taking.catch(() => {});
    await rig.time.advance(30 * SECOND);
    await expect(taking).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(inShort(told)).toEqual(["error acquire UNAVAILABLE"]);
  });
});
