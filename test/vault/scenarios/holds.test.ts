import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { BlobStore } from "../../../lib/blobs.ts";
import type { Lease, SaveReport } from "../../../lib/store.ts";
import { encodeEntry } from "../../../lib/vault/entry.ts";
import { SessionFrames } from "../../../lib/vault/frames.ts";
import { entryKey, entryNumber, logPrefix } from "../../../lib/vault/layout.ts";
import type { VaultLease } from "../../../lib/vault/lease.ts";
import { Vault, type VaultOptions } from "../../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../../contract/profile.ts";
import { takeOver } from "../../support/take-over.ts";
import { FakeClock, FakeTime } from "../support/fake-time.ts";
import { holdBack, isEntryPut, Requests } from "../support/requests.ts";

const session = "RemoteAuth-bot";
const DAY = 24 * 60 * 60 * 1000;

let backend: MemoryBlobs;
let time: FakeTime;

beforeEach(() => {
  backend = new MemoryBlobs();
  time = new FakeTime();
});

/** Without leases: what is looked at here is the log alone, of which any process may take the next number. */
function open(blobs: BlobStore = backend, options: VaultOptions = {}, skewMs = 0): Vault {
  return new Vault({ blobs, retries: 0, ...options }, { clock: time.clock(skewMs), leases: false });
}

function save(store: Vault, lease: Lease, value: string): Promise<SaveReport> {
  return store.saveProfile({ session, lease, capture: captureOf(profileFiles(value)) });
}

async function current(): Promise<number | undefined> {
  return (await open().state({ session }))?.current?.generation;
}

async function entries(): Promise<number[]> {
  const numbers: number[] = [];
  for await (const { key } of backend.list(logPrefix(session))) numbers.push(entryNumber(session, key) ?? 0);
  return numbers.sort((a, b) => a - b);
}

describe("a holder that was idle or paused", () => {
  let bot: Vault;
  let lease: Lease;

  /** What goes on while the other holder does nothing: its own hold, and the one that followed it, are removed. */
  async function monthsPass(of: Vault): Promise<number> {
    bot = of;
    lease = await bot.acquire({ session });
    for (let round = 0; round < 12; round++) {
      await time.advance(3 * DAY);
      await save(bot, lease, `round ${round}`);
    }
    lease = await bot.acquire({ session });
    const { generation } = await save(bot, lease, "new");
    await bot.prune({ session, lease });
    return generation;
  }

  it("deletes a session that another holder has had since, also without a lease", async () => {
    const panel = open();
    bot = open();
    await save(bot, await bot.acquire({ session }), "one");
    await panel.delete({ session });
    await panel.undelete({ session });
    const { entry = 0 } = (await panel.state({ session })) ?? {};
    await monthsPass(bot);
    // Where its next entry would go there is nothing again.
    expect(await entries()).not.toContain(entry + 1);
    await panel.delete({ session });
    expect(await bot.sessionExists({ session })).toBe(false);
  });

  it.each([
    ["by its monotonic clock", { monotonic: 1, wall: 0 }, "save"],
    ["by its monotonic clock, also in a look beside", { monotonic: 1, wall: 0 }, "look"],
    // The monotonic clock of a virtual machine that was suspended stands still.
    ["by its wall clock alone", { monotonic: 0, wall: 1 }, "save"],
    ["by its wall clock alone, which was set back by more", { monotonic: 0, wall: -1 }, "save"],
  ])("is told that it has lost the session when time has passed %s", async (_, hands, how) => {
    const clock = new WrongClock(time, hands);
    const sleepy = new Vault({ blobs: backend, retries: 0 }, { clock, leases: false });
    const old = await sleepy.acquire({ session });
    await save(sleepy, old, "one");
    const generation = await monthsPass(open());
    expect(await entries()).not.toContain(3);
    const writer = (old as VaultLease).writer;
    if (how === "look") await expect(writer.lookBeside()).rejects.toMatchObject({ code: "LEASE_LOST" });
    await expect(save(sleepy, old, "of the sleeper")).rejects.toMatchObject({ code: "LEASE_LOST" });
    await expect(save(sleepy, old, "one")).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect((await bot.state({ session }))?.current?.generation).toBe(generation);
    // It has sent nothing to the number that was free again.
    expect(await entries()).not.toContain(3);
  });

  it("is told so also when that time has passed while its entry was on its way", async () => {
    const requests = new Requests(backend);
    const sleepy = open(requests);
    const old = await sleepy.acquire({ session });
    await save(sleepy, old, "one");
    let generation = 0;
    requests.intercept = async (call, key, go) => {
      if (!isEntryPut(call, key)) return go();
      requests.passAll();
      generation = await monthsPass(open());
      return go();
    };
    await expect(save(sleepy, old, "of the sleeper")).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await current()).toBe(generation);
  });

  it("is told so also when that time has passed since an entry of its own has arrived late", async () => {
    const requests = new Requests(backend);
    const sleepy = open(requests);
    const old = await sleepy.acquire({ session });
    await save(sleepy, old, "one");
    const late = holdBack(requests);
    await expect(save(sleepy, old, "two")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    let generation = 0;
    requests.intercept = async (call, key, go) => {
      if (!isEntryPut(call, key)) return go();
      requests.passAll();
      await late.arrive();
      const other = open();
      // Stays for as long as no newer one is proven.
      await other.mark({ session, lease: await other.acquire({ session }), generation: 3, as: "proven" });
      generation = await monthsPass(open());
      expect(await entries()).toContain(3);
      expect(await entries()).not.toContain(4);
      return go();
    };
    await expect(save(sleepy, old, "of the sleeper")).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await current()).toBe(generation);
  });

  it("lists the log when a minute has passed since it saw that it had the newest entry, and not before", async () => {
    const requests = new Requests(backend);
    bot = open(requests);
    lease = await bot.acquire({ session });
    await save(bot, lease, "one");
    requests.take();
    await time.advance(60_000);
    await save(bot, lease, "two");
    expect(listings(requests)).toEqual([]);
    await time.advance(60_001);
    await save(bot, lease, "three");
    expect(listings(requests)).toEqual([`list ${logPrefix(session)}`]);
  });

  it("does not list when it has looked for a successor each minute", async () => {
    const requests = new Requests(backend);
    bot = open(requests);
    const taken = (await bot.acquire({ session })) as VaultLease;
    for (let minute = 0; minute < 5; minute++) {
      await time.advance(60_000);
      await taken.writer.lookBeside();
    }
    requests.take();
    await save(bot, taken, "one");
    expect(listings(requests)).toEqual([]);
    await time.advance(60_001);
    // Too late for a look at one number to prove anything.
    await taken.writer.lookBeside();
    expect(listings(requests)).toEqual([`list ${logPrefix(session)}`]);
    await save(bot, taken, "two");
    expect(listings(requests)).toEqual([]);
  });
});

