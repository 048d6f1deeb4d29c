import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { inTime } from "../support/in-time.ts";
import { isLong, times } from "../support/length.ts";
import { remoteBot, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import type { Bot } from "../support/start-bot.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();
/** A session that takes a moment to save and to restore. */
const LARGER = { fillBytes: 6_000_000 };

/** Brings the session back on a new machine. */
async function comeBack(folder: string, dataPath = rig.folder()) {
  const bot = rig.start(remoteBot(folder, dataPath));
  await bot.until("ready");
  expect(bot.count("qr")).toBe(0);
  return { bot, verdict: await bot.phone.verdict() };
}

describe("kill -9", () => {
  const victims: Record<string, (bot: Bot) => void | Promise<void>> = {
    "of Chromium": (bot) => bot.killBrowser(),
    "of the process": (bot) => bot.signal("SIGKILL"),
    "of both": (bot) => bot.vanish(),
  };
  /** In `npm test` one of them under load, and another during a save. */
  const some = (here: string) => Object.entries(victims).filter(([name]) => isLong || name === here);

  it.each(some("of the process"))(
    "%s under write load leads back to ready on the same machine",
    async (_name, kill) => {
      const { folder, dataPath, written } = await inTime(async () => {
        const folder = rig.folder();
        const { dataPath, sequence } = await savedSession(rig, folder);
        const bot = rig.start(remoteBot(folder, dataPath));
        await bot.until("ready");
        const saved = await bot.until("remote_session_saved");
        await bot.phone.startWriter();
        let written = sequence;
        while (written < sequence + 100) written = (await bot.phone.write()).sequence;
        // The next save is half a minute away: until then the local profile is newer than the stored session.
        const inTime = Date.now() - saved.at < 25_000;
        await kill(bot);
        await bot.vanish();
        return { folder, dataPath, written, inTime };
      });
      const { verdict } = await comeBack(folder, dataPath);
      expect(verdict).toMatchObject({ linked: true, chain: "ok" });
      expect(verdict.lastSequence).toBeGreaterThanOrEqual(written);
    },
  );

  it.each(some("of both"))("%s during a save leads back to ready on another machine", async (_name, kill) => {
    const folder = rig.folder();
    const { dataPath } = await savedSession(rig, folder, LARGER);
    const bot = rig.start(remoteBot(folder, dataPath));
    await bot.until("ready");
    const committed = await bot.phone.write();
    await bot.backup();
    await bot.phone.startWriter();
    await delay(300);
    const save = bot.backup().catch(() => undefined);
    await delay(Math.random() * 100);
    await kill(bot);
    await Promise.race([save, delay(2_000)]);
    await bot.vanish();
    const { verdict, bot: second } = await comeBack(folder);
    expect(verdict).toMatchObject({ linked: true, chain: "ok", missingBlobs: 0, badMessages: 0 });
    expect(await second.phone.record(committed.sequence)).toBe(committed.hash);
  });

  it("at random moments from the start on leads back to ready each time", async () => {
    const folder = rig.folder();
    const { dataPath, sequence } = await savedSession(rig, folder);
    for (const afterMs of [400, 1_300, 150, 700, 1_000, 1_700].slice(0, times(2, 6))) {
      const bot = rig.start(remoteBot(folder, dataPath));
      await bot.until("browser_started").then(() => delay(afterMs * Math.random()));
      await bot.vanish();
      expect(bot.count("qr")).toBe(0);
    }
    const { verdict } = await comeBack(folder, dataPath);
    expect(verdict).toMatchObject(wholeVerdict);
    expect(verdict.lastSequence).toBeGreaterThanOrEqual(sequence);
  });

  it("of a restore is recovered by the next start", async () => {
    const folder = rig.folder();
    const { sequence } = await savedSession(rig, folder, LARGER);
    const dataPath = rig.folder();
    for (const afterMs of [0, 60, 20, 120].slice(0, times(2, 4))) {
      const bot = rig.start(remoteBot(folder, dataPath));
      await bot.until("starting").then(() => delay(afterMs));
      await bot.vanish();
    }
    const { verdict } = await comeBack(folder, dataPath);
    expect(verdict).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  });

  it("a crash of the browser is reported, and its profile is saved", async () => {
    const folder = rig.folder();
    const { dataPath } = await savedSession(rig, folder);
    const bot = rig.start(remoteBot(folder, dataPath));
    await bot.until("ready");
    const { sequence } = await bot.phone.write();
    bot.killBrowser();
    const told = await bot.until("remote_session_error");
    await bot.untilAfter(told, "remote_session_saved");
    // An event may be of a save in the loop, from before the record: the test waits for the last save.
    await bot.destroy();
    await bot.vanish();
    const { verdict } = await comeBack(folder);
    expect(verdict).toMatchObject({ linked: true, chain: "ok", lastSequence: sequence });
  });
});
