import assert from "node:assert/strict";
import { isVaultError, type VaultError, type VaultErrorCode } from "../../lib/errors.ts";
import type { Lease, ProfileStore, SaveReport } from "../../lib/store.ts";
import { captureOf, profileFiles } from "./profile.ts";
import { type Opened, type Runner, type SuiteOptions, suite } from "./runner.ts";

/** A store under test whose sessions are kept by leases. */
export interface OpenedLeaseStore extends Opened {
  /** The store: new and empty. */
  readonly store: LeaseStore;
  /** Another instance on the same backend, as another process would have it. */
  again(): LeaseStore | Promise<LeaseStore>;
  /** As {@link again}, with leases that last about a second, and a process that can be killed. */
  mortal(): MortalStore | Promise<MortalStore>;
}

/** A store with the methods that leases need. */
export type LeaseStore = ProfileStore & Required<Pick<ProfileStore, "breakLease">>;

/** A store in a process that can be killed. */
export interface MortalStore {
  /** The store. */
  readonly store: LeaseStore;
  /** From now on the store reaches the backend no more: it renews nothing and releases nothing. */
  crash(): void;
}

/** What every store must do whose sessions are kept by leases. */
export function leaseContract(runner: Runner, options: SuiteOptions<OpenedLeaseStore>): void {
  suite(runner, "leases", options, tests);
}

const session = "RemoteAuth-bot";
/** Longer than any of these tests may take; no test waits for its end. */
const LONG_MS = 60_000;

