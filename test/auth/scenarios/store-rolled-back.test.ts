import { cp, readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { type Marker, readMarker, writeMarker } from "../../../lib/auth/local/marker.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { assertSameFiles, captureOf, type Files, filesIn, writeFiles } from "../../contract/profile.ts";
import { INDEXED_DB, LOCAL_STORAGE } from "../../profile/support/small-profile.ts";
import { useFolder } from "../../support/folder.ts";
import { expectWarning } from "../../support/warnings.ts";
import { linkedProfile, sessionOf } from "../support/linked-profile.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

expectWarning(/The store has lost the newest saves of RemoteAuth/);
expectWarning(
  /is no copy of the stored session; (the stored session is used|no session is stored), and the profile was moved to .*\.unsaved/,
);

const session = "RemoteAuth";
const [first, second] = [linkedProfile("first"), linkedProfile("second")];
let root: string;
let dataPath: string;
let dir: string;
let directory: string;
let warned: string[];
const onWarning = ({ message }: Error): void => void warned.push(message);

const folder = useFolder();
beforeEach(() => {
  root = folder();
  dataPath = join(root, "data");
  dir = join(dataPath, session);
  directory = join(root, "store");
  warned = [];
  process.on("warning", onWarning);
});
afterEach(async () => {
  process.off("warning", onWarning);
});

function clientOf(): { client: ScriptedClient; strategy: RemoteAuth } {
  const strategy = new RemoteAuth({ store: new FileStore({ directory }), dataPath, backupSyncIntervalMs: 60_000 });
  return { client: new ScriptedClient(strategy), strategy };
}

/** A run that finds `page`, puts `profile` in place, and saves it. */
async function run(page: "linked" | "qr", profile: Files, end: "destroy" | "logout" = "destroy"): Promise<void> {
  const { client, strategy } = clientOf();
  await client.initialize(page);
  await rm(join(dir, "Default"), { recursive: true, force: true });
  await writeFiles(profile, dir);
  await client.ready();
  await strategy.backup();
  await client[end]();
  expect(client.seen).toContain("saved");
}

/** What a start opens, when it does not get as far as READY. */
async function opened(): Promise<{ files: Files; seen: readonly string[] }> {
  const { client, strategy } = clientOf();
  await strategy.beforeBrowserInitialized();
  const files = sessionOf(await filesIn(dir));
  await strategy.destroy();
  return { files, seen: client.seen };
}

async function backUp(): Promise<void> {
  await cp(directory, join(root, "backup"), { recursive: true });
}

async function bringBack(): Promise<void> {
  await rm(directory, { recursive: true });
  await cp(join(root, "backup"), directory, { recursive: true });
}

async function beside(): Promise<string[]> {
  return (await readdir(dataPath)).map((name) => name.replace(/-[0-9a-f]{12}$/, "")).sort();
}

async function told(): Promise<string> {
  await new Promise((resolve) => setImmediate(resolve));
  return warned.join("\n");
}

describe("a store that has lost its newest entries", () => {
  it("does not win over the local profile that was saved there since, however often that is started on", async () => {
    await run("linked", first);
    await backUp();
    await run("linked", second);
    await bringBack();
    for (let start = 0; start < 4; start++) {
      const { files, seen } = await opened();
      assertSameFiles(files, second);
      expect(seen).toEqual([]);
    }
    expect(await told()).toMatch(/saved as generation \d+, and in the store generation 2 is current\./);
    expect(await beside()).toEqual([session]);
    await run("linked", second);
    // That the local profile works says nothing of the stored one.
    const { generations = [] } = (await new FileStore({ directory }).state({ session })) ?? {};
    expect(generations.map(({ proven }) => proven)).toEqual([false, false]);
    await rm(dir, { recursive: true });
    assertSameFiles((await opened()).files, second);
  });

  it("does not win with a deletion from before the local profile was linked", async () => {
    await run("qr", first, "logout");
    await backUp();
    await run("qr", second);
    await bringBack();
    for (let start = 0; start < 4; start++) assertSameFiles((await opened()).files, second);
    expect(await told()).toContain("and in the store the session is deleted");
    expect(await beside()).toEqual([session]);
  });

  it("and everything else keeps the local profile", async () => {
    await run("qr", first);
    await run("linked", second);
    await rm(directory, { recursive: true });
    assertSameFiles((await opened()).files, second);
    // A store that never heard of it may be a new one; one that was started on before is not.
    expect(await told()).toBe("");
    assertSameFiles((await opened()).files, second);
    expect(await told()).toContain("and in the store the session is absent");
  });

  it("has an unlinked or refused local profile set aside under a name that nobody removes", async () => {
    await run("linked", first);
    await backUp();
    await run("linked", second);
    await bringBack();
    const marker = (await readMarker(dir)) as Marker;
    await writeMarker(dir, { ...marker, isSuperseded: true });
    assertSameFiles((await opened()).files, first);
    assertSameFiles(sessionOf(await filesIn(`${dir}.unsaved`)), second);
    await writeMarker(dir, marker);
    for (const path of [INDEXED_DB, LOCAL_STORAGE]) await truncate(join(dir, path, "000003.log"), 0);
    await bringBack();
    assertSameFiles((await opened()).files, first);
    expect(await beside()).toEqual([session, `${session}.unsaved`, `${session}.unsaved-2`]);
  });

  it("and has it deleted, has a local profile without credentials set aside the same way", async () => {
    await run("qr", first, "logout");
    await backUp();
    await run("qr", second);
    await bringBack();
    for (const path of [INDEXED_DB, LOCAL_STORAGE]) await truncate(join(dir, path, "000003.log"), 0);
    expect((await opened()).files).toEqual({});
    expect(await beside()).toEqual([session, `${session}.unsaved`]);
  });

  it("and has it deleted, leaves a damaged local profile where it is, and says so", async () => {
    await run("qr", first, "logout");
    await backUp();
    await run("qr", second);
    await bringBack();
    await writeFile(join(dir, INDEXED_DB, "CURRENT"), "nothing\n");
    const before = await filesIn(dir);
    await expect(clientOf().client.initialize("linked")).rejects.toMatchObject({ code: "CORRUPT" });
    assertSameFiles(sessionOf(await filesIn(dir)), sessionOf(before));
    expect(await beside()).toEqual([session]);
  });

  it("wins where it holds what the local profile does not come from, which is kept", async () => {
    await run("linked", second);
    await run("linked", first);
    await rm(directory, { recursive: true });
    const store = new FileStore({ directory });
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(linkedProfile("foreign")) });
    await lease.release();
    const { files, seen } = await opened();
    assertSameFiles(files, linkedProfile("foreign"));
    expect(seen).toEqual(["restored"]);
    assertSameFiles(sessionOf(await filesIn(`${dir}.unsaved`)), first);
    expect(await told()).toContain(".unsaved");
  });
});

