import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { SaveReport } from "../../lib/store.ts";
import { inTime } from "../support/in-time.ts";
import { openRemote, type RemoteClient, remoteBot, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();

/**
 * Saves until two saves find nothing new: what the browser writes by itself after a start (Local Storage some seconds
 * late, tables that are compacted) is on disk then, and a page that does nothing changes nothing.
 * @returns these two
 */
async function quiet(client: RemoteClient): Promise<[SaveReport, SaveReport]> {
  let before: SaveReport | undefined;
  for (let n = 0; n < 100; n++) {
    const report = await client.strategy.backup();
    if (before?.unchanged && report.unchanged) return [before, report];
    before = report;
    await delay(1_000);
  }
  throw new Error("A page that does nothing does not come to rest.");
}

function bytesSent(reports: readonly SaveReport[]): number {
  return reports.reduce((sum, report) => sum + report.bytesSent, 0);
}

describe("saves", () => {
  it("the first save is made without a call, once the storage is on disk, and restores", async () => {
    const folder = rig.folder();
    const bot = rig.start(remoteBot(folder, rig.folder()));
    await bot.until("qr");
    await bot.phone.pair();
    await bot.until("remote_session_saved");
    await bot.vanish();
    const other = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await other.until("ready");
    expect(other.count("qr")).toBe(0);
    // The record that linking writes.
    expect(await other.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: 1 });
  });

  it("destroy() saves, and every save emits its report", async () => {
    const folder = rig.folder();
    const { dataPath } = await savedSession(rig, folder);
    const client = openRemote(rig, { store: folder, dataPath });
    await client.until("ready");
    await client.strategy.backup();
    await client.phone.write();
    await client.strategy.storeRemoteSession();
    const { sequence } = await client.phone.write();
    await client.close();
    // These three, and those of the loop when this takes long: a generation for each thing that was written.
    const generations = client.saves().map((report) => report.generation);
    expect(generations).toEqual([...generations].sort((a, b) => a - b));
    expect(new Set(generations).size).toBeGreaterThanOrEqual(3);
    for (const report of client.saves()) {
      expect(report).toMatchObject({ id: expect.any(String), captureMs: expect.any(Number) });
    }
    const other = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await other.until("ready");
    expect(await other.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  });

  it("of an unchanged profile send nothing, and after small use only the changes", async () => {
    const folder = rig.folder();
    const { dataPath } = await savedSession(rig, folder, { fillBytes: 12_000_000 });
    const client = openRemote(rig, { store: folder, dataPath });
    await client.until("ready");
    // A browser that had no time to compact its tables looks quiet too, and writes them anew during small use.
    const { before, changed } = await inTime(async () => {
      const [before, second] = await quiet(client);
      expect(before).toMatchObject({ unchanged: true, bytesSent: 0, chunksSent: 0 });
      expect(second).toMatchObject({ unchanged: true, bytesSent: 0, chunksSent: 0, generation: before.generation });
      const count = client.saves().length;
      for (let n = 0; n < 20; n++) await client.phone.write();
      await client.strategy.backup();
      // More than one, if the loop came in between.
      const changed = client.saves().filter((report, index) => index >= count && !report.unchanged);
      const isSmall = bytesSent(changed) < before.bytes / 10 && changed.every(({ chunksReused }) => chunksReused > 0);
      return { before, changed, inTime: isSmall };
    }, 5);
    expect(changed.at(-1)?.generation).toBeGreaterThan(before.generation);
    for (const report of changed) expect(report.chunksReused).toBeGreaterThan(0);
    expect(bytesSent(changed)).toBeLessThan(before.bytes / 10);
  });

  it("two overlapping saves both resolve, and the later one has every write from before its call", async () => {
    const folder = rig.folder();
    const { dataPath } = await savedSession(rig, folder);
    const client = openRemote(rig, { store: folder, dataPath });
    await client.until("ready");
    const first = client.strategy.backup();
    const { sequence, hash } = await client.phone.write();
    const later = [client.strategy.backup(), client.strategy.storeRemoteSession()];
    const { generation } = await first;
    for (const report of await Promise.all(later)) expect(report.generation).toBeGreaterThanOrEqual(generation);
    client.killBrowser();
    const other = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await other.until("ready");
    expect(await other.phone.record(sequence)).toBe(hash);
  });

  it("after several READYs, destroy() leaves no timer", async () => {
    const folder = rig.folder();
    const { dataPath } = await savedSession(rig, folder);
    const bot = rig.start(remoteBot(folder, dataPath));
    await bot.until("ready");
    for (let n = 2; n < 5; n++) {
      await bot.phone.resync();
      await bot.until("ready", undefined, n);
    }
    await bot.until("remote_session_saved");
    await bot.destroy();
    // Nothing of the strategy keeps a process alive: with the channel to its parent closed, the bot ends by itself.
    bot.leave();
    expect((await bot.until("exit")).values).toEqual([0, null]);
  });
});
