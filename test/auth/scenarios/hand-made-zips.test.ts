import { EventEmitter } from "node:events";
import { existsSync } from "node:fs";
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { HOW_TO_ZIP } from "../../../lib/archive/errors.ts";
import { unzip } from "../../../lib/archive/unzip.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { copySession } from "../../../lib/copy-session.ts";
import type { SessionStore } from "../../../lib/store.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { craft } from "../../archive/support.ts";
import { assertSameFiles, type Files, filesIn } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { useOwnDirectory } from "../../support/own-directory.ts";
import { linkedProfile, sessionOf } from "../support/linked-profile.ts";

useOwnDirectory();

const session = "RemoteAuth";
const linked = linkedProfile("linked");
const folder = useFolder();
let dataPath: string;
let zip: string;

beforeEach(() => {
  dataPath = folder();
  zip = join(folder(), "session.zip");
});

/** A store with the four methods alone, that has the zip at `zip`. */
function zipStore(): SessionStore {
  return {
    sessionExists: async (options) => options.session === session,
    extract: async ({ path }) => await copyFile(zip, path),
    save: async () => expect.fail("it must not save"),
    delete: async () => expect.fail("it must not delete"),
  };
}

async function vault(): Promise<Vault> {
  const store = new Vault({ blobs: new MemoryBlobs(), onWarning: () => {} });
  await store.save({ session, path: zip });
  return store;
}

const places: [string, () => Promise<SessionStore>, { archive?: "zip" }][] = [
  ["a store of ours", vault, {}],
  ["a store of ours, as zips", vault, { archive: "zip" }],
  ["a store with four methods", async () => zipStore(), {}],
];

function pack(files: Files): Promise<void> {
  return writeFile(zip, craft(Object.entries(files).map(([path, content]) => ({ path, content }))));
}

/** One start, up to the moment a browser would be started. */
async function start(store: SessionStore, options: { archive?: "zip" }): Promise<unknown> {
  const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000, ...options });
  strategy.setup(Object.assign(new EventEmitter(), { options: { puppeteer: {} } }) as never);
  const error = await strategy.beforeBrowserInitialized().then(
    () => undefined,
    (cause: unknown) => cause,
  );
  await strategy.destroy();
  return error;
}

describe.each(places)("with a zip that a person has put into %s", (_, open, options) => {
  it.each([
    ["a folder on top", (path: string) => `RemoteAuth-x/${path}`],
    ["what is in Default", (path: string) => path.replace("Default/", "")],
    ["backslashes in its names", (path: string) => path.replaceAll("/", "\\")],
  ])("a start opens the profile: %s", async (_name, rename) => {
    await pack(Object.fromEntries(Object.entries(linked).map(([path, content]) => [rename(path), content])));
    expect(await start(await open(), options)).toBeUndefined();
    assertSameFiles(sessionOf(await filesIn(join(dataPath, session))), linked);
  });

  it.each<[string, Files]>([
    ["no storage of the site", { "Default/Preferences": Buffer.from("{}"), "notes.txt": Buffer.from("x") }],
    ["nothing", {}],
  ])("no start leads to a QR: %s", async (_name, files) => {
    await pack(files);
    const store = await open();
    expect(await start(store, options)).toMatchObject({ code: "CORRUPT", hint: expect.stringContaining(HOW_TO_ZIP) });
    expect(await filesIn(dataPath)).toEqual({});
    expect(await store.sessionExists({ session })).toBe(true);
  });
});

describe("copySession of a zip that a person has made", () => {
  it("copies the profile in it", async () => {
    await pack(Object.fromEntries(Object.entries(linked).map(([path, content]) => [`session-x/${path}`, content])));
    const to = new Vault({ blobs: new MemoryBlobs() });
    await copySession({ from: zipStore(), to, session });
    const into = folder();
    await to.restoreProfile({ session, into });
    assertSameFiles(await filesIn(into), linked);
  });

  it("puts a zip into a store with four methods that every strategy reads", async () => {
    await pack(Object.fromEntries(Object.entries(linked).map(([path, content]) => [`session-x/${path}`, content])));
    const stored = join(folder(), "stored.zip");
    const to: SessionStore = {
      sessionExists: async () => existsSync(stored),
      save: async (options) => await copyFile((options as { path: string }).path, stored),
      extract: async ({ path }) => await copyFile(stored, path),
      delete: async () => expect.fail("it must not delete"),
    };
    // The zip lies in the working directory for a moment.
    await copySession({ from: zipStore(), to, fromSession: session, session: "RemoteAuth-made-by-hand" });
    const { files, isPlain } = await unzip(stored, join(folder(), "into"));
    expect(isPlain).toBe(true);
    expect(files.map(({ path }) => path).sort()).toEqual(Object.keys(linked).sort());
  });

  it("copies nothing without storage of the site", async () => {
    await pack({ "Default/Preferences": Buffer.from("{}") });
    const to = new Vault({ blobs: new MemoryBlobs() });
    await expect(copySession({ from: zipStore(), to, session })).rejects.toMatchObject({
      code: "CORRUPT",
      hint: HOW_TO_ZIP,
    });
    expect(await to.state({ session })).toBeUndefined();
  });
});
