import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import * as baileys from "baileys";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { VaultAuthState } from "../../lib/baileys/index.ts";
import { migrateAuthState } from "../../lib/baileys/index.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import { useFolder } from "../support/folder.ts";
import { LatePuts } from "../vault/support/late-puts.ts";
import { FakeSocket, linked, open, storeOn } from "./support/states.ts";

const session = "Baileys-bot";
const ANNA = "5511988887777@s.whatsapp.net";
const GROUP = "1203630000000100@g.us";
const folder = useFolder();

afterEach(() => void vi.useRealTimers());

/** A socket that sends texts. */
class SendingSocket extends FakeSocket {
  async sendMessage(remoteJid: string, { text }: { text: string }): Promise<object> {
    const message = baileys.proto.Message.create({ conversation: text });
    return { key: { id: idOf(text), remoteJid, fromMe: true }, message };
  }

  async relayMessage(_jid: string, _message: object, { messageId }: { messageId: string }): Promise<string> {
    return messageId;
  }
}

function idOf(text: string): string {
  return `3EB0 ${text}`;
}

/** Binds a socket, which sends these texts. */
async function send(state: VaultAuthState, texts: readonly string[], jid: string = ANNA): Promise<void> {
  const socket = new SendingSocket();
  state.bind(socket);
  for (const text of texts) await socket.sendMessage(jid, { text });
}

/** The texts among these that are kept. */
async function kept(
  { getMessage }: VaultAuthState,
  texts: readonly string[],
  remoteJid: string = ANNA,
): Promise<string[]> {
  const found = await Promise.all(texts.map((text) => getMessage({ id: idOf(text), remoteJid, fromMe: true })));
  return found.flatMap((message) => message?.conversation ?? []);
}

function encoded(message: object): Buffer {
  return Buffer.from(baileys.proto.Message.encode(message).finish());
}

/** How many records of the session are messages. */
async function recordsOf(store: Vault): Promise<number> {
  const keys = [...((await store.peekRecords({ session }))?.keys() ?? [])];
  return keys.filter((key) => key.startsWith("message-")).length;
}

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

  it("gives a message to the chat that it was sent to, whichever address of it asks, and to no other", async () => {
    const one = await open(storeOn(new MemoryBlobs()), { messageStore: true });
    await one.state.keys.set({ "lid-mapping": { "5511988887777": "7788", "7788_reverse": "5511988887777" } });
    await send(one, ["to Anna"]);
    await send(one, ["to the group"], GROUP);
    for (const jid of [ANNA, "5511988887777:3@s.whatsapp.net", "7788@lid", "7788:3@lid"]) {
      expect(await kept(one, ["to Anna", "to the group"], jid)).toEqual(["to Anna"]);
    }
    expect(await kept(one, ["to Anna", "to the group"], GROUP)).toEqual(["to the group"]);
    for (const jid of ["5511977776666@s.whatsapp.net", "9900@lid", "1203630000000200@g.us", "nobody"]) {
      expect(await kept(one, ["to Anna", "to the group"], jid)).toEqual([]);
    }
    // A bot that asks by itself, and a vote, whose key is told by the voter.
    expect(await one.getMessage({ id: idOf("to Anna") })).toBeDefined();
    expect(await one.getMessage({ id: idOf("to Anna"), remoteJid: "5511900000001@s.whatsapp.net" })).toBeDefined();
    expect(await one.getMessage(undefined as never)).toBeUndefined();
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

  it("keeps the newest ones: of so many, of so many bytes, of an age; and none that is large", async () => {
    const store = storeOn(new MemoryBlobs());
    const texts = ["1", "2", "3", "4", "5"];
    let one = await open(store, { messageStore: { maxMessages: 3 } });
    await send(one, texts);
    await send(one, ["2"]);
    await one.close();
    expect(await recordsOf(store)).toBe(3);
    one = await open(store, { messageStore: { maxMessages: 2 } });
    expect(await kept(one, texts)).toEqual(["2", "4", "5"]);
    await send(one, ["6"]);
    await one.close();
    expect(await recordsOf(store)).toBe(2);

    one = await open(store, { messageStore: { maxBytes: 85 } });
    await send(one, ["a".repeat(80), "b".repeat(40), "c".repeat(40), "d".repeat(101)]);
    await one.close();
    expect(await recordsOf(store)).toBe(2);

    one = await open(store, { messageStore: { maxAgeMs: 60_000 } });
    expect(await kept(one, ["b".repeat(40), "c".repeat(40), "d".repeat(101)])).toHaveLength(2);
    await send(one, ["x".repeat(33 * 1024)]);
    expect(await kept(one, ["x".repeat(33 * 1024)])).toEqual([]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    expect(await kept(one, ["b".repeat(40), "c".repeat(40)])).toEqual([]);
    await send(one, ["new"]);
    await one.close();
    expect(await recordsOf(store)).toBe(1);
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
    expect(one.errors).toHaveLength(errors + 1);
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
    await one.clear();
    await one.close();
    await store.undelete({ session });
    expect(await kept(await open(store, { messageStore: true }), ["before", "after"])).toEqual(["after"]);
  });

  it("deletes what it has kept when it is off again, beside the next set of keys", async () => {
    const blobs = new MemoryBlobs();
    const store = storeOn(blobs);
    const one = await open(store, { messageStore: true });
    await send(one, ["1", "2"]);
    await one.close();
    const two = await open(store);
    expect(await kept(two, ["1", "2"])).toEqual([]);
    expect(await recordsOf(store)).toBe(2);
    const before = await entries(blobs);
    await two.state.keys.set({ session: { a: Buffer.of(1) } });
    expect(await entries(blobs)).toBe(before + 1);
    expect(await recordsOf(store)).toBe(0);
  });

  it("goes on with a newer state of this process, and gives nothing to a socket that has lost the session", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store, { messageStore: true });
    await send(one, ["1"]);
    const socket = new SendingSocket();
    one.bind(socket);
    const two = await open(store, { messageStore: true });
    await socket.sendMessage(ANNA, { text: "late" });
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
