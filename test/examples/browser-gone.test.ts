import { expect, it } from "vitest";
import { openRemote, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";

const rig = useRig();

// What docs/troubleshooting.md says.
it("a client whose browser is gone is told so, and comes back by destroy() and initialize()", async () => {
  const store = rig.folder();
  const { dataPath } = await savedSession(rig, store);
  const client = openRemote(rig, { store, dataPath });
  await client.until("ready");
  client.killBrowser();
  const { values } = await client.until("remote_session_error");
  expect(values[0]).toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(/^The browser of .* is gone/),
  });
  await client.client.destroy();
  await client.client.initialize();
  await client.until("ready", undefined, 2);
  expect(client.count("qr")).toBe(0);
});
