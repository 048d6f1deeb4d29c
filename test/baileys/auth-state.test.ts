import { setImmediate } from "node:timers/promises";
import * as baileys from "baileys";
import { describe, expect, it, vi } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { VaultError } from "../../lib/errors.ts";
import { gate } from "../support/gate.ts";
import { testKey } from "../support/keys.ts";
import { LatePuts } from "../vault/support/late-puts.ts";
import { linked, open, storeOn } from "./support/states.ts";

/** The log entries of the session, oldest first. */
async function entries(blobs: MemoryBlobs): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of blobs.list("Baileys-bot/log/")) keys.push(key);
  return keys.sort();
}

async function collect<T>(list: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of list) all.push(one);
  return all;
}

describe("the contract that sockets have with an auth state", () => {
  it("1: a get that was issued after a set was called sees it, stored or not", async () => {
    const line = new LatePuts();
    const { state } = await open(storeOn(line));
    const { keys } = state;
    await keys.set({ session: { "anna.0": Buffer.from("1") } });
    line.holdsBack = true;
    const setting = keys.set({ session: { "anna.0": Buffer.from("2"), "bert.0": Buffer.from("3") } });
    const deleting = keys.set({ session: { "bert.0": null } });
    expect(await keys.get("session", ["anna.0", "bert.0"])).toEqual({ "anna.0": Buffer.from("2") });
    line.holdsBack = false;
    await Promise.all([setting, deleting]);
    expect(await keys.get("session", ["anna.0", "bert.0"])).toEqual({ "anna.0": Buffer.from("2") });
  });

  it("2: what is written into the object that was set, while it is stored, is stored in the same promise", async () => {
    const line = new LatePuts();
    const store = storeOn(line);
    const one = await open(store);
    const data: Record<string, Record<string, unknown>> = { session: { a: Buffer.from("a1"), b: Buffer.from("b1") } };
    line.beforePut = async () => {
      line.beforePut = undefined;
      // As a transaction of Baileys 6 does.
      Object.assign(data.session as object, { a: Buffer.from("a2"), c: Buffer.from("c1") });
      data["pre-key"] = { "7": { public: Buffer.of(1), private: Buffer.of(2) } };
    };
    await one.state.keys.set(data);
    await one.close();
    const { keys } = (await open(store)).state;
    expect(await keys.get("session", ["a", "b", "c"])).toEqual({
      a: Buffer.from("a2"),
      b: Buffer.from("b1"),
      c: Buffer.from("c1"),
    });
    expect(await keys.get("pre-key", ["7"])).toEqual({ "7": { public: Buffer.of(1), private: Buffer.of(2) } });
  });

  it.each(["opened again", "closed"])("2: also when the session is %s meanwhile", async (how) => {
    const line = new LatePuts();
    const store = storeOn(line);
    const one = await open(store);
    const held = gate();
    line.beforePut = () => held.opened;
    const sessions: Record<string, Buffer> = { a: Buffer.of(1) };
    const setting = one.state.keys.set({ session: sessions });
    await setImmediate();
    Object.assign(sessions, { a: Buffer.of(2), b: Buffer.of(3) });
    const next = how === "closed" ? one.close().then(() => open(store)) : open(store);
    await setImmediate();
    held.open();
    await setting;
    expect(await (await next).state.keys.get("session", ["a", "b"])).toEqual({ a: Buffer.of(2), b: Buffer.of(3) });
  });

  it("3: a set waits while the store is away, and tells `onError`; reads go on", async () => {
    const line = new LatePuts();
    const { state, errors } = await open(storeOn(line));
    line.holdsBack = true;
    let isStored = false;
    const setting = state.keys.set({ session: { a: Buffer.from("1") } }).then(() => {
      isStored = true;
    });
    while (errors.length < 2) await setImmediate();
    expect(isStored).toBe(false);
    expect(errors[0]).toMatchObject({ code: "UNAVAILABLE" });
    expect(await state.keys.get("session", ["a"])).toEqual({ a: Buffer.from("1") });
    line.holdsBack = false;
    await setting;
  });

  it("3: with `setTimeoutMs` it rejects sooner, and is stored when the store is back", async () => {
    const line = new LatePuts();
    const store = storeOn(line);
    const one = await open(store, { setTimeoutMs: 20 });
    line.holdsBack = true;
    await expect(one.state.keys.set({ session: { a: Buffer.from("1") } })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("within 20 ms"),
    });
    line.holdsBack = false;
    await one.close();
    expect(await (await open(store)).state.keys.get("session", ["a"])).toEqual({ a: Buffer.from("1") });
  });

  it("4: when the session is lost, `lost` is told first, and sets reject afterwards", async () => {
    const line = new LatePuts();
    const { state, lost } = await open(storeOn(line));
    const order: string[] = [];
    lost.addEventListener("abort", () => {
      order.push("lost");
      // What a handler does at once, it does before any set rejects.
      queueMicrotask(() => order.push("after lost"));
    });
    line.holdsBack = true;
    const setting = state.keys.set({ session: { a: Buffer.from("1") } }).catch((error) => {
      order.push("rejected");
      throw error;
    });
    await setImmediate();
    await storeOn(line.backend).breakLease({ session: "Baileys-bot" });
    line.holdsBack = false;
    await expect(setting).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(order).toEqual(["lost", "after lost", "rejected"]);
    expect(lost.reason).toMatchObject({ code: "LEASE_LOST" });
    await expect(state.keys.set({ session: { a: Buffer.from("2") } })).rejects.toMatchObject({ code: "LEASE_LOST" });
  });

  it("5: absent ids are left out of the answer; `null` and `undefined` delete", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store);
    await one.state.keys.set({ session: { a: Buffer.of(1), b: Buffer.of(2), c: Buffer.of(3) } });
    await one.state.keys.set({ session: { a: null, b: undefined, never: null } });
    expect(Object.keys(await one.state.keys.get("session", ["a", "b", "c", "never"]))).toEqual(["c"]);
    await one.close();
    expect(Object.keys(await (await open(store)).state.keys.get("session", ["a", "b", "c"]))).toEqual(["c"]);
  });

  it("5: bytes come back as Buffers, and are a copy each time", async () => {
    const { keys } = (await open(storeOn(new MemoryBlobs()))).state;
    const given = new Uint8Array([1, 2, 3]);
    await keys.set({ session: { a: given }, "pre-key": { "1": { public: given, private: given } } });
    given.fill(0);
    const { a } = await keys.get("session", ["a"]);
    expect(a).toStrictEqual(Buffer.of(1, 2, 3));
    a.fill(9);
    expect((await keys.get("session", ["a"])).a).toStrictEqual(Buffer.of(1, 2, 3));
    expect(await keys.get("pre-key", ["1"])).toStrictEqual({
      "1": { public: Buffer.of(1, 2, 3), private: Buffer.of(1, 2, 3) },
    });
  });

  it("6: `keys.clear` deletes all keys, and keeps the credentials", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store);
    Object.assign(one.state.creds, linked());
    await one.saveCreds();
    await one.state.keys.set({ session: { a: Buffer.of(1) }, "pre-key": { "1": {} } });
    await one.state.keys.clear();
    expect(await one.state.keys.get("session", ["a"])).toEqual({});
    await one.close();
    const next = await open(store);
    expect(await next.state.keys.get("pre-key", ["1"])).toEqual({});
    expect(next.state.creds.me).toEqual(linked().me);
  });

  it("7: everything that a pairing writes comes back, as protobuf messages where sockets need them", async () => {
    const store = storeOn(new MemoryBlobs(), { encryption: { key: testKey(1) } });
    const one = await open(store);
    Object.assign(one.state.creds, linked(), { routingInfo: Buffer.of(8), lastPropHash: undefined });
    await one.saveCreds();
    const { AppStateSyncKeyData } = baileys.proto.Message;
    const key = AppStateSyncKeyData.create({
      keyData: Buffer.alloc(32, 7),
      fingerprint: { rawId: 1, currentIndex: 2, deviceIndexes: [0, 3] },
      timestamp: 1_700_000_000_123,
    });
    const version = { version: 3, hash: Buffer.alloc(128, 1), indexValueMap: { "12AB==": { valueMac: Buffer.of(5) } } };
    await one.state.keys.set({
      "app-state-sync-key": { AAAAAA: key },
      "app-state-sync-version": { regular: version },
      "device-list": { "5511999999999": ["0", "1"] },
      tctoken: { "5511999999999@s.whatsapp.net": { token: Buffer.of(1), timestamp: undefined } },
    });
    const before = { ...one.state.creds, account: undefined };
    await one.close();
    const { creds, keys } = (await open(store)).state;
    expect({ ...creds, account: undefined }).toEqual(before);
    expect(creds.noiseKey.private).toBeInstanceOf(Buffer);
    const { encode } = baileys.proto.ADVSignedDeviceIdentity;
    expect(encode(creds.account).finish()).toEqual(encode(linked().account).finish());
    const { AAAAAA } = await keys.get("app-state-sync-key", ["AAAAAA"]);
    // Releases of Baileys in one process share the classes of their messages: the last one that was loaded.
    expect(AAAAAA.constructor.name).toBe("AppStateSyncKeyData");
    expect(AppStateSyncKeyData.encode(AAAAAA).finish()).toEqual(AppStateSyncKeyData.encode(key).finish());
    expect(await keys.get("app-state-sync-version", ["regular"])).toEqual({ regular: version });
    expect(await keys.get("device-list", ["5511999999999"])).toEqual({ "5511999999999": ["0", "1"] });
    const [token] = Object.values(await keys.get("tctoken", ["5511999999999@s.whatsapp.net"]));
    expect(token).toStrictEqual({ token: Buffer.of(1), timestamp: undefined });
  });

  it("8: a record that equals what is stored, or on its way, is not written again", async () => {
    const line = new LatePuts();
    const { state, saveCreds } = await open(storeOn(line));
    await saveCreds();
    await state.keys.set({ "sender-key-memory": { group: { a: true } }, session: { a: Buffer.of(1) } });
    const before = await entries(line.backend);
    await saveCreds();
    await state.keys.set({ "sender-key-memory": { group: { a: true } } });
    await state.keys.set({ "pre-key": {} });
    await state.keys.set({});
    expect(await entries(line.backend)).toEqual(before);
    const held = gate();
    line.beforePut = () => held.opened;
    const first = state.keys.set({ session: { a: Buffer.of(2) } });
    let isStored = false;
    const same = state.keys.set({ session: { a: Buffer.of(2) } }).then(() => {
      isStored = true;
    });
    await setImmediate();
    expect(isStored).toBe(false);
    held.open();
    await Promise.all([first, same]);
    expect(await entries(line.backend)).toHaveLength(before.length + 1);
  });

  it("9: `list` and `listIds` are snapshots of the moment of the call", async () => {
    const { keys } = (await open(storeOn(new MemoryBlobs()))).state;
    await keys.set({ "lid-mapping": { a: "1", "b::0": "2" }, session: { a: Buffer.of(1) } });
    const list = keys.list("lid-mapping");
    const ids = keys.listIds("lid-mapping");
    await keys.set({ "lid-mapping": { a: "9", c: "3", "b::0": null } });
    expect(await collect(list)).toEqual([
      ["a", "1"],
      ["b::0", "2"],
    ]);
    expect(await collect(ids)).toEqual(["a", "b::0"]);
    expect((await collect(keys.listIds("lid-mapping"))).sort()).toEqual(["a", "c"]);
    expect(await collect(keys.list("none"))).toEqual([]);
  });

  it("9: what a transaction sets is stored when it has ended, at once, and is not seen outside before", async () => {
    const blobs = new MemoryBlobs();
    const { keys } = (await open(storeOn(blobs))).state;
    await keys.set({ session: { a: Buffer.of(1), z: Buffer.of(26) } });
    const before = await entries(blobs);
    const [inside, outside] = [gate(), gate()];
    const running = keys.transaction(async (own) => {
      await own.set({ session: { a: Buffer.of(2), z: null } });
      // By the other keys, and in a transaction of its own: all of it is this one.
      await keys.transaction(() => keys.set({ session: { b: Buffer.of(3) } }));
      expect(keys.isInTransaction()).toBe(true);
      expect(await keys.get("session", ["a", "b", "z"])).toEqual({ a: Buffer.of(2), b: Buffer.of(3) });
      expect(await collect(own.listIds("session"))).toEqual(["a", "b"]);
      inside.open();
      await outside.opened;
      return "done";
    });
    await inside.opened;
    expect(keys.isInTransaction()).toBe(false);
    expect(await keys.get("session", ["a", "b"])).toEqual({ a: Buffer.of(1) });
    outside.open();
    expect(await running).toBe("done");
    expect(await keys.get("session", ["a", "b", "z"])).toEqual({ a: Buffer.of(2), b: Buffer.of(3) });
    expect(await entries(blobs)).toHaveLength(before.length + 1);
  });

  it("9: a transaction that throws has set nothing, and one waits for another", async () => {
    const { keys } = (await open(storeOn(new MemoryBlobs()))).state;
    const failed = keys.transaction(async () => {
      await keys.set({ session: { a: Buffer.of(1) } });
      throw new Error("no");
    });
    const count = async (): Promise<void> => {
      const { n = Buffer.of(0) } = await keys.get("session", ["n"]);
      await setImmediate();
      await keys.set({ session: { n: Buffer.of(n[0] + 1) } });
    };
    const counted = Promise.all(Array.from({ length: 5 }, () => keys.transaction(count)));
    await expect(failed).rejects.toThrow("no");
    await counted;
    expect(await keys.get("session", ["a", "n"])).toEqual({ n: Buffer.of(5) });
  });

  it("10: works below the cache of Baileys, whose stale values are its own", async () => {
    const { keys } = (await open(storeOn(new MemoryBlobs()))).state;
    const cached = baileys.makeCacheableSignalKeyStore(keys);
    await cached.set({ session: { a: Buffer.of(1) } });
    expect(await cached.get("session", ["a"])).toEqual({ a: Buffer.of(1) });
    expect(await keys.get("session", ["a"])).toEqual({ a: Buffer.of(1) });
  });

  it("11: a fork of Baileys can be given, as its module or as `require` returns it", async () => {
    const initAuthCreds = vi.fn(baileys.initAuthCreds);
    const { proto } = baileys;
    await open(storeOn(new MemoryBlobs()), { baileys: { initAuthCreds, proto } });
    await open(storeOn(new MemoryBlobs()), { baileys: { default: { initAuthCreds, proto } } });
    expect(initAuthCreds).toHaveBeenCalledTimes(2);
    await expect(open(storeOn(new MemoryBlobs()), { baileys: {} })).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("`baileys`"),
    });
  });
});

