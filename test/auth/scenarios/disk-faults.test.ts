import { execFileSync } from "node:child_process";
import { EventEmitter } from "node:events";
import { chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { readMarker, removeMarker, writeMarker } from "../../../lib/auth/local/marker.ts";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import type { SessionStore } from "../../../lib/store.ts";
import { assertSameFiles, type Files, filesIn, noise, writeFiles, writeZip } from "../../contract/profile.ts";
import { BLOBS, INDEXED_DB } from "../../profile/support/small-profile.ts";
import { useFolder } from "../../support/folder.ts";
import { mountMemory, mountsBelow } from "../../support/mount.ts";
import { useOwnDirectory } from "../../support/own-directory.ts";
import { scratchFolder } from "../../support/scratch.ts";
import { expectWarning } from "../../support/warnings.ts";
import { ZipFolder } from "../../support/zip-folder.ts";
import { linkedProfile, olderProfile, sessionOf, storeProfile } from "../support/linked-profile.ts";

useOwnDirectory();

const session = "RemoteAuth";
const blob = `${BLOBS}/1/00/1`;
const local = olderProfile("local", session);
const stored = { ...linkedProfile("stored"), [blob]: noise(1_500_000) };

let seed: string;
let root: string;
let dataPath: string;
let dir: string;
let directory: string;

beforeAll(async () => {
  seed = scratchFolder("seed-");
  await storeProfile(seed, session, stored);
});

const folder = useFolder();
beforeEach(async () => {
  root = folder();
  dataPath = join(root, "data");
  dir = join(dataPath, session);
  directory = join(root, "store");
  await cp(seed, directory, { recursive: true });
});
afterEach(async () => {
  for (const path of mountsBelow(root).reverse()) execFileSync("umount", ["-l", path], { stdio: "ignore" });
});

/** What one start came to; the client then goes. */
interface Start {
  error: unknown;
  events: Record<string, unknown[]>;
}

async function start(
  store: SessionStore = new FileStore({ directory }),
  { isReady = false, retainDeletedMs }: { isReady?: boolean; retainDeletedMs?: number } = {},
): Promise<Start> {
  const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000, retainDeletedMs });
  const client = Object.assign(new EventEmitter(), { options: { puppeteer: {} } });
  const events: Record<string, unknown[]> = {};
  for (const name of ["restored", "error", "lost", "deleted"]) {
    client.on(`remote_session_${name}`, (value) => {
      events[name] = [...(events[name] ?? []), value];
    });
  }
  strategy.setup(client as never);
  let error: unknown;
  try {
    await strategy.beforeBrowserInitialized();
    if (isReady) await strategy.afterAuthReady();
  } catch (cause) {
    error = cause;
  }
  await strategy.disconnect();
  await strategy.destroy();
  return { error, events };
}

async function profile(at = dir): Promise<Files> {
  return sessionOf(await filesIn(at));
}

async function beside(): Promise<string[]> {
  return (await readdir(dataPath)).map((name) => name.replace(/-[0-9a-f]{12}$/, "")).sort();
}

/** Mounts a disk of its own, where one may; else the test is skipped. */
function mountDisk(context: { skip(reason: string): void }, path: string, size = "1m"): void {
  try {
    mountMemory(path, size);
  } catch {
    context.skip("a disk of its own can be mounted only by root");
  }
}

const stores: Record<string, () => SessionStore> = {
  "a store that takes profiles": () => new FileStore({ directory }),
  "a store with the four methods": () => new ZipFolder(join(root, "zips")),
};

