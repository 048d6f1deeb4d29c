import { mkdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import type { SessionStore } from "../../../lib/store.ts";
import { assertSameFiles, filesIn, writeFiles } from "../../contract/profile.ts";
import { INDEXED_DB, LOCAL_STORAGE } from "../../profile/support/small-profile.ts";
import { useFolder } from "../../support/folder.ts";
import { gate } from "../../support/gate.ts";
import { useOwnDirectory } from "../../support/own-directory.ts";
import { expectWarning } from "../../support/warnings.ts";
import { ZipFolder } from "../../support/zip-folder.ts";
import { linkedProfile, sessionOf, storeProfile } from "../support/linked-profile.ts";
import { ScriptedBrowser, ScriptedClient } from "../support/scripted-client.ts";

useOwnDirectory();

/** The synced files with their content at that time, by path and in order; and a replacement for the sync. */
const disk = vi.hoisted(() => ({
  content: new Map<string, Buffer>(),
  order: [] as string[],
  beforeSync: async (_path: string): Promise<void> => {},
}));

vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  const open = async (path: string, ...rest: [string]): Promise<unknown> => {
    const handle = await fs.open(path, ...rest);
    const sync = handle.sync.bind(handle);
    handle.sync = async () => {
      await disk.beforeSync(path);
      await sync();
      disk.order.push(path);
      if ((await handle.stat()).isFile()) disk.content.set(path, await fs.readFile(path));
    };
    return handle;
  };
  return { ...fs, open };
});

// Without a marker the profile may be a session of its own.
expectWarning(/is no copy of the stored session; the stored session is used, and the profile was moved to .*\.unsaved/);

const session = "RemoteAuth";
const LOGS = [`${INDEXED_DB}/000003.log`, `${LOCAL_STORAGE}/000003.log`];
const linked = linkedProfile("linked");
let root: string;
let dataPath: string;
let dir: string;

const folder = useFolder();
beforeEach(async () => {
  root = folder();
  dataPath = join(root, "data");
  dir = join(dataPath, session);
  await mkdir(join(root, "zips"));
  disk.content.clear();
  disk.order.length = 0;
  disk.beforeSync = async () => {};
});

afterEach(() => {
  vi.useRealTimers();
});

const stores: Record<string, () => SessionStore> = {
  "a store that takes profiles": () => new FileStore({ directory: join(root, "store") }),
  "a store with the four methods": () => new ZipFolder(join(root, "zips")),
};

function clientOf(store: SessionStore): { client: ScriptedClient; strategy: RemoteAuth } {
  const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000 });
  return { client: new ScriptedClient(strategy), strategy };
}

/** A device is linked and saved; then the process is gone, and its last save never made. */
async function linkAndSave(store: SessionStore): Promise<ScriptedClient> {
  const { client, strategy } = clientOf(store);
  await client.initialize("qr");
  await writeFiles(linked, dir);
  await client.ready();
  await strategy.backup();
  await strategy.disconnect();
  await client.destroy();
  return client;
}

/** The profile as a power failure leaves it: files that were not synced are empty. */
async function losePower(): Promise<void> {
  for (const path of Object.keys(sessionOf(await filesIn(dir)))) {
    await writeFile(join(dir, path), disk.content.get(join(dir, path)) ?? "");
  }
}

/** What the next start opens, and what is told of it. */
async function nextStart(store: SessionStore): Promise<{ opened: unknown; seen: readonly string[] }> {
  const { client, strategy } = clientOf(store);
  let opened: unknown;
  await client.initialize("linked", async () => {
    opened = sessionOf(await filesIn(dir));
    return new ScriptedBrowser();
  });
  await strategy.disconnect();
  await client.destroy();
  return { opened, seen: client.seen };
}

async function hasMarker(): Promise<boolean> {
  return await readFile(join(dir, ".wa-vault.json")).then(
    () => true,
    () => false,
  );
}

