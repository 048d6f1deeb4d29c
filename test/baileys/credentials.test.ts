import { setImmediate } from "node:timers/promises";
import * as baileys from "baileys";
import { describe, expect, it } from "vitest";
import { encodeValue } from "../../lib/baileys/value-codec.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { LatePuts } from "../vault/support/late-puts.ts";
import { linked, open, storeOn } from "./support/states.ts";

const session = "Baileys-bot";

describe("credentials", () => {
  it("are new when nothing was stored, and are not written before the first `saveCreds`", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store);
    expect(one.state.creds).toMatchObject({ registered: false, nextPreKeyId: 1 });
    await one.close();
    expect(await store.peekRecords({ session })).toBeUndefined();
    const two = await open(store);
    expect(two.state.creds.noiseKey).not.toEqual(one.state.creds.noiseKey);
    await two.saveCreds();
    await two.close();
    expect((await open(store)).state.creds).toEqual(two.state.creds);
  });

  it("of a linked device are never replaced by others that are not linked", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store);
    Object.assign(one.state.creds, linked());
    await one.saveCreds();
    const { noiseKey } = one.state.creds;
    one.state.creds = baileys.initAuthCreds();
    await expect(one.saveCreds()).rejects.toMatchObject({ code: "INVALID", hint: expect.stringContaining("clear()") });
    await one.close();
    expect((await open(store)).state.creds).toMatchObject({ me: linked().me, noiseKey });
  });

  it("of a linked device are kept beside those of the one that is linked next", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store);
    Object.assign(one.state.creds, linked("Anna"));
    await one.saveCreds();
    const before = encodeValue(one.state.creds, "credentials");
    one.state.creds = Object.assign(baileys.initAuthCreds(), linked("Bert"));
    await one.saveCreds();
    one.state.creds.accountSyncCounter++;
    await one.saveCreds();
    const records = await store.peekRecords({ session });
    expect(records?.get("earlier-creds")).toEqual(before);
    await one.close();
    expect((await open(store)).state.creds.me?.name).toBe("Bert");
  });

  it.each<[string, (creds: Record<string, unknown>) => void, string]>([
    [
      "no private noise key",
      (creds) => Object.assign(creds, { noiseKey: { public: Buffer.of(1) } }),
      "noiseKey.private",
    ],
    ["no identity", (creds) => Reflect.deleteProperty(creds, "signedIdentityKey"), "signedIdentityKey.public"],
    [
      "an empty key",
      (creds) => Object.assign(creds, { signedPreKey: { keyPair: { public: Buffer.alloc(0) } } }),
      "signedPreKey.keyPair.public",
    ],
    ["no registration id", (creds) => Reflect.deleteProperty(creds, "registrationId"), "registrationId"],
  ])("are refused with %s, and those that are stored stay", async (_, spoil, missing) => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store);
    await one.saveCreds();
    const before = (await store.peekRecords({ session }))?.get("creds");
    spoil(one.state.creds as unknown as Record<string, unknown>);
    await expect(one.saveCreds()).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining(`\`${missing}\` is missing`),
    });
    expect((await store.peekRecords({ session }))?.get("creds")).toEqual(before);
  });

  it.each<[string, Buffer]>([
    ["are cut", Buffer.from('\u0001{"noiseKey":')],
    ["are none", encodeValue({ a: 1 }, "x")],
    ["are text", encodeValue("x", "x")],
  ])("that %s are CORRUPT: nobody gets new ones", async (_, bytes) => {
    const store = storeOn(new MemoryBlobs());
    const records = await store.openRecords({ session });
    await records.set([["creds", bytes]]);
    await records.close();
    await expect(open(store)).rejects.toMatchObject({ code: "CORRUPT", message: expect.stringContaining(session) });
    // The lease was given back.
    await (await store.openRecords({ session })).close();
  });

  it("K2: `nextPreKeyId` is never behind a pre-key that was ever stored, also when it was deleted since", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store);
    one.state.creds.nextPreKeyId = 31;
    await one.saveCreds();
    const range = (from: number, to: number): Record<string, unknown> =>
      Object.fromEntries(Array.from({ length: to - from + 1 }, (_, at) => [from + at, { public: Buffer.of(1) }]));
    await one.state.keys.set({ "pre-key": { ...range(1, 28), ...range(30, 30) } });
    await one.state.keys.set({ "pre-key": range(31, 60) });
    await one.close();
    const two = await open(store);
    expect(two.state.creds.nextPreKeyId).toBe(61);
    await two.state.keys.set({ "pre-key": { "60": null, "59": null, "12x": { public: Buffer.of(1) } } });
    await two.close();
    expect((await open(store)).state.creds.nextPreKeyId).toBe(61);
  });

  it("K3: while the store is away, ten updates make no unhandled rejection; the newest is stored once, in order", async () => {
    const line = new LatePuts();
    const store = storeOn(line);
    const one = await open(store);
    await one.saveCreds();
    const before = await entriesOf(store);
    line.holdsBack = true;
    for (let n = 1; n <= 10; n++) {
      one.state.creds.accountSyncCounter = n;
      void one.saveCreds();
      await setImmediate();
    }
    while (one.errors.length === 0) await setImmediate();
    line.holdsBack = false;
    await one.saveCreds();
    // What was sent during the outage comes too late.
    await line.arrive();
    expect(await entriesOf(store)).toBe(before + 1);
    await one.close();
    expect((await open(store)).state.creds.accountSyncCounter).toBe(10);
  });

  it("K3: a save that nobody awaits, and that is refused, is told to `onError`", async () => {
    const one = await open(storeOn(new MemoryBlobs()));
    one.state.creds = {} as never;
    void one.saveCreds();
    while (one.errors.length === 0) await setImmediate();
    expect(one.errors).toEqual([expect.objectContaining({ code: "INVALID" })]);
  });
});

describe("a name that nothing is stored under", () => {
  it("K7: gives new credentials, unwritten, and a warning that names what is there", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store, { session: "sales" });
    expect(one.warnings).toEqual([]);
    Object.assign(one.state.creds, linked());
    await one.saveCreds();
    const two = await open(store, { session: "7f3c1a" });
    expect(two.state.creds.me).toBeUndefined();
    expect(two.warnings).toEqual([
      "The store has no credentials of Baileys-7f3c1a: this bot links a new device. It has Baileys-sales.",
    ]);
    expect(await store.peekRecords({ session: "Baileys-7f3c1a" })).toBeUndefined();
  });

  it("is warned about when it was deleted", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store);
    Object.assign(one.state.creds, linked());
    await one.saveCreds();
    await one.close();
    await store.delete({ session });
    const two = await open(store);
    expect(two.state.creds.me).toBeUndefined();
    expect(two.warnings).toEqual([expect.stringMatching(/^Baileys-bot was deleted at .*`undelete`/)]);
  });

  it("may be given with its prefix, as listings show it", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store, { session: "sales" });
    Object.assign(one.state.creds, linked());
    await one.saveCreds();
    await one.close();
    expect((await open(store, { session: "Baileys-sales" })).state.creds.me).toEqual(linked().me);
  });
});

async function entriesOf(store: ReturnType<typeof storeOn>): Promise<number> {
  let count = 0;
  for await (const { kind } of store.history({ session })) if (kind === "records") count++;
  return count;
}
