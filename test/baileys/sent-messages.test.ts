import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import * as baileys from "baileys";
import { afterEach, describe, expect, it, vi } from "vitest";
import { migrateAuthState } from "../../lib/baileys/index.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { useFolder } from "../support/folder.ts";
import { LatePuts } from "../vault/support/late-puts.ts";
import { ANNA, encoded, GROUP, idOf, kept, recordsOf, SendingSocket, send } from "./support/sending.ts";
import { linked, open, storeOn } from "./support/states.ts";

const session = "Baileys-bot";
const folder = useFolder();

afterEach(() => void vi.useRealTimers());

async function entries(blobs: MemoryBlobs): Promise<number> {
  let count = 0;
  for await (const _ of blobs.list(`${session}/log/`)) count++;
  return count;
}

describe("`messageStore`", () => {
  it("is off unless asked for: the socket is as it was, and nothing is found", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store);
    const socket = new SendingSocket();
    one.bind(socket);
    expect(Object.keys(socket)).not.toContain("sendMessage");
    await socket.sendMessage(ANNA, { text: "hello" });
    expect(await kept(one, ["hello"])).toEqual([]);
    await one.state.keys.set({ session: { a: Buffer.of(1) } });
    expect(await recordsOf(store)).toBe(0);
  });

  it.each([
    ["7", { messageStore: 7 }],
    ["no messages", { messageStore: { maxMessages: 0 } }],
    ["too many", { messageStore: { maxMessages: 10_001 } }],
    ["half a byte", { messageStore: { maxBytes: 0.5 } }],
    ["a negative age", { messageStore: { maxAgeMs: -1 } }],
  ])("is INVALID with %s", async (_, options) => {
    await expect(open(storeOn(new MemoryBlobs()), options as never)).rejects.toMatchObject({ code: "INVALID" });
  });

  it("is INVALID at the opening with a Baileys that cannot encode messages", async () => {
    const { AppStateSyncKeyData } = baileys.proto.Message;
    const fork = { initAuthCreds: baileys.initAuthCreds, proto: { Message: { AppStateSyncKeyData } } };
    const store = storeOn(new MemoryBlobs());
    await expect(open(store, { messageStore: true, baileys: fork })).rejects.toMatchObject({
      code: "INVALID",
      message: "Could not keep messages: `proto.Message` of this Baileys cannot encode and decode them.",
    });
    await open(store, { baileys: fork });
  });

  it("keeps what was sent and what was relayed, for the next process", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store, { messageStore: true });
    const socket = new SendingSocket();
    one.bind(socket);
    expect(await socket.sendMessage(ANNA, { text: "sent" })).toMatchObject({ key: { id: idOf("sent") } });
    const message = {
      imageMessage: { url: "https://example.com", mediaKey: Buffer.alloc(32, 7), fileLength: 2 ** 40 },
    };
    expect(await socket.relayMessage(GROUP, message, { messageId: "relayed" })).toBe("relayed");
    await one.close();
    const two = await open(store, { messageStore: true });
    expect(await kept(two, ["sent", "never sent"])).toEqual(["sent"]);
    const relayed = await two.getMessage({ id: "relayed", remoteJid: GROUP, fromMe: true });
    expect(encoded(relayed)).toEqual(encoded(baileys.proto.Message.fromObject(message)));
  });

  it("stores messages in the entry of the next set of keys, and of their own a while later", async () => {
    const blobs = new MemoryBlobs();
    const store = storeOn(blobs);
    const one = await open(store, { messageStore: true });
    await one.state.keys.set({ session: { a: Buffer.of(1) } });
    const before = await entries(blobs);
    await send(one, ["1", "2", "3"]);
    await one.state.keys.set({ session: { a: Buffer.of(2) } });
    expect(await entries(blobs)).toBe(before + 1);
    expect(await recordsOf(store)).toBe(3);
    await send(one, ["4"]);
    await vi.waitFor(async () => expect(await recordsOf(store)).toBe(4), 30_000);
    expect(await entries(blobs)).toBe(before + 2);
  });

  it("lets no outage and no failure of a message touch the keys", async () => {
    const line = new LatePuts();
    const store = storeOn(line);
    const one = await open(store, { messageStore: { maxMessages: 3 } });
    await send(one, ["0"]);
    await one.state.keys.set({ session: { a: Buffer.of(1) } });
    line.holdsBack = true;
    const sets: Promise<void>[] = [];
    for (let at = 1; at <= 5; at++) {
      await send(one, [String(at)]);
      sets.push(one.state.keys.set({ session: { a: Buffer.of(at) } }));
      expect(await kept(one, [String(at)])).toEqual([String(at)]);
    }
    while (one.errors.length === 0) await setImmediate();
    line.holdsBack = false;
    await Promise.all(sets);
    // What no protobuf message can be made of.
    const socket = new SendingSocket();
    one.bind(socket);
    const errors = one.errors.length;
    await socket.relayMessage(ANNA, { conversation: 7 }, { messageId: "damaged" });
    expect(one.errors.slice(errors).map(String)).toEqual([
      "VaultError: Could not keep message damaged: it cannot be encoded as a protobuf message.",
    ]);
    await one.close();
    const two = await open(store, { messageStore: { maxMessages: 3 } });
    expect(await two.state.keys.get("session", ["a"])).toEqual({ a: Buffer.of(5) });
    expect(await kept(two, ["1", "2", "3", "4", "5"])).toEqual(["3", "4", "5"]);
  });

  it("has no message whose record is damaged, and keeps others", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store, { messageStore: true });
    await send(one, ["1", "2"]);
    await one.close();
    const records = await store.openRecords({ session });
    await records.set([["message-0", Buffer.from("damaged")]]);
    await records.close();
    const two = await open(store, { messageStore: true });
    expect(await kept(two, ["1", "2"])).toEqual(["2"]);
    await send(two, ["3"]);
    await two.close();
    expect(await kept(await open(store, { messageStore: true }), ["1", "2", "3"])).toEqual(["2", "3"]);
  });

  it("is no part of the keys: it is not listed, and `keys.clear` leaves it", async () => {
    const one = await open(storeOn(new MemoryBlobs()), { messageStore: true });
    await one.state.keys.set({ session: { a: Buffer.of(1) } });
    await send(one, ["1"]);
    await one.state.keys.set({ session: { a: Buffer.of(2) } });
    const listed: string[] = [];
    for (const type of ["message", "message-0", "", "session"]) {
      for await (const id of one.state.keys.listIds(type)) listed.push(id);
    }
    expect(listed).toEqual(["a"]);
    await one.state.keys.clear();
    expect(await kept(one, ["1"])).toEqual(["1"]);
  });

  it("is cleared with the session, also for sockets that go on; `undelete` brings it back", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store, { messageStore: true });
    Object.assign(one.state.creds, linked());
    await one.saveCreds();
    const socket = new SendingSocket();
    one.bind(socket);
    await socket.sendMessage(ANNA, { text: "before" });
    await one.clear();
    await socket.sendMessage(ANNA, { text: "late" });
    await one.state.keys.set({ session: { a: Buffer.of(1) } });
    expect(await kept(one, ["before", "late"])).toEqual([]);
    expect(await recordsOf(store)).toBe(0);
    await send(one, ["after"]);
    expect(await kept(one, ["after"])).toEqual(["after"]);
    await one.state.keys.set({ session: { a: Buffer.of(2) } });
    await send(one, ["right before the end"]);
    await one.clear();
    await one.close();
    await store.undelete({ session });
    const texts = ["before", "after", "right before the end"];
    expect(await kept(await open(store, { messageStore: true }), texts)).toEqual(["after"]);
  });

  it("deletes what it has kept when the session is opened without it, and writes nothing where there is nothing", async () => {
    const blobs = new MemoryBlobs();
    const store = storeOn(blobs);
    const one = await open(store, { messageStore: true });
    await send(one, ["1", "2"]);
    await one.state.keys.set({ session: { a: Buffer.of(1) } });
    await send(one, ["3"]);
    // The one before stores its last ones, and its socket goes on.
    const two = await open(store);
    await send(one, ["late"]);
    expect(await kept(two, ["1", "2", "3", "late"])).toEqual([]);
    await two.close();
    expect([...((await store.peekRecords({ session }))?.keys() ?? [])]).toEqual(["session\0a"]);
    const before = await entries(blobs);
    const three = await open(store);
    await three.close();
    expect((await entries(blobs)) - before).toBe(1);
    expect(await kept(await open(store, { messageStore: true }), ["1", "2", "3", "late"])).toEqual([]);
  });

  it("goes on with a newer state of this process, and gives nothing to a socket that has lost the session", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store, { messageStore: true });
    await send(one, ["1"]);
    const socket = new SendingSocket();
    one.bind(socket);
    const two = await open(store, { messageStore: true });
    const { keys } = one.state;
    await socket.sendMessage(ANNA, { text: "late" });
    // What would take it along.
    await expect(keys.set({ session: { a: Buffer.of(1) } })).rejects.toMatchObject({ code: "LEASE_LOST" });
    await send(two, ["2"]);
    expect(await kept(one, ["1", "2", "late"])).toEqual([]);
    expect(await kept(two, ["1", "2", "late"])).toEqual(["1", "2"]);
    await two.close();
    expect(await kept(two, ["1", "2"])).toEqual([]);
    expect(await recordsOf(store)).toBe(2);
  });

  it("moves to another store with the session, and not into files", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store, { messageStore: true });
    Object.assign(one.state.creds, linked());
    await one.saveCreds();
    await send(one, ["1"]);
    await one.close();
    const target = storeOn(new MemoryBlobs());
    const from = { store, session };
    const result = await migrateAuthState({ from, to: { store: target, session } });
    expect(result).toMatchObject({ counts: {}, verified: true });
    // A target that has sent more since is the same state all the same.
    const two = await open(target, { messageStore: true });
    expect(await kept(two, ["1"])).toEqual(["1"]);
    await send(two, ["2"]);
    await two.close();
    const again = await migrateAuthState({ from, to: { store: target, session } });
    expect(again).toMatchObject({ creds: { copied: false }, verified: true });
    const multiFile = join(folder(), "auth_info");
    expect(await migrateAuthState({ from, to: { multiFile } })).toMatchObject({ counts: {}, warnings: [] });
  });
});
