import { mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as baileys from "baileys";
import { describe, expect, it } from "vitest";
import { type MigrationProgress, migrateAuthState, type WapiSource } from "../../../lib/baileys/index.ts";
import { encodeValue } from "../../../lib/baileys/value-codec.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { useFolder } from "../../support/folder.ts";
import { filesIn, multiFileOf } from "../support/multi-file.ts";
import { bytesOf, expectedOf, fill, readAll, type SampleState, sampleState } from "../support/sample-state.ts";
import { open, storeOn } from "../support/states.ts";

const newFolder = useFolder();
const session = "Baileys-bot";

/** A store in which the session `bot` is. */
async function storeWith(sample: SampleState): Promise<ReturnType<typeof storeOn>> {
  const store = storeOn(new MemoryBlobs());
  const bot = await open(store);
  await fill(bot, sample);
  await bot.close();
  return store;
}

async function stateIn(store: ReturnType<typeof storeOn>, sample: SampleState): Promise<object> {
  const bot = await open(store);
  const state = await readAll(bot.state, sample);
  await bot.close();
  return state;
}

describe("a migration", () => {
  it("between stores takes all records as they are, also those that only a vault keeps", async () => {
    const sample = sampleState();
    const from = await storeWith(sample);
    const bot = await open(from);
    await bot.state.keys.set({
      "pre-key": { "90": sample.records["pre-key"]?.["1"] },
      other: { x: Number.NaN, y: { "12AB==": 5 } },
    });
    await bot.state.keys.set({ "pre-key": { "90": null } });
    bot.state.creds.noiseKey = baileys.initAuthCreds().noiseKey;
    await bot.saveCreds();
    await bot.close();
    const to = storeOn(new MemoryBlobs());
    const report = await migrateAuthState({
      from: { store: from, session: "bot" },
      to: { store: to, session: "sales" },
    });
    expect(report).toMatchObject({ creds: { copied: true, registered: true }, verified: true, warnings: [] });
    expect(report.counts).toMatchObject({ "pre-key": 30, other: 2 });
    const [before, after] = [await from.peekRecords({ session }), await to.peekRecords({ session: "Baileys-sales" })];
    expect(after?.get("earlier-creds")).toEqual(before?.get("earlier-creds"));
    expect(after?.get("earlier-creds")).toBeDefined();
    expect(after?.get("pre-key-mark")).toEqual(encodeValue(90, "mark"));
    const next = await open(to, { session: "sales" });
    expect(next.state.creds.nextPreKeyId).toBe(91);
    expect(await next.state.keys.get("other", ["x", "y"])).toEqual({ x: Number.NaN, y: { "12AB==": 5 } });
  });

  it("from files never offers a pre-key again whose id was used", async () => {
    const sample = sampleState();
    sample.creds.nextPreKeyId = 12;
    const from = await multiFileOf(sample, join(newFolder(), "from"));
    const store = storeOn(new MemoryBlobs());
    await migrateAuthState({ from: { multiFile: from }, to: { store, session: "bot" } });
    expect((await store.peekRecords({ session }))?.get("pre-key-mark")).toEqual(encodeValue(30, "mark"));
    const bot = await open(store);
    expect(bot.state.creds.nextPreKeyId).toBe(31);
    await bot.close();
    const to = join(newFolder(), "to");
    await migrateAuthState({ from: { store, session: "bot" }, to: { multiFile: to } });
    expect((await baileys.useMultiFileAuthState(to)).state.creds.nextPreKeyId).toBe(31);
  });

  it("from a store takes only what the store has, and leaves the session free", async () => {
    const sample = sampleState();
    const store = await storeWith(sample);
    const before = await store.peekRecords({ session });
    await migrateAuthState({ from: { store, session: "bot" }, to: { multiFile: join(newFolder(), "to") } });
    expect(await store.peekRecords({ session })).toEqual(before);
    await (await store.openRecords({ session })).close();
  });

  it("tells how far it is", async () => {
    const from = await multiFileOf(sampleState(3), join(newFolder(), "from"));
    const seen: MigrationProgress[] = [];
    const onProgress = (progress: MigrationProgress): void => void seen.push(progress);
    await migrateAuthState({ from: { multiFile: from }, to: { multiFile: join(newFolder(), "to") }, onProgress });
    const total = Object.keys(await filesIn(from)).length;
    const last = (step: string): unknown => seen.findLast((one) => one.step === step);
    expect(last("reading")).toEqual({ step: "reading", records: total - 1 });
    expect(last("writing")).toEqual({ step: "writing", records: total, total });
    expect(last("verifying")).toEqual({ step: "verifying", records: total, total });
    const store = storeOn(new MemoryBlobs());
    seen.length = 0;
    const options = { verify: false, onProgress } as const;
    const report = await migrateAuthState({ from: { multiFile: from }, to: { store, session: "bot" }, ...options });
    expect(report.verified).toBe(false);
    expect(new Set(seen.map(({ step }) => step))).toEqual(new Set(["reading", "writing"]));
  });

  it("ends with the reason of the signal, before anything is written", async () => {
    const from = await multiFileOf(sampleState(3), join(newFolder(), "from"));
    const to = newFolder();
    const ending = new AbortController();
    const onProgress = ({ step }: MigrationProgress): void => {
      if (step === "verifying") ending.abort(new Error("enough"));
    };
    const options = { from: { multiFile: from }, onProgress, signal: ending.signal };
    await expect(migrateAuthState({ ...options, to: { multiFile: join(to, "auth") } })).rejects.toThrow("enough");
    expect(await readdir(to)).toEqual([]);
    const store = storeOn(new MemoryBlobs());
    await expect(migrateAuthState({ ...options, to: { store, session: "bot" } })).rejects.toThrow("enough");
    expect(await store.state({ session })).toBeUndefined();
  });

  it("warns of credentials that are not linked", async () => {
    const creds = baileys.initAuthCreds();
    const to = storeOn(new MemoryBlobs());
    const from = { creds, keys: { get: () => ({}), set: () => {}, listIds: async function* () {} } };
    const report = await migrateAuthState({ from, to: { store: to, session: "bot" } });
    expect(report).toMatchObject({ creds: { copied: true, registered: false }, counts: {} });
    expect(report.creds).not.toHaveProperty("me");
    expect(report.warnings).toEqual([expect.stringMatching(/not linked to a phone: the bot will ask for a link\.$/)]);
    const files = await multiFileOf({ ...sampleState(1), creds }, join(newFolder(), "from"));
    await rm(join(files, "creds.json"));
    await writeFile(join(files, "creds.json"), JSON.stringify(baileys.initAuthCreds(), baileys.BufferJSON.replacer));
    const odd = await migrateAuthState({ from: { multiFile: files }, to: { multiFile: join(newFolder(), "to") } });
    expect(odd.warnings).toEqual([expect.stringMatching(/not linked to a phone, and 2 sessions of a device that was/)]);
  });
});

describe("a source", () => {
  it("that has no session is ABSENT; nothing is taken or written", async () => {
    const store = storeOn(new MemoryBlobs());
    const to = { multiFile: join(newFolder(), "to") };
    const absent = { code: "ABSENT" };
    await expect(migrateAuthState({ from: { store, session: "bot" }, to })).rejects.toMatchObject(absent);
    expect(await store.state({ session })).toBeUndefined();
    await expect(migrateAuthState({ from: { multiFile: newFolder() }, to })).rejects.toMatchObject(absent);
    const wapi: WapiSource = { creds: async () => undefined, get: async () => new Map() };
    await expect(migrateAuthState({ from: { wapi }, to })).rejects.toMatchObject(absent);
    const deleted = await storeWith(sampleState(1));
    const other = migrateAuthState({ from: { store: deleted, session: "bto" }, to });
    await expect(other).rejects.toMatchObject({ ...absent, hint: `The store has ${session}.` });
    await deleted.delete({ session });
    const from = { store: deleted, session: "bot" };
    await expect(migrateAuthState({ from, to })).rejects.toMatchObject({
      ...absent,
      hint: expect.stringContaining("undelete"),
    });
    const keysOnly = storeOn(new MemoryBlobs());
    const records = await keysOnly.openRecords({ session });
    await records.set([["session\0a", Buffer.of(0, 1)]]);
    await records.close();
    await expect(migrateAuthState({ from: { store: keysOnly, session: "bot" }, to })).rejects.toMatchObject(absent);
    expect(await readdir(join(to.multiFile, ".."))).toEqual([]);
  });

  it.each([
    ["empty", ""],
    ["cut", "{x"],
    ["none", undefined],
  ])("K1: whose creds.json is %s is CORRUPT; nothing is taken or written", async (_, text) => {
    const from = { multiFile: await multiFileOf(sampleState(1), join(newFolder(), "from")) };
    await rm(join(from.multiFile, "creds.json"));
    if (text !== undefined) await writeFile(join(from.multiFile, "creds.json"), text);
    const before = await filesIn(from.multiFile);
    const [store, folder] = [storeOn(new MemoryBlobs()), newFolder()];
    for (const to of [
      { store, session: "bot" },
      { multiFile: join(folder, "to") },
      await open(store, { session: "s" }),
    ]) {
      await expect(migrateAuthState({ from, to })).rejects.toMatchObject({
        code: "CORRUPT",
        message: expect.stringContaining(join(from.multiFile, "creds.json")),
      });
    }
    expect(await store.state({ session })).toBeUndefined();
    expect(await store.peekRecords({ session: "Baileys-s" })).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
    expect(await filesIn(from.multiFile)).toEqual(before);
  });

  it("with damaged credentials is CORRUPT", async () => {
    const to = { store: storeOn(new MemoryBlobs()), session: "bot" };
    const creds = { ...sampleState(1).creds, noiseKey: { public: bytesOf("x") } } as never;
    const keys = { get: () => ({}), set: () => {} };
    await expect(migrateAuthState({ from: { state: { creds, keys } }, to })).rejects.toMatchObject({ code: "CORRUPT" });
    const wapi: WapiSource = { creds: async () => creds, get: async () => new Map(), label: "wapi 550e" };
    await expect(migrateAuthState({ from: { wapi }, to })).rejects.toMatchObject({
      code: "CORRUPT",
      message: "Could not read the credentials of wapi 550e: `noiseKey.private` is missing.",
    });
  });

  it("is refused while a bot has it open, in this process or in another", async () => {
    const store = await storeWith(sampleState(1));
    const to = { multiFile: join(newFolder(), "to") };
    const bot = await open(store);
    const held = { code: "LEASE_HELD" };
    await expect(migrateAuthState({ from: { store, session: "bot" }, to })).rejects.toMatchObject(held);
    expect(bot.lost.aborted).toBe(false);
    await bot.close();
    const other = await store.openRecords({ session });
    await expect(migrateAuthState({ from: { store, session: "bot" }, to })).rejects.toMatchObject(held);
    await other.close();
    await migrateAuthState({ from: { store, session: "bot" }, to });
  });
});

describe("a target", () => {
  it("that has exactly this state already stays as it is: the migration had come to its end", async () => {
    const sample = sampleState();
    const from = { multiFile: await multiFileOf(sample, join(newFolder(), "from")) };
    const blobs = new MemoryBlobs();
    const store = storeOn(blobs);
    const files = join(newFolder(), "to");
    const state = await open(storeOn(new MemoryBlobs()));
    const targets = [{ store, session: "bot" }, { multiFile: files }, state];
    for (const to of targets) await migrateAuthState({ from, to });
    const [records, before] = [await store.peekRecords({ session }), await filesIn(files)];
    const count = Object.keys(before).length - 1;
    for (const to of targets) {
      const report = await migrateAuthState({ from, to });
      expect(report).toMatchObject({ creds: { copied: false }, skipped: { existing: count }, verified: true });
    }
    expect(await store.peekRecords({ session })).toEqual(records);
    expect(await filesIn(files)).toEqual(before);
  });

  it("that has another linked session, or has gone on since, is refused and stays as it is", async () => {
    const sample = sampleState();
    const from = { multiFile: await multiFileOf(sample, join(newFolder(), "from")) };
    const conflict = { code: "CONFLICT", hint: expect.stringContaining("Nothing was changed") };
    const gone = { ...sample, records: { ...sample.records, session: { "5511888.0": bytesOf("later") } } };
    for (const has of [sampleState(2), gone]) {
      const store = await storeWith(has);
      const files = await multiFileOf(has, join(newFolder(), "to"));
      const state = await open(storeOn(new MemoryBlobs()));
      await fill(state, has);
      for (const to of [{ store, session: "bot" }, { multiFile: files }, state]) {
        await expect(migrateAuthState({ from, to })).rejects.toMatchObject(conflict);
      }
      expect(await stateIn(store, has)).toEqual(expectedOf(has));
      expect(await readAll((await baileys.useMultiFileAuthState(files)).state, has)).toEqual(expectedOf(has));
      expect(await readAll(state.state, has)).toEqual(expectedOf(has));
    }
  });

  it("that has only a device which was never linked gets the session, and nothing else stays", async () => {
    const sample = sampleState();
    const from = { multiFile: await multiFileOf(sample, join(newFolder(), "from")) };
    const store = storeOn(new MemoryBlobs());
    const state = await open(storeOn(new MemoryBlobs()));
    const bot = await open(store);
    for (const one of [state, bot]) {
      await one.saveCreds();
      await one.state.keys.set({
        "pre-key": { "812": { public: bytesOf("a"), private: bytesOf("b") } },
        session: { x: bytesOf("x") },
      });
    }
    await bot.close();
    const report = await migrateAuthState({ from, to: { store, session: "bot" } });
    expect(report.warnings).toEqual([
      expect.stringMatching(/^Baileys-bot had \d records of a device that is not linked/),
    ]);
    await migrateAuthState({ from, to: state });
    const after = await open(store);
    for (const { state: one } of [state, after]) {
      expect(await readAll(one, sample)).toEqual(expectedOf(sample));
      expect(await one.keys.get("session", ["x"])).toEqual({});
      expect(await one.keys.get("pre-key", ["812"])).toEqual({});
    }
  });

  it("is refused while a bot has it open, and when it holds a browser's session", async () => {
    const from = { multiFile: await multiFileOf(sampleState(1), join(newFolder(), "from")) };
    const store = storeOn(new MemoryBlobs());
    const bot = await open(store);
    await expect(migrateAuthState({ from, to: { store, session: "bot" } })).rejects.toMatchObject({
      code: "LEASE_HELD",
    });
    await bot.close();
    await migrateAuthState({ from, to: { store, session: "bot" } });
  });

  it("is a directory that is not there or empty, and no file; links are followed", async () => {
    const sample = sampleState(3);
    const from = { multiFile: await multiFileOf(sample, join(newFolder(), "from")) };
    const folder = newFolder();
    await writeFile(join(folder, "file"), "");
    await mkdir(join(folder, "used"));
    await writeFile(join(folder, "used", "notes.txt"), "");
    for (const [name, code] of [
      ["file", "INVALID"],
      ["used", "CONFLICT"],
    ] as const) {
      const to = { multiFile: join(folder, name) };
      await expect(migrateAuthState({ from, to })).rejects.toMatchObject({ code });
    }
    await mkdir(join(folder, "empty"));
    await symlink("empty", join(folder, "link"));
    await migrateAuthState({ from, to: { multiFile: join(folder, "link") } });
    expect(await filesIn(join(folder, "empty"))).toEqual(await filesIn(join(folder, "link")));
    expect(await readAll((await baileys.useMultiFileAuthState(join(folder, "link"))).state, sample)).toEqual(
      expectedOf(sample),
    );
    expect((await readdir(folder)).sort()).toEqual(["empty", "file", "link", "used"]);
  });

  it.each<[string, object]>([
    ["an object that Baileys takes for bytes", { "sender-key-memory": { "1@g.us": { "12AB==": 5 } } }],
    ["two ids of one file", { session: { "a:1.0": bytesOf("a"), "a-1.0": bytesOf("b") } }],
    ["an id that no disk takes", { session: { ["a".repeat(300)]: bytesOf("a") } }],
  ])("of files is refused where files cannot hold the state, and does not appear: %s", async (_, more) => {
    const sample = sampleState(1);
    const store = await storeWith({ ...sample, records: { ...sample.records, ...more } });
    const folder = newFolder();
    const to = { multiFile: join(folder, "to") };
    await expect(migrateAuthState({ from: { store, session: "bot" }, to })).rejects.toMatchObject({ code: "INVALID" });
    expect(await readdir(folder)).toEqual([]);
  });

  it("of files is told what JSON and the names of files leave out", async () => {
    const sample = sampleState(1);
    const more = {
      tctoken: { "1@lid": { token: bytesOf("t"), timestamp: Number.NaN } },
      other: { "a/b": bytesOf("o") },
    };
    const store = await storeWith({ ...sample, records: { ...sample.records, ...more } });
    const to = join(newFolder(), "to");
    const { warnings } = await migrateAuthState({ from: { store, session: "bot" }, to: { multiFile: to } });
    expect(warnings).toEqual([
      expect.stringMatching(/^JSON cannot hold all .* 1 records.*tctoken-1@lid\.json/),
      expect.stringMatching(/^1 files .* names that do not tell/),
    ]);
    const { keys } = (await baileys.useMultiFileAuthState(to)).state;
    expect(await keys.get("other" as never, ["a/b"])).toEqual({ "a/b": bytesOf("o") });
  });

  it("that gets records one by one has its credentials last, and its sessions after what they need", async () => {
    const sample = sampleState(250);
    const from = { multiFile: await multiFileOf(sample, join(newFolder(), "from")) };
    const sets: string[] = [];
    const creds = baileys.initAuthCreds();
    const { state } = await open(storeOn(new MemoryBlobs()));
    const set = async (data: Record<string, object>): Promise<void> => {
      sets.push(...Object.entries(data).map(([type, values]) => `${type} ${Object.keys(values).length}`));
      await state.keys.set(data as never);
    };
    const saveCreds = async (): Promise<void> => void sets.push(`creds ${creds.me?.name}`);
    const to = { state: { creds, keys: { ...state.keys, get: state.keys.get.bind(state.keys), set } }, saveCreds };
    await migrateAuthState({ from, to });
    expect(sets).toEqual([
      "lid-mapping 2",
      "device-list 1",
      "identity-key 1",
      "pre-key 100",
      "pre-key 100",
      "pre-key 50",
      "app-state-sync-key 1",
      "app-state-sync-version 1",
      "tctoken 2",
      "sender-key 3",
      "sender-key-memory 1",
      "session 2",
      "creds Anna",
    ]);
    sets.length = 0;
    Object.assign(creds, { account: undefined });
    await migrateAuthState({ from, to, batchSize: 7, skipExisting: false });
    expect(sets.filter((one) => one === "pre-key 7")).toHaveLength(35);
    sets.length = 0;
    Object.assign(creds, { account: undefined });
    await state.keys.set({ session: { "5511888.0": null } });
    const { skipped } = await migrateAuthState({ from, to });
    expect(sets).toEqual(["session 1", "creds Anna"]);
    expect(skipped.existing).toBe(263);
  });

  it("that returns other values gets no credentials; one that cannot save them keeps its own", async () => {
    const from = { multiFile: await multiFileOf(sampleState(1), join(newFolder(), "from")) };
    const creds = baileys.initAuthCreds();
    const before = { ...creds };
    let saves = 0;
    const saveCreds = (): void => {
      saves++;
      throw new Error("no");
    };
    const forgetful = { get: () => ({}), set: () => {} };
    const to = { state: { creds, keys: forgetful }, saveCreds };
    await expect(migrateAuthState({ from, to })).rejects.toMatchObject({ code: "CORRUPT" });
    expect(saves).toBe(0);
    await expect(migrateAuthState({ from, to, verify: false })).rejects.toThrow("no");
    expect(creds).toEqual(before);
  });
});

describe("options", () => {
  it.each<[string, object, RegExp]>([
    ["no source", { from: undefined }, /`from`/],
    ["a source that is none", { from: { multi: "x" } }, /`from`/],
    ["no target", { to: undefined }, /`to`/],
    ["a path that is none", { to: { multiFile: "" } }, /`multiFile`/],
    ["a store of another package", { to: { store: {}, session: "bot" } }, /`store`/],
    ["a name that is none", { to: { store: storeOn(new MemoryBlobs()), session: "a/b" } }, /`session`/],
    ["a target that is only a source", { to: { wapi: { creds() {}, get() {} } } }, /only be read/],
    ["a target that saves nothing", { to: { state: { creds: {}, keys: { get() {}, set() {} } } } }, /`to.saveCreds`/],
    ["a batch of none", { batchSize: 0 }, /`batchSize`/],
    ["a flag that is none", { verify: "no" }, /`verify`/],
    ["a listener that is none", { onProgress: 1 }, /`onProgress`/],
    ["a listener of errors that is none", { onError: 1 }, /`onError`/],
    ["a signal that is none", { signal: {} }, /`signal`/],
    ["a Baileys that is none", { baileys: {} }, /`baileys`/],
  ])("are checked: %s", async (_, options, message) => {
    const valid = { from: { multiFile: "/nowhere" }, to: { multiFile: "/nowhere/else" } };
    const error = await migrateAuthState({ ...valid, ...options } as never).catch((reason) => reason);
    expect(error).toMatchObject({ code: "INVALID", message: expect.stringMatching(message) });
  });

  it("name two places", async () => {
    const store = storeOn(new MemoryBlobs());
    const folder = newFolder();
    const { state, saveCreds } = await open(storeOn(new MemoryBlobs()));
    for (const [from, to] of [
      [
        { store, session: "bot" },
        { store, session: "Baileys-bot" },
      ],
      [{ multiFile: folder }, { multiFile: join(folder, "..", folder.split("/").at(-1) ?? "") }],
      [state, { state, saveCreds }],
    ] as const) {
      await expect(migrateAuthState({ from, to })).rejects.toMatchObject({
        message: expect.stringContaining("two places"),
      });
    }
  });
});
