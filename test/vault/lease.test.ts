import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import type { Lease } from "../../lib/store.ts";
import { VaultContext } from "../../lib/vault/context.ts";
import { VaultLease } from "../../lib/vault/lease.ts";
import { checkOptions } from "../../lib/vault/options.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { gate } from "../support/gate.ts";

const session = "RemoteAuth-bot";
let context: VaultContext;
let lease: VaultLease;

beforeEach(async () => {
  context = new VaultContext(checkOptions({ blobs: new MemoryBlobs() }));
  lease = await VaultLease.take(context, session);
});

describe("a lease", () => {
  it("has a higher epoch than the one before it", async () => {
    const next = await VaultLease.take(context, session);
    expect([lease.epoch, next.epoch]).toEqual([1, 2]);
    expect(next.writer.state).toMatchObject({ kind: "hold", epoch: 2 });
  });

  it("belongs to the vault that gave it, and to no other on the same blobs", async () => {
    const [own, other] = [new Vault(context.options), new Vault(context.options)];
    const given = await own.acquire({ session });
    const capture = captureOf(profileFiles("one"));
    const refused = { code: "INVALID", message: `Expected \`lease\` to be one that this store gave for ${session}.` };
    await expect(other.saveProfile({ session, lease: given, capture })).rejects.toMatchObject(refused);
    await own.saveProfile({ session, lease: given, capture });
  });

  it("tells the state of the session when it was taken, as a reader of the store finds it", async () => {
    const store = new Vault(context.options);
    const states: unknown[] = [];
    const changes: ((given: Lease) => Promise<unknown>)[] = [
      async (given) => await store.saveProfile({ session, lease: given, capture: captureOf(profileFiles("one")) }),
      async (given) => await store.saveProfile({ session, lease: given, capture: captureOf(profileFiles("two")) }),
      async (given) => await store.delete({ session, lease: given }),
      async () => {},
    ];
    for (const change of changes) {
      const given = await store.acquire({ session });
      expect(given.state).toEqual(await new Vault(context.options).state({ session }));
      states.push(given.state);
      await change(given);
      await given.release();
    }
    expect(states).toMatchObject([
      { generations: [] },
      { current: { generation: expect.any(Number) } },
      { generations: [{}, {}] },
      { deleted: { at: expect.any(Date), until: expect.any(Date) }, generations: [] },
    ]);
  });

  it("tells no state where nothing is created exclusively: another holder may have replaced the entry", async () => {
    const blobs = new MemoryBlobs({ exclusiveCreate: false });
    const given = await new Vault({ blobs, onWarning: () => {} }).acquire({ session });
    expect(given.state).toBeUndefined();
  });

  it("runs one work at a time, in the order they came, also after one that failed", async () => {
    const held = gate();
    const began: number[] = [];
    const work = (n: number, until?: Promise<void>) => async (): Promise<void> => {
      began.push(n);
      await until;
      if (n === 1) throw new Error("no");
    };
    const first = expect(lease.run(work(1, held.opened))).rejects.toThrow("no");
    const rest = [lease.run(work(2)), lease.run(work(3))];
    await new Promise((resolve) => setImmediate(resolve));
    expect(began).toEqual([1]);
    held.open();
    await Promise.all([first, ...rest]);
    expect(began).toEqual([1, 2, 3]);
  });
});

describe("a lease that was released", () => {
  it("runs nothing any more, and is not lost", async () => {
    await lease.release();
    await lease.release();
    const refused = { code: "LEASE_LOST", message: `The lease of ${session} was released.` };
    await expect(lease.run(async () => "done")).rejects.toMatchObject(refused);
    expect(lease.lost.aborted).toBe(false);
  });

  it("refuses work that waits for its turn", async () => {
    const [began, held] = [gate(), gate()];
    const first = lease.run(() => {
      began.open();
      return held.opened;
    });
    await began.opened;
    const second = expect(lease.run(async () => "done")).rejects.toMatchObject({ code: "LEASE_LOST" });
    await lease.release();
    held.open();
    await Promise.all([first, second]);
  });
});

describe("a lease that another process has taken", () => {
  it("is lost once its writer looks, with an error that names the holder", async () => {
    await VaultLease.take(context, session);
    expect(lease.lost.aborted).toBe(false);
    const lost = { code: "LEASE_LOST", message: `The session ${session} was taken over by ${context.by}.` };
    await expect(lease.writer.look()).rejects.toMatchObject(lost);
    expect(lease.lost.reason).toMatchObject(lost);
    expect(() => lease.assertHeld()).toThrow(lease.lost.reason);
    await expect(lease.run(async () => "done")).rejects.toBe(lease.lost.reason);
  });
});