describe("a faulty path or disk of the profile", () => {
  it.each([
    ["the folder of the profiles is a file", () => writeFile(dataPath, "x"), () => rm(dataPath)],
    [
      "the profile is a file",
      async () => {
        await mkdir(dataPath);
        await writeFile(dir, "x");
      },
      () => rm(dir),
    ],
    [
      "the lock file is a directory",
      () => mkdir(`${dir}.claim`, { recursive: true }),
      () => rm(`${dir}.claim`, { recursive: true }),
    ],
    [
      "the profile is a link that leads nowhere",
      async () => {
        await mkdir(dataPath);
        await symlink(join(root, "nowhere"), dir);
      },
      () => rm(dir),
    ],
  ])("%s: says so, starts nothing, and works once that is mended", async (_what, damage, mend) => {
    await damage();
    const { error, events } = await start();
    if (error !== undefined) {
      expect(error).toMatchObject({ name: "VaultError", code: "UNAVAILABLE" });
      expect(events).toEqual({});
      await mend();
      expect((await start()).error).toBeUndefined();
    }
    assertSameFiles(await profile(), stored);
  });

  it("a read-only disk is DENIED, keeps its profile, and is used once it is writable", async (context) => {
    const isRoot = process.getuid?.() === 0;
    await mkdir(dataPath);
    if (isRoot) mountDisk(context, dataPath, "50m");
    await writeFiles(local, dir);
    const become = async (mode: "ro" | "rw"): Promise<void> => {
      if (isRoot) execFileSync("mount", ["-o", `remount,${mode}`, dataPath]);
      else for (const path of [dir, dataPath]) await chmod(path, mode === "ro" ? 0o500 : 0o700);
    };
    await become("ro");
    const denied = { code: "DENIED", hint: expect.any(String) };
    expect((await start()).error).toMatchObject(denied);
    const localAuth = new LocalAuth({ dataPath });
    localAuth.setup(Object.assign(new EventEmitter(), { options: { puppeteer: {} } }) as never);
    await expect(localAuth.beforeBrowserInitialized()).rejects.toMatchObject(denied);
    assertSameFiles(await filesIn(dir), local);
    await become("rw");
    expect((await start()).error).toBeUndefined();
    assertSameFiles(await profile(), stored);
  });

  for (const [name, open] of Object.entries(stores)) {
    it(`a disk that is full keeps its profile, with ${name}`, async (context) => {
      await mkdir(dataPath);
      mountDisk(context, dataPath);
      await writeFiles(local, dir);
      await writeZip(stored, join(root, "zips", `${session}.zip`));
      const { error, events } = await start(open());
      expect(error).toMatchObject({ name: "VaultError", code: "UNAVAILABLE" });
      expect(events).toEqual({});
      assertSameFiles(await filesIn(dir), local);
      expect(await beside()).toEqual([session]);
      execFileSync("mount", ["-o", "remount,size=50m", dataPath]);
      expect((await start(open())).error).toBeUndefined();
      assertSameFiles(await profile(), stored);
    });
  }

  it("a disk without room for the lock file keeps its profile, and no lock file", async (context) => {
    await mkdir(dataPath);
    mountDisk(context, dataPath);
    await writeFiles(local, dir);
    await writeFile(join(dataPath, "full"), noise(2_000_000)).catch(() => undefined);
    expect((await start()).error).toMatchObject({ code: "UNAVAILABLE", hint: expect.stringContaining("space") });
    assertSameFiles(await filesIn(dir), local);
    expect(await beside()).toEqual([session, "full"]);
  });

  it("a profile that is a mount of its own is left as it is, with a hint", async (context) => {
    await mkdir(dir, { recursive: true });
    mountDisk(context, dir, "50m");
    await writeFiles(local, dir);
    const { error } = await start();
    expect(error).toMatchObject({ code: "UNAVAILABLE", hint: expect.stringContaining("mount") });
    assertSameFiles(await filesIn(dir), local);
    expect(await beside()).toEqual([session]);
  });
});

