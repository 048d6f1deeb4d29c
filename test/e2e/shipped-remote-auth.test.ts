import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { writesSoon } from "../support/chromium.ts";
import { localStorageOnDisk } from "../support/local-storage.ts";
import { useOwnDirectory } from "../support/own-directory.ts";
import { openRemote, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { shippedRemoteAuth, whatsappVersionsHere } from "../support/whatsapp.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();
useOwnDirectory();

// Their own RemoteAuth, each with its own idea of where the zip is, on our store: the newest one tells nobody, so the
// store is told the `dataPath`.
describe.each(whatsappVersionsHere)("the RemoteAuth of whatsapp-web.js %s", (version) => {
  const open = async (folder: string, dataPath: string) => {
    // It crashes in a fresh container: it does not make its folder.
    await mkdir(dataPath, { recursive: true });
    const store = new FileStore({ directory: folder, dataPath });
    const strategy = shippedRemoteAuth(version, { store, dataPath, clientId: `v-${process.pid}` });
    return { ...rig.open({ version, authStrategy: strategy, puppeteer: { args: writesSoon } }), strategy };
  };

  it("links, saves into our store, and is ready on a fresh machine without a QR", async () => {
    const folder = rig.folder();
    const dataPath = rig.folder();
    const first = await open(folder, dataPath);
    await first.until("qr");
    await first.phone.pair();
    await first.until("ready");
    await first.phone.fill(500_000);
    const { sequence } = await first.phone.write();
    await localStorageOnDisk(dataPath);
    await first.strategy.storeRemoteSession();
    await first.close();

    const second = await open(folder, join(rig.folder(), "fresh"));
    await second.until("ready");
    expect(second.count("qr")).toBe(0);
    expect(await second.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  });

  it("reads the saves of our RemoteAuth, and the other way round", async () => {
    const folder = rig.folder();
    const { sequence } = await savedSession(rig, folder);
    const dataPath = rig.folder();
    const strategy = shippedRemoteAuth(version, { store: new FileStore({ directory: folder, dataPath }), dataPath });
    const theirs = rig.open({ version, authStrategy: strategy });
    await theirs.until("ready");
    expect(await theirs.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
    const written = await theirs.phone.write();
    await strategy.storeRemoteSession();
    await theirs.close();

    const ours = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await ours.until("ready");
    expect(ours.count("qr")).toBe(0);
    expect(await ours.phone.record(written.sequence)).toBe(written.hash);
  });
});
