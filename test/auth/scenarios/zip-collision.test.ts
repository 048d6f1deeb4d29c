import { createHash } from "node:crypto";
import { link, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ZipSession } from "../../../lib/auth/store/zip-session.ts";
import { LIMITS } from "../../../lib/auth/store/zip-store-client.ts";
import type { SaveReport, SessionStore } from "../../../lib/store.ts";
import { captureOf } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { gate } from "../../support/gate.ts";
import { times } from "../../support/length.ts";
import { linkedProfile } from "../support/linked-profile.ts";

const signal = new AbortController().signal;
const session = "RemoteAuth";
const zip = `${session}.zip`;
/** A zip goes as soon as its save has ended. */
const limits = { ...LIMITS, graceMs: 0 };
const home = process.cwd();
/** What would go wrong would have by then; nothing that goes well waits for it. */
const LONG_ENOUGH_MS = times(200, 1_000);
let root: string;

const folder = useFolder();
beforeEach(async () => {
  root = folder();
  await mkdir(join(root, "cwd"));
  process.chdir(join(root, "cwd"));
});
afterEach(async () => {
  process.chdir(home);
});

/** Reads from the working directory, as published stores do. */
class OldStore implements SessionStore {
  blob: Buffer | undefined;
  /** Runs when a save was asked for, before the zip is opened. */
  readonly before: () => Promise<unknown>;

  constructor(before: () => Promise<unknown> = async () => {}) {
    this.before = before;
  }
  sessionExists(): boolean {
    return this.blob !== undefined;
  }
  async save(): Promise<void> {
    await this.before();
    this.blob = await readFile(zip);
  }
  async extract({ path }: { path: string }): Promise<void> {
    await writeFile(path, this.blob ?? "");
  }
  async delete(): Promise<void> {}
}

async function save(run: ZipSession, name: string, stored?: string, stop = signal): Promise<SaveReport> {
  const options = { stored, beforeCommit: () => {}, signal: stop };
  return await run.save(captureOf(linkedProfile(name)), options);
}

function sha256(bytes: Buffer | undefined): string {
  return createHash("sha256")
    .update(bytes ?? "")
    .digest("hex");
}

/** As another process does it. */
async function replaceZip(): Promise<void> {
  await writeFile("other.zip", "another bot's");
  await rename("other.zip", zip);
}

it.each([
  ["each", "one", "two"],
  ["one the working directory as", "cwd", "two"],
])("two bots of one name, %s its own data path: each store gets its own bot's session", async (_, ...dataPaths) => {
  const [first, second] = [gate(), gate()];
  const stores = [
    new OldStore(async () => {
      first.open();
      await Promise.race([second.opened, delay(LONG_ENOUGH_MS)]);
    }),
    new OldStore(async () => second.open()),
  ];
  const saves = stores.map(async (store, n) => {
    const dataPath = join(root, String(dataPaths[n]));
    await mkdir(dataPath, { recursive: true });
    if (n === 1) await Promise.race([first.opened, saves[0]]);
    return (await save(new ZipSession(store, session, dataPath, true, limits), `bot ${n}`)).id;
  });
  expect(await Promise.all(saves)).toEqual(stores.map(({ blob }) => sha256(blob)));
  expect(await readdir(".")).toEqual([]);
});

describe("a zip with which another process replaces this process's zip", () => {
  const replaced = {
    code: "UNAVAILABLE",
    message: expect.stringContaining("replaced"),
    hint: expect.stringContaining("its own clientId or working directory"),
  };

  it.each([
    ["whole", replaceZip],
    ["byte by byte", () => writeFile(zip, "another bot's")],
  ])("%s, fails the save, stays, and makes the next save send again", async (_, replace) => {
    let disturb = async (): Promise<void> => {};
    const store = new OldStore(() => disturb());
    const run = new ZipSession(store, session, root, true, limits);
    const { id } = await save(run, "one");
    disturb = replace;
    await expect(save(run, "two")).rejects.toMatchObject(replaced);
    expect(await readFile(zip, "utf8")).toBe("another bot's");
    disturb = async () => {};
    expect(await save(run, "one", id)).toMatchObject({ id, unchanged: false });
    expect(sha256(store.blob)).toBe(id);
    expect(await save(run, "one", id)).toMatchObject({ unchanged: true });
    expect(await readdir(".")).toEqual([]);
  });

  it("and removes is the reason of the failed save, not the store's missing file", async () => {
    const run = new ZipSession(new OldStore(() => rm(zip)), session, root, true);
    await expect(save(run, "one")).rejects.toMatchObject(replaced);
  });

  it("stays when the save was aborted", async () => {
    const stop = new AbortController();
    const ended = gate();
    const store = new OldStore(async () => {
      await replaceZip();
      stop.abort(new Error("enough"));
      await ended.opened;
    });
    const run = new ZipSession(store, session, root, true, limits);
    await expect(save(run, "one", undefined, stop.signal)).rejects.toThrow("enough");
    ended.open();
    // It waits until the zip was let go of.
    await run.delete();
    expect(await readFile(zip, "utf8")).toBe("another bot's");
  });
});

it("is replaced atomically by this process's zip: a reader of the old zip reads all of it", async () => {
  await replaceZip();
  await link(zip, "being-read.zip");
  let beside: string[] = [];
  const store = new OldStore(async () => {
    beside = await readdir(".");
  });
  const { id } = await save(new ZipSession(store, session, root, true, limits), "one");
  expect(sha256(store.blob)).toBe(id);
  expect(await readFile("being-read.zip", "utf8")).toBe("another bot's");
  expect(beside.sort()).toEqual([zip, "being-read.zip"].sort());
});
