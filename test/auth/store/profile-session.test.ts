import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { ProfileSession } from "../../../lib/auth/store/profile-session.ts";
import type { StoredVersion } from "../../../lib/auth/store/store-session.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { Vault, type VaultOptions } from "../../../lib/vault/vault.ts";
import { captureOf } from "../../contract/profile.ts";
import { expectWarning } from "../../support/warnings.ts";
import { LeasedStore } from "../support/leased-store.ts";
import { linkedProfile } from "../support/linked-profile.ts";

expectWarning(/Stored without encryption: generation \d+ of RemoteAuth/);

const session = "RemoteAuth";
const key = createHash("sha256").update("a key").digest();
const { signal } = new AbortController();

let blobs: MemoryBlobs;
beforeEach(() => {
  blobs = new MemoryBlobs();
});

async function saved(name: string, options: VaultOptions = {}): Promise<StoredVersion> {
  const store = new Vault({ ...options, blobs });
  const lease = await store.acquire({ session });
  const capture = captureOf(linkedProfile(name));
  const { id, generation } = await store.saveProfile({ session, lease, capture });
  await lease.release();
  return { id, generation };
}

/** Rolls back in a run that has the session. @returns the version, and the current generation after it */
async function rolledBack(to: readonly StoredVersion[], options: VaultOptions = {}) {
  const store = new Vault({ ...options, blobs });
  const opened = new ProfileSession(store, session);
  await opened.open(signal);
  const found = await opened.rollBack(to, signal);
  await opened.close();
  return { found, current: (await store.state({ session }))?.current?.generation };
}

describe("a rollback", () => {
  it("goes to the newest of the versions that are kept", async () => {
    const [first, second, current] = [await saved("first"), await saved("second"), await saved("current")];
    const lost = { id: "lost", generation: (current.generation ?? 0) + 5 };
    expect(await rolledBack([first, second, lost])).toEqual({ found: second, current: second.generation });
  });

  it("goes to no generation of the same number and another id", async () => {
    const [first, current] = [await saved("first"), await saved("current")];
    const found = await rolledBack([{ ...first, id: "of another history" }]);
    expect(found).toEqual({ found: undefined, current: current.generation });
  });

  it("goes to no unencrypted generation once the current one is encrypted", async () => {
    const plain = await saved("plain");
    const encryption = { key };
    const encrypted = await saved("encrypted", { encryption });
    const current = await saved("current", { encryption });
    expect(await rolledBack([plain], { encryption })).toEqual({ found: undefined, current: current.generation });
    const found = await rolledBack([plain, encrypted], { encryption });
    expect(found).toEqual({ found: encrypted, current: encrypted.generation });
  });
});

describe("close() after a start that was destroyed while it waited for the store", () => {
  /** A session whose `open` was aborted, in a store that has the lease on its way. */
  async function aborted(limits?: { deleteMs: number; releaseMs: number }) {
    const store = new LeasedStore();
    store.heedsSignal = false;
    const given = store.hold("acquired");
    const opened = new ProfileSession(store, session, {}, limits);
    const stop = new AbortController();
    const opening = opened.open(stop.signal);
    await given.reached;
    stop.abort(new Error("destroyed"));
    await expect(opening).rejects.toThrow("destroyed");
    return { store, opened, give: given.go };
  }

  it("waits for the release of a lease that the store gives later", async () => {
    const { store, opened, give } = await aborted();
    expect(store.held).toBe(1);
    const closed = opened.close();
    give();
    await closed;
    expect(store.held).toBe(0);
  });

  it("waits for it only up to the time limit", async () => {
    const { store, opened, give } = await aborted({ deleteMs: 20, releaseMs: 20 });
    await opened.close();
    expect(store.held).toBe(1);
    // There is nothing to wait for twice.
    await opened.close();
    give();
    await expect.poll(() => store.held, { timeout: 240_000 }).toBe(0);
  });
});
