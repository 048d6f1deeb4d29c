import { readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { writesSoon } from "../support/chromium.ts";
import { onlyLong } from "../support/length.ts";
import { localStorageOnDisk } from "../support/local-storage.ts";
import { openRemote, type RemoteClient, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { expectWarning } from "../support/warnings.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();
expectWarning(/was deleted at .*: this bot links a new device/);

async function ready(folder: string, dataPath = rig.folder()): Promise<RemoteClient> {
  const client = openRemote(rig, { store: folder, dataPath, puppeteer: { args: writesSoon } });
  await client.until("ready");
  expect(client.count("qr")).toBe(0);
  return client;
}

/** Ready, and after its first save: the loop's next one is a minute away, and comes in between nothing. */
async function readyAndSaved(folder: string, dataPath = rig.folder()): Promise<RemoteClient> {
  const client = await ready(folder, dataPath);
  await client.until("remote_session_saved");
  return client;
}

async function asksToLink(folder: string, dataPath = rig.folder()): Promise<RemoteClient> {
  const client = openRemote(rig, { store: folder, dataPath });
  await client.until("qr");
  expect(client.count("ready")).toBe(0);
  return client;
}

/** The events that came after the first of this name. */
function since(client: RemoteClient, name: string): string[] {
  const names = client.events.map((event) => event.name);
  expect(names).toContain(name);
  return names.slice(names.indexOf(name) + 1);
}

describe("disconnect", () => {
  it.each(["CONFLICT", ...onlyLong("PROXYBLOCK", "TOS_BLOCK", "DEPRECATED_VERSION")])(
    "%s keeps the session",
    async (state) => {
      const folder = rig.folder();
      const { sequence } = await savedSession(rig, folder);
      const client = await ready(folder);
      await client.phone.setState(state);
      expect((await client.until("disconnected")).values).toEqual([state]);
      await client.until("browser_gone");
      expect(client.count("remote_session_deleted")).toBe(0);
      const again = await ready(folder);
      expect(await again.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
    },
  );

  it("UNPAIRED of a linked device deletes the session, and saves nothing afterwards", async () => {
    const folder = rig.folder();
    const { dataPath } = await savedSession(rig, folder);
    const client = await readyAndSaved(folder, dataPath);
    await client.phone.unlink({ how: "state" });
    await client.until("remote_session_deleted");
    await client.until("browser_gone");
    await client.close();
    expect(since(client, "remote_session_deleted")).not.toContain("remote_session_saved");
    await asksToLink(folder, dataPath);
  });
});

describe("logout", () => {
  it("client.logout() deletes the session and the profile, and saves nothing", async () => {
    const folder = rig.folder();
    const { dataPath } = await savedSession(rig, folder);
    const client = await readyAndSaved(folder, dataPath);
    await client.client.logout();
    expect(client.count("remote_session_deleted")).toBe(1);
    await client.close();
    expect(since(client, "remote_session_deleted")).not.toContain("remote_session_saved");
    expect(client.count("remote_session_error")).toBe(0);
    expect(await readdir(dataPath)).toEqual([]);
    await asksToLink(folder, dataPath);
  });

  it("on the phone, with the browser still open: a QR in the same browser, and the next link is saved", async () => {
    const folder = rig.folder();
    await savedSession(rig, folder);
    const client = await ready(folder);
    await client.phone.unlink();
    expect((await client.until("disconnected")).values).toEqual(["LOGOUT"]);
    await client.until("qr");
    await client.until("injected", undefined, 2);
    expect(client.count("remote_session_deleted")).toBe(1);
    await client.phone.pair({ wid: "15550009999@c.us" });
    await client.until("ready", undefined, 2);
    await localStorageOnDisk(client.strategy.userDataDir, "15550009999");
    const { sequence } = await client.phone.write();
    await client.close();
    expect(client.count("remote_session_error")).toBe(0);
    const again = await ready(folder);
    expect(await again.phone.verdict()).toMatchObject({
      ...wholeVerdict,
      wid: "15550009999@c.us",
      lastSequence: sequence,
    });
  });

  it("twice, on the phone and by client.logout(), deletes the session without an error", async () => {
    const folder = rig.folder();
    const { dataPath } = await savedSession(rig, folder);
    const client = await ready(folder, dataPath);
    await client.phone.unlink();
    await client.until("qr");
    await client.until("injected", undefined, 2);
    await client.client.logout();
    await client.strategy.logout();
    expect(client.count("remote_session_error")).toBe(0);
    await client.close();
    await asksToLink(folder, dataPath);
  });
});

describe("a QR", () => {
  it("does not replace the stored session before the new link is ready", async () => {
    const folder = rig.folder();
    const { sequence } = await savedSession(rig, folder);
    const client = await readyAndSaved(folder);
    await client.phone.unlink({ how: "storage" });
    await client.until("qr");
    await client.until("injected", undefined, 2);
    await expect(client.strategy.backup()).rejects.toMatchObject({ code: "INVALID" });
    await client.close();
    expect(since(client, "qr")).not.toContain("remote_session_saved");
    const again = await ready(folder);
    expect(await again.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  });

  it("a link by pairing code is saved and restored like any other", async () => {
    const folder = rig.folder();
    const client = openRemote(rig, {
      store: folder,
      dataPath: rig.folder(),
      client: { pairWithPhoneNumber: { phoneNumber: "15550004444" } },
      puppeteer: { args: writesSoon },
    });
    await client.until("code");
    await client.phone.pair();
    await client.until("ready");
    await localStorageOnDisk(client.strategy.userDataDir);
    await client.close();
    const again = await ready(folder);
    expect(await again.phone.verdict()).toMatchObject({ ...wholeVerdict, wid: "15550004444@c.us" });
  });
});
