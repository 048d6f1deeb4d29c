import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writesSoon } from "../support/chromium.ts";
import { isLong } from "../support/length.ts";
import { localStorageOnDisk } from "../support/local-storage.ts";
import { useRig } from "../support/rig.ts";
import { scratchFolder } from "../support/scratch.ts";
import { whatsapp, whatsappVersionsHere } from "../support/whatsapp.ts";

// The page that all other tests believe, seen through the strategies that ship with whatsapp-web.js.
const rig = useRig();
const { LocalAuth, NoAuth } = whatsapp();

const links: Promise<string>[] = [];

/** A copy in `dataPath` of the profile of a client that was linked, has written and was closed. */
async function linked(dataPath: string, link = 0): Promise<string> {
  links[link] ??= makeLink(scratchFolder("link-"));
  await cp(await links[link], dataPath, { recursive: true, preserveTimestamps: true });
  return join(dataPath, "session", "Default");
}

async function makeLink(dataPath: string): Promise<string> {
  const client = rig.open({ authStrategy: new LocalAuth({ dataPath }), puppeteer: { args: writesSoon } });
  await client.until("qr");
  await client.phone.pair();
  await client.until("ready");
  await client.phone.fill(1_000_000);
  for (let n = 0; n < 25; n++) await client.phone.write();
  // Every test below starts from this: on a busy machine a browser may end before it has written Local Storage.
  await localStorageOnDisk(dataPath);
  await client.close();
  return dataPath;
}

async function reopened(dataPath: string, expected: "ready" | "qr") {
  const client = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
  await client.until(expected);
  const verdict = await client.phone.verdict();
  await client.close();
  return verdict;
}

describe.each(whatsappVersionsHere)("whatsapp-web.js %s on the stand-in", (version) => {
  it("links by QR, and is ready without one after a restart", async () => {
    const dataPath = rig.folder();
    const strategy = () => new (whatsapp(version).LocalAuth)({ dataPath });
    const first = rig.open({ version, authStrategy: strategy(), puppeteer: { args: writesSoon } });
    expect(String((await first.until("qr")).values[0]).split(",")).toHaveLength(5);
    await first.phone.pair({ wid: "15550002222@c.us" });
    await first.until("authenticated");
    await first.until("ready");
    const { sequence, hash } = await first.phone.write();
    await localStorageOnDisk(dataPath);
    await first.close();

    const second = rig.open({ version, authStrategy: strategy() });
    await second.until("ready");
    expect(second.count("qr")).toBe(0);
    expect(second.client.info.wid._serialized).toBe("15550002222@c.us");
    expect(await second.phone.verdict()).toMatchObject({ linked: true, chain: "ok", lastSequence: sequence });
    expect(await second.phone.record(sequence)).toBe(hash);
  });

  it("links by a pairing code", async () => {
    const client = rig.open({
      version,
      authStrategy: new (whatsapp(version).NoAuth)(),
      client: { pairWithPhoneNumber: { phoneNumber: "15550003333" } },
    });
    expect((await client.until("code")).values[0]).toMatch(/^[1-9A-Z]{8}$/);
    await client.phone.pair();
    await client.until("ready");
    expect(client.count("qr")).toBe(0);
    expect(client.client.info.wid._serialized).toBe("15550003333@c.us");
  });

  it("asks to link again, in the same browser, after the phone removed the device", async () => {
    const client = rig.open({ version, authStrategy: new (whatsapp(version).NoAuth)() });
    await client.until("qr");
    await client.phone.pair();
    await client.until("ready");
    await client.phone.unlink();
    expect((await client.until("disconnected")).values).toEqual(["LOGOUT"]);
    await client.until("qr", undefined, 2);
    await client.until("injected", undefined, 2);
    expect(client.client.pupPage?.url()).toBe("https://web.whatsapp.com/?post_logout=1");
  });

  it("disconnects on CONFLICT, and tells a second READY", async () => {
    const client = rig.open({ version, authStrategy: new (whatsapp(version).NoAuth)() });
    await client.until("qr");
    await client.phone.pair();
    await client.until("ready");
    await client.phone.resync();
    await client.until("ready", undefined, 2);
    await client.phone.setState("TIMEOUT");
    await client.phone.setState("CONFLICT");
    expect((await client.until("disconnected")).values).toEqual(["CONFLICT"]);
    await client.until("browser_gone");
  });
});

