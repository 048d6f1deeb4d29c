import { join } from "node:path";
import { expect, it } from "vitest";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { probeCredentials } from "../../../lib/profile/credentials.ts";
import { storageForms } from "../../support/chromium.ts";
import type { OpenClient } from "../../support/client.ts";
import { onlyLong } from "../../support/length.ts";
import { openRemote } from "../../support/remote.ts";
import { useRig } from "../../support/rig.ts";
import { wholeVerdict } from "../../support/whole-verdict.ts";

const rig = useRig();

/**
 * Links a client that destroys itself in its handler of `ready`. Its browser is killed where it would be closed: a browser
 * that is closed writes Local Storage at its end, but not each time.
 */
async function linkAndDestroy(client: OpenClient): Promise<void> {
  const destroyed = new Promise<void>((resolve, reject) => {
    client.client.once("ready", () => {
      const browser = client.client.pupBrowser;
      if (browser) browser.close = async () => client.killBrowser();
      client.client.destroy().then(resolve, reject);
    });
  });
  await client.until("qr");
  await client.phone.pair();
  await destroyed;
}

// In `npm test` the one form, and below, as it is by default, the other.
it.for<keyof typeof storageForms>(["SQLite", ...onlyLong("LevelDB" as const)])(
  "LocalAuth: a new link whose client is destroyed in its handler of ready is ready again without a QR (%s)",
  async (form) => {
    const dataPath = rig.folder();
    const args = storageForms[form];
    await linkAndDestroy(rig.open({ authStrategy: new LocalAuth({ dataPath }), puppeteer: { args } }));
    expect(await probeCredentials(join(dataPath, "session"))).toMatchObject({ hasCredentials: true });
    const again = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
    await again.until("ready");
    expect(again.count("qr")).toBe(0);
    expect(await again.phone.verdict()).toMatchObject(wholeVerdict);
  },
);

it("RemoteAuth: a new link whose client is destroyed in its handler of ready is ready on another machine", async () => {
  const store = rig.folder();
  const first = openRemote(rig, { store, dataPath: rig.folder() });
  await linkAndDestroy(first);
  expect(first.saves().map(({ generation }) => generation)).toHaveLength(1);
  const again = openRemote(rig, { store, dataPath: rig.folder() });
  await again.until("ready");
  expect(again.count("qr")).toBe(0);
});
