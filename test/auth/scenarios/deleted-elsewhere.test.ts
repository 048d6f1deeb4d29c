import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { readMarker, writeMarker } from "../../../lib/auth/local/marker.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { systemClock } from "../../../lib/vault/clock.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, writeFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { expectWarning } from "../../support/warnings.ts";
import { linkedProfile, sessionOf } from "../support/linked-profile.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

expectWarning(/RemoteAuth was deleted at .*: this bot links a new device\. `undelete`/);

const session = "RemoteAuth";
const DAY = 86_400_000;
const linked = linkedProfile("local", 2);

const folder = useFolder();
let dataPath: string;
let dir: string;
let blobs: MemoryBlobs;
beforeEach(() => {
  dataPath = folder();
  dir = join(dataPath, session);
  blobs = new MemoryBlobs();
});

/** The store of a host whose wall clock is so many days ahead. */
function storeOf(days = 0): Vault {
  const clock = { ...systemClock, wallMs: () => Date.now() + days * DAY };
  return new Vault({ blobs, onWarning: () => {} }, { clock });
}

/** Saves a session and deletes it, on a host whose clock is so many days ahead. @returns its generation, and the id of that */
async function deletedBy(days: number): Promise<{ generation: number; id: string }> {
  const store = storeOf(days);
  const lease = await store.acquire({ session });
  const { generation, id } = await store.saveProfile({ session, lease, capture: captureOf(linkedProfile("stored")) });
  await store.delete({ session, lease });
  await lease.release();
  return { generation, id };
}

/** Starts a bot, which ends again before it is ready. @returns the profile that its browser had, and what is beside it */
async function start(): Promise<{ files: Files; beside: string[] }> {
  const strategy = new RemoteAuth({ store: storeOf(), dataPath, backupSyncIntervalMs: 60_000 });
  new ScriptedClient(strategy);
  await strategy.beforeBrowserInitialized();
  const files = sessionOf(await filesIn(dir));
  await strategy.destroy();
  const beside = (await readdir(dataPath)).filter((name) => /^RemoteAuth\.(?:deleted|unsaved)/.test(name));
  return { files, beside };
}

describe.each([0, 30, -30, -20_000])("a session that was deleted by a host whose clock is ahead by %i days", (days) => {
  it("leaves a linked profile of which nothing says that it was of that session", async () => {
    await deletedBy(days);
    await writeFiles(linked, dir);
    const { files, beside } = await start();
    assertSameFiles(files, linked);
    expect(beside).toEqual([]);
  });

  it("leaves the profile of another session, which was moved here with its marker", async () => {
    await deletedBy(days);
    await writeFiles(linked, dir);
    await writeMarker(dir, { session: "RemoteAuth-x", history: [{ id: "one", generation: 1 }] });
    const { files, beside } = await start();
    assertSameFiles(files, linked);
    expect(beside).toEqual([]);
    expect(await readMarker(dir)).toBeUndefined();
  });

  it("leaves a link that has come since WhatsApp has refused the deleted one", async () => {
    const version = await deletedBy(days);
    await writeFiles(linked, dir);
    for (const refusedCredentials of ["0123", undefined]) {
      await writeMarker(dir, { session, history: [version], isSuperseded: true, refusedCredentials });
      const { files, beside } = await start();
      assertSameFiles(files, linked);
      expect(beside).toEqual([]);
    }
  });

  it("sets the profile aside that was saved as a generation from before the deletion", async () => {
    const version = await deletedBy(days);
    await writeFiles(linked, dir);
    await writeMarker(dir, { session, history: [version] });
    const { files, beside } = await start();
    expect(files).toEqual({});
    expect(beside).toEqual([`${session}.deleted`]);
    assertSameFiles(sessionOf(await filesIn(`${dir}.deleted`)), linked);
  });
});

it("a damaged profile beside a deleted session is neither opened nor moved", async () => {
  await deletedBy(30);
  await writeFiles(linked, dir);
  const path = join(dir, Object.keys(linked).find((name) => name.endsWith("CURRENT")) ?? "");
  await writeFile(path, "nothing\n");
  await expect(start()).rejects.toMatchObject({ code: "CORRUPT" });
  expect(await readFile(path, "utf8")).toBe("nothing\n");
});
