import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { unzip } from "../../../lib/archive/unzip.ts";
import { zipFiles } from "../../../lib/archive/zip.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { ZipSession } from "../../../lib/auth/store/zip-session.ts";
import { LIMITS } from "../../../lib/auth/store/zip-store-client.ts";
import type { SaveReport, SessionStore } from "../../../lib/store.ts";
import { captureOf, writeFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { useOwnDirectory } from "../../support/own-directory.ts";
import { linkedProfile } from "../support/linked-profile.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

const session = "RemoteAuth";
const zip = `${session}.zip`;
const never = new AbortController().signal;
/** Long for a store that shows its zip at the second or third look, and short for one that never does. */
const limits = { ...LIMITS, shownMs: 600 };
let dataPath: string;

useOwnDirectory();
const folder = useFolder();
beforeEach(() => {
  dataPath = folder();
});

/** Reads the working directory, as published stores do, and is a good store but for what a test changes. */
class Store implements SessionStore {
  blob: Buffer | undefined;
  extracts = 0;

  sessionExists(): boolean {
    return this.blob !== undefined;
  }
  async save(): Promise<void> {
    this.blob = await readFile(zip);
  }
  async extract({ path }: { path: string }): Promise<void> {
    this.extracts += 1;
    await writeFile(path, this.blob ?? "");
  }
  async delete(): Promise<void> {
    this.blob = undefined;
  }
}

/** Resolves at once, and opens the zip 200 ms later, with a stream whose errors nobody handles. */
class LateStore extends Store {
  saves = 0;
  override async save(): Promise<void> {
    this.saves += 1;
    setTimeout(() => {
      const parts: Buffer[] = [];
      const stream = createReadStream(zip).on("data", (part) => parts.push(part as Buffer));
      stream.on("end", () => {
        this.blob = Buffer.concat(parts);
      });
    }, 200);
  }
}

const runOn = (store: SessionStore, given = limits): ZipSession =>
  new ZipSession(store, session, dataPath, true, given);

async function save(run: ZipSession, name: string, stored?: string, signal = never): Promise<SaveReport> {
  return await run.save(captureOf(linkedProfile(name)), { stored, beforeCommit: () => {}, signal });
}

/** What is left of zips on the disk. */
async function left(): Promise<string[]> {
  return [...(await readdir(".")), ...(await readdir(dataPath))].filter((name) => name.includes(session));
}

const unproven = (why: string): object => ({
  code: "UNAVAILABLE",
  message: expect.stringContaining(`may not be stored: the store called it saved, and ${why}`),
  hint: expect.stringContaining("must resolve when it has read and stored the zip"),
});

describe("a store that calls a zip saved", () => {
  it("and opens it 200 ms later has it when the save has ended, each time, and the process goes on", async () => {
    const store = new LateStore();
    const run = runOn(store, LIMITS);
    for (const name of ["one", "two", "three"]) {
      const { id } = await save(run, name);
      expect(await runOn(store).open(never)).toEqual({ kind: "current", id });
      await rm(join(dataPath, `${session}.fetched.zip`));
      expect(await left()).toEqual([]);
    }
    expect(store.saves).toBe(3);
  });

  it("and never opens it fails the save; the zip stays until the next one, which sends it again", async () => {
    const store = new Store();
    const { save: good } = store;
    store.save = async () => {};
    const run = runOn(store);
    await expect(save(run, "one")).rejects.toMatchObject(unproven("its sessionExists answers false"));
    expect((await left()).sort()).toEqual([zip, zip]);
    store.save = good;
    const { id, unchanged } = await save(run, "one", "not known");
    expect(unchanged).toBe(false);
    expect(await left()).toEqual([]);
    expect(await save(run, "one", id)).toMatchObject({ unchanged: true });
  });

  it("and never opens it, while it has an older one, fails the save too", async () => {
    const store = new Store();
    store.blob = Buffer.from("older");
    store.save = async () => {};
    const run = runOn(store);
    await expect(save(run, "one")).rejects.toMatchObject(unproven("its extract wrote another zip"));
    expect((await left()).sort()).toEqual([zip, zip]);
    await run.delete();
    expect(await left()).toEqual([]);
  });

  it.each<[string, Partial<SessionStore>, string]>([
    [
      "never reads it back",
      { extract: () => Promise.reject(new Error("broken pipe")) },
      "its extract failed: .*broken pipe",
    ],
    ["reads nothing back", { extract: async () => {} }, "its extract wrote no file"],
    ["reads something else back", { extract: ({ path }) => writeFile(path, "x") }, "its extract wrote another zip"],
    ["never says that it is there", { sessionExists: () => false }, "its sessionExists answers false"],
    ["does not say whether it is there", { sessionExists: () => 1 as never }, "its sessionExists fails: .*a number"],
  ])("and %s fails the save, and the next one", async (_, wrong, why) => {
    const run = runOn(Object.assign(new Store(), wrong));
    for (let attempt = 0; attempt < 2; attempt++) {
      const error = await save(run, "one").catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: "UNAVAILABLE", message: expect.stringMatching(why) });
    }
    expect((await left()).sort()).toEqual([zip, zip]);
  });

  it("and has it only later, as an eventually consistent one, is waited for", async () => {
    const store = new Store();
    let looks = 0;
    store.sessionExists = () => {
      looks += 1;
      return looks > 1;
    };
    const older = Buffer.from("older");
    store.extract = ({ path }) => writeFile(path, looks > 2 ? (store.blob ?? "") : older);
    await save(runOn(store, LIMITS), "one");
    expect(looks).toBe(3);
    expect(await left()).toEqual([]);
  });

  it("and writes it after its extract has resolved is believed", async () => {
    const store = new Store();
    store.extract = async ({ path }) => {
      setImmediate(() => createWriteStream(path).end(store.blob));
    };
    const { id } = await save(runOn(store, LIMITS), "one");
    expect(id).toMatch(/^[0-9a-f]{64}$/);
  });

  it("and packs its files anew is believed at the first look", async () => {
    const store = new Store();
    store.save = async () => {
      const into = folder();
      const { files } = await unzip(zip, into, {});
      const other = join(into, "other.zip");
      await zipFiles([...files].reverse(), other, {});
      store.blob = await readFile(other);
      expect(store.blob.equals(await readFile(zip))).toBe(false);
    };
    const run = runOn(store);
    await save(run, "one");
    store.extract = () => expect.fail("it has shown its zip at once");
    await save(run, "two");
    expect(await left()).toEqual([]);
  });

  it("and shows it at once is asked for it once in a process, and after that only whether it has one", async () => {
    const store = new Store();
    for (const name of ["one", "two", "three"]) await save(runOn(store), name);
    expect(store.extracts).toBe(1);
    store.sessionExists = () => false;
    await expect(save(runOn(store), "four")).rejects.toMatchObject(unproven("its sessionExists answers false"));
  });

  it("does not keep a save waiting whose run ends, and finds the zip later", async () => {
    const store = new Store();
    const stop = new AbortController();
    store.save = async () => {};
    store.sessionExists = () => {
      stop.abort(new Error("the run ends"));
      return false;
    };
    await expect(save(runOn(store, LIMITS), "one", undefined, stop.signal)).rejects.toThrow("the run ends");
    // A late reader would end the process otherwise.
    expect((await left()).sort()).toEqual([zip, zip]);
  });

  it("and never opens it is told of by a bot, in `remote_session_error`", async () => {
    const store = new Store();
    store.save = async () => {};
    const { shownMs } = LIMITS;
    LIMITS.shownMs = 100;
    try {
      const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000 });
      const client = new ScriptedClient(strategy);
      await client.initialize("qr");
      await mkdir(strategy.userDataDir, { recursive: true });
      await writeFiles(linkedProfile("one"), strategy.userDataDir);
      await client.ready();
      await expect(strategy.backup()).rejects.toMatchObject(unproven("its sessionExists answers false"));
      await client.destroy();
      expect(client.seen).not.toContain("saved");
      expect(client.errors).toEqual([expect.objectContaining(unproven("its sessionExists answers false"))]);
    } finally {
      LIMITS.shownMs = shownMs;
    }
  });
});
