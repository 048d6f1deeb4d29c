import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { VaultError } from "../../../lib/errors.ts";
import { captureOf, type Files, writeFiles } from "../../contract/profile.ts";
import { INDEXED_DB } from "../../profile/support/small-profile.ts";
import { useFolder } from "../../support/folder.ts";
import { countReads } from "../../torture/count-reads.ts";
import { LeasedStore } from "../support/leased-store.ts";
import { largeProfile } from "../support/linked-profile.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

// The local profile is checked while the store is asked. The check decides nothing.

const session = "RemoteAuth";
const BYTES = 3_000_000;
const TABLE = `${INDEXED_DB}/000005.ldb`;
const newFolder = useFolder();
let store: LeasedStore;
let files: Files;
let dir: string;

/** A profile that was saved, with its marker, and is still there. */
beforeEach(async () => {
  const dataPath = newFolder();
  dir = join(dataPath, session);
  files = largeProfile(BYTES);
  store = new LeasedStore();
  const lease = await store.acquire({ session });
  const { id, generation } = await store.saveProfile({ session, lease, capture: captureOf(files) });
  await lease.release();
  await writeFiles(files, dir);
  await writeFile(join(dir, ".wa-vault.json"), JSON.stringify({ v: 1, session, base: id, generation }));
});

function newClient(): ScriptedClient {
  return new ScriptedClient(
    new RemoteAuth({ store, dataPath: join(dir, ".."), backupSyncIntervalMs: 60_000, closeOnSignals: false }),
  );
}

/** Starts a client whose store answers once the check is done; @param meanwhile what happens before it answers */
async function start(meanwhile: () => Promise<void> = async () => {}): Promise<{ seen: string[]; afterwards: number }> {
  const { reached, go } = store.hold("acquire");
  const client = newClient();
  const { result } = await countReads(async (soFar) => {
    const starting = client.initialize("linked");
    await reached;
    while (soFar() < BYTES) await turn();
    // Until it reads no more.
    for (let last = 0; last < soFar(); await turn()) last = soFar();
    await meanwhile();
    const before = soFar();
    go();
    await starting;
    return soFar() - before;
  });
  const seen = [...client.seen];
  await client.destroy();
  return { seen, afterwards: result };
}

describe("the check of a local profile", () => {
  it("is done while the store is asked, and nothing is read for it afterwards", async () => {
    const { seen, afterwards } = await start();
    expect(seen).toEqual([]);
    expect(afterwards).toBeLessThan(BYTES / 10);
  });

  it.each([
    [
      "is damaged",
      async () => await writeFile(join(dir, TABLE), Buffer.from(files[TABLE] as Buffer).fill(1, 9_000, 9_010)),
    ],
    ["is gone", async () => await rm(join(dir, TABLE))],
  ])(
    "does not count for a file that %s before the store answers: the stored session is opened",
    async (_what, harm) => {
      const { seen } = await start(harm);
      expect(seen).toEqual(["restored"]);
      expect((await readFile(join(dir, TABLE))).equals(files[TABLE] as Buffer)).toBe(true);
    },
  );

  it("leaves the error of a store that fails as it is", async () => {
    const away = new VaultError("UNAVAILABLE", "The store is away.");
    store.fail("acquire", away);
    await expect(newClient().initialize("linked")).rejects.toBe(away);
  });

  it("keeps no start from ending that is given up while the store says nothing", async () => {
    const { reached } = store.hold("acquire");
    const client = newClient();
    const starting = client.initialize("linked").catch((error: unknown) => error);
    await reached;
    await client.destroy();
    expect(await starting).toMatchObject({ code: "CANCELLED" });
  });
});
