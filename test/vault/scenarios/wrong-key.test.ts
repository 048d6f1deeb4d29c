import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { copySession } from "../../../lib/copy-session.ts";
import type { VaultError } from "../../../lib/errors.ts";
import type { Encryption } from "../../../lib/vault/encryption.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, filesIn, profileFiles, writeZip } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { keyIdOf, testKey } from "../../support/keys.ts";
import { takeOver } from "../../support/take-over.ts";
import { everything } from "../../support/traces.ts";

const session = "RemoteAuth-bot";
const passphrase = "correct horse battery staple";
const [ID, OTHER_ID] = [keyIdOf(testKey(1)), keyIdOf(testKey(2))];

const folder = useFolder();
let blobs: MemoryBlobs;
beforeEach(() => {
  blobs = new MemoryBlobs();
});

const open = (encryption?: Encryption): Vault => new Vault({ blobs, encryption, retryDelayMs: 0, onWarning: () => {} });

async function savedWith(encryption: Encryption): Promise<void> {
  const store = open(encryption);
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, capture: captureOf(profileFiles("one")), lease });
  await store.saveProfile({ session, capture: captureOf(profileFiles("two")), lease });
  await lease.release();
}

const withKey = { key: testKey(1) };
const cases: [stored: string, Encryption, given: string, Encryption | undefined, message: RegExp][] = [
  ["a key", withKey, "no key", undefined, new RegExp(`encrypted with key ${ID}, and no key was given`)],
  ["a key", withKey, "another key", { key: testKey(2) }, new RegExp(`key ${ID}, and given was key ${OTHER_ID}`)],
  ["a key", withKey, "a passphrase", { passphrase }, new RegExp(`key ${ID}, and given was a passphrase`)],
  ["a passphrase", { passphrase }, "no key", undefined, /with a passphrase \(key [0-9a-f]{16}\), and no key was given/],
  ["a passphrase", { passphrase }, "another one", { passphrase: `${passphrase}!` }, /\), and given was a passphrase/],
  ["a passphrase", { passphrase }, "a key", withKey, new RegExp(`\\), and given was key ${ID}`)],
];

const calls: Record<string, (store: Vault, directory: string) => Promise<unknown>> = {
  acquire: (store) => store.acquire({ session }),
  state: (store) => store.state({ session }),
  sessionExists: (store) => store.sessionExists({ session }),
  restoreProfile: (store, directory) => store.restoreProfile({ session, into: join(directory, "into") }),
  "restoreProfile of one generation": (store, directory) =>
    store.restoreProfile({ session, into: join(directory, "into"), generation: 2 }),
  extract: (store, directory) => store.extract({ session, path: join(directory, "out.zip") }),
  save: async (store, directory) => {
    await writeZip(profileFiles("other"), join(directory, "in.zip"));
    return store.save({ session, path: join(directory, "in.zip") });
  },
  delete: (store) => store.delete({ session }),
  "delete for good": (store) => store.delete({ session, retainMs: 0 }),
  undelete: (store) => store.undelete({ session }),
  breakLease: (store) => store.breakLease({ session }),
  "copySession from it": (from) => copySession({ from, to: new Vault({ blobs: new MemoryBlobs() }), session }),
  "copySession to it": async (to) => {
    const from = new Vault({ blobs: new MemoryBlobs() });
    await from.saveProfile({
      session,
      capture: captureOf(profileFiles("other")),
      lease: await from.acquire({ session }),
    });
    return copySession({ from, to, session, replace: true });
  },
};

describe.each(cases)(
  "a session that is encrypted with %s, in a store with",
  (_, stored, given, encryption, message) => {
    it(`${given}: every call is WRONG_KEY, and changes nothing`, async () => {
      await savedWith(stored);
      const before = await everything(blobs, session);
      for (const [name, call] of Object.entries(calls)) {
        const error = await call(open(encryption), folder()).then(
          () => undefined,
          (error: unknown) => error,
        );
        expect(error, name).toMatchObject({ code: "WRONG_KEY", retryable: false });
        expect((error as Error).message, name).toMatch(message);
        expect((error as VaultError).hint, name).toMatch(/Nothing was changed/);
        expect(await everything(blobs, session), name).toEqual(before);
      }
      const told: unknown[] = [];
      for await (const entry of open(encryption).history({ session })) told.push(entry);
      expect(told.length).toBe(3);
      for (const entry of told) expect(entry).toMatchObject({ kind: "unreadable", error: { code: "WRONG_KEY" } });
      // And whoever has the key has the session.
      const into = join(folder(), "into");
      await open(stored).restoreProfile({ session, into });
      assertSameFiles(await filesIn(into), profileFiles("two"));
    });
  },
);

