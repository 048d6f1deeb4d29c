import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { VaultError } from "../../lib/errors.ts";
import { gate } from "../support/gate.ts";
import { LatePuts } from "../vault/support/late-puts.ts";
import { SendingSocket, send } from "./support/sending.ts";
import { FakeSocket, linked, open, storeOn } from "./support/states.ts";

const session = "Baileys-bot";

describe("a session that is opened again in one process", () => {
  it.each([
    ["by the same store", true],
    ["by a store that was made anew on the same backend", false],
  ])("K4: has what was set before, without waiting for a lease: %s", async (_, isSame) => {
    const line = new LatePuts();
    const store = storeOn(line);
    const a = await open(store);
    Object.assign(a.state.creds, linked("Anna"));
    const held = gate();
    line.beforePut = () => held.opened;
    void a.saveCreds();
    const setting = a.state.keys.set({ session: { x: Buffer.of(1) } });
    const b = await open(isSame ? store : storeOn(line));
    expect(b.state.creds.me).toEqual(linked("Anna").me);
    expect(await b.state.keys.get("session", ["x"])).toEqual({ x: Buffer.of(1) });
    held.open();
    await setting;
    // From here on, only the newer one writes.
    expect(a.lost.reason).toMatchObject({ code: "LEASE_LOST", message: expect.stringContaining("in this process") });
    await expect(a.saveCreds()).rejects.toMatchObject({ code: "LEASE_LOST" });
    await expect(a.state.keys.set({ session: { y: Buffer.of(1) } })).rejects.toMatchObject({ code: "LEASE_LOST" });
    await a.close();
    expect(b.lost.aborted).toBe(false);
    b.state.creds.accountSyncCounter = 7;
    await b.saveCreds();
    await b.close();
    expect((await open(store)).state.creds.accountSyncCounter).toBe(7);
  });

  it("is not mixed up with one of its name on another backend", async () => {
    const [one, two] = [await open(storeOn(new MemoryBlobs())), await open(storeOn(new MemoryBlobs()))];
    await one.state.keys.set({ session: { a: Buffer.of(1) } });
    expect(await two.state.keys.get("session", ["a"])).toEqual({});
    expect(one.lost.aborted).toBe(false);
  });

  it("is opened once by calls of one moment: the last one writes", async () => {
    const blobs = new MemoryBlobs();
    const states = await Promise.all([1, 2, 3].map(() => open(storeOn(blobs))));
    expect(states.map(({ lost }) => lost.aborted)).toEqual([true, true, false]);
    await states[2]?.state.keys.set({ session: { a: Buffer.of(1) } });
    const kinds: string[] = [];
    for await (const { kind } of storeOn(blobs).history({ session })) kinds.push(kind);
    expect(kinds).toEqual(["records", "hold"]);
  });

  it("while it is closed, is kept and not given back", async () => {
    const line = new LatePuts();
    const store = storeOn(line);
    const a = await open(store);
    const held = gate();
    line.beforePut = () => held.opened;
    const setting = a.state.keys.set({ session: { x: Buffer.of(1) } });
    const closing = a.close();
    const b = await open(store);
    expect(await b.state.keys.get("session", ["x"])).toEqual({ x: Buffer.of(1) });
    held.open();
    await Promise.all([setting, closing]);
    await b.state.keys.set({ session: { y: Buffer.of(2) } });
    expect(b.lost.aborted).toBe(false);
  });

  it("R7: has what its holder could not store before it was closed", async () => {
    const line = new LatePuts();
    const a = await storeOn(line).openRecords({ session });
    await a.close();
    const b = await open(storeOn(line), { closeTimeoutMs: 20 });
    line.holdsBack = true;
    const setting = b.state.keys.set({ session: { x: Buffer.of(1) } });
    setting.catch(() => {});
    await b.close();
    await expect(setting).rejects.toMatchObject({ code: "CANCELLED" });
    line.holdsBack = false;
    const c = await open(storeOn(line));
    expect(await c.state.keys.get("session", ["x"])).toEqual({ x: Buffer.of(1) });
    await c.close();
    expect((await storeOn(line).peekRecords({ session }))?.size).toBe(1);
  });

  it("R7: goes on from the log, and not from there, when another process has held it in between", async () => {
    const line = new LatePuts();
    const b = await open(storeOn(line), { closeTimeoutMs: 20 });
    line.holdsBack = true;
    b.state.keys.set({ session: { x: Buffer.of(1), y: Buffer.of(1) } }).catch(() => {});
    await b.close();
    line.holdsBack = false;
    const other = await storeOn(line.backend).openRecords({ session });
    await other.set([["session\0x", Buffer.of(0, 9)]]);
    await other.close();
    const c = await open(storeOn(line));
    expect(await c.state.keys.get("session", ["x", "y"])).toEqual({ x: Buffer.of(9) });
  });

  it.each<[string, (line: LatePuts) => () => void]>([
    ["cannot be read", failReads],
    ["is given up", () => () => {}],
  ])("R7: has it also when an opening in between %s", async (how, fail) => {
    const line = new LatePuts();
    const one = await open(storeOn(line), { closeTimeoutMs: 20 });
    await one.state.keys.set({ session: { x: Buffer.of(1) } });
    line.holdsBack = true;
    one.state.keys.set({ session: { x: Buffer.of(2) } }).catch(() => {});
    await one.close();
    line.holdsBack = false;
    const ending = new AbortController();
    let mend = (): void => {};
    line.afterPut = async () => {
      mend = fail(line);
      if (how === "is given up") ending.abort(new Error("enough"));
    };
    await expect(open(storeOn(line), { signal: ending.signal })).rejects.toThrow();
    line.afterPut = undefined;
    mend();
    expect(await (await open(storeOn(line))).state.keys.get("session", ["x"])).toEqual({ x: Buffer.of(2) });
  });

  it("R7: stores the keys also when the store refuses the messages that were sent beside them", async () => {
    const line = new LatePuts();
    const options = { messageStore: true, closeTimeoutMs: 20 };
    const one = await open(storeOn(line), options);
    line.holdsBack = true;
    one.state.keys.set({ session: { x: Buffer.of(1) } }).catch(() => {});
    await send(one, [randomBytes(3_000).toString("hex")]);
    one.state.keys.set({ session: { y: Buffer.of(1) } }).catch(() => {});
    await one.close();
    line.holdsBack = false;
    const put = line.backend.put.bind(line.backend);
    line.backend.put = async (key, bytes, call) => {
      if (bytes.length > 2_000) throw new VaultError("DENIED", "too large");
      await put(key, bytes, call);
    };
    const two = await open(storeOn(line), options);
    await two.state.keys.set({ session: { z: Buffer.of(1) } });
    await two.close();
    const stored = await storeOn(line).peekRecords({ session });
    expect([...(stored?.keys() ?? [])].sort()).toEqual(["session\0x", "session\0y", "session\0z"]);
  });

  it("can be written, however close an opening and the end of the user before come", async () => {
    for (let ticks = 0; ticks < 40; ticks++) {
      const store = storeOn(new MemoryBlobs());
      const one = await open(store);
      const opening = open(store);
      for (let tick = 0; tick < ticks; tick++) await undefined;
      await one.close();
      const two = await opening;
      await two.state.keys.set({ session: { [ticks]: Buffer.of(1) } });
      await two.close();
    }
  });

  it("is LEASE_HELD while another process has it, or is waited for", async () => {
    const blobs = new MemoryBlobs();
    const other = await storeOn(blobs).openRecords({ session });
    await expect(open(storeOn(blobs))).rejects.toMatchObject({ code: "LEASE_HELD", owner: expect.any(String) });
    const waiting = open(storeOn(blobs), { leaseWaitMs: 60_000 });
    await other.set([["session\0x", Buffer.of(0, 1)]]);
    await other.close();
    expect(await (await waiting).state.keys.get("session", ["x"])).toEqual({ x: Buffer.of(1) });
  });

  it("ends its wait for another process when the signal aborts", async () => {
    const blobs = new MemoryBlobs();
    const other = await storeOn(blobs).openRecords({ session });
    const ending = new AbortController();
    const waiting = open(storeOn(blobs), { leaseWaitMs: 600_000, signal: ending.signal });
    ending.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    await other.close();
  });
});

