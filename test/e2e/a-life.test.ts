import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isLong } from "../support/length.ts";
import { openRemote } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { expectWarning } from "../support/warnings.ts";
import { whatsappVersions } from "../support/whatsapp.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();
expectWarning(/was deleted at .*: this bot links a new device/);

// In `npm test` the oldest release: the other files show each step on the newest one, and shipped-in-browser.test.ts the one
// between them under its own strategy.
describe.each(whatsappVersions.filter((version) => isLong || version === "1.34.4"))(
  "our RemoteAuth with whatsapp-web.js %s",
  (version) => {
    it("links, saves live, loses its machine, comes back without a QR, and logs out", async () => {
      const store = rig.folder();
      const auth = { clientId: "shop-1" };
      const first = openRemote(rig, { version, store, auth, dataPath: join(rig.folder(), "new") });
      await first.until("qr");
      await first.phone.pair({ wid: "15550005555@c.us" });
      await first.until("ready");
      await first.until("remote_session_saved");
      const { sequence } = await first.phone.write();
      await first.phone.resync();
      await first.until("ready", undefined, 2);
      await first.strategy.backup();
      first.killBrowser();
      await first.close();

      const second = openRemote(rig, { version, store, auth, dataPath: join(rig.folder(), "new") });
      await second.until("ready");
      expect(second.count("qr")).toBe(0);
      expect(second.client.info.wid._serialized).toBe("15550005555@c.us");
      expect(await second.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
      await second.phone.unlink();
      expect((await second.until("disconnected")).values).toEqual(["LOGOUT"]);
      await second.until("qr");
      await second.until("injected", undefined, 2);
      await second.client.logout();
      expect(second.count("remote_session_error")).toBe(0);

      const third = openRemote(rig, { version, store, auth, dataPath: rig.folder() });
      await third.until("qr");
    });
  },
);
