import { existsSync } from "node:fs";
import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { MemoryStore } from "../../../adapters/memory.ts";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { filesIn, writeFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { linkedProfile, storeProfile } from "../support/linked-profile.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

const folder = useFolder();
let dataPath: string;
let told: string[];
const onWarning = (message: string): void => void told.push(message);

beforeEach(() => {
  dataPath = folder();
  told = [];
});

const STRANGERS: [path: string, kind: "folder" | "file"][] = [
  ["Default/Local Storage/leveldb.bak", "folder"],
  ["Default/Local Storage/@eaDir", "folder"],
  ["Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb.bak", "folder"],
  ["Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb copy", "folder"],
  ["Default/LocalStorage.bak", "file"],
];

async function make(dir: string, path: string, kind: "folder" | "file"): Promise<void> {
  if (kind === "folder") await mkdir(join(dir, path));
  else await writeFile(join(dir, path), "x");
}

describe.each(STRANGERS)("with %s (an empty %s or one byte) in the profile", (path, kind) => {
  it("LocalAuth starts, and names it once", async () => {
    const dir = join(dataPath, "session-x");
    await writeFiles(linkedProfile("x"), dir);
    await make(dir, path, kind);
    const auth = new LocalAuth({ clientId: "x", dataPath, onWarning });
    auth.setup(new ScriptedClient(auth) as never);
    for (const _start of [1, 2]) {
      await auth.beforeBrowserInitialized();
      await auth.destroy();
    }
    expect(told).toEqual([
      `The profile of ${dir} holds ${path}, which is no part of its storage: left out of every save.`,
    ]);
    expect(existsSync(join(dir, path))).toBe(true);
  });

  it("RemoteAuth saves without it, and names it once", async () => {
    const dir = join(dataPath, "RemoteAuth-x");
    await writeFiles(linkedProfile("x"), dir);
    const store = new MemoryStore();
    const auth = new RemoteAuth({ clientId: "x", dataPath, store, backupSyncIntervalMs: 60_000, onWarning });
    const client = new ScriptedClient(auth);
    await client.initialize("linked");
    await make(dir, path, kind);
    expect(await auth.backup()).toMatchObject({ generation: expect.any(Number) });
    await auth.backup();
    await client.destroy();
    expect(client.errors).toEqual([]);
    const about = told.filter((message) => message.includes(path));
    expect(about).toEqual([
      `The profile of RemoteAuth-x holds ${path}, which is no part of its storage: left out of every save.`,
    ]);
    const into = join(dataPath, "restored");
    await store.restoreProfile({ session: "RemoteAuth-x", into });
    expect(Object.keys(await filesIn(into)).sort()).toEqual(Object.keys(linkedProfile("x")).sort());
  });
});

describe("a storage that somebody renamed", () => {
  const storage = "Default/Local Storage/leveldb";

  it("is no reason for LocalAuth to show a QR", async () => {
    const dir = join(dataPath, "session-x");
    await writeFiles(linkedProfile("x"), dir);
    await rename(join(dir, storage), join(dir, `${storage}.bak`));
    const auth = new LocalAuth({ clientId: "x", dataPath, onWarning });
    auth.setup(new ScriptedClient(auth) as never);
    await expect(auth.beforeBrowserInitialized()).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching(/holds no Local Storage, and Default\/Local Storage\/leveldb.bak/),
      hint: expect.stringMatching(/^Nothing was changed\. Give the copy its name back/),
    });
  });

  it("is restored by RemoteAuth from the store", async () => {
    const dir = join(dataPath, "RemoteAuth-x");
    const directory = join(dataPath, "store");
    await storeProfile(directory, "RemoteAuth-x", linkedProfile("x"));
    await writeFiles(linkedProfile("x"), dir);
    await rename(join(dir, storage), join(dir, `${storage}.bak`));
    const store = new FileStore({ directory });
    const auth = new RemoteAuth({ clientId: "x", dataPath, store, backupSyncIntervalMs: 60_000, onWarning });
    const client = new ScriptedClient(auth);
    await client.initialize("linked");
    expect(client.seen).toContain("restored");
    expect(existsSync(join(dir, storage, "CURRENT"))).toBe(true);
    await client.destroy();
  });
});

it.each([["Default"], ["Default/Local Storage"]])("%s that is a link: both strategies say what to do", async (path) => {
  for (const name of ["session-x", "RemoteAuth-x"]) {
    const dir = join(dataPath, name);
    await writeFiles(linkedProfile("x"), dir);
    await rename(join(dir, path), join(dataPath, `${name}-elsewhere`));
    await symlink(join(dataPath, `${name}-elsewhere`), join(dir, path));
  }
  const store = new MemoryStore();
  const local = new LocalAuth({ clientId: "x", dataPath, onWarning });
  const remote = new RemoteAuth({ clientId: "x", dataPath, store, backupSyncIntervalMs: 60_000, onWarning });
  for (const auth of [local, remote]) {
    auth.setup(new ScriptedClient(auth) as never);
    await expect(auth.beforeBrowserInitialized()).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching(`Could not read ${path}: it is a symbolic link`),
      hint: expect.stringMatching(/keep the whole profile elsewhere: by `dataPath`/),
    });
    await auth.destroy();
  }
});