const tests: Record<string, (opened: OpenedLeaseStore) => Promise<void>> = {
  "keeps others out, and names the process that has the session": async ({ store, again }) => {
    const began = Date.now();
    const lease = await store.acquire({ session });
    for (const other of [await again(), store]) {
      const error = await rejects(other.acquire({ session }), "LEASE_HELD");
      assert.match(String(error.owner), /^.+:\d+$/);
      assert.ok(error.message.includes(String(error.owner)));
      assert.ok(error.expiresAt instanceof Date && error.expiresAt.getTime() > began);
      assert.ok(error.hint);
    }
    assert.ok(!lease.lost.aborted);
    await save(store, lease, "one");
    await lease.release();
  },

  "keeps nobody out of another session": async ({ store, again }) => {
    const leases = [await store.acquire({ session }), await store.acquire({ session: `${session}-2` })];
    leases.push(await (await again()).acquire({ session: `${session}-3` }));
    await Promise.all(leases.map((lease) => lease.release()));
  },

  "lets the next one in at once after a release": async ({ store, again }) => {
    const first = await store.acquire({ session });
    await save(store, first, "one");
    await first.release();
    const other = await again();
    const second = await other.acquire({ session });
    assert.ok(second.epoch > first.epoch);
    await rejects(store.acquire({ session }), "LEASE_HELD");
    await save(other, second, "two");
    await second.release();
    await (await store.acquire({ session })).release();
  },

  "may be released twice, and ends what it allows": async ({ store }) => {
    const lease = await store.acquire({ session });
    await Promise.all([lease.release(), lease.release()]);
    await lease.release();
    await rejects(save(store, lease, "one"), "LEASE_LOST");
    assert.ok(!lease.lost.aborted, "it was given back, not lost");
  },

  "waits for a release": async ({ store, again }) => {
    const first = await store.acquire({ session });
    const { generation } = await save(store, first, "one");
    const other = await again();
    let hasCome = false;
    const waiting = other.acquire({ session, waitMs: LONG_MS }).then((lease) => {
      hasCome = true;
      return lease;
    });
    // A third one, which begins later and does not wait.
    await rejects((await again()).acquire({ session }), "LEASE_HELD");
    assert.ok(!hasCome);
    await first.release();
    const second = await waiting;
    assert.ok(second.epoch > first.epoch);
    assert.equal((await other.state({ session }))?.current?.generation, generation);
    await second.release();
  },

  "waits no longer than it is told to": async ({ store, again }) => {
    const lease = await store.acquire({ session });
    await rejects((await again()).acquire({ session, waitMs: 50 }), "LEASE_HELD");
    await lease.release();
  },

  "stops waiting when its signal aborts, and leaves the holder alone": async ({ store, again }) => {
    const lease = await store.acquire({ session });
    const controller = new AbortController();
    const reason = new Error("enough");
    const waiting = (await again()).acquire({ session, waitMs: LONG_MS, signal: controller.signal });
    const rejected = assert.rejects(waiting, (error) => error === reason);
    await rejects((await again()).acquire({ session }), "LEASE_HELD");
    controller.abort(reason);
    await rejected;
    await save(store, lease, "one");
    await lease.release();
  },

  "leaves no lease behind when it is aborted": async ({ store, again }) => {
    const reason = new Error("enough");
    let wasAborted = true;
    for (let turn = 0; wasAborted; turn = 2 * turn + 1) {
      const controller = new AbortController();
      const taking = store.acquire({ session, signal: controller.signal });
      const outcome = taking.catch((error: unknown) => error);
      for (let turns = 0; turns < turn; turns++) await new Promise((resolve) => setImmediate(resolve));
      controller.abort(reason);
      const taken = await outcome;
      wasAborted = taken === reason;
      if (!wasAborted) await (taken as Lease).release();
      const next = await (await again()).acquire({ session, waitMs: LONG_MS / 3 });
      await next.release();
    }
    await (await store.acquire({ session, waitMs: LONG_MS / 3 })).release();
  },

  "keeps out calls that name no lease": async ({ store, again }) => {
    const lease = await store.acquire({ session });
    await save(store, lease, "one");
    const other = await again();
    for (const by of [other, store]) await rejects(by.delete({ session }), "LEASE_HELD");
    assert.equal(await other.sessionExists({ session }), true);
    await store.delete({ session, lease });
    await rejects(other.undelete({ session }), "LEASE_HELD");
    assert.ok(!lease.lost.aborted);
    await lease.release();
    await other.undelete({ session });
    assert.equal(await store.sessionExists({ session }), true);
  },

  "is kept out by no call that names no lease": async ({ store, again }) => {
    const lease = await store.acquire({ session });
    await save(store, lease, "one");
    await lease.release();
    await (await again()).delete({ session });
    const next = await store.acquire({ session });
    await store.undelete({ session, lease: next });
    await next.release();
  },

  "is broken by a person: its holder commits nothing more": async ({ store, again }) => {
    const began = Date.now();
    const lease = await store.acquire({ session });
    const { generation } = await save(store, lease, "one");
    const other = await again();
    const { owner, since } = await other.breakLease({ session });
    assert.equal(owner, (await store.state({ session }))?.holder);
    assert.ok(since instanceof Date && Math.abs(since.getTime() - began) < LONG_MS);
    await rejects(save(store, lease, "two"), "LEASE_LOST");
    assert.ok(isVaultError(lease.lost.reason, "LEASE_LOST"));
    await lease.release();
    // Nobody is kept out afterwards.
    const next = await other.acquire({ session });
    assert.equal((await other.state({ session }))?.current?.generation, generation);
    await save(other, next, "two");
    await next.release();
  },

  "is told by itself that it was broken, between two calls": async ({ store, mortal }) => {
    const { store: holder } = await mortal();
    const lease = await holder.acquire({ session });
    const lost = new Promise((resolve) => lease.lost.addEventListener("abort", resolve, { once: true }));
    await store.breakLease({ session });
    await lost;
    assert.ok(isVaultError(lease.lost.reason, "LEASE_LOST"));
    await rejects(save(holder, lease, "one"), "LEASE_LOST");
    await lease.release();
  },

  "ends by itself when its process has died": async ({ store, mortal }) => {
    const { store: holder, crash } = await mortal();
    const lease = await holder.acquire({ session });
    const { generation } = await save(holder, lease, "one");
    crash();
    await rejects(store.acquire({ session }), "LEASE_HELD");
    const next = await store.acquire({ session, waitMs: LONG_MS });
    assert.ok(next.epoch > lease.epoch);
    assert.equal((await store.state({ session }))?.current?.generation, generation);
    await lease.release();
    await save(store, next, "two");
    await next.release();
  },

  "is not broken where nobody has the session": async ({ store, again }) => {
    assert.deepEqual(await store.breakLease({ session }), {});
    assert.equal(await store.state({ session }), undefined);
    await (await store.acquire({ session })).release();
    assert.deepEqual(await (await again()).breakLease({ session }), {});
    await (await store.acquire({ session })).release();
  },

  "is named by the state of the session until it is released": async ({ store, again }) => {
    const lease = await store.acquire({ session });
    const other = await again();
    const held = await other.state({ session });
    assert.ok(held?.lease?.since instanceof Date);
    assert.equal(held.lease.owner, held.holder);
    await lease.release();
    const free = await other.state({ session });
    assert.equal(free?.lease, undefined);
    assert.equal(free?.holder, held.holder);
  },
};

async function save(store: ProfileStore, lease: Lease, value: string): Promise<SaveReport> {
  return store.saveProfile({ session, lease, capture: captureOf(profileFiles(value)) });
}

/** @returns the error */
async function rejects(call: Promise<unknown>, code: VaultErrorCode): Promise<VaultError> {
  const error = await call.then(
    () => assert.fail(`it resolved instead of ${code}`),
    (cause: unknown) => cause,
  );
  if (isVaultError(error, code)) return error;
  throw error;
}
