import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import type { Encryption } from "../../../lib/vault/encryption.ts";
import { keyOf } from "../../../lib/vault/frame.ts";
import type { Vault } from "../../../lib/vault/vault.ts";
import { keyIdOf, testKey } from "../../support/keys.ts";
import { times } from "../../support/length.ts";
import { takeOver } from "../../support/take-over.ts";
import { everything } from "../../support/traces.ts";
import { LatePuts } from "../support/late-puts.ts";
import { all, keysOf, session, set, stored, take, vault } from "../support/records.ts";
import { outage, Requests } from "../support/requests.ts";

const first: Encryption = { key: testKey(1) };
const both: Encryption = { keys: [testKey(2), testKey(1)] };
const second: Encryption = { key: testKey(2) };
const passphrase = "correct horse battery staple";
const SECOND_ID = keyIdOf(testKey(2));
/** More than an entry of these stores takes. */
const large = "x".repeat(90_000);

/** So few loose entries that there are folds, and so small blobs that a large set is in chunks. */
const open = (blobs: MemoryBlobs | Requests, encryption?: Encryption): Vault =>
  vault(blobs, { encryption, onWarning: () => {} }, 4);
const smallBlobs = (): MemoryBlobs => new MemoryBlobs({ maxBlobBytes: 64 * 1024 });

/** A deleted link, and another one with records that are put together and some that are not. @returns those of both */
async function aLife(store: Vault): Promise<Record<string, string>[]> {
  const old = await take(store);
  await set(old, { a: "old", b: "2" });
  await old.clear();
  const expected: Record<string, string> = { large };
  for (let n = 0; n < 21; n++) {
    await set(old, n === 19 ? { large } : { [`key ${n % 6}`]: `${n}` });
    if (n !== 19) expected[`key ${n % 6}`] = `${n}`;
    await setImmediate();
  }
  await old.close();
  return [{ a: "old", b: "2" }, expected];
}

/** By key, the id of the key of everything of the session that is not encrypted with the key of this id. */
async function leftBehind(blobs: MemoryBlobs, keyId: string): Promise<Record<string, string | undefined>> {
  const found = [...(await everything(blobs, session))].filter(([key]) => key.startsWith(`${session}/`));
  return Object.fromEntries(found.map(([key, frame]) => [key, keyOf(frame)]).filter(([, id]) => id !== keyId));
}

async function generations(store: Vault): Promise<number[]> {
  return ((await store.state({ session }))?.generations ?? []).map(({ generation }) => generation);
}

describe("a session of records that is encrypted anew", () => {
  it.each<[string, Encryption | undefined, Encryption, Encryption]>([
    ["nothing", undefined, second, second],
    ["another key", first, both, second],
    ["a passphrase", { passphrase }, { keys: [testKey(2), { passphrase }] }, second],
  ])("after %s keeps everything, under the first key alone", async (_, before, during, after) => {
    const blobs = smallBlobs();
    const [old, current] = await aLife(open(blobs, before));
    const store = open(blobs, during);
    const [earlier, now] = await generations(store);
    const report = await store.rekey({ session });
    expect(report).toEqual({ keyId: SECOND_ID, generations: [now, earlier], entries: expect.any(Number) });
    expect(await leftBehind(blobs, SECOND_ID)).toEqual({});
    const reader = open(blobs, after);
    expect(await generations(reader)).toEqual([earlier, now]);
    expect(await stored(reader)).toEqual(current);
    expect(await stored(reader, earlier)).toEqual(old);
    for await (const { kind } of reader.history({ session })) expect(kind).not.toBe("unreadable");

    // It goes on.
    const records = await take(reader);
    expect(all(records)).toEqual(current);
    for (let n = 0; n < 9; n++) await set(records, { more: `${n}` });
    await records.close();
    expect(await stored(reader)).toEqual({ ...current, more: "8" });
    expect(await stored(reader, earlier)).toEqual(old);
    expect(await leftBehind(blobs, SECOND_ID)).toEqual({});
    expect(await reader.rekey({ session })).toEqual({ keyId: SECOND_ID, generations: [], entries: 0 });
  });

  it("while it is deleted can be brought back", async () => {
    const blobs = smallBlobs();
    const [, current] = await aLife(open(blobs, first));
    const store = open(blobs, both);
    await store.delete({ session });
    await store.rekey({ session });
    expect(await leftBehind(blobs, SECOND_ID)).toEqual({});
    await open(blobs, second).undelete({ session });
    expect(await stored(open(blobs, second))).toEqual(current);
  });

  it("when only its newest records have another key is put together", async () => {
    const blobs = smallBlobs();
    const [, current] = await aLife(open(blobs, second));
    const [, now] = await generations(open(blobs, second));
    const records = await take(open(blobs, { keys: [testKey(1), testKey(2)] }));
    await set(records, { late: "1" });
    await records.close();
    expect(await open(blobs, both).rekey({ session })).toMatchObject({ generations: [now] });
    expect(await leftBehind(blobs, SECOND_ID)).toEqual({});
    expect(await stored(open(blobs, second))).toEqual({ ...current, late: "1" });
  });

  it("is whole to a holder that looks for what an outage has cost", async () => {
    const line = new LatePuts();
    const [old, current] = await aLife(vault(line, { encryption: first }, 4));
    expect(old).toBeDefined();
    await vault(line, { encryption: both }, 4).rekey({ session });
    const warnings: string[] = [];
    const errors: unknown[] = [];
    const store = vault(line, { encryption: second, onWarning: (message) => warnings.push(message) }, 4);
    const records = await take(store, (error) => errors.push(error));
    line.holdsBack = true;
    const setting = set(records, { late: "1" });
    while (errors.length === 0) await setImmediate();
    line.holdsBack = false;
    await setting;
    await records.close();
    expect(warnings).toEqual([]);
    expect(await stored(store)).toEqual({ ...current, late: "1" });
  });

  it("loses nothing when it ends at any of its requests, and ends what is left when it is called again", async () => {
    const start = smallBlobs();
    const [old, current] = await aLife(open(start, first));
    const frames = await everything(start, session);
    let total = Number.POSITIVE_INFINITY;
    for (let end = 1; end <= total; end += times(3, 1)) {
      const blobs = smallBlobs();
      for (const [name, bytes] of frames) await blobs.put(name, bytes);
      const requests = new Requests(blobs);
      const [earlier] = await generations(open(blobs, both));
      let count = 0;
      requests.intercept = async (_, __, go) => {
        if (++count >= end) throw outage();
        return await go();
      };
      const isDone = await open(requests, both)
        .rekey({ session })
        .then(
          () => true,
          () => false,
        );
      if (isDone) total = end;
      expect(await stored(open(blobs, both)), `ended at request ${end}`).toEqual(current);
      await takeOver(open(blobs, both), session).then((lease) => lease.release());
      await open(blobs, both).rekey({ session });
      expect(await leftBehind(blobs, SECOND_ID), `ended at request ${end}`).toEqual({});
      expect(await stored(open(blobs, second))).toEqual(current);
      expect(await stored(open(blobs, second), earlier)).toEqual(old);
    }
    expect(total).toBeGreaterThan(30);
  });

  it("is CORRUPT when a part is damaged: nothing is deleted, and it is read as before", async () => {
    const blobs = smallBlobs();
    const [old] = await aLife(open(blobs, first));
    const [earlier, now] = await generations(open(blobs, first));
    const [newest = ""] = (await keysOf(blobs, "log")).sort().slice(-1);
    const [, , before = ""] = (await keysOf(blobs, "log")).sort().reverse();
    await blobs.delete([before]);
    const store = open(blobs, both);
    const message = expect.stringContaining(`generation ${now} is damaged`);
    await expect(store.rekey({ session })).rejects.toMatchObject({ code: "CORRUPT", message });
    expect(await stored(store, earlier)).toEqual(old);
    expect(await blobs.get(newest)).toBeDefined();
  });
});

