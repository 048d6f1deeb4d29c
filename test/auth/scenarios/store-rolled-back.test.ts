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
expectWarning(/RemoteAuth was deleted at .*: this bot links a new device/);
expectWarning(
  /The store has gone back: this start wrote log entry \d+ of RemoteAuth, and this machine has seen entry \d+/,
);
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

/** The files that a start opens, when it does not reach READY. */
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
  it("is not restored over the local profile that was saved there since, at any of several starts", async () => {
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
    // READY of the local profile proves no stored generation.
    const { generations = [] } = (await new FileStore({ directory }).state({ session })) ?? {};
    expect(generations.map(({ proven }) => proven)).toEqual([false, false]);
    await rm(dir, { recursive: true });
    assertSameFiles((await opened()).files, second);
  });

  it("does not delete a local profile that was linked after the deletion", async () => {
    await run("qr", first, "logout");
    await backUp();
    await run("qr", second);
    await bringBack();
    for (let start = 0; start < 4; start++) assertSameFiles((await opened()).files, second);
    expect(await told()).toContain("and in the store the session is deleted");
    expect(await beside()).toEqual([session]);
  });

  it("and all older entries keeps the local profile", async () => {
    await run("qr", first);
    await run("linked", second);
    await rm(directory, { recursive: true });
    assertSameFiles((await opened()).files, second);
    // A store without entries may be new; a store with the entry of an earlier start is not.
    expect(await told()).toBe("");
    assertSameFiles((await opened()).files, second);
    expect(await told()).toContain("and in the store the session is absent");
  });

  it("leads to an unlinked or refused local profile set aside under a name that no start removes", async () => {
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

  it("with a deletion leads to a local profile without credentials set aside under the same name", async () => {
    await run("qr", first, "logout");
    await backUp();
    await run("qr", second);
    await bringBack();
    for (const path of [INDEXED_DB, LOCAL_STORAGE]) await truncate(join(dir, path, "000003.log"), 0);
    expect((await opened()).files).toEqual({});
    expect(await beside()).toEqual([session, `${session}.unsaved`]);
  });

  it("with a deletion leaves a damaged local profile in place, and the start throws", async () => {
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

  it("is restored when the local profile does not descend from it, and the local profile is set aside", async () => {
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

describe("a store whose log has fewer entries than this machine has seen", () => {
  it("is told by a start, once, with both numbers, also when the profile is a copy of what is stored", async () => {
    await run("linked", first);
    await backUp();
    await opened();
    await opened();
    expect(await told()).toBe("");
    const seen = (await readMarker(dir))?.entry;
    await bringBack();
    assertSameFiles((await opened()).files, first);
    const { entry } = (await new FileStore({ directory }).state({ session })) ?? {};
    expect(entry).toBeLessThan(seen ?? 0);
    expect(await told()).toMatch(
      `this start wrote log entry ${entry} of RemoteAuth, and this machine has seen entry ${seen} there.`,
    );
    warned.length = 0;
    assertSameFiles((await opened()).files, first);
    expect(await told()).toBe("");
  });

  it("is told by the start that restores over the profile", async () => {
    await run("linked", first);
    await backUp();
    await opened();
    await writeFile(join(dir, INDEXED_DB, "CURRENT"), "nothing\n");
    await bringBack();
    const { files, seen } = await opened();
    assertSameFiles(files, first);
    expect(seen).toEqual(["restored"]);
    expect(await told()).toMatch(/this start wrote log entry 3 of RemoteAuth, and this machine has seen entry 3 there/);
  });
});

it("a rollback by hand is restored over the local profile", async () => {
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

it("a deletion by hand sets the local profile aside", async () => {
  await run("linked", first);
  await new FileStore({ directory }).delete({ session });
  expect((await opened()).files).toEqual({});
  expect(await beside()).toEqual([session, `${session}.deleted`]);
});

describe("a marker", () => {
  it("names the ancestors of its profile, without the versions that were rolled back", async () => {
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
    // The page has lost its login: the saves of the last minute are rolled back.
    await strategy.onAuthenticationNeeded();
    const back = await readMarker(dir);
    expect(back).toMatchObject({ history: [{ id: opening }], isSuperseded: true });
    await client.destroy();
  });
});