describe("the stand-in's verdict", () => {
  it("a message reaches the client and the history", async () => {
    const client = rig.open({ authStrategy: new NoAuth() });
    await client.until("qr");
    await client.phone.pair();
    await client.until("ready");
    const { sequence } = await client.phone.receive("good morning");
    expect((await client.until("message")).values[0]).toMatchObject({ body: "good morning" });
    expect(await client.phone.record(sequence)).toEqual(expect.any(String));
  });

  // In `npm test` a process is killed with its browser while the page writes: sudden-death.test.ts.
  if (isLong) {
    it("a browser that is killed while it writes leaves a whole history", async () => {
      const dataPath = rig.folder();
      await linked(dataPath);
      const client = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
      await client.until("ready");
      await client.phone.startWriter();
      let sequence = 0;
      while (sequence < 1000) ({ sequence } = await client.phone.write());
      client.killBrowser();
      await client.until("browser_gone");
      const verdict = await reopened(dataPath, "ready");
      expect(verdict).toMatchObject({ linked: true, chain: "ok", localStorageAhead: 0, checkpointAhead: 0 });
      expect(verdict.lastSequence).toBeGreaterThanOrEqual(sequence);
    });
  }

  it("no Local Storage: a QR", async () => {
    const dataPath = rig.folder();
    await rm(join(await linked(dataPath), "Local Storage"), { recursive: true });
    expect(await reopened(dataPath, "qr")).toEqual({
      linked: false,
      reason: "Local Storage has no last-wid-md",
    });
  });

  it("no IndexedDB: a QR", async () => {
    const dataPath = rig.folder();
    await rm(join(await linked(dataPath), "IndexedDB"), { recursive: true });
    expect(await reopened(dataPath, "qr")).toEqual({ linked: false, reason: "wawc has no user" });
  });

  it("the parts of two links: a QR", async () => {
    const dataPath = rig.folder();
    const profile = await linked(dataPath);
    const other = await linked(rig.folder(), 1);
    await rm(join(profile, "Local Storage"), { recursive: true });
    await cp(join(other, "Local Storage"), join(profile, "Local Storage"), { recursive: true });
    expect(await reopened(dataPath, "qr")).toEqual({
      linked: false,
      reason: "the registration does not open: its parts are of different versions",
    });
  });

  it("an older IndexedDB beside a newer Local Storage: known", async () => {
    const dataPath = rig.folder();
    const profile = await linked(dataPath);
    const older = join(rig.folder(), "IndexedDB");
    await cp(join(profile, "IndexedDB"), older, { recursive: true });
    const client = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
    await client.until("ready");
    for (let n = 0; n < 10; n++) await client.phone.write();
    await client.close();
    await rm(join(profile, "IndexedDB"), { recursive: true });
    await cp(older, join(profile, "IndexedDB"), { recursive: true });
    expect(await reopened(dataPath, "ready")).toMatchObject({ linked: true, chain: "ok", localStorageAhead: 10 });
  });

  it("no blob files: each is missed", async () => {
    const dataPath = rig.folder();
    const profile = await linked(dataPath);
    const blobs = join(profile, "IndexedDB", "https_web.whatsapp.com_0.indexeddb.blob");
    await rm(blobs, { recursive: true });
    expect(await reopened(dataPath, "ready")).toMatchObject({ linked: true, chain: "ok", blobs: 2, missingBlobs: 2 });
  });
});