describe("records whose key is missing", () => {
  it.each<[string, Encryption | undefined]>([
    ["no key", undefined],
    ["another key", second],
  ])("are WRONG_KEY, never absent, and are not changed: %s", async (_, encryption) => {
    const blobs = smallBlobs();
    const [, current] = await aLife(open(blobs, first));
    const before = await everything(blobs, session);
    const store = open(blobs, encryption);
    const wrong = { code: "WRONG_KEY" };
    await expect(take(store)).rejects.toMatchObject(wrong);
    await expect(stored(store)).rejects.toMatchObject(wrong);
    await expect(store.state({ session })).rejects.toMatchObject(wrong);
    await expect(store.delete({ session })).rejects.toMatchObject(wrong);
    await expect(store.undelete({ session })).rejects.toMatchObject(wrong);
    if (encryption) await expect(store.rekey({ session })).rejects.toMatchObject(wrong);
    expect(await everything(blobs, session)).toEqual(before);
    expect(await stored(open(blobs, first))).toEqual(current);
  });

  it("of which only the newest entries can be read are WRONG_KEY, and are given back", async () => {
    const blobs = smallBlobs();
    const [, current] = await aLife(open(blobs, first));
    const records = await take(open(blobs, both));
    await set(records, { late: "1" });
    await records.close();
    const store = open(blobs, second);
    await expect(take(store)).rejects.toMatchObject({ code: "WRONG_KEY" });
    await expect(stored(store)).rejects.toMatchObject({ code: "WRONG_KEY" });
    // What cannot be kept whole is not deleted, but for good.
    await expect(store.delete({ session })).rejects.toMatchObject({ code: "WRONG_KEY" });
    await expect(store.rekey({ session })).rejects.toMatchObject({ code: "WRONG_KEY" });
    const next = await take(open(blobs, both));
    expect(all(next)).toEqual({ ...current, late: "1" });
    await next.close();
    await store.delete({ session, retainMs: 0 });
    expect(await keysOf(blobs, "chunks")).toEqual([]);
  });
});

describe("records that were stored without encryption", () => {
  it("are told of when they are opened with a key, until they are put together under it", async () => {
    const blobs = new MemoryBlobs();
    const records = await take(vault(blobs));
    await set(records, { a: "1" });
    await records.close();
    const warnings: string[] = [];
    const onWarning = (message: string): unknown => warnings.push(message);
    const store = vault(blobs, { encryption: second, onWarning }, 4);
    const next = await take(store);
    expect(warnings).toEqual([expect.stringMatching(/^Stored without encryption: generation 2 of Baileys-bot,/)]);
    for (let n = 0; n < 12; n++) {
      await set(next, { a: `${n}` });
      await setImmediate();
    }
    await next.close();
    await (await take(vault(blobs, { encryption: second, onWarning }))).close();
    expect(warnings).toHaveLength(1);
    expect((await store.state({ session }))?.current?.keyId).toBe(SECOND_ID);
  });
});