describe.each(Object.entries(stores))("a power failure after a save, with %s", (_, open) => {
  it("leaves on disk the version that the marker names", async () => {
    await linkAndSave(open());
    await losePower();
    const { opened, seen } = await nextStart(open());
    expect(seen).not.toContain("restored");
    assertSameFiles(opened as never, linked);
  });

  it("that takes the credentials leads to a restore of the stored session", async () => {
    await linkAndSave(open());
    for (const log of LOGS) await truncate(join(dir, log), 0);
    const { opened, seen } = await nextStart(open());
    expect(seen).toContain("restored");
    assertSameFiles(opened as never, linked);
  });

  it("leaves no marker when the sync of the profile failed, and keeps the save", async () => {
    const eio = Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO", syscall: "fsync" });
    let failures = 0;
    disk.beforeSync = async (path) => {
      // The system forgets such an error once it was told.
      if (path === join(dir, LOGS[0] as string) && failures++ === 0) throw eio;
    };
    const { client, strategy } = clientOf(open());
    await client.initialize("qr");
    await writeFiles(linked, dir);
    await client.ready();
    await strategy.backup();
    await strategy.backup();
    expect(client.seen).toContain("saved");
    expect(client.errors).toContainEqual(
      expect.objectContaining({ code: "UNAVAILABLE", message: expect.stringContaining("to disk: EIO") }),
    );
    expect(await hasMarker()).toBe(false);
    await strategy.disconnect();
    await client.destroy();
    await writeFile(join(dir, LOGS[0] as string), "");
    expect(await open().sessionExists({ session })).toBe(true);
  });

  it("is not waited for by the last save", async () => {
    const syncing = gate();
    const held = gate();
    disk.beforeSync = async (path) => {
      if (!path.endsWith(LOGS[0] as string)) return;
      syncing.open();
      await held.opened;
    };
    const { client, strategy } = clientOf(open());
    await client.initialize("qr");
    await writeFiles(linked, dir);
    await client.ready();
    const saved = strategy.backup();
    await syncing.opened;
    await strategy.disconnect();
    expect(await saved).toMatchObject({ unchanged: false });
    expect(client.errors).toEqual([]);
    expect(await hasMarker()).toBe(false);
    held.open();
    await client.destroy();
    expect((await nextStart(open())).seen).not.toContain("error");
  });
});

it("a restore syncs each file and each folder once, before the marker of the swap", async () => {
  const store = new FileStore({ directory: join(root, "store") });
  await storeProfile(join(root, "store"), session, linked);
  disk.order.length = 0;
  const { client, strategy } = clientOf(store);
  await client.initialize("linked", async () => new ScriptedBrowser());
  const order = disk.order.map((path) => relative(dataPath, path).replace(/\.staged-[0-9a-f]+/, ""));
  const swap = order.findIndex((path) => path.startsWith(`${session}.swap`));
  for (const path of [...Object.keys(linked), ...Object.keys(linked).map(dirname), "Default"]) {
    const found = join(session, path);
    expect(
      order.filter((each) => each === found),
      path,
    ).toHaveLength(1);
    expect(order.indexOf(found), path).toBeLessThan(swap);
  }
  // By the restore, and by the marker in it.
  expect(order.filter((each) => each === session)).toHaveLength(2);
  await strategy.disconnect();
  await client.destroy();
});

it("a restore of a zip syncs each file, before the marker of the swap", async () => {
  const zips = stores["a store with the four methods"] as () => SessionStore;
  await linkAndSave(zips());
  await rm(dir, { recursive: true });
  disk.order.length = 0;
  const { client, strategy } = clientOf(zips());
  await client.initialize("linked", async () => new ScriptedBrowser());
  const order = disk.order.map((path) => relative(dataPath, path).replace(/\.staged-[0-9a-f]+/, ""));
  const swap = order.findIndex((path) => path.startsWith(`${session}.swap`));
  expect(swap).toBeGreaterThan(0);
  for (const path of [...Object.keys(linked), ...Object.keys(linked).map(dirname), "Default", ""]) {
    expect(order.slice(0, swap), path).toContain(join(session, path));
  }
  await strategy.disconnect();
  await client.destroy();
});

it("a save syncs only changed files, after the commit and before the marker", async () => {
  const store = new FileStore({ directory: join(root, "store") });
  const { client, strategy } = clientOf(store);
  await client.initialize("qr");
  await writeFiles(linked, dir);
  // Older than the two seconds within which a time proves nothing.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_000 });
  await client.ready();
  await strategy.backup();
  const order = disk.order.map((path) => relative(root, path));
  const marker = order.findLastIndex((path) => path.includes(".wa-vault.json"));
  const commit = order.findLastIndex((path) => path.startsWith("store/"));
  for (const path of [...Object.keys(linked), ...Object.keys(linked).map(dirname), "Default", "."]) {
    const at = order.indexOf(join("data", session, path));
    expect(at, path).toBeGreaterThan(commit);
    expect(at, path).toBeLessThan(marker);
  }
  disk.order.length = 0;
  const [written, still] = LOGS.map((log) => join(dir, log)) as [string, string];
  await utimes(written, new Date(), new Date());
  await strategy.backup();
  expect(disk.order).toContain(written);
  expect(disk.order).not.toContain(still);
  await strategy.disconnect();
  await client.destroy();
});
