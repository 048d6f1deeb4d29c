// Two bots, each with its own disk, on one store with leases.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { RemoteAuth, type RemoteAuthOptions } from "../../../lib/auth/remote-auth.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { BlobStore, PutOptions } from "../../../lib/blobs.ts";
import { VaultError } from "../../../lib/errors.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { writeFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { takeOver } from "../../support/take-over.ts";
import { expectWarning } from "../../support/warnings.ts";
import { nameOf, storeGenerations } from "../support/ladder.ts";
import { linkedProfile } from "../support/linked-profile.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

expectWarning(/WhatsApp has refused generation \d+ of RemoteAuth: the older generation \d+ is opened/);
expectWarning(/Waiting up to 120 s for .*, which has held RemoteAuth since/);
expectWarning(/The session RemoteAuth is ready: its generation \d+ is the current one again/);

const session = "RemoteAuth";
/** A hang is noticed by it; nothing that goes well takes it. */
const LIMIT = { timeout: 240_000 };

/** Blobs whose lease keys cannot be written at will. */
class LeaseFaults extends MemoryBlobs {
  isBroken = false;

  override async put(key: string, bytes: Buffer, options?: PutOptions): Promise<void> {
    if (this.isBroken && key.includes("/lease/")) throw new VaultError("UNAVAILABLE", "So the test wants it.");
    await super.put(key, bytes, options);
  }
}

let blobs: LeaseFaults;
const folder = useFolder();
beforeEach(async () => {
  blobs = new LeaseFaults();
  await storeGenerations(new Vault({ blobs }), [{ name: "stored" }]);
});

interface Bot {
  client: ScriptedClient;
  strategy: RemoteAuth;
  dir: string;
}

/** A bot on a machine of its own. */
function bot(options: Partial<RemoteAuthOptions> = {}, store: BlobStore = blobs): Bot {
  const dataPath = folder();
  const vault = new Vault({ blobs: store, retries: 0, leaseTtlMs: 1_000 });
  const strategy = new RemoteAuth({ store: vault, dataPath, backupSyncIntervalMs: 60_000, ...options });
  return { client: new ScriptedClient(strategy), strategy, dir: join(dataPath, session) };
}

async function use({ dir }: Bot, name: string): Promise<void> {
  await rm(join(dir, "Default"), { recursive: true });
  await writeFiles(linkedProfile(name), dir);
}

describe("a second bot", () => {
  it("that does not wait gets LEASE_HELD with the owner and the expiry, and the first one goes on", async () => {
    const first = bot();
    await first.client.initialize("linked");
    const second = bot({ leaseWaitMs: 0 });
    const error = await second.client.initialize("linked").catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "LEASE_HELD", owner: expect.stringContaining(`:${process.pid}`) });
    expect((error as VaultError).expiresAt).toBeInstanceOf(Date);
    expect(second.client.seen).toEqual([]);
    await use(first, "later");
    expect(await first.strategy.backup()).toMatchObject({ unchanged: false });
    await first.client.destroy();
    expect(first.client.seen).not.toContain("lost");
  });

  it("that waits is ready with the last save of the first, which releases the session by its destroy()", async () => {
    const first = bot();
    await first.client.initialize("linked");
    const second = bot();
    const starting = second.client.initialize("linked");
    await use(first, "last save");
    await first.client.destroy();
    await starting;
    expect(await nameOf(second.dir)).toBe("last save");
    expect(second.client.seen).toEqual(["restored"]);
    expect(first.client.seen).not.toContain("lost");
    await second.client.destroy();
  });

  it("that breaks the lease ends the first, which notices it between two saves and saves nothing", async () => {
    const first = bot();
    await first.client.initialize("linked");
    await use(first, "not to be saved");
    const other = await takeOver(new Vault({ blobs }), session);
    await expect.poll(() => first.client.seen, LIMIT).toContain("lost");
    await expect.poll(() => first.client.pupBrowser?.isConnected(), LIMIT).toBe(false);
    await other.release();
    await first.client.destroy();
    expect(first.client.seen.filter((name) => ["lost", "saved"].includes(name))).toEqual(["lost"]);
    const second = bot();
    await second.client.initialize("linked");
    expect(await nameOf(second.dir)).toBe("stored");
    await second.client.destroy();
  });
});

describe("one bot", () => {
  it("is never kept out by itself: after a destroy(), a refusal and a failed launch", async () => {
    const { client } = bot({ leaseWaitMs: 0 });
    for (let n = 0; n < 2; n++) {
      await client.initialize(["linked"]);
      await client.destroy();
      const fails = () => Promise.reject(new Error("Failed to launch"));
      await expect(client.initialize("linked", fails)).rejects.toThrow("Failed to launch");
    }
    // The local profile, the current generation, an older one.
    const before = client.seen.length;
    await client.initialize(["qr", "qr", "linked"]);
    expect(client.seen.slice(before).filter((name) => name === "restored")).toHaveLength(2);
    await client.destroy();
  });

  it("is not kept out by itself where the store did not take the release", async () => {
    const { client } = bot({ leaseWaitMs: 0 });
    await client.initialize("linked");
    blobs.isBroken = true;
    await client.destroy();
    blobs.isBroken = false;
    await client.initialize("linked");
    await client.destroy();
  });
});