it("a person who rolls back wins over the local profile", async () => {
  await run("linked", first);
  await run("linked", second);
  const store = new FileStore({ directory });
  const lease = await store.acquire({ session });
  await store.rollback({ session, lease, generation: 2 });
  await lease.release();
  const { files, seen } = await opened();
  assertSameFiles(files, first);
  expect(seen).toEqual(["restored"]);
  expect(await told()).toBe("");
  expect((await readMarker(dir))?.history).toHaveLength(1);
});

it("a person who deletes wins over the local profile", async () => {
  await run("linked", first);
  await new FileStore({ directory }).delete({ session });
  expect((await opened()).files).toEqual({});
  expect(await beside()).toEqual([session, `${session}.deleted`]);
});

describe("a marker", () => {
  it("names what its profile came after, and of that nothing that was stepped back from", async () => {
    const { client, strategy } = clientOf();
    await run("linked", first);
    const opening = (await readMarker(dir))?.history[0]?.id;
    await client.initialize("linked");
    for (const name of ["a", "b", "c"]) {
      await writeFiles(linkedProfile(name), dir);
      await strategy.backup();
    }
    expect((await readMarker(dir))?.history).toHaveLength(4);
    expect((await readMarker(dir))?.history[0]?.id).toBe(opening);
    // The page has lost its login: the saves of the last minute are stepped back from.
    await strategy.onAuthenticationNeeded();
    const back = await readMarker(dir);
    expect(back).toMatchObject({ history: [{ id: opening }], isSuperseded: true });
    await client.destroy();
  });
});
