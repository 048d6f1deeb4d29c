import { expect, it } from "vitest";
import { times } from "../../support/length.ts";
import { remoteBot, savedSession } from "../../support/remote.ts";
import { useRig } from "../../support/rig.ts";
import type { Bot } from "../../support/start-bot.ts";
import { wholeVerdict } from "../../support/whole-verdict.ts";

const rig = useRig();

it("of two bots that are started at once on one folder, one is ready, the other throws, and no QR is shown", async () => {
  const store = rig.folder();
  const { sequence } = await savedSession(rig, store);
  const dataPath = rig.folder();
  // In the first round both restore; in the second both open the local profile.
  for (let round = 0; round < times(1, 2); round++) {
    const bots = [0, 1].map(() => rig.start(remoteBot(store, dataPath)));
    const outcomes = await Promise.all(bots.map(outcomeOf));
    expect(outcomes.map(({ name }) => name).sort()).toEqual(["initialize_failed", "ready"]);
    expect(outcomes.find(({ name }) => name === "initialize_failed")?.values[0]).toMatchObject({ code: "LEASE_HELD" });
    const ready = bots[outcomes.findIndex(({ name }) => name === "ready")];
    expect(await ready?.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
    await ready?.backup();
    for (const bot of bots) {
      expect(bot.count("qr")).toBe(0);
      expect(bot.count("remote_session_lost")).toBe(0);
    }
    await Promise.all(bots.map((bot) => bot.close()));
  }
});

async function outcomeOf(bot: Bot): Promise<{ name: string; values: unknown[] }> {
  const failed = bot.until("initialize_failed");
  const ready = bot.until("ready");
  // A rejection of the other bot stays handled.
  for (const each of [failed, ready]) each.catch(() => undefined);
  return await Promise.any([failed, ready]);
}
