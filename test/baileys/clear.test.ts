import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { gate } from "../support/gate.ts";
import { LatePuts } from "../vault/support/late-puts.ts";
import { FakeSocket, linked, open, storeOn } from "./support/states.ts";

const session = "Baileys-bot";

/** A state of a linked device with a key. */
async function openLinked(store: ReturnType<typeof storeOn>): ReturnType<typeof open> {
  const one = await open(store);
  Object.assign(one.state.creds, linked());
  await one.saveCreds();
  await one.state.keys.set({ session: { a: Buffer.of(1) }, "pre-key": { "7": { public: Buffer.of(1) } } });
  return one;
}

describe("`clear`", () => {
  it("6: is the logout: the state is that of a new device, and what was deleted can be brought back", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await openLinked(store);
    const { creds } = one.state;
    const { noiseKey } = creds;
    await one.clear();
    // Sockets write into the object that they have, also after they have ended.
    expect(creds.noiseKey).toBe(noiseKey);
    expect(one.state.creds.me).toBeUndefined();
    expect(one.state.creds.noiseKey).not.toEqual(noiseKey);
    expect(one.state.creds.nextPreKeyId).toBe(1);
    expect(await one.state.keys.get("session", ["a"])).toEqual({});
    await one.close();
    expect((await store.state({ session }))?.deleted).toBeDefined();
    await store.undelete({ session });
    const back = await open(store);
    expect(back.state.creds).toMatchObject({ me: linked().me, noiseKey, nextPreKeyId: 8 });
    expect(await back.state.keys.get("session", ["a"])).toEqual({ a: Buffer.of(1) });
  });

  it("is followed by a new link, also with the same state, and also when that is saved at once", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await openLinked(store);
    const clearing = one.clear();
    const saving = one.saveCreds();
    await Promise.all([clearing, saving]);
    Object.assign(one.state.creds, linked("Bert"));
    await one.saveCreds();
    await one.close();
    const two = await open(store);
    expect(two.state.creds.me).toEqual(linked("Bert").me);
    expect(await two.state.keys.get("session", ["a"])).toEqual({});
    // What was deleted is one generation from before.
    expect((await store.state({ session }))?.generations.map(({ beforeDeletion }) => beforeDeletion)).toEqual([
      true,
      false,
    ]);
  });

  it("ends the sockets that are bound, and is waited for by `close`", async () => {
    const line = new LatePuts();
    const store = storeOn(line);
    const one = await openLinked(store);
    const socket = new FakeSocket();
    one.bind(socket);
    const held = gate();
    line.beforePut = () => held.opened;
    const clearing = one.clear();
    expect(socket.ends).toHaveLength(1);
    const closing = one.close();
    held.open();
    await Promise.all([clearing, closing]);
    expect((await store.state({ session }))?.deleted).toBeDefined();
    await (await store.openRecords({ session })).close();
  });

  it("leaves the state open for the sockets of the next link, also after a logout on the phone", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await openLinked(store);
    const socket = new FakeSocket();
    one.bind(socket);
    let clearing: Promise<void> | undefined;
    socket.ev.on("connection.update", () => {
      clearing ??= one.clear();
    });
    socket.end(Object.assign(new Error("removed"), { output: { statusCode: 401 } }));
    await setImmediate();
    await clearing;
    const next = new FakeSocket();
    one.bind(next);
    await setImmediate();
    expect(next.ends).toEqual([]);
    Object.assign(one.state.creds, linked("Bert"));
    next.ev.emit("creds.update", {});
    await one.close();
    expect((await open(store)).state.creds.me).toEqual(linked("Bert").me);
  });

  it("lets nothing of an earlier socket into the next link", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await openLinked(store);
    const { creds, keys } = one.state;
    const clearing = one.clear();
    const late = keys.set({ session: { a: Buffer.of(9) }, "pre-key": { 817: { public: Buffer.of(1) } } });
    await expect(late).rejects.toMatchObject({ code: "CANCELLED" });
    Object.assign(creds, { me: { lid: "1@lid" } });
    await clearing;
    await one.saveCreds();
    await one.close();
    const two = await open(store);
    expect(two.state.creds).toMatchObject({ nextPreKeyId: 1, firstUnuploadedPreKeyId: 1 });
    expect(two.state.creds.me).toBeUndefined();
    expect(await two.state.keys.get("session", ["a"])).toEqual({});
  });

  it("rejects when the session is another process's, and leaves it alone", async () => {
    const blobs = new MemoryBlobs();
    const one = await openLinked(storeOn(blobs));
    await storeOn(blobs).breakLease({ session });
    await expect(one.clear()).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect((await storeOn(blobs).state({ session }))?.deleted).toBeUndefined();
    expect(one.lost.aborted).toBe(true);
  });
});
