import { describe, expect, it } from "vitest";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { writesSoon } from "../../support/chromium.ts";
import { times } from "../../support/length.ts";
import { localStorageOnDisk } from "../../support/local-storage.ts";
import { identify, isAlive } from "../../support/process-tree.ts";
import { useRig } from "../../support/rig.ts";

const rig = useRig();

describe("LocalAuth after a kill -9", () => {
  it("of the bot alone: ends the orphaned browser, and opens the whole profile", async () => {
    const dataPath = rig.folder();
    const bot = rig.start({ strategy: "local", dataPath, args: writesSoon });
    await bot.until("qr");
    await bot.phone.pair();
    await bot.until("ready");
    await localStorageOnDisk(dataPath);
    const { sequence } = await bot.phone.write();
    const orphan = identify(bot.browserPid());
    bot.signal("SIGKILL");
    await bot.until("exit");
    expect(isAlive(orphan)).toBe(true);

    const client = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
    await client.until("ready");
    expect(isAlive(orphan)).toBe(false);
    expect(client.count("qr")).toBe(0);
    expect(await client.phone.verdict()).toMatchObject({ lastSequence: sequence });
  });

  it("of browser and bot under load: opens every committed write", async () => {
    const dataPath = rig.folder();
    const bot = rig.start({ strategy: "local", dataPath, args: writesSoon });
    await bot.until("qr");
    await bot.phone.pair();
    await bot.until("ready");
    await localStorageOnDisk(dataPath);
    await bot.phone.startWriter();
    await bot.phone.fill(2_000_000);
    await bot.vanish();

    for (let start = 0; start < times(1, 2); start++) {
      const client = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
      await client.until("ready");
      expect(client.count("qr")).toBe(0);
      // The last writes may have been in the browser's memory only; the writes on disk are one whole chain.
      expect(await client.phone.verdict()).toMatchObject({ linked: true, chain: "ok", missingBlobs: 0 });
      await client.phone.write();
      await client.close();
    }
  });
});
