import { randomBytes } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import { encodeMessage } from "../../lib/baileys/message-record.ts";
import { MessageSlots } from "../../lib/baileys/message-slots.ts";
import { messageKey } from "../../lib/baileys/record-key.ts";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { LatePuts } from "../vault/support/late-puts.ts";
import { kept, recordsOf, send } from "./support/sending.ts";
import { open, storeOn } from "./support/states.ts";

const session = "Baileys-bot";

afterEach(() => void vi.useRealTimers());

/** Records in memory. */
class Records {
  readonly stored = new Map<string, Buffer>();
  /** Lookups until now. */
  gets = 0;

  get(key: string): Buffer | undefined {
    this.gets++;
    return this.stored.get(key);
  }

  keys(): string[] {
    return [...this.stored.keys()];
  }

  async set(changes: Iterable<readonly [string, Buffer | undefined]>): Promise<void> {
    for (const [key, value] of changes) {
      if (value) this.stored.set(key, value);
      else this.stored.delete(key);
    }
  }
}

describe("of the messages that were sent", () => {
  it("the newest ones are kept: so many, also when they get fewer", async () => {
    const store = storeOn(new MemoryBlobs());
    const texts = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
    vi.useFakeTimers({ toFake: ["Date"] });
    let one = await open(store, { messageStore: { maxMessages: 4 } });
    for (const [at, text] of [...texts.slice(0, 8), "6"].entries()) {
      vi.setSystemTime(Date.now() + 1);
      await send(one, [text]);
      // In each order of records.
      if (at > 2) await one.state.keys.set({ session: { a: Buffer.of(at) } });
    }
    await one.close();
    expect(await recordsOf(store)).toBe(4);
    one = await open(store, { messageStore: { maxMessages: 2 } });
    expect(await kept(one, texts)).toEqual(["5", "6", "7", "8"]);
    await send(one, ["9"]);
    await one.close();
    expect(await recordsOf(store)).toBe(2);
    one = await open(store, { messageStore: { maxMessages: 3 } });
    expect(await kept(one, texts)).toEqual(["6", "9"]);
    await send(one, ["1"]);
    await one.close();
    expect(await kept(await open(store, { messageStore: true }), texts)).toEqual(["1", "6", "9"]);
  });

  it("the newest ones are kept: so many bytes", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store, { messageStore: { maxBytes: 500 } });
    // The text is in the id, too: 140, 140, 260 and 520 bytes.
    const texts = ["a".repeat(40), "b".repeat(40), "c".repeat(100), "d".repeat(230)];
    await send(one, texts);
    expect(await kept(one, texts)).toEqual([texts[1], texts[2]]);
    await one.state.keys.set({ session: { a: Buffer.of(1) } });
    await send(one, ["e".repeat(10), "f".repeat(40)]);
    await one.close();
    const all = [...texts, "e".repeat(10), "f".repeat(40)];
    expect(await kept(await open(store, { messageStore: true }), all)).toEqual(
      all.slice(2).filter((text) => text[0] !== "d"),
    );
  });

  it("none that is too old is given, stored or not, and the next one deletes it", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store, { messageStore: { maxAgeMs: 60_000 } });
    await send(one, ["1", "2"]);
    await one.state.keys.set({ session: { a: Buffer.of(1) } });
    await send(one, ["3"]);
    expect(await kept(one, ["1", "2", "3"])).toEqual(["1", "2", "3"]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 });
    expect(await kept(one, ["1", "2", "3"])).toEqual([]);
    await send(one, ["4"]);
    await one.state.keys.set({ session: { a: Buffer.of(2) } });
    await one.close();
    expect(await recordsOf(store)).toBe(2);
    expect(await kept(await open(store, { messageStore: true }), ["1", "2", "3", "4"])).toEqual(["3", "4"]);
  });

  it("none that is large is kept, and an entry stays small where blobs have 64 KiB", async () => {
    const blobs = new MemoryBlobs({ maxBlobBytes: 64 * 1024 });
    const one = await open(storeOn(blobs), { messageStore: true });
    const texts = Array.from({ length: 40 }, () => randomBytes(1_800).toString("hex"));
    const large = randomBytes(4_000).toString("hex");
    await send(one, [...texts, large, large + large]);
    expect(await kept(one, [large, large + large])).toEqual([large]);
    for (let at = 0; at < 30; at++) await one.state.keys.set({ session: { a: Buffer.of(at) } });
    expect(await kept(one, [...texts, large])).toEqual([...texts, large]);
    const keys: string[] = [];
    for await (const { key } of blobs.list(`${session}/`)) keys.push(key);
    expect(keys.filter((key) => !/\/(log|lease)\//.test(key))).toEqual([]);
  });

  it("so many are stored when a newer state takes over that its keys need not wait for more than an entry", async () => {
    const line = new LatePuts();
    const store = storeOn(line);
    const one = await open(store, { messageStore: { maxBytes: 8 * 1024 * 1024 } });
    await one.state.keys.set({ session: { a: Buffer.of(1) } });
    line.holdsBack = true;
    const texts = Array.from({ length: 100 }, () => randomBytes(3_500).toString("hex"));
    await send(one, texts);
    const two = await open(store, { messageStore: { maxBytes: 8 * 1024 * 1024 } });
    const set = two.state.keys.set({ session: { a: Buffer.of(2) } });
    const before = await bytesOf(line);
    line.holdsBack = false;
    await set;
    expect((await bytesOf(line)) - before).toBeLessThan(32 * 1024);
    expect(await kept(two, texts)).toEqual(texts.slice(-1));
  });

  it("each takes as many lookups and changes, whether few are kept or many", async () => {
    const bytes = Buffer.alloc(10);
    const newMessage = (id: string, at: number) => ({ id, at, record: encodeMessage({ id, chat: "chat", at, bytes }) });
    const records = new Records();
    const limits = { maxMessages: 10_000, maxBytes: 64 * 1024 * 1024, maxAgeMs: 1_000 };
    const now = Date.now();
    vi.useFakeTimers({ toFake: ["Date"], now });
    const slots = new MessageSlots(records, limits);
    for (let at = 0; at < 10_100; at++) await records.set(slots.put([newMessage(String(at), now)]));
    expect(records.stored.size).toBe(10_001);
    records.gets = 0;
    for (let at = 0; at < 100; at++) {
      const changes = slots.put([newMessage(`again ${at}`, now)]);
      expect(changes).toHaveLength(2);
      await records.set(changes);
    }
    expect(records.gets).toBe(0);
    // Many that get too old at once are not deleted at once.
    vi.setSystemTime(now + 2_000);
    for (let put = 0; put < 45; put++) {
      const changes = slots.put([newMessage(`new ${put}`, now + 2_000)]);
      expect(changes.length).toBeLessThan(300);
      await records.set(changes);
    }
    expect(records.stored.size).toBe(46);
    expect(slots.find("new 44")).toMatchObject({ id: "new 44", bytes });
    const again = new MessageSlots(records, limits);
    expect(again.find("new 0")).toMatchObject({ id: "new 0", bytes });
  });

  it("none takes the record of another one, after a refused set has left one of them twice", async () => {
    const records = new Records();
    const limits = { maxMessages: 2, maxBytes: 1_000, maxAgeMs: 60_000 };
    const at = Date.now();
    const record = (id: string, bytes: string): Buffer =>
      encodeMessage({ id, chat: "chat", at: at + Number(bytes), bytes: Buffer.from(bytes) });
    await records.set(new MessageSlots(records, limits).put([{ id: "a", at, record: record("a", "1") }]));
    await records.set([[messageKey(1), record("a", "2")]]);
    const slots = new MessageSlots(records, limits);
    expect(slots.find("a")?.bytes).toEqual(Buffer.from("2"));
    await records.set(slots.put([{ id: "b", at: at + 3, record: record("b", "3") }]));
    expect([slots.find("a"), slots.find("b")]).toMatchObject([
      { bytes: Buffer.from("2") },
      { bytes: Buffer.from("3") },
    ]);
    expect(records.keys().filter((key) => key.startsWith("message-"))).toHaveLength(2);
  });
});

/** Bytes of all log entries of the session. */
async function bytesOf(line: LatePuts): Promise<number> {
  let bytes = 0;
  for await (const { key } of line.backend.list(`${session}/log/`)) bytes += (await line.backend.get(key))?.length ?? 0;
  return bytes;
}
