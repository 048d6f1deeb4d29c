import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { MemoryStore } from "../../adapters/memory.ts";
import { copySession } from "../../lib/copy-session.ts";
import { renameSession } from "../../lib/rename-session.ts";
import type { SessionStore } from "../../lib/store.ts";
import { captureOf, profileFiles, writeZip } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { useOwnDirectory } from "../support/own-directory.ts";
import { inShort, listen, type Told } from "./support/listen.ts";

useOwnDirectory();
const folder = useFolder();
const session = "RemoteAuth-bot";

let from: MemoryStore;
let told: Told[];

beforeEach(async () => {
  from = new MemoryStore();
  const lease = await from.acquire({ session });
  await from.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
  await lease.release();
  told = listen();
});

/** A store with four methods. */
class Shelf implements SessionStore {
  zip: Buffer | undefined;
  sessionExists = async (): Promise<boolean> => this.zip !== undefined;
  save = async ({ path = "" }: { path?: string }): Promise<void> => {
    this.zip = await readFile(path);
  };
  extract = ({ path }: { path: string }): Promise<void> => writeFile(path, this.zip ?? "");
  delete = async (): Promise<void> => {};
}

it("a copy is told once, after what its stores have told", async () => {
  const to = new FileStore({ directory: folder() });
  const { files, bytes } = await copySession({ from, to, session, fromSession: session });
  expect(inShort(told)).toEqual(["restore zip", "save zip", "restore zip", "copy"]);
  expect(told.map(({ store }) => store)).toEqual(["memory", "fs", "fs", "fs"]);
  const copied = { on: "copy", session, store: "fs", fromSession: session, fromStore: "memory", unchanged: false };
  expect(told[3]).toEqual({ ...copied, files, bytes, skipped: [], ms: expect.any(Number), retries: 0 });
});

it("a copy between stores with four methods is told by itself", async () => {
  const [one, other] = [new Shelf(), new Shelf()];
  const path = join(folder(), "one.zip");
  await writeZip(profileFiles("one"), path);
  one.zip = await readFile(path);
  await copySession({ from: one, to: other, session, fromSession: session });
  expect(inShort(told)).toEqual(["copy"]);
  expect(told[0]).toMatchObject({ store: "Shelf", fromStore: "Shelf" });
});

it("a copy that a store has failed is one error, and one that finds nothing is as well", async () => {
  const to = new Shelf();
  to.save = async () => {
    throw new Error("full");
  };
  await expect(copySession({ from, to, session })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  expect(inShort(told)).toEqual(["restore zip", "error copy UNAVAILABLE"]);
  told.length = 0;
  await expect(copySession({ from: new MemoryStore(), to, session })).rejects.toMatchObject({ code: "ABSENT" });
  expect(inShort(told)).toEqual(["error copy ABSENT"]);
});

it("a rename is told as a copy and a deletion, under a lease", async () => {
  await renameSession({ store: from, session, newSession: "RemoteAuth-new" });
  expect(inShort(told).filter((name) => /copy|delete|lease/.test(name))).toEqual([
    "lease acquired",
    "copy",
    "delete deleted",
    "lease released",
  ]);
  const copy = told.find(({ on }) => on === "copy");
  expect(copy).toMatchObject({ session: "RemoteAuth-new", fromSession: session });
});

it("a rename that is refused is one error", async () => {
  const lease = await from.acquire({ session });
  told.length = 0;
  await expect(renameSession({ store: from, session, newSession: "RemoteAuth-new" })).rejects.toMatchObject({
    code: "LEASE_HELD",
  });
  expect(inShort(told)).toEqual(["error acquire LEASE_HELD"]);
  await lease.release();
});