describe("a hold", () => {
  it("counts only as the newest entry: its number may be one that was free again", async () => {
    const holder = open(backend, { keep: 1 });
    const lease = await holder.acquire({ session });
    await save(holder, lease, "one");
    const requests = new Requests(backend);
    requests.intercept = async (call, key, go) => {
      if (!isEntryPut(call, key)) return go();
      requests.passAll();
      for (const value of ["two", "three", "four"]) await save(holder, lease, value);
      await holder.prune({ session, lease });
      return go();
    };
    const other = open(requests);
    const { generation } = await save(other, await other.acquire({ session }), "five");
    expect(await current()).toBe(generation);
    await expect(save(holder, lease, "six")).rejects.toMatchObject({ code: "LEASE_LOST" });
  });

  it("stops an entry of the holder before it that was on its way meanwhile", async () => {
    const requests = new Requests(backend);
    const [first, second] = [open(requests), open()];
    const zombie = await first.acquire({ session });
    await save(first, zombie, "one");
    let generation = 0;
    requests.intercept = async (call, key, go) => {
      if (!isEntryPut(call, key)) return go();
      requests.passAll();
      const lease = await second.acquire({ session });
      generation = (await save(second, lease, "two")).generation;
      await second.prune({ session, lease });
      return go();
    };
    await expect(save(first, zombie, "of the zombie")).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await current()).toBe(generation);
  });

  it("stays when another host's clock is a month ahead, and stops the holder before it", async () => {
    const stamps = new Map<string, number>();
    const [first, second] = [open(stamped(0, stamps)), open(stamped(0, stamps))];
    const ahead = open(stamped(31 * DAY, stamps), {}, 31 * DAY);
    const zombie = await first.acquire({ session });
    await save(first, zombie, "one");
    await save(second, await takeOver(second, session), "two");
    const lease = await takeOver(ahead, session);
    const { generation } = await save(ahead, lease, "three");
    await ahead.prune({ session, lease });
    await expect(save(first, zombie, "of the zombie")).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await current()).toBe(generation);
    expect(await entries()).toContain(3);
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

describe("a session that is taken again and again and never saved", () => {
  it("has some thousand entries at most", async () => {
    const store = open();
    const lease = (await store.acquire({ session })) as VaultLease;
    const { generation } = await save(store, lease, "one");
    const frames = new SessionFrames(session);
    const { hold } = lease.writer;
    for (let n = 3; n <= 5_010; n++) {
      const entry = { ...lease.writer.state, n, epoch: n, kind: "hold" as const, id: hold.id };
      await backend.put(entryKey(session, n), await encodeEntry(frames, entry));
    }
    const other = open();
    const next = await other.acquire({ session });
    const left = await entries();
    expect(left.length).toBeLessThan(4_200);
    expect(left).toEqual(expect.arrayContaining([generation, 5_010, 5_011]));
    expect((await save(other, next, "two")).generation).toBe(5_012);
  });
});

function listings(requests: Requests): string[] {
  return requests.take().filter((line) => line.startsWith("list"));
}

/** How fast the hands of a clock go; 0 for one that stands still. */
interface Hands {
  readonly monotonic: number;
  readonly wall: number;
}

/** A clock with a wrong hand. */
class WrongClock extends FakeClock {
  readonly #hands: Hands;

  constructor(of: FakeTime, hands: Hands) {
    super(of, 0);
    this.#hands = hands;
  }

  override monotonicMs(): number {
    return this.#hands.monotonic * super.monotonicMs();
  }

  override wallMs(): number {
    return this.#hands.wall * super.wallMs();
  }
}

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
