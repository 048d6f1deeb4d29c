import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { VaultError } from "../../lib/errors.ts";
import { type Changes, changeOf } from "../../lib/wapi/changes.ts";
import { CREDS_NAME } from "../../lib/wapi/names.ts";
import { type RecordStore, WriteLine } from "../../lib/wapi/write-line.ts";
import { gate } from "../support/gate.ts";

/** A store in memory, whose commits can be held back and made to fail. */
class FakeStore implements RecordStore {
  readonly records = new Map<string, Buffer>();
  readonly commits: { names: string[]; isAgain: boolean }[] = [];
  opened = 0;
  /** Awaited before each commit. */
  before: () => Promise<void> = async () => {};

  async get(name: string): Promise<Buffer | undefined> {
    return this.records.get(name);
  }

  async open(): Promise<void> {
    this.opened++;
  }

  async commit(changes: Changes, isAgain: boolean): Promise<void> {
    this.commits.push({ names: [...changes.records.keys()], isAgain });
    await this.before();
    for (const name of this.records.keys()) if (changeOf(changes, name)) this.records.delete(name);
    for (const [name, bytes] of changes.records) if (bytes) this.records.set(name, bytes);
  }
}

function set(records: { [name: string]: string | undefined }, deleteAll?: Changes["deleteAll"]): Changes {
  return {
    deleteAll,
    records: new Map(Object.entries(records).map(([name, text]) => [name, text ? Buffer.from(text) : undefined])),
  };
}

const outage = (): VaultError => new VaultError("UNAVAILABLE", "away");

describe("changes on their way to a store", () => {
  it("are seen by reads at once, stored one commit at a time, and travel together when they wait", async () => {
    const store = new FakeStore();
    const line = new WriteLine(store);
    const held = gate();
    store.before = () => held.opened;
    const first = line.set(set({ a: "1", b: "1" }));
    await setImmediate();
    const rest = [line.set(set({ a: "2" })), line.set(set({ c: "2", b: undefined })), line.set(set({ a: "3" }))];
    expect(await Promise.all(["a", "b", "c", "d"].map((name) => line.get(name)))).toEqual([
      Buffer.from("3"),
      undefined,
      Buffer.from("2"),
      undefined,
    ]);
    expect(store.records.size).toBe(0);
    held.open();
    await Promise.all([first, ...rest]);
    expect(store.commits.map(({ names }) => names)).toEqual([
      ["a", "b"],
      ["a", "c", "b"],
    ]);
    expect([...store.records.keys()].sort()).toEqual(["a", "c"]);
  });

  it("that were set at once are one commit", async () => {
    const store = new FakeStore();
    const line = new WriteLine(store);
    await Promise.all([line.set(set({ a: "1" })), line.set(set({ b: "1" }))]);
    expect(store.commits).toEqual([{ names: ["a", "b"], isAgain: false }]);
  });

  it("are stored, also when they are set in the moment in which others were", async () => {
    const store = new FakeStore();
    const line = new WriteLine(store);
    for (let ticks = 0; ticks < 12; ticks++) {
      await line.set(set({ a: `before ${ticks}` }));
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      await line.set(set({ a: `after ${ticks}` }));
    }
    expect(store.records.get("a")).toEqual(Buffer.from("after 11"));
  });

  it("are made again after an outage, together with what was set since; nobody hears of it", async () => {
    const store = new FakeStore();
    const line = new WriteLine(store);
    let failures = 2;
    store.before = async () => {
      if (failures-- > 0) throw outage();
    };
    const first = line.set(set({ a: "1", b: "1" }));
    while (line.failure === undefined) await setImmediate();
    const second = line.set(set({ a: "2" }));
    expect(await line.get("a")).toEqual(Buffer.from("2"));
    await Promise.all([first, second]);
    expect(line.failure).toBe(undefined);
    expect(store.commits.map(({ isAgain }) => isAgain)).toEqual([false, true, true]);
    expect(store.records).toEqual(new Map(Object.entries({ a: Buffer.from("2"), b: Buffer.from("1") })));
  });

  it("reject at once when the reason will not pass, stay visible, and are stored once it has", async () => {
    const store = new FakeStore();
    const line = new WriteLine(store);
    let isDenied = true;
    store.before = async () => {
      if (isDenied) throw new VaultError("DENIED", "no");
    };
    await expect(line.set(set({ a: "1" }))).rejects.toMatchObject({ code: "DENIED" });
    expect(await line.get("a")).toEqual(Buffer.from("1"));
    isDenied = false;
    await line.set(set({ b: "1" }));
    expect([...store.records.keys()].sort()).toEqual(["a", "b"]);
  });

  it("are given up, and seen no more, when they must never be made", async () => {
    const store = new FakeStore();
    const line = new WriteLine(store);
    store.before = async () => {
      store.before = async () => {
        store.before = async () => {};
        throw new VaultError("LEASE_LOST", "another process");
      };
      throw outage();
    };
    await expect(line.set(set({ a: "1" }))).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(await line.get("a")).toBe(undefined);
    await line.set(set({ b: "1" }));
    expect([...store.records.keys()]).toEqual(["b"]);
    expect(store.commits.map(({ isAgain }) => isAgain)).toEqual([false, true, false]);
  });

  it("that delete everything, or all but the credentials, hide what is stored", async () => {
    const store = new FakeStore();
    for (const name of ["a", "b", CREDS_NAME]) store.records.set(name, Buffer.from("0"));
    const line = new WriteLine(store);
    const held = gate();
    store.before = () => held.opened;
    const all = [line.set(set({ a: "1" })), line.set(set({}, "keys"))];
    await setImmediate();
    all.push(line.set(set({ b: "2" })));
    const read = (): Promise<unknown[]> => Promise.all(["a", "b", CREDS_NAME].map((name) => line.get(name)));
    expect(await read()).toEqual([undefined, Buffer.from("2"), Buffer.from("0")]);
    all.push(line.set(set({}, "everything")));
    expect(await read()).toEqual([undefined, undefined, undefined]);
    all.push(line.set(set({ c: "3" })));
    held.open();
    await Promise.all(all);
    expect([...store.records.keys()]).toEqual(["c"]);
  });

  it("keep the store from being opened until they are stored", async () => {
    const store = new FakeStore();
    const line = new WriteLine(store);
    const held = gate();
    store.before = () => held.opened;
    const setting = line.set(set({ a: "1" }));
    const opening = line.open();
    await setImmediate();
    expect(store.opened).toBe(0);
    held.open();
    await Promise.all([setting, opening]);
    expect(store.opened).toBe(1);
  });
});

describe("changes as one", () => {
  const line = (): { line: WriteLine; store: FakeStore } => {
    const store = new FakeStore();
    return { store, line: new WriteLine(store) };
  };

  it("credentials survive a later deletion of the keys, not one of everything", async () => {
    const one = line();
    await Promise.all([one.line.set(set({ [CREDS_NAME]: "c", a: "1" })), one.line.set(set({}, "keys"))]);
    expect([...one.store.records.keys()]).toEqual([CREDS_NAME]);
    const other = line();
    await Promise.all([other.line.set(set({ [CREDS_NAME]: "c" })), other.line.set(set({ b: "1" }, "everything"))]);
    expect([...other.store.records.keys()]).toEqual(["b"]);
  });

  it("a deletion of everything stays one when the keys are deleted after it", async () => {
    const { line: both, store } = line();
    store.records.set(CREDS_NAME, Buffer.from("0"));
    await Promise.all([both.set(set({}, "everything")), both.set(set({}, "keys"))]);
    expect(store.records.size).toBe(0);
  });
});
