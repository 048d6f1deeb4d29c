import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { unzip } from "../../../lib/archive/unzip.ts";
import { zipFiles } from "../../../lib/archive/zip.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { ZipSession } from "../../../lib/auth/store/zip-session.ts";
import { LIMITS } from "../../../lib/auth/store/zip-store-client.ts";
import type { SaveReport, SessionStore } from "../../../lib/store.ts";
import { captureOf, writeFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { gate } from "../../support/gate.ts";
import { times } from "../../support/length.ts";
import { useOwnDirectory } from "../../support/own-directory.ts";
import { linkedProfile } from "../support/linked-profile.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

const session = "RemoteAuth";
const zip = `${session}.zip`;
const never = new AbortController().signal;
/** Long for a store that shows its zip at the second or third look, and short for one that never does. */
const limits = { ...LIMITS, shownMs: 600 };
/** What is there while a store may read it yet. */
const placed = [zip, zip, `${session}.placed.json`].sort();
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

  sessionExists(): boolean | Promise<boolean> {
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
  reads = 0;
  override async save(): Promise<void> {
    this.saves += 1;
    setTimeout(() => {
      const parts: Buffer[] = [];
      const stream = createReadStream(zip).on("data", (part) => parts.push(part as Buffer));
      stream.on("end", () => {
        this.blob = Buffer.concat(parts);
        this.reads += 1;
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
  it.each<[string, number]>([
    ["", 0],
    [", which its first answer, slow as it is, does not tell,", 400],
  ])(
    "and opens it 200 ms later%s has it when the save has ended, each time, and the process goes on",
    async (_, slow) => {
      const store = new LateStore();
      let [answers, ended] = [0, 0];
      store.sessionExists = async () => {
        answers += 1;
        if (answers === 1) await delay(slow);
        return store.blob !== undefined;
      };
      const run = runOn(store, LIMITS);
      for (const name of ["one", "two", "three"]) {
        const { id } = await save(run, name);
        ended += 1;
        await expect.poll(() => store.reads, { timeout: 240_000 }).toBe(ended);
        const next = runOn(store);
        expect(await next.open(never)).toEqual({ kind: "current", id });
        await next.close();
      }
      expect(store.saves).toBe(3);
      expect((await left()).sort()).toEqual(placed);
    },
  );

  it("and opens it only at the end of the time for which it stays finds it; after that it is removed", async () => {
    const store = new Store();
    store.blob = Buffer.from("older");
    const good = store.extract.bind(store);
    let given = Buffer.alloc(0);
    store.save = async () => {
      given = await readFile(zip);
    };
    store.extract = ({ path }) => writeFile(path, given);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      await save(runOn(store, LIMITS), "one");
      await vi.advanceTimersByTimeAsync(LIMITS.graceMs - 1);
      expect(await readFile(zip)).toEqual(given);
      await vi.advanceTimersByTimeAsync(1);
      expect(await left()).toEqual([]);
    } finally {
      vi.useRealTimers();
      store.extract = good;
    }
  });

  it("and drops all but the first is found out by the first save of the next run, and by one in ten", async () => {
    const store = new Store();
    const run = runOn(store);
    await save(run, "one");
    store.save = async () => {};
    for (let n = 2; n <= 10; n++) await save(run, `number ${n}`);
    await expect(save(run, "eleven")).rejects.toMatchObject(unproven("its extract wrote another zip"));
    await expect(save(run, "twelve")).rejects.toMatchObject(unproven("its extract wrote another zip"));
    await expect(save(runOn(store), "one of the next")).rejects.toMatchObject(
      unproven("its extract wrote another zip"),
    );
  });

  it("and never opens it fails the save; the zip stays until the next one, which sends it again", async () => {
    const store = new Store();
    const { save: good } = store;
    store.save = async () => {};
    const run = runOn(store);
    await expect(save(run, "one")).rejects.toMatchObject(unproven("its sessionExists answers false"));
    expect((await left()).sort()).toEqual(placed);
    store.save = good;
    const { id, unchanged } = await save(run, "one", "not known");
    expect(unchanged).toBe(false);
    expect(await save(run, "one", id)).toMatchObject({ unchanged: true });
  });

  it("and never opens it, while it has an older one, fails the save too", async () => {
    const store = new Store();
    store.blob = Buffer.from("older");
    store.save = async () => {};
    const run = runOn(store);
    await expect(save(run, "one")).rejects.toMatchObject(unproven("its extract wrote another zip"));
    expect((await left()).sort()).toEqual(placed);
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
    expect((await left()).sort()).toEqual(placed);
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
  });

  it("and returns it is asked for one in ten, and for the others only whether it has one", async () => {
    const store = new Store();
    const run = runOn(store);
    for (let n = 1; n <= 10; n++) await save(run, `number ${n}`);
    expect(store.extracts).toBe(1);
    await save(run, "eleven");
    expect(store.extracts).toBe(2);
    const { sessionExists } = store;
    store.sessionExists = () => false;
    await expect(save(run, "twelve")).rejects.toMatchObject(unproven("its sessionExists answers false"));
    store.sessionExists = sessionExists;
    await save(run, "thirteen");
    expect(store.extracts).toBe(3);
  });

  it("and was seen to show it later is asked for each", async () => {
    const store = new Store();
    let looks = 0;
    store.sessionExists = () => {
      looks += 1;
      return looks > 1;
    };
    const run = runOn(store, LIMITS);
    for (const name of ["one", "two", "three"]) await save(run, name);
    expect(store.extracts).toBe(3);
  });

  it("and has not shown it when the run ends is not waited for: the save fails, and the zip stays for late readers", async () => {
    const store = new Store();
    const stop = new AbortController();
    store.save = async () => {};
    let looks = 0;
    store.sessionExists = () => {
      looks += 1;
      if (looks > 1) stop.abort(new Error("the run ends"));
      return false;
    };
    await expect(save(runOn(store, LIMITS), "one", undefined, stop.signal)).rejects.toThrow("the run ends");
    expect((await left()).sort()).toEqual(placed);
  });

  it.each(["sessionExists", "extract"] as const)(
    "and answers its %s only after the run has ended has saved it, unverified, and is sent it again",
    async (method) => {
      const store = new Store();
      const prompt: (options: { path: string }) => unknown = store[method].bind(store);
      const [stop, ended] = [new AbortController(), gate()];
      Object.assign(store, {
        [method]: async (options: { path: string }) => {
          stop.abort(new Error("the run ends"));
          await ended.opened;
          return await prompt(options);
        },
      });
      const { id, unverified } = await save(runOn(store, LIMITS), "one", undefined, stop.signal);
      expect(unverified).toBe(true);
      expect((await left()).sort()).toEqual(placed);
      ended.open();
      await expect.poll(() => left().then((names) => names.sort()), { timeout: 240_000 }).toEqual(placed);
      Object.assign(store, { [method]: prompt });
      const again = await save(runOn(store, LIMITS), "one", id);
      expect(again).toMatchObject({ id, unchanged: false });
      expect(again.unverified).toBeUndefined();
      await runOn(store).delete();
      expect(await left()).toEqual([]);
    },
  );

  it("and writes what it is asked for only later leaves nothing of it", async () => {
    const store = new Store();
    const [stop, ended, written] = [new AbortController(), gate(), gate()];
    store.extract = async ({ path }) => {
      stop.abort(new Error("the run ends"));
      await ended.opened;
      await writeFile(path, store.blob ?? "");
      written.open();
    };
    const run = runOn(store, LIMITS);
    await save(run, "one", undefined, stop.signal);
    ended.open();
    await written.opened;
    await expect.poll(() => left().then((names) => names.sort()), { timeout: 240_000 }).toEqual(placed);
  });

  it("and does not return it within the time of the last save has saved it, as the bot is told", async () => {
    const store = new Store();
    const ended = gate();
    const { extract } = store;
    store.extract = async (options) => {
      await ended.opened;
      await extract.call(store, options);
    };
    const settings = { store, dataPath, backupSyncIntervalMs: 60_000, finalSaveTimeoutMs: times(3_000, 10_000) };
    const strategy = new RemoteAuth(settings);
    const client = new ScriptedClient(strategy);
    const reports: SaveReport[] = [];
    client.on("remote_session_saved", (report: SaveReport) => reports.push(report));
    await client.initialize("qr");
    await mkdir(strategy.userDataDir, { recursive: true });
    await writeFiles(linkedProfile("one"), strategy.userDataDir);
    await client.ready();
    await client.destroy();
    expect(client.errors).toEqual([]);
    expect(reports).toEqual([expect.objectContaining({ unverified: true })]);
    ended.open();
    store.extract = extract;
    await expect
      .poll(() => left().then((names) => names.some((name) => name.includes("returned"))), { timeout: 240_000 })
      .toBe(false);
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
