import { EventEmitter } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RemoteAuth } from "../../lib/auth/remote-auth.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, filesIn, noise, profileFiles, writeFiles } from "../contract/profile.ts";
import { scratchFolder } from "../support/scratch.ts";
import type { OwnService } from "../support/services/index.ts";
import { suiteWith } from "../support/services/suite.ts";
import { type OpenTarget, targets } from "./targets.ts";

const session = "RemoteAuth";
/** No attempt is answered. */
const BOUNDED = { retries: 1, retryDelayMs: 10, attemptTimeoutMs: 200, onWarning: () => {} };

// An outage at the start of a bot: it says so, starts no browser, shows no QR, and leaves the local profile alone.
for (const target of targets) {
  await suiteWith<OwnService>(`a bot on ${target.name}`, target.start, (service) => {
    const folder = scratchFolder("faults-");
    const local = profileFiles("here");
    let opened: OpenTarget;
    const start = async (name: string): Promise<{ starting: Promise<void>; profile: string }> => {
      const dataPath = join(folder, name);
      const profile = join(dataPath, session);
      await writeFiles(local, profile);
      const store = new Vault({ blobs: opened.blobs, ...BOUNDED });
      const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000 });
      strategy.setup(Object.assign(new EventEmitter(), { options: { puppeteer: {} } }) as never);
      return { starting: strategy.beforeBrowserInitialized(), profile };
    };
    beforeAll(async () => {
      opened = await target.open(service);
      const store = new Vault({ blobs: opened.blobs });
      const lease = await store.acquire({ session });
      const stored = profileFiles("stored", { "Default/IndexedDB/x/1": noise(100_000) });
      await store.saveProfile({ session, lease, capture: captureOf(stored) });
      await lease.release();
    });
    afterAll(() => opened.close());

    it("keeps its profile when the server is paused", async () => {
      await service.pause();
      const { starting, profile } = await start("paused");
      await expect(starting).rejects.toMatchObject({ code: "UNAVAILABLE" });
      service.resume();
      assertSameFiles(await filesIn(profile), local);
    });

    it("keeps its profile when the server is gone", async () => {
      await service.kill();
      const { starting, profile } = await start("gone");
      await expect(starting).rejects.toMatchObject({ code: "UNAVAILABLE" });
      assertSameFiles(await filesIn(profile), local);
    });
  });
}
