import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { RECORDS_LAYOUT } from "../../lib/vault/frame.ts";
import { SessionFrames } from "../../lib/vault/frames.ts";
import { entryKey } from "../../lib/vault/layout.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";

const PROFILE = "RemoteAuth";
const RECORDS = "Baileys";

interface Stored {
  readonly blobs: MemoryBlobs;
  readonly session: string;
  /** Number of the newest entry. */
  readonly n: number;
  readonly json: Record<string, unknown>;
  /** Stores the newest entry with other JSON. */
  replace(json: unknown): Promise<void>;
}

async function stored(session: string): Promise<Stored> {
  const blobs = new MemoryBlobs();
  const store = new Vault({ blobs });
  if (session === PROFILE) {
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("1")) });
    await lease.release();
  } else {
    const records = await store.openRecords({ session });
    await records.set([["creds", Buffer.from("x")]]);
    await records.close();
  }
  const { entry: n = 0 } = (await store.state({ session })) ?? {};
  const frames = new SessionFrames(session);
  const key = entryKey(session, n);
  const { content, layout } = await frames.decodeEntry(n, (await blobs.get(key)) as Buffer, "an entry");
  const start = layout === RECORDS_LAYOUT ? 4 : 0;
  const end = start === 0 ? content.length : start + content.readUInt32BE(0);
  return {
    blobs,
    session,
    n,
    json: JSON.parse(String(content.subarray(start, end))),
    replace: async (json) => {
      const text = Buffer.from(JSON.stringify(json));
      const length = Buffer.alloc(start);
      if (start > 0) length.writeUInt32BE(text.length);
      const plain = Buffer.concat([length, text, content.subarray(end)]);
      await blobs.put(key, await frames.encode("entry", String(n), plain, layout));
    },
  };
}

/** What another process reads of the newest entry: the state of the session, or the error. */
async function newestOf({ blobs, session }: Stored): Promise<unknown> {
  return await new Vault({ blobs, retries: 0 }).state({ session }).catch((error: unknown) => error);
}

/** Of an entry, with its path in the JSON, and what is in that place. */
const WRONG: readonly (readonly [path: string, values: readonly unknown[]])[] = [
  ...["n", "epoch", "content"].map((path) => [path, [null, -1, 1.5, 1e300, "1", [], {}]] as const),
  ...["id", "by", "salt", "kind"].map((path) => [path, [null, 1, [], {}]] as const),
  ["at", [null, "1", 1e300, []]],
  ["uptimeMs", ["1", 1e300, []]],
  ["live", [null, {}, "x", [null], [[]], [{}], [1]]],
  ["dead", [null, {}, "x", [-1], [null], [[1]], [[0, 1e9]]]],
  ["lease", [1, [], "x", {}]],
  ["lease.hold", [null, 1, "", "../../x", "a/b"]],
  ["lease.ttlMs", [null, 0, -1, "1", 1e300]],
  ["deleted", [1, {}, { at: 1 }]],
  ["agreed", [1, {}, { at: "x", uptimeMs: 1 }]],
];
const WRONG_RECORDS: typeof WRONG = [
  ["records", [1, [], {}]],
  ["records.through", [null, -1, -1e300, 1.5, "x"]],
  ["records.lasting", [null, {}, [null]]],
  ["records.tails", [null, {}, [1]]],
  ["prev", [1, {}]],
];

function withField(json: object, path: string, value: unknown): unknown {
  const [first = "", ...rest] = path.split(".");
  const within = Reflect.get(json, first) as object;
  return { ...json, [first]: rest.length === 0 ? value : withField(within, rest.join("."), value) };
}

describe.each([PROFILE, RECORDS])("an entry of %s whose checksum is right", (session) => {
  it("is damaged when it is something else than an entry, and never ends the process", async () => {
    const entry = await stored(session);
    for (const odd of [null, [], 1, "x", {}]) {
      await entry.replace(odd);
      expect(await newestOf(entry), JSON.stringify(odd)).toMatchObject({ code: "CORRUPT" });
    }
    for (const [path, values] of session === RECORDS ? [...WRONG, ...WRONG_RECORDS] : WRONG) {
      for (const value of values) {
        await entry.replace(withField(entry.json, path, value));
        expect(await newestOf(entry), `${path} ${JSON.stringify(value)}`).toMatchObject({ code: "CORRUPT" });
      }
    }
  });

  it("is read with fields that a later version may have", async () => {
    const entry = await stored(session);
    await entry.replace({ ...entry.json, later: { more: [1] } });
    expect(await newestOf(entry)).toMatchObject({ entry: entry.n });
  });
});

it("may keep data for longer than there are times, as earlier versions noted it", async () => {
  const entry = await stored(PROFILE);
  const live = (entry.json.live as object[]).map((one) => ({ ...one, until: 1e16, untilUptimeMs: 1e16 }));
  const end = { until: Date.now() + Number.MAX_SAFE_INTEGER, untilUptimeMs: 1e300 };
  await entry.replace({ ...entry.json, live, earlier: end });
  expect(await newestOf(entry)).toMatchObject({ current: { generation: entry.n } });
  await entry.replace({ ...entry.json, deleted: { at: 1, ...end } });
  const store = new Vault({ blobs: entry.blobs });
  const until = new Date("9999-12-31T23:59:59.999Z");
  expect(await store.state({ session: PROFILE })).toMatchObject({ deleted: { at: new Date(1), until } });
  expect(await store.facts({ session: PROFILE })).toMatchObject({ deleted: { until } });
  for await (const { until: shown } of store.history({ session: PROFILE }))
    expect([undefined, until]).toContainEqual(shown);
  await store.undelete({ session: PROFILE });
  expect(await store.state({ session: PROFILE })).toMatchObject({ current: { generation: entry.n } });
});

it("is never written with an end that is none, when deleted data are kept for ever", async () => {
  const blobs = new MemoryBlobs();
  const open = (): Vault => new Vault({ blobs, retainDeletedMs: Number.MAX_SAFE_INTEGER });
  const save = async (wid: string): Promise<void> => {
    const store = open();
    const lease = await store.acquire({ session: PROFILE });
    await store.saveProfile({ session: PROFILE, lease, wid, capture: captureOf(profileFiles(wid)) });
    await lease.release();
  };
  await save("1@c.us");
  await open().delete({ session: PROFILE });
  expect(await open().state({ session: PROFILE })).toMatchObject({ deleted: {} });
  await open().undelete({ session: PROFILE });
  await save("2@c.us");
  expect((await open().state({ session: PROFILE }))?.generations).toHaveLength(2);
  await open().delete({ session: PROFILE });
  await save("3@c.us");
  expect((await open().state({ session: PROFILE }))?.generations).toHaveLength(3);
});

it("counts no entries since a fold that there cannot be", async () => {
  const entry = await stored(RECORDS);
  const far = { ...entry, n: 9_000_000_000_000_000 };
  const frames = new SessionFrames(RECORDS);
  const json = Buffer.from(JSON.stringify({ ...entry.json, n: far.n }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  const frame = await frames.encode("entry", String(far.n), Buffer.concat([length, json]), RECORDS_LAYOUT);
  await entry.blobs.put(entryKey(RECORDS, far.n), frame);
  expect(await newestOf(far)).toMatchObject({ code: "CORRUPT" });
});
