import { expect, it } from "vitest";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { writesSoon } from "../../support/chromium.ts";
import { localStorageOnDisk } from "../../support/local-storage.ts";
import { useRig } from "../../support/rig.ts";
import { wholeVerdict } from "../../support/whole-verdict.ts";

const rig = useRig();

it("a client with LocalAuth that its own `disconnected` handler starts again is ready again, without a QR", async () => {
  const dataPath = rig.folder();
  const client = rig.open({ authStrategy: new LocalAuth({ dataPath }), puppeteer: { args: writesSoon } });
  await client.until("qr");
  await client.phone.pair();
  await client.until("ready");
  await localStorageOnDisk(dataPath);
  const { sequence } = await client.phone.write();
  const again = new Promise<void>((resolve, reject) => {
    client.client.once("disconnected", () => client.client.initialize().then(resolve, reject));
  });
  await client.phone.setState("CONFLICT");
  await again;
  await client.until("ready", undefined, 2);
  expect(client.count("qr")).toBe(1);
  expect(await client.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
});
