import assert from "node:assert/strict";
import type { AuthenticationCreds, AuthenticationState, RecordSet } from "../../lib/baileys/types.ts";
import { type Opened, type Runner, type SuiteOptions, suite } from "./runner.ts";

/** An authentication state of Baileys that is open. */
export interface OpenState {
  /** The state itself. */
  readonly state: AuthenticationState | StateOfOthers;
  /** Stores the credentials as they are. */
  saveCreds(): Promise<unknown>;
  /** Waits for what is on its way, and lets another one be opened. */
  close?(): Promise<unknown>;
}

/** What Baileys itself asks of a state. */
export interface StateOfOthers {
  /** The credentials. */
  creds: AuthenticationCreds;
  /** The keys: `get` and `set` at least. */
  readonly keys: Pick<AuthenticationState["keys"], "get" | "set"> & Partial<AuthenticationState["keys"]>;
}

/** A place for one state. */
export interface OpenedAuthState extends Opened {
  /** Opens the state, as a process that starts does: what the one before has stored is there. One at a time. */
  openState(): Promise<OpenState>;
}

/**
 * What an authentication state of Baileys must do so that its sockets lose nothing, whatever they are in the middle of. It
 * was found by watching the sockets of Baileys 6.7 to 7.0; no state that ships with it passes all of it.
 */
export function authStateContract(runner: Runner, options: SuiteOptions<OpenedAuthState>): void {
  suite(runner, "auth state", options, tests);
}