describe("a directory that cannot be removed", () => {
  // Something of it is in use: here, a mount inside.
  async function stuck(context: { skip(reason: string): void }, path: string): Promise<void> {
    await writeFiles(linkedProfile("old"), path);
    await mkdir(join(path, "stuck"));
    mountDisk(context, join(path, "stuck"));
  }

  it("of an earlier swap is reported at READY, and changes no result", async (context) => {
    await stuck(context, `${dir}.replaced-0123456789ab`);
    expectWarning(/replaced-0123456789ab is not needed any more and could not be removed: EBUSY/);
    await writeFiles(local, dir);
    const { error, events } = await start(undefined, { isReady: true });
    expect(error).toBeUndefined();
    expect(events.restored).toHaveLength(1);
    expect(events.error).toMatchObject([{ code: "UNAVAILABLE" }]);
    assertSameFiles(await profile(), stored);
    // The other one is gone.
    expect(await beside()).toEqual([session, `${session}.replaced`]);
  });

  it("of a killed restore is reported, and changes no result", async (context) => {
    await stuck(context, `${dir}.staged-0123456789ab`);
    expectWarning(/staged-0123456789ab is not needed any more and could not be removed: EBUSY/);
    await writeFiles(local, dir);
    expect((await start()).error).toBeUndefined();
    expect((await start()).error).toBeUndefined();
    assertSameFiles(await profile(), stored);
  });

  it("of a deleted session does not disturb later starts", async (context) => {
    const store = new FileStore({ directory });
    await store.delete({ session });
    expectWarning(/RemoteAuth was deleted at .*: this bot links a new device/);
    for (const aside of [`${dir}.deleted`, `${dir}.deleted-2`]) {
      await writeFiles(local, dir);
      await writeFile(join(dir, ".wa-vault.json"), JSON.stringify({ v: 1, session, base: "0", generation: 1 }));
      if (aside.endsWith("2")) await stuck(context, join(`${dir}.deleted`, "more"));
      expect((await start()).error).toBeUndefined();
      expect(await profile(aside)).toHaveProperty([`${INDEXED_DB}/CURRENT`]);
      expect(await profile()).toEqual({});
      await rm(dir, { recursive: true });
    }
    // Once a deletion cannot be taken back they go, but for what cannot.
    expect((await start(store)).error).toBeUndefined();
    expect(await beside()).toEqual([session, `${session}.deleted`, `${session}.deleted-2`]);
    for (const left of [2, 1]) {
      expect((await start(store, { retainDeletedMs: 0 })).error).toBeUndefined();
      expect(await beside()).toEqual([session, ...Array(left).fill(`${session}.deleted-old`)]);
    }
  });
});

describe("a marker", () => {
  beforeAll(() =>
    expectWarning(
      /is no copy of the stored session; the stored session is used, and the profile was moved to .*\.unsaved/,
    ),
  );
  const name = ".wa-vault.json";
  const markers: Record<string, (whole: string) => Promise<unknown>> = {
    "is torn": (whole) => writeFile(join(dir, name), whole.slice(0, 40)),
    "is empty": () => writeFile(join(dir, name), ""),
    "is a list": () => writeFile(join(dir, name), "[]"),
    "says null": () => writeFile(join(dir, name), "null"),
    "is a directory": async () => {
      await rm(join(dir, name));
      await mkdir(join(dir, name));
      await writeFile(join(dir, name, "file"), "x");
    },
    "is of a newer version": (whole) => writeFile(join(dir, name), JSON.stringify({ ...JSON.parse(whole), v: 2 })),
  };

  it.each(Object.entries(markers))(
    "that %s is ignored: the stored session is used, and the local profile is kept",
    async (_, damage) => {
      await start();
      const whole = await readFile(join(dir, name), "utf8");
      expect((await start()).events.restored).toBeUndefined();
      await damage(whole);
      const { error, events } = await start();
      expect(error).toBeUndefined();
      expect(events.restored).toHaveLength(1);
      // It may have been a session of its own.
      assertSameFiles(await profile(`${dir}.unsaved`), stored);
      assertSameFiles(await profile(), stored);
      const [marker, before] = [JSON.parse(await readFile(join(dir, name), "utf8")), JSON.parse(whole)];
      expect(marker).toEqual({ ...before, entry: expect.any(Number) });
      expect(marker.entry).toBeGreaterThan(before.entry);
      expect((await start()).events.restored).toBeUndefined();
    },
  );

  it.each(Object.entries(markers))("that %s leads to no QR when the store has no session", async (_, damage) => {
    await start();
    await damage(await readFile(join(dir, name), "utf8"));
    directory = join(root, "another");
    const { error, events } = await start();
    expect(error).toBeUndefined();
    expect(events).toEqual({});
    assertSameFiles(await profile(), stored);
  });

  it("takes the place of a directory", async () => {
    await mkdir(join(dir, name), { recursive: true });
    const marker = { session, history: [{ id: "1" }], isSuperseded: false, refusedCredentials: undefined };
    await writeMarker(dir, marker);
    expect(await readMarker(dir)).toMatchObject(marker);
    expect(await readdir(dir)).toEqual([name]);
    await removeMarker(dir);
    expect(await readMarker(dir)).toBeUndefined();
  });
});
