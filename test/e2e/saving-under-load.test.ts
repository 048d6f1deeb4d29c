import { describe, expect, it } from "vitest";
import type { RestoreReport } from "../../lib/store.ts";
import { storageForms } from "../support/chromium.ts";
import { isLong, times } from "../support/length.ts";
import { openRemote, remoteBot, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";

const rig = useRig();

describe("saves while the page writes as fast as it can", () => {
  // The torture test takes captures of both forms.
  it.each(Object.entries(storageForms).filter(([form]) => isLong || form === "LevelDB"))(
    "of a profile of the %s form all succeed, and restore whole",
    async (_form, args) => {
      const folder = rig.folder();
      const puppeteer = { args };
      const { dataPath, sequence } = await savedSession(rig, folder, { fillBytes: 3_000_000, puppeteer });
      const bot = rig.start(remoteBot(folder, dataPath));
      await bot.until("ready");
      await bot.phone.startWriter();
      let generation = 0;
      let written = 0;
      for (let n = 0; n < times(4, 12) || written < 100; n++) {
        ({ generation } = await bot.backup());
        written = (await bot.phone.write()).sequence - sequence;
      }
      expect(bot.events.filter(({ name }) => name === "remote_session_error")).toEqual([]);
      // A live one, not a farewell: the browser and what it would still write are gone, and so is who would save it.
      await bot.vanish();
      const other = openRemote(rig, { store: folder, dataPath: rig.folder() });
      const restored = (await other.until("remote_session_restored")).values[0] as RestoreReport;
      expect(restored.skipped).toEqual([]);
      expect(restored.generation).toBeGreaterThanOrEqual(generation);
      await other.until("ready");
      expect(other.count("qr")).toBe(0);
      expect(await other.phone.verdict()).toMatchObject({ linked: true, chain: "ok", missingBlobs: 0, badMessages: 0 });
    },
  );
});
