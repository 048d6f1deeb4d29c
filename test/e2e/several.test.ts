import { rm } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { SaveReport } from "../../lib/store.ts";
import { writesSoon } from "../support/chromium.ts";
import { onlyLong, times } from "../support/length.ts";
import { localStorageOnDisk } from "../support/local-storage.ts";
import { openRemote, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();

describe("several sessions", () => {
  it("share one process, one folder and one store, and stay separate", async () => {
    const store = rig.folder();
    const dataPath = rig.folder();
    const names = ["a", "A", ...onlyLong("a-b")];
    const puppeteer = { args: writesSoon };
    const open = (clientId: string) => openRemote(rig, { store, dataPath, auth: { clientId }, puppeteer });
    const clients = names.map(open);
    for (const [n, client] of clients.entries()) {
      await client.until("qr");
      await client.phone.pair({ wid: `1555000000${n}@c.us` });
      await client.until("ready");
      await localStorageOnDisk(dataPath, `1555000000${n}`);
    }
    for (const client of clients) await client.close();
    await rm(dataPath, { recursive: true, maxRetries: 10 });
    const again = names.map(open);
    for (const [n, client] of again.entries()) {
      await client.until("ready");
      expect(client.client.info.wid._serialized).toBe(`1555000000${n}@c.us`);
    }
    await again[0]?.client.logout();
    for (const client of again) await client.close();
    const kept = openRemote(rig, { store, dataPath: rig.folder(), auth: { clientId: "A" } });
    await kept.until("ready");
  });

  it("may be runs of the same client, one after the other, each after a destroy", async () => {
    const folder = rig.folder();
    const { dataPath } = await savedSession(rig, folder);
    const client = openRemote(rig, { store: folder, dataPath });
    await client.until("ready");
    const runs = times(2, 3);
    for (let n = 2; n <= runs; n++) {
      await client.phone.write();
      await client.client.destroy();
      await client.client.initialize();
      await client.until("ready", undefined, n);
    }
    const { sequence } = await client.phone.write();
    await client.close();
    expect(client.count("qr")).toBe(0);
    expect(client.count("remote_session_error")).toBe(0);
    const generations = client.saves().map((report: SaveReport) => report.generation);
    // One by each destroy(), and those of the loop where a run lasts long enough.
    expect(generations.length).toBeGreaterThanOrEqual(runs);
    expect(generations).toEqual([...generations].sort((a, b) => a - b));
    const other = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await other.until("ready");
    expect(await other.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  });
});