describe("`close`", () => {
  it("gives the session back; a late `saveCreds` resolves in peace, a late set rejects, reads go on", async () => {
    const blobs = new MemoryBlobs();
    const one = await open(storeOn(blobs));
    await one.state.keys.set({ session: { a: Buffer.of(1) } });
    await Promise.all([one.close(), one.close()]);
    await one.saveCreds();
    await expect(one.state.keys.set({ session: { a: Buffer.of(2) } })).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await one.state.keys.get("session", ["a"])).toEqual({ a: Buffer.of(1) });
    expect(one.lost.aborted).toBe(false);
    const other = await storeOn(blobs).openRecords({ session });
    expect([...other.keys()]).toEqual(["session\0a"]);
    await other.close();
  });
});

describe("`bind`", () => {
  it("saves the credentials at each `creds.update`", async () => {
    const store = storeOn(new MemoryBlobs());
    const one = await open(store);
    const socket = new FakeSocket();
    one.bind(socket);
    Object.assign(one.state.creds, linked());
    socket.ev.emit("creds.update", {});
    await one.close();
    expect((await open(store)).state.creds.me).toEqual(linked().me);
  });

  it("ends the socket with the status 440 when the session is lost, before anything rejects", async () => {
    const line = new LatePuts();
    const one = await open(storeOn(line));
    const socket = new FakeSocket();
    one.bind(socket);
    line.holdsBack = true;
    const setting = one.state.keys.set({ session: { a: Buffer.of(1) } }).catch(() => socket.ends.length);
    await setImmediate();
    await storeOn(line.backend).breakLease({ session });
    line.holdsBack = false;
    expect(await setting).toBe(1);
    expect(socket.ends).toEqual([
      expect.objectContaining({ isBoom: true, output: expect.objectContaining({ statusCode: 440 }) }),
    ]);
    const late = new FakeSocket();
    one.bind(late);
    await setImmediate();
    await setImmediate();
    expect(late.ends).toHaveLength(1);
  });

  it.each<[string, number | undefined, boolean]>([
    ["its user has ended it", undefined, true],
    ["it was logged out, which the bot clears in its own time", 401, false],
    ["another client has replaced it", 440, true],
    ["WhatsApp asks for a restart", 515, false],
    ["the connection was lost", 408, false],
  ])("when %s: the session is given back or kept", async (_, statusCode, isGivenBack) => {
    const blobs = new MemoryBlobs();
    const one = await open(storeOn(blobs));
    const socket = new FakeSocket();
    one.bind(socket);
    socket.end(statusCode === undefined ? undefined : Object.assign(new Error("end"), { output: { statusCode } }));
    await setImmediate();
    await setImmediate();
    if (!isGivenBack) return await one.state.keys.set({ session: { a: Buffer.of(1) } });
    await expect(one.state.keys.set({ session: { a: Buffer.of(1) } })).rejects.toMatchObject({ code: "CANCELLED" });
    await one.close();
    await (await storeOn(blobs).openRecords({ session })).close();
  });

  it("gives the session back also when the socket cannot be changed", async () => {
    const blobs = new MemoryBlobs();
    const one = await open(storeOn(blobs), { messageStore: true });
    const socket = new SendingSocket();
    expect(() => one.bind(Object.freeze(socket))).toThrow(TypeError);
    socket.end(undefined);
    await setImmediate();
    await setImmediate();
    await expect(one.state.keys.set({ session: { a: Buffer.of(1) } })).rejects.toMatchObject({ code: "CANCELLED" });
  });

  it("does not give the session back when the bot's own listener opens it again", async () => {
    const blobs = new MemoryBlobs();
    const one = await open(storeOn(blobs));
    const socket = new FakeSocket();
    one.bind(socket);
    let again: ReturnType<typeof open> | undefined;
    socket.ev.on("connection.update", () => {
      again = open(storeOn(blobs));
    });
    socket.end(undefined);
    const two = await again;
    await two?.state.keys.set({ session: { a: Buffer.of(1) } });
    await one.close();
    expect(two?.lost.aborted).toBe(false);
  });
});

/** Lets reads of log entries fail from now on, until the function is called. */
function failReads(line: LatePuts): () => void {
  const { get } = line;
  line.get = async (key, call) => {
    if (key.includes("/log/")) throw new VaultError("UNAVAILABLE", "no answer");
    return await get(key, call);
  };
  return () => {
    line.get = get;
  };
}
