import { expect, it } from "vitest";
import { openRemote, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";

const rig = useRig();

// What docs/troubleshooting.md says.
it("a client emits the death of its browser, and is ready again after destroy() and initialize()", async () => {
  const store = rig.folder();
  const { dataPath } = await savedSession(rig, store);
  const client = openRemote(rig, { store, dataPath });
  await client.until("ready");
  client.killBrowser();
  const interrupted = (await client.until("remote_session_interrupted")).values[0];
  expect(interrupted).toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(/^The browser of .* is gone/),
  });
  expect((await client.until("remote_session_error")).values[0]).toBe(interrupted);
  await client.client.destroy();
  await client.client.initialize();
  await client.until("ready", undefined, 2);
  expect(client.count("qr")).toBe(0);
});

it("a client whose browser dies before it is linked emits remote_session_interrupted alone", async () => {
  const client = openRemote(rig, { store: rig.folder(), dataPath: rig.folder() });
  await client.until("qr");
  await client.until("initialized");
  client.killBrowser();
  const { values } = await client.until("remote_session_interrupted");
  expect(values[0]).toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(/^The browser of .* is gone/),
  });
  expect(client.count("remote_session_error")).toBe(0);
  await client.client.destroy();
});
