import { expect, it } from "vitest";
import { copySession } from "../../lib/copy-session.ts";
import { writesSoon } from "../support/chromium.ts";
import { onlyLong } from "../support/length.ts";
import { linkAndStore } from "../support/link-and-store.ts";
import { useRig } from "../support/rig.ts";
import { startMongo, startS3, unique } from "../support/services/index.ts";
import type { Service } from "../support/services/service.ts";
import { shared, suiteWith } from "../support/services/suite.ts";
import { openStore, type StoreKind } from "../support/stores.ts";
import type { WhatsappVersion } from "../support/whatsapp.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();

type Move = [StoreKind, StoreKind, WhatsappVersion, () => Promise<Service>];
// What is copied of each store: copy-session.test.ts, and test/examples/moving.test.ts.
const moves: Move[] = [
  ...onlyLong<Move>(["wwebjs-mongo", "mongo", "1.34.4", startMongo]),
  // This one files a session under the path of its zip.
  ["wwebjs-aws-s3", "s3", "1.34.6", startS3],
];
for (const [old, own, version, start] of moves) {
  await suiteWith(`${old} under whatsapp-web.js ${version}`, shared(start), ({ env }) => {
    it("is moved to our store: linked there, ready here, without a QR", async () => {
      const [clientId, name] = [unique(), `m${unique()}`];
      const from = { kind: old, env, name };
      const [cwd, dataPath] = [rig.folder(), rig.folder()];
      const spec = { version, store: from, clientId, dataPath, cwd, args: writesSoon };
      const first = rig.start({ strategy: "shipped-remote", ...spec });
      const sequence = await linkAndStore(first, dataPath);
      await first.vanish();

      const session = `RemoteAuth-${clientId}`;
      const to = { kind: own, env, name };
      await copySession({ from: await openStore(from), to: await openStore(to), session, dataPath });

      const second = rig.start({ strategy: "remote", store: to, clientId, dataPath: rig.folder() });
      await second.until("ready");
      expect(second.count("qr")).toBe(0);
      expect(await second.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
    });
  });
}