const tests: Record<string, (opened: OpenedAuthState) => Promise<void>> = {
  "leaves ids without a value out of the answer": async ({ openState }) => {
    const { keys } = (await openState()).state;
    await keys.set({ session: { a: Buffer.of(1) } });
    assert.deepEqual(await keys.get("session", ["a", "b"]), { a: Buffer.of(1) });
    assert.deepEqual(await keys.get("pre-key", ["1"]), {});
  },

  "keeps the records of every family, under every id": async (opened) => {
    const one = await opened.openState();
    await one.state.keys.set(everyFamily());
    await one.close?.();
    await holds(await opened.openState(), everyFamily());
  },

  "lets a get see what a set was called with, stored or not": async (opened) => {
    const one = await opened.openState();
    await one.state.keys.set({ session: { a: Buffer.of(1), b: Buffer.of(1) } });
    const setting = one.state.keys.set({ session: { a: Buffer.of(2), b: null, c: Buffer.of(3) } });
    assert.deepEqual(await one.state.keys.get("session", ["a", "b", "c"]), { a: Buffer.of(2), c: Buffer.of(3) });
    await setting;
  },

  "stores what is written into the object that was set, until the set has resolved": async (opened) => {
    const one = await opened.openState();
    const sessions: { [id: string]: Buffer } = { a: Buffer.of(1) };
    const data: RecordSet = { session: sessions };
    const setting = one.state.keys.set(data);
    Object.assign(sessions, { a: Buffer.of(2), b: Buffer.of(3) });
    data["lid-mapping"] = { x: "1" };
    await setting;
    await one.close?.();
    await holds(await opened.openState(), { session: { a: Buffer.of(2), b: Buffer.of(3) }, "lid-mapping": { x: "1" } });
  },

  "takes `null` and `undefined` for deletions": async (opened) => {
    const one = await opened.openState();
    await one.state.keys.set({ session: { a: Buffer.of(1), b: Buffer.of(2), c: Buffer.of(3) } });
    await one.state.keys.set({ session: { a: null, b: undefined, never: null } });
    assert.deepEqual(await one.state.keys.get("session", ["a", "b", "c"]), { c: Buffer.of(3) });
    await one.close?.();
    const two = await opened.openState();
    assert.deepEqual(await two.state.keys.get("session", ["a", "b", "c"]), { c: Buffer.of(3) });
  },

  "gives bytes as Buffers, and a copy each time": async ({ openState }) => {
    const { keys } = (await openState()).state;
    const bytes = new Uint8Array([1, 2, 3]);
    await keys.set({ session: { a: bytes }, "pre-key": { "1": { public: bytes, private: bytes } } });
    bytes.fill(0);
    for (let read = 0; read < 2; read++) {
      const { a } = await keys.get("session", ["a"]);
      const { 1: pair } = await keys.get("pre-key", ["1"]);
      for (const found of [a, pair?.public, pair?.private]) {
        assert.ok(Buffer.isBuffer(found));
        assert.deepEqual([...found], [1, 2, 3]);
        found.fill(9);
      }
    }
  },

  "keeps values as they are": async (opened) => {
    const one = await opened.openState();
    const odd: RecordSet = {
      session: { nan: Number.NaN, text: "7", zero: -0, big: 10n, empty: "", none: [], no: false, "": Buffer.of(1) },
      "sender-key-memory": { a: { "12": 5, "7": 6 }, b: { "12AB==": 5 }, c: {} },
      tctoken: { a: { token: Buffer.alloc(0), timestamp: undefined } },
    };
    await one.state.keys.set(odd);
    await one.close?.();
    await holds(await opened.openState(), odd);
  },

  "gives keys of the app state as sockets need them": async (opened) => {
    const one = await opened.openState();
    const fingerprint = { rawId: 1, currentIndex: 2, deviceIndexes: [0, 3] };
    const key = { keyData: Buffer.alloc(32, 7), fingerprint, timestamp: 1_700_000_000_123 };
    await one.state.keys.set({ "app-state-sync-key": { "AAAA/b+c==": key } });
    await one.close?.();
    const { keys } = (await opened.openState()).state;
    const { "AAAA/b+c==": found } = await keys.get("app-state-sync-key", ["AAAA/b+c=="]);
    // As text, sockets fetch the app state again and again.
    assert.ok(found?.keyData instanceof Uint8Array);
    assert.deepEqual([...found.keyData], [...key.keyData]);
    assert.deepEqual([...found.fingerprint.deviceIndexes], [0, 3]);
    assert.equal(Number(found.timestamp), key.timestamp);
  },

  "resolves sets that change nothing": async ({ openState }) => {
    const { keys } = (await openState()).state;
    await keys.set({});
    await keys.set({ "pre-key": {} });
    await keys.set({ session: { absent: null } });
    await keys.set({ session: { a: Buffer.of(1) } });
    await keys.set({ session: { a: Buffer.of(1) } });
    assert.deepEqual(await keys.get("session", ["a", "absent"]), { a: Buffer.of(1) });
  },

  "keeps the order of sets that are called at once": async (opened) => {
    const one = await opened.openState();
    const sets = Array.from({ length: 20 }, (_, n) => n).map((n) =>
      one.state.keys.set({
        session: { last: Buffer.of(n), [`own ${n}`]: Buffer.of(n) },
        "device-list": { a: [`${n}`] },
      }),
    );
    await Promise.all(sets);
    await one.close?.();
    const two = await opened.openState();
    await holds(two, { session: { last: Buffer.of(19), "own 0": Buffer.of(0) }, "device-list": { a: ["19"] } });
  },

  "begins with new credentials, which are not stored before they are saved": async (opened) => {
    const one = await opened.openState();
    assert.ok(one.state.creds.noiseKey.private.length > 0);
    await one.close?.();
    const two = await opened.openState();
    assert.notDeepEqual(two.state.creds.noiseKey, one.state.creds.noiseKey);
    await two.saveCreds();
    await two.close?.();
    const three = await opened.openState();
    assert.deepEqual(three.state.creds.noiseKey, two.state.creds.noiseKey);
  },

  "keeps the credentials as they are at the call of `saveCreds`": async (opened) => {
    const one = await opened.openState();
    const { creds } = one.state;
    Object.assign(creds, linked(), { routingInfo: Buffer.of(8), lastPropHash: undefined });
    const saving = one.saveCreds();
    creds.accountSyncCounter = 1;
    await Promise.all([saving, one.saveCreds()]);
    await one.close?.();
    const found = (await opened.openState()).state.creds;
    assert.deepEqual({ ...found }, { ...creds });
    assert.ok(Buffer.isBuffer(found.noiseKey.private));
    assert.ok(found.account.details instanceof Uint8Array);
  },

  "never replaces the credentials of a linked device by others that are not linked": async (opened) => {
    const one = await opened.openState();
    Object.assign(one.state.creds, linked());
    await one.saveCreds();
    const { noiseKey } = one.state.creds;
    for (const name of ["account", "me"]) Reflect.deleteProperty(one.state.creds, name);
    await assert.rejects(one.saveCreds());
    await one.close?.();
    const two = await opened.openState();
    assert.deepEqual(two.state.creds.noiseKey, noiseKey);
    assert.deepEqual(two.state.creds.me, linked().me);
  },

  "never uses the id of a pre-key again": async (opened) => {
    const one = await opened.openState();
    one.state.creds.nextPreKeyId = 3;
    await one.saveCreds();
    const pair = { public: Buffer.of(1), private: Buffer.of(2) };
    await one.state.keys.set({ "pre-key": { "3": pair, "4": pair, "5": pair } });
    await one.state.keys.set({ "pre-key": { "5": null } });
    // It dies before it has saved the credentials.
    await one.close?.();
    assert.equal((await opened.openState()).state.creds.nextPreKeyId, 6);
  },

  "deletes all keys by `keys.clear`, and keeps the credentials": async (opened) => {
    const one = await opened.openState();
    Object.assign(one.state.creds, linked());
    await one.saveCreds();
    await one.state.keys.set(everyFamily());
    assert.ok(one.state.keys.clear);
    await one.state.keys.clear();
    assert.deepEqual(await one.state.keys.get("session", ["5511999999999.0"]), {});
    await one.close?.();
    const two = await opened.openState();
    assert.deepEqual(await two.state.keys.get("session", ["5511999999999.0"]), {});
    assert.deepEqual(two.state.creds.me, linked().me);
  },

  "lists the records of a family as they are at the call": async ({ openState }) => {
    const { keys } = (await openState()).state;
    await keys.set({ "lid-mapping": { a: "1", b_reverse: "2" }, "sender-key-memory": { a: { x: true } } });
    assert.ok(keys.list && keys.listIds);
    const list = keys.list("lid-mapping");
    const ids = keys.listIds("lid-mapping");
    await keys.set({ "lid-mapping": { a: "9", c: "3", b_reverse: null } });
    assert.deepEqual(
      new Map(await collect(list)),
      new Map([
        ["a", "1"],
        ["b_reverse", "2"],
      ]),
    );
    assert.deepEqual((await collect(ids)).sort(), ["a", "b_reverse"]);
    assert.deepEqual(await collect(keys.list("none")), []);
  },
};

