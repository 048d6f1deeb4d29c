import { describe, expect, it } from "vitest";
import { writesSoon } from "../support/chromium.ts";
import { isLong, onlyLong } from "../support/length.ts";
import { linkAndStore } from "../support/link-and-store.ts";
import { useRig } from "../support/rig.ts";
import { startMongo, startRedis, startS3, unique } from "../support/services/index.ts";
import type { Service } from "../support/services/service.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import type { Bot } from "../support/start-bot.ts";
import type { StoreKind } from "../support/stores.ts";
import { type WhatsappVersion, whatsappVersions } from "../support/whatsapp.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();

type Place = [StoreKind, () => Promise<Service>, WhatsappVersion];
// In `npm test` each older release on one of them; the newest one on a directory, see test/e2e/shipped-remote-auth.test.ts.
const stores: Place[] = [
  ["mongo", startMongo, "1.34.4"],
  ["s3", startS3, "1.34.6"],
  ...onlyLong<Place>(["redis", startRedis, "1.34.7"]),
];
for (const [kind, start, version] of stores) {
  await suiteWith(`our ${kind} store`, shared(start), ({ env }) => {
    describe.each(isLong ? whatsappVersions : [version])("under the RemoteAuth of whatsapp-web.js %s", (version) => {
      it("links, saves, loses its machine, and is ready on another one without a QR", async () => {
        const [clientId, name] = [unique(), `m${unique()}`];
        const machine = (): { bot: Bot; dataPath: string } => {
          const [cwd, dataPath] = [rig.folder(), rig.folder()];
          const store = { kind, env, name, dataPath };
          const spec = { version, store, clientId, dataPath, cwd, args: writesSoon };
          return { bot: rig.start({ strategy: "shipped-remote", ...spec }), dataPath };
        };
        const first = machine();
        const sequence = await linkAndStore(first.bot, first.dataPath);
        await first.bot.vanish();

        const second = machine();
        await second.bot.until("ready");
        expect(second.bot.count("qr")).toBe(0);
        expect(await second.bot.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
      });
    });
  });
}
