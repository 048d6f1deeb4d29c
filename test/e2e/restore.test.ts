import { existsSync, readdirSync, statSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { isVaultError } from "../../lib/errors.ts";
import type { RestoreReport, SessionStore } from "../../lib/store.ts";
import { folderPrint } from "../support/folder-print.ts";
import { isLong } from "../support/length.ts";
import { useOwnDirectory } from "../support/own-directory.ts";
import { openRemote, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";
import { ZipFolder } from "../support/zip-folder.ts";

const rig = useRig();
useOwnDirectory();

const PROFILES = "a store that takes profiles";
const FOUR_METHODS = "a store with the four methods";
const stores: Record<string, (folder: string) => SessionStore> = {
  [PROFILES]: (folder) => new FileStore({ directory: folder }),
  [FOUR_METHODS]: (folder) => new ZipFolder(folder),
};

const damages: Record<string, (bytes: Buffer) => Buffer> = {
  "was cut in half": (bytes) => bytes.subarray(0, bytes.length >> 1),
  "is empty": () => Buffer.alloc(0),
  // In several places: one alone may hit the time of a file in a zip, which means nothing.
  "has flipped bits": (bytes) => {
    const flipped = Buffer.from(bytes);
    for (const share of [0.25, 0.5, 0.75]) {
      const at = Math.floor(bytes.length * share);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
    }
    return flipped;
  },
};

describe.each(Object.entries(stores))("a restore from %s", (name, open) => {
  /** Declares a test which needs a browser: for one of the stores in `npm test`, for each in the long run. */
  const itOn = (store: string, title: string, test: () => Promise<void>): void => {
    if (isLong || name === store) it(title, test);
  };

  itOn(PROFILES, "a fresh container restores into a dataPath that does not exist", async () => {
    const folder = rig.folder();
    const { sequence, hash } = await savedSession(rig, folder, { open });
    const dataPath = join(rig.folder(), "not", "there", "yet");
    const client = openRemote(rig, { store: open(folder), dataPath });
    await client.until("ready");
    expect(client.count("qr")).toBe(0);
    const report = (await client.until("remote_session_restored")).values[0] as RestoreReport;
    expect(report.files).toBeGreaterThan(5);
    expect(report.skipped).toEqual([]);
    expect(await client.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence, lastHash: hash });
  });

  itOn(FOUR_METHODS, "resolves only when the last file is on disk", async () => {
    const folder = rig.folder();
    const { report } = await savedSession(rig, folder, { open, fillBytes: 4_000_000 });
    const client = openRemote(rig, { store: open(folder), dataPath: rig.folder() });
    // The moment at which the browser is about to be launched.
    const sizes: number[] = [];
    client.client.on("remote_session_restored", () => {
      const { userDataDir } = client.strategy;
      for (const entry of readdirSync(userDataDir, { recursive: true, withFileTypes: true })) {
        const mark = entry.parentPath === userDataDir && entry.name.startsWith(".");
        if (entry.isFile() && !mark) sizes.push(statSync(join(entry.parentPath, entry.name)).size);
      }
    });
    await client.until("ready");
    expect(sizes).toHaveLength(report.files);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(report.bytes);
  });

  itOn(PROFILES, "keeps a local profile that descends from the stored version", async () => {
    const folder = rig.folder();
    const { dataPath, sequence } = await savedSession(rig, folder, { open });
    const client = openRemote(rig, { store: open(folder), dataPath });
    await client.until("ready");
    expect(client.count("remote_session_restored")).toBe(0);
    expect(await client.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  });

  itOn(FOUR_METHODS, "a linked local profile is kept and saved when the store is empty", async () => {
    const { dataPath, sequence } = await savedSession(rig, rig.folder(), { open });
    const bucket = rig.folder();
    const client = openRemote(rig, { store: open(bucket), dataPath });
    await client.until("ready");
    expect(client.count("qr")).toBe(0);
    await client.close();
    const other = openRemote(rig, { store: open(bucket), dataPath: rig.folder() });
    await other.until("ready");
    expect(await other.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  });

  it("an outage of the store at the start throws, shows no QR, and leaves the local profile as it was", async () => {
    const folder = join(rig.folder(), "store");
    const { dataPath, profile } = await savedSession(rig, folder, { open });
    const before = await folderPrint(profile);
    // A path that is neither missing nor an empty directory.
    await rename(folder, `${folder}.away`);
    await writeFile(folder, "not a folder");
    const client = openRemote(rig, { store: open(folder), dataPath });
    const error = (await client.until("initialize_failed")).values[0];
    expect(isVaultError(error, "UNAVAILABLE"), String(error)).toBe(true);
    expect(client.events.map((event) => event.name)).toEqual(["initialize_failed"]);
    expect(await folderPrint(profile)).toEqual(before);

    await rm(folder);
    await rename(`${folder}.away`, folder);
    const again = openRemote(rig, { store: open(folder), dataPath });
    await again.until("ready");
    expect(again.count("qr")).toBe(0);
  });

  it.each(Object.entries(damages))(
    "a stored session that %s throws, shows no QR, and leaves the local profile as it was",
    async (_how, how) => {
      const folder = rig.folder();
      await savedSession(rig, folder, { open });
      const { dataPath, profile } = await savedSession(rig, rig.folder());
      const before = await folderPrint(profile);
      await damage(folder, how);
      const client = openRemote(rig, { store: open(folder), dataPath });
      const error = (await client.until("initialize_failed")).values[0];
      expect(isVaultError(error, "CORRUPT"), String(error)).toBe(true);
      expect(client.events.map((event) => event.name)).toEqual(["initialize_failed"]);
      expect(await folderPrint(profile)).toEqual(before);
    },
  );

  it("the local profile stays until the stored one has arrived", async () => {
    const folder = rig.folder();
    await savedSession(rig, folder, { open });
    const { dataPath, profile } = await savedSession(rig, rig.folder());
    const before = await folderPrint(profile);
    const store = open(folder);
    // Breaks down in the middle of a restore, whichever way the strategy asks for it.
    for (const method of ["restoreProfile", "extract"] as const) {
      const whole = store as unknown as Record<string, ((options: object) => Promise<unknown>) | undefined>;
      const own = whole[method]?.bind(store);
      if (!own) continue;
      whole[method] = async (options) => {
        await own(options);
        throw new Error("the connection was reset");
      };
    }
    const client = openRemote(rig, { store, dataPath });
    await client.until("initialize_failed");
    expect(client.count("qr")).toBe(0);
    expect(await folderPrint(profile)).toEqual(before);
    expect((await readdir(dataPath)).filter((name) => name !== "RemoteAuth")).toEqual([]);
  });
});

describe("a restore", () => {
  it("a store without an answer whether it has the session is an outage, not an absence", async () => {
    const store = new ZipFolder(rig.folder());
    // As a published store answers when its bucket cannot be reached.
    store.sessionExists = async () => undefined as unknown as boolean;
    const client = openRemote(rig, { store, dataPath: rig.folder() });
    expect((await client.until("initialize_failed")).values[0]).toMatchObject({ code: "UNAVAILABLE" });
    expect(client.count("qr")).toBe(0);
  });
});

describe("a session that is absent", () => {
  it("is linked by a QR, in a new folder", async () => {
    const dataPath = join(rig.folder(), "new");
    const client = openRemote(rig, { store: join(rig.folder(), "new"), dataPath });
    await client.until("qr");
    expect(existsSync(join(dataPath, "RemoteAuth"))).toBe(true);
    expect(client.count("remote_session_error")).toBe(0);
  });
});

/** Changes every file of a folder except the small files, which have the log. */
async function damage(folder: string, how: (bytes: Buffer) => Buffer): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = await readFile(path);
    if (bytes.length > 2_000) await writeFile(path, how(bytes));
  }
}