describe("a holder whose session was taken by a process with another key", () => {
  it("loses its lease, and overwrites nothing", async () => {
    const plain = open();
    const lease = await plain.acquire({ session });
    await plain.saveProfile({ session, capture: captureOf(profileFiles("one")), lease });
    await takeOver(open(withKey), session);
    const before = await everything(blobs, session);
    const late = plain.saveProfile({ session, capture: captureOf(profileFiles("late")), lease });
    await expect(late).rejects.toMatchObject({ code: "LEASE_LOST" });
    expect(lease.lost.aborted).toBe(true);
    const logs = (all: Map<string, Buffer>): unknown => [...all].filter(([key]) => key.includes("/log/"));
    expect(logs(await everything(blobs, session))).toEqual(logs(before));
  });
});

/** Empties the chunks of the newest generation. */
async function damageNewest(): Promise<void> {
  const keys = [...(await everything(blobs, session)).keys()].filter((key) => key.includes("/chunks/"));
  const folders = [...new Set(keys.map((key) => key.split("/").at(-2) ?? ""))].sort();
  for (const key of keys) if (key.includes(folders.at(-1) ?? "")) await blobs.put(key, Buffer.alloc(0));
}

describe("a session under several keys", () => {
  it("is read with every key of the list, and written with the first one", async () => {
    await savedWith(withKey);
    const store = open({ keys: [testKey(2), testKey(1)] });
    const lease = await store.acquire({ session });
    const { generation } = await store.saveProfile({ session, capture: captureOf(profileFiles("two")), lease });
    const state = await store.state({ session });
    const ids = state?.generations.map(({ keyId }) => keyId);
    expect(ids).toEqual([ID, ID, OTHER_ID]);
    const into = join(folder(), "into");
    await open({ key: testKey(2) }).restoreProfile({ session, into, generation });
    assertSameFiles(await filesIn(into), profileFiles("two"));
    await expect(open(withKey).state({ session })).rejects.toMatchObject({ code: "WRONG_KEY" });
  });

  it("goes on when the old key is gone, and says WRONG_KEY of what only that key reads", async () => {
    await savedWith(withKey);
    const both = open({ keys: [testKey(2), testKey(1)] });
    const lease = await both.acquire({ session });
    await both.saveProfile({ session, capture: captureOf(profileFiles("three")), lease });
    await lease.release();
    const store = open({ key: testKey(2) });
    const next = await store.acquire({ session });
    await store.saveProfile({ session, capture: captureOf(profileFiles("four")), lease: next });
    const into = join(folder(), "into");
    await expect(store.restoreProfile({ session, into, generation: 2 })).rejects.toMatchObject({ code: "WRONG_KEY" });
    const { generation } = await store.restoreProfile({ session, into: join(folder(), "into") });
    expect(generation).toBe((await store.state({ session }))?.current?.generation);
  });

  it("passes over an older generation whose key is gone when the current one is damaged", async () => {
    for (const [key, value] of [
      [1, "one"],
      [3, "three"],
      [2, "two"],
    ] as const) {
      const store = open({ keys: [...new Set([key, 1, 3])].map((one) => testKey(one)) });
      const lease = await store.acquire({ session });
      await store.saveProfile({ session, capture: captureOf(profileFiles(value)), lease });
      await lease.release();
    }
    await damageNewest();
    const into = join(folder(), "into");
    const report = await open({ keys: [testKey(2), testKey(1)] }).restoreProfile({ session, into });
    expect(report).toMatchObject({ generation: 2, skipped: [{ code: "CORRUPT" }, { code: "WRONG_KEY" }] });
    assertSameFiles(await filesIn(into), profileFiles("one"));
    const restoring = open({ key: testKey(2) }).restoreProfile({ session, into: join(folder(), "into") });
    await expect(restoring).rejects.toMatchObject({
      code: "WRONG_KEY",
      message: expect.stringMatching(/no generation is whole .* encrypted with key/),
      hint: expect.stringContaining("Give the store that key"),
    });
  });

  it("drops generations of a key that is gone when they are not kept any more", async () => {
    await savedWith(withKey);
    const both = open({ keys: [testKey(2), testKey(1)] });
    const first = await both.acquire({ session });
    await both.saveProfile({ session, capture: captureOf(profileFiles("x")), lease: first });
    await first.release();
    const store = new Vault({ blobs, encryption: { key: testKey(2) }, keep: 1, retryDelayMs: 0 });
    const lease = await store.acquire({ session });
    await store.delete({ session, lease, retainMs: 0 });
    await store.saveProfile({ session, capture: captureOf(profileFiles("y")), lease });
    await store.prune({ session, lease });
    const keys = [...(await everything(blobs, session)).keys()].filter((key) => key.includes("/chunks/"));
    expect(keys.length).toBe(1);
  });
});
