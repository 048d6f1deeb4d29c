import { beforeEach, describe, expect, it } from "vitest";
import { entryKey } from "../../../lib/vault/layout.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";
import { LatePuts } from "../support/late-puts.ts";
import { LeaseRig, SECOND, SESSION } from "../support/lease-rig.ts";

let rig: LeaseRig;
beforeEach(() => {
  rig = new LeaseRig();
});

describe("a hold that was given up, and arrives late", () => {
  const open = (blobs: LatePuts): Vault => new Vault({ blobs, retries: 0 });

  it("keeps nobody out: not the vault that sent it, and no other", async () => {
    for (const isOther of [false, true]) {
      const line = new LatePuts();
      const store = open(line);
      await line.during(() => store.acquire({ session: SESSION }));
      await line.arrive();
      await (isOther ? open(line) : store).acquire({ session: SESSION });
    }
  });

  it("keeps the vault that sent it out of nothing also where the store did not take its release", async () => {
    const line = new LatePuts();
    const store = open(line);
    await line.during(() => store.acquire({ session: SESSION }));
    await line.backend.delete((await line.keys()).filter((key) => key.endsWith("released")));
    await line.arrive();
    await store.acquire({ session: SESSION });
  });

  it("keeps nobody out also where a listing did not show it", async () => {
    const first = rig.process();
    const list = first.requests.list.bind(first.requests);
    let listings = 0;
    first.requests.list = async function* (prefix, options) {
      // Behind once: the listing that is to confirm the hold.
      if (prefix.includes("/log/") && ++listings === 2) return;
      yield* list(prefix, options);
    };
    const lease = await first.store.acquire({ session: SESSION });
    expect(lease.epoch).toBe(2);
  });
});

describe("a session that was released", () => {
  it("is held by nobody also where the next holder deletes the release before it is seen", async () => {
    const [holder, waiter] = [rig.process(), rig.process()];
    await (await holder.store.acquire({ session: SESSION })).release();
    let isTaken = false;
    waiter.requests.intercept = async (call, key, go) => {
      const result = await go();
      if (call === "get" && key.includes("/log/") && !isTaken) {
        isTaken = true;
        await rig.process().store.breakLease({ session: SESSION });
        expect(await rig.leaseKeys()).toEqual([]);
      }
      return result;
    };
    const lease = await waiter.store.acquire({ session: SESSION });
    expect(lease.epoch).toBe(3);
  });
});

describe("a store whose listings are behind", () => {
  it("refuses a session that is held by what they show", async () => {
    const [holder, waiter] = [rig.process(), rig.process()];
    await holder.store.acquire({ session: SESSION });
    await rig.process().store.breakLease({ session: SESSION });
    const list = waiter.requests.list.bind(waiter.requests);
    waiter.requests.list = async function* (prefix, options) {
      for await (const info of list(prefix, options)) if (info.key !== entryKey(SESSION, 2)) yield info;
    };
    await expect(waiter.store.acquire({ session: SESSION })).rejects.toMatchObject({ code: "LEASE_HELD" });
  });
});

describe("a session whose taking takes long", () => {
  it("is looked for in the log before it is saved", async () => {
    const holder = rig.process();
    const list = holder.requests.list.bind(holder.requests);
    holder.requests.list = async function* (prefix, options) {
      yield* list(prefix, options);
      if (prefix.includes("/log/")) rig.time.skip(61 * SECOND);
    };
    const lease = await holder.store.acquire({ session: SESSION });
    holder.requests.list = list;
    holder.requests.take();
    await holder.store.saveProfile({ session: SESSION, lease, capture: captureOf(profileFiles("one")) });
    expect(holder.requests.take()[0]).toBe(`list ${SESSION}/log/`);
  });
});

describe("breaking a lease", () => {
  it("names nobody where the lease was released", async () => {
    const holder = rig.process();
    await (await holder.store.acquire({ session: SESSION })).release();
    expect(await rig.process().store.breakLease({ session: SESSION })).toEqual({});
  });

  it("names the process that had the session, and leaves nothing of its lease", async () => {
    const [holder, other] = [rig.process(), rig.process()];
    await holder.store.acquire({ session: SESSION });
    expect(await other.store.breakLease({ session: SESSION })).toEqual({
      owner: "web:1",
      since: new Date("2026-11-28T10:00:00Z"),
    });
    expect(await rig.leaseKeys()).toEqual([]);
  });

  it("breaks no lease that came meanwhile", async () => {
    const [holder, other, next] = [rig.process(), rig.process(), rig.process()];
    const lease = await holder.store.acquire({ session: SESSION });
    let isTaken = false;
    other.requests.intercept = async (call, key, go) => {
      if (call === "put" && key.includes("/log/") && !isTaken) {
        isTaken = true;
        await lease.release();
        await next.store.acquire({ session: SESSION });
      }
      return go();
    };
    const broken = other.store.breakLease({ session: SESSION });
    await expect(broken).rejects.toMatchObject({ code: "LEASE_HELD", owner: "web:3" });
    expect((await next.store.state({ session: SESSION }))?.lease?.owner).toBe("web:3");
  });
});
