import { cp, readdir, readlink, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LocalAuth } from "../../lib/auth/local-auth.ts";
import { storageForms, writesSoon } from "../support/chromium.ts";
import { inTime, SIGNAL_LIMIT_MS } from "../support/in-time.ts";
import { isLong, onlyLong } from "../support/length.ts";
import { localStorageOnDisk } from "../support/local-storage.ts";
import { useRig } from "../support/rig.ts";
import { scratchFolder } from "../support/scratch.ts";
import { type WhatsappVersion, whatsapp, whatsappVersionsHere } from "../support/whatsapp.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();

/** A link that tests begin with: the folder, and the number of its last record. */
interface Link {
  readonly dataPath: string;
  readonly sequence: number;
}

const links = new Map<string, Promise<Link>>();

/**
 * A copy in `dataPath` of the profile of a client that was linked and closed.
 * @returns the number of its last record
 */
async function closed(
  dataPath: string,
  version: WhatsappVersion = "1.34.7",
  args: string[] = storageForms.SQLite,
): Promise<number> {
  const name = [version, ...args].join();
  const making = links.get(name) ?? makeLink(join(scratchFolder("link-"), "not there yet"), version, args);
  links.set(name, making);
  const link = await making;
  await cp(link.dataPath, dataPath, { recursive: true, preserveTimestamps: true });
  return link.sequence;
}

async function makeLink(dataPath: string, version: WhatsappVersion, args: string[]): Promise<Link> {
  const client = await linked(dataPath, version, args);
  const { sequence } = await client.phone.write();
  await client.close();
  return { dataPath, sequence };
}

async function linked(dataPath: string, version: WhatsappVersion, args: string[]) {
  const client = rig.open({
    version,
    authStrategy: new LocalAuth({ dataPath }),
    puppeteer: { args: [...args, ...writesSoon] },
  });
  await client.until("qr");
  await client.phone.pair();
  await client.until("ready");
  await client.phone.fill(300_000);
  await localStorageOnDisk(dataPath);
  return client;
}

describe.each(whatsappVersionsHere)("our LocalAuth with whatsapp-web.js %s", (version) => {
  it("is ready without a QR after a restart", async () => {
    const dataPath = rig.folder();
    const sequence = await closed(dataPath, version);
    const second = rig.open({ version, authStrategy: new LocalAuth({ dataPath }) });
    await second.until("ready");
    expect(second.count("qr")).toBe(0);
    expect(await second.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  });

  it("is ready on a profile that the shipped LocalAuth has linked", async () => {
    const dataPath = rig.folder();
    const theirs = rig.open({
      version,
      authStrategy: new (whatsapp(version).LocalAuth)({ dataPath, clientId: "moved" }),
      puppeteer: { args: writesSoon },
    });
    await theirs.until("qr");
    await theirs.phone.pair();
    await theirs.until("ready");
    await localStorageOnDisk(dataPath);
    await theirs.close();
    const ours = rig.open({ version, authStrategy: new LocalAuth({ dataPath, clientId: "moved" }) });
    await ours.until("ready");
    expect(ours.count("qr")).toBe(0);
  });
});

describe("our LocalAuth", () => {
  it("removes the locks of a browser that ran on another machine", async () => {
    const dataPath = rig.folder();
    await closed(dataPath);
    const profile = join(dataPath, "session");
    await symlink(`some-other-container-${process.pid}`, join(profile, "SingletonLock"));
    await symlink("/tmp/nowhere", join(profile, "SingletonSocket"));
    const client = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
    await client.until("ready");
    expect(await readlink(join(profile, "SingletonLock"))).not.toContain("some-other-container");
  });

  it("refuses a profile that another browser has open, and changes neither", async () => {
    const dataPath = rig.folder();
    await closed(dataPath);
    const first = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
    await first.until("ready");
    const second = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
    expect((await second.until("initialize_failed")).values[0]).toMatchObject({ code: "LEASE_HELD" });
    await first.phone.write();
    await first.close();
    const third = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
    await third.until("ready");
  });

  // A restore opens both forms, and LocalAuth starts the browser with the same switches: test/e2e/storage-forms.test.ts.
  it.each(Object.entries(storageForms).filter(([form]) => isLong || form === "SQLite"))(
    "opens a profile of the %s form several times",
    async (form, args) => {
      const dataPath = rig.folder();
      await closed(dataPath, "1.34.7", args);
      const names = await readdir(join(dataPath, "session", "Default"));
      expect(names.includes("LocalStorage")).toBe(form === "SQLite");
      // From now on no option names the storage form.
      const client = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
      await client.until("ready");
      for (let n = 2; n < 3; n++) {
        // The same client, its options and their arrays: what puppeteer takes out of them is missing the next time.
        await client.client.destroy();
        await client.client.initialize();
        await client.until("ready", undefined, n);
      }
      expect(client.count("qr")).toBe(0);
      expect(await client.phone.verdict()).toMatchObject({ ...wholeVerdict, loads: 2 });
    },
  );

  it("client.logout() removes the profile; on the phone, with the browser open, the next link is kept", async () => {
    const dataPath = rig.folder();
    await closed(dataPath);
    const client = rig.open({ authStrategy: new LocalAuth({ dataPath }), puppeteer: { args: writesSoon } });
    await client.until("ready");
    await client.phone.unlink();
    await client.until("qr");
    await client.until("injected", undefined, 2);
    await client.phone.pair({ wid: "15550009999@c.us" });
    await client.until("ready", undefined, 2);
    await localStorageOnDisk(dataPath, "15550009999");
    await client.close();
    const second = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
    await second.until("ready");
    expect(await second.phone.verdict()).toMatchObject({ ...wholeVerdict, wid: "15550009999@c.us" });
    await second.client.logout();
    await second.client.logout().catch(() => {});
    await second.close();
    expect(await readdir(dataPath)).toEqual([]);
  });

  // Another one than a bot with RemoteAuth gets (signals.test.ts): all three take the same way.
  it.each<NodeJS.Signals>(["SIGINT", ...onlyLong<NodeJS.Signals>("SIGTERM", "SIGHUP")])(
    "closes the browser properly on %s",
    async (signal) => {
      const { dataPath } = await inTime(async () => {
        const dataPath = rig.folder();
        const bot = rig.start({ strategy: "local", dataPath });
        await bot.until("qr");
        await bot.phone.pair();
        await bot.until("ready");
        // Local Storage comes to disk seconds later, or when the browser is closed: killed now, the session would be
        // lost.
        const signalled = Date.now();
        bot.signal(signal);
        const { at, values } = await bot.until("exit");
        expect(values).toEqual([null, signal]);
        await bot.browserGone();
        return { dataPath, inTime: at - signalled < SIGNAL_LIMIT_MS };
      });
      const client = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
      await client.until("ready");
      expect(client.count("qr")).toBe(0);
    },
  );
});
