import { describe, expect, it } from "vitest";
import { storageForms } from "../support/chromium.ts";
import { openRemote, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();

describe("a restore", () => {
  it("opens a profile in the storage form in which it was written, without an option", async () => {
    for (const args of Object.values(storageForms)) {
      const folder = rig.folder();
      const { sequence } = await savedSession(rig, folder, { puppeteer: { args } });
      const client = openRemote(rig, { store: folder, dataPath: rig.folder() });
      await client.until("ready");
      expect(client.count("qr")).toBe(0);
      expect(await client.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
      await client.close();
    }
  });
});