/** Records as sockets of Baileys 6.7 to 7.0 set them. */
function everyFamily(): RecordSet {
  return {
    "pre-key": { "1": { public: Buffer.alloc(32, 1), private: Buffer.alloc(32, 2) } },
    session: { "5511999999999.0": Buffer.alloc(900, 3), "123_1.7": { _sessions: { "BQ==": { registrationId: 1 } } } },
    "sender-key": { "5511999-1612345678@g.us::5511888::0": Buffer.from("[{}]") },
    "sender-key-memory": { "5511999-1612345678@g.us": { "5511888:1@s.whatsapp.net": true } },
    "app-state-sync-version": {
      critical_block: { version: 3, hash: Buffer.alloc(128), indexValueMap: { "1=": { valueMac: Buffer.of(5) } } },
    },
    "lid-mapping": { "5511999999999": "123456789", "123456789_reverse": "5511999999999" },
    "device-list": { "5511999999999": ["0", "12"] },
    tctoken: { __index: { token: Buffer.from("[]") }, "1@lid": { token: Buffer.of(1), timestamp: "1700000000" } },
    "identity-key": { "5511999999999.0": Buffer.alloc(33, 5) },
    "of a later release": { "a/b:c__d--e@f": { any: ["thing"] } },
  };
}

function linked(): Pick<AuthenticationCreds, "account" | "me"> {
  return {
    account: {
      details: Buffer.from("details"),
      accountSignatureKey: Buffer.alloc(32, 1),
      deviceSignature: Buffer.of(2),
    },
    me: { id: "5511999999999:1@s.whatsapp.net", name: "Anna", lid: "123456789:1@lid" },
  };
}

async function holds({ state }: OpenState, data: RecordSet): Promise<void> {
  for (const [type, records = {}] of Object.entries(data)) {
    assert.deepEqual(await state.keys.get(type, Object.keys(records)), records, type);
  }
}

async function collect<T>(list: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of list) all.push(one);
  return all;
}
