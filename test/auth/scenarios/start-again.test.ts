import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../../adapters/memory.ts";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { clientOptions } from "../../support/client.ts";
import { onlyLong } from "../../support/length.ts";
import { useRig } from "../../support/rig.ts";
import { whatsapp } from "../../support/whatsapp.ts";

const rig = useRig();

function strategy(kind: "LocalAuth" | "RemoteAuth"): LocalAuth | RemoteAuth {
  const dataPath = rig.folder();
  if (kind === "LocalAuth") return new LocalAuth({ dataPath });
  return new RemoteAuth({ store: new MemoryStore(), dataPath, backupSyncIntervalMs: 60_000 });
}

describe.each(["LocalAuth", "RemoteAuth"] as const)("initialize() again with %s", (kind) => {
  /** Without a start that has failed, both do the same: `npm test` has each test with one of them. */
  const shortWith = (shown: typeof kind): string[] => (kind === shown ? ["after"] : onlyLong("after"));

  it("after a start that failed (a version that is not there): its browser is ended, and the next one goes on", async () => {
    const options = clientOptions({ authStrategy: strategy(kind) });
    const { webVersion, webVersionCache } = options;
    const missing = { webVersion: "2.1.1", webVersionCache: { type: "local", path: rig.folder(), strict: true } };
    const client = new (whatsapp().Client)({ ...options, ...(missing as object) });
    try {
      await expect(client.initialize()).rejects.toThrow("Couldn't load version 2.1.1 from the cache");
      const first = client.pupBrowser?.process();
      expect(first?.exitCode).toBeNull();
      Object.assign((client as unknown as { options: object }).options, { webVersion, webVersionCache });
      const qr = new Promise((resolve) => client.once("qr", resolve));
      await client.initialize();
      await qr;
      expect([first?.exitCode, first?.signalCode]).not.toEqual([null, null]);
    } finally {
      await client.destroy();
    }
  });

  it.each(shortWith("LocalAuth"))(
    "while the first one starts, and %s it: is refused at once, and the first goes on",
    async () => {
      const client = rig.open({ authStrategy: strategy(kind) });
      const held = { code: "LEASE_HELD", hint: expect.stringContaining("client.destroy()") };
      await expect(client.client.initialize()).rejects.toMatchObject(held);
      await client.until("qr");
      await expect(client.client.initialize()).rejects.toMatchObject(held);
      await client.phone.pair();
      await client.until("ready");
      await expect(client.client.initialize()).rejects.toMatchObject(held);
      expect(client.client.pupBrowser?.isConnected()).toBe(true);
      await client.close();
    },
  );

  it.each(shortWith("RemoteAuth"))("%s a destroy() that is not awaited: waits for it", async () => {
    const client = rig.open({ authStrategy: strategy(kind) });
    await client.until("qr");
    const destroyed = client.client.destroy();
    await client.client.initialize();
    await destroyed;
    await client.until("qr", undefined, 2);
    await client.close();
  });
});
