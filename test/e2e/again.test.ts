import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openRemote, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();

describe("a client that is started again", () => {
  it("by its own `disconnected` handler continues to save, although the browser was still closing", async () => {
    const store = rig.folder();
    const { dataPath } = await savedSession(rig, store);
    const client = openRemote(rig, { store, dataPath });
    await client.until("ready");
    const again = new Promise<void>((resolve, reject) => {
      client.client.once("disconnected", () => client.client.initialize().then(resolve, reject));
    });
    await client.phone.setState("CONFLICT");
    await again;
    await client.until("ready", undefined, 2);
    const { sequence } = await client.phone.write();
    await client.strategy.backup();
    client.killBrowser();
    const fresh = openRemote(rig, { store, dataPath: rig.folder() });
    await fresh.until("ready");
    expect(await fresh.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  });

  it("without waiting for destroy() has the last save of the run before, and continues to save", async () => {
    const store = rig.folder();
    const { dataPath } = await savedSession(rig, store);
    const client = openRemote(rig, { store, dataPath });
    await client.until("ready");
    await client.phone.write();
    const destroyed = client.client.destroy();
    await Promise.all([client.client.initialize(), destroyed]);
    await client.until("ready", undefined, 2);
    expect(client.count("qr")).toBe(0);
    expect(client.saves().length).toBeGreaterThan(0);
    await client.strategy.backup();
  });

  it("and destroyed before its browser has started throws CANCELLED, and leaves no browser", async () => {
    const store = rig.folder();
    const { dataPath } = await savedSession(rig, store);
    const client = openRemote(rig, { store, dataPath });
    // The profile is chosen, and the browser is being started.
    await expect
      .poll(() => client.strategy.client.options.puppeteer?.userDataDir, { interval: 5, timeout: 120_000 })
      .toBeDefined();
    await client.strategy.destroy();
    const { values } = await client.until("initialize_failed");
    expect(values[0]).toMatchObject({ code: "CANCELLED" });
    expect(client.client.pupBrowser?.isConnected() ?? false).toBe(false);
  });
});

describe("a device that is linked again in the same browser", () => {
  it("is stored only with its own Local Storage, and comes back on another machine", async () => {
    const store = rig.folder();
    const { dataPath } = await savedSession(rig, store);
    const client = openRemote(rig, { store, dataPath });
    await client.until("ready");
    await client.phone.unlink({ how: "storage" });
    await client.until("qr");
    await client.until("injected", undefined, 2);
    await client.phone.pair({ wid: "15550002222@c.us" });
    await client.until("ready", undefined, 2);
    const before = client.saves().length;
    // Chromium may write Local Storage a minute late, and the waits between the retries of a save grow.
    await client.until("remote_session_saved", 400_000, before + 1);
    client.killBrowser();
    const fresh = openRemote(rig, { store, dataPath: join(rig.folder(), "new") });
    await fresh.until("ready");
    expect(fresh.count("qr")).toBe(0);
    expect(fresh.client.info.wid._serialized).toBe("15550002222@c.us");
  });
});
