import { access, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { LocalAuth } from "../../lib/auth/local-auth.ts";
import { writesSoon } from "../support/chromium.ts";
import { localStorageOnDisk } from "../support/local-storage.ts";
import { openRemote, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { expectWarning } from "../support/warnings.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();
expectWarning(/was deleted at .*: this bot links a new device/);

describe("a local profile that was never stored", () => {
  it("of LocalAuth is adopted and stored, without a QR, once it has RemoteAuth's name", async () => {
    const dataPath = rig.folder();
    const authStrategy = new LocalAuth({ dataPath, clientId: "bot" });
    const before = rig.open({ authStrategy, puppeteer: { args: writesSoon } });
    await before.until("qr");
    await before.phone.pair();
    await before.until("ready");
    await localStorageOnDisk(dataPath);
    const { sequence } = await before.phone.write();
    await before.close();
    await rename(join(dataPath, "session-bot"), join(dataPath, "RemoteAuth-bot"));

    const store = rig.folder();
    const adopted = openRemote(rig, { store, dataPath, auth: { clientId: "bot" } });
    await adopted.until("ready");
    await adopted.close();
    expect(adopted.count("qr")).toBe(0);
    expect(adopted.saves().length).toBeGreaterThan(0);

    const elsewhere = openRemote(rig, { store, dataPath: rig.folder(), auth: { clientId: "bot" } });
    await elsewhere.until("ready");
    expect(elsewhere.count("qr")).toBe(0);
    expect(await elsewhere.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  });

  it("is kept and stored in a store that knows that it has no session", async () => {
    const { dataPath, sequence } = await savedSession(rig, rig.folder());
    const moved = rig.folder();
    const client = openRemote(rig, { store: moved, dataPath });
    await client.until("ready");
    expect(client.count("qr")).toBe(0);
    expect(client.count("remote_session_restored")).toBe(0);
    expect(await client.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
    await client.close();
    expect(await new FileStore({ directory: moved }).sessionExists({ session: "RemoteAuth" })).toBe(true);
  });

  it("is set aside, and not opened, when the session was deleted since", async () => {
    const store = rig.folder();
    const { dataPath, profile } = await savedSession(rig, store);
    await new FileStore({ directory: store }).delete({ session: "RemoteAuth" });
    const client = openRemote(rig, { store, dataPath });
    await client.until("qr");
    await access(`${profile}.deleted`);
  });
});

describe("a local profile that is no copy of the stored session", () => {
  it("is replaced by the stored session, and set aside", async () => {
    const store = rig.folder();
    const stored = await savedSession(rig, store);
    const other = await savedSession(rig, rig.folder(), { wid: "15550005678@c.us" });
    await rm(join(other.profile, ".wa-vault.json"));
    expectWarning(/no copy of the stored session/);
    const client = openRemote(rig, { store, dataPath: other.dataPath });
    await client.until("ready");
    expect(await client.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: stored.sequence });
    expect(client.client.info.wid._serialized).not.toBe("15550005678@c.us");
    await access(join(`${other.profile}.unsaved`, "Default"));
  });
});

describe("a generation of the store", () => {
  it("is proven by the next start that reaches ready, and only then", async () => {
    const store = rig.folder();
    await savedSession(rig, store);
    const files = new FileStore({ directory: store });
    const session = "RemoteAuth";
    expect((await files.state({ session }))?.current).toMatchObject({ proven: false });
    const saved = (await files.state({ session }))?.current?.generation;
    const client = openRemote(rig, { store: files, dataPath: rig.folder() });
    await client.until("ready");
    await expect
      .poll(async () => (await files.state({ session }))?.generations.find((one) => one.generation === saved)?.proven, {
        timeout: 120_000,
      })
      .toBe(true);
  });
});