describe("a set of a wrong value", () => {
  it.each<[string, unknown]>([
    ["a function", { session: { a: () => {} } }],
    ["an id that is no text of Unicode", { session: { "\ud800": Buffer.of(1) } }],
    ["an empty type", { "": { a: 1 } }],
    ["an id of 70,000 characters", { session: { ["a".repeat(70_000)]: Buffer.of(1) } }],
    ["nothing", null],
    ["text", "session"],
  ])("rejects, and changes nothing: %s", async (_, data) => {
    const blobs = new MemoryBlobs();
    const { keys } = (await open(storeOn(blobs))).state;
    const before = await entries(blobs);
    await expect(keys.set(data as never)).rejects.toMatchObject({ code: "INVALID" });
    expect(await entries(blobs)).toEqual(before);
    await keys.set({ session: { a: Buffer.of(1) } });
  });

  it("K5: odd values are equal when they are read after reopening", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store);
    const odd = { nan: Number.NaN, text: "7", zero: -0, big: 10n, empty: "", list: [], keys: { "12AB==": 5 } };
    await one.state.keys.set({ session: { ...odd, absent: null }, "pre-key": {} });
    await one.close();
    const { keys } = (await open(store)).state;
    expect(await keys.get("session", [...Object.keys(odd), "absent"])).toStrictEqual(odd);
  });
});

describe("options", () => {
  it.each<[string, object, RegExp]>([
    ["no store", { store: undefined }, /`store`/],
    ["a store of the four methods", { store: { sessionExists() {}, save() {}, extract() {}, delete() {} } }, /`store`/],
    ["no name", { session: "" }, /`session`/],
    ["a name with a slash", { session: "a/b" }, /`session`/],
    ["a long name", { session: "a".repeat(121) }, /`session`/],
    ["a wait that is no number", { leaseWaitMs: "1" }, /`leaseWaitMs`/],
    ["no time for a set", { setTimeoutMs: 0 }, /`setTimeoutMs`/],
    ["a listener that is none", { onError: 1 }, /`onError`/],
    ["a listener of warnings that is none", { onWarning: 1 }, /`onWarning`/],
    ["a signal that is none", { signal: {} }, /`signal`/],
  ])("are checked: %s", async (_, options, message) => {
    const error = await open(storeOn(new MemoryBlobs()), options).catch((reason) => reason);
    expect(error).toBeInstanceOf(VaultError);
    expect(error).toMatchObject({ code: "INVALID", message: expect.stringMatching(message) });
  });
});
