import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { type CopyProgress, copySession } from "../../lib/copy-session.ts";
import type { SessionStore } from "../../lib/store.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { testKey } from "../support/keys.ts";
import { set, stored, take, vault } from "../vault/support/records.ts";
import { outage, Requests } from "../vault/support/requests.ts";

const session = "Baileys-bot";
/** More than an entry takes in the target. */
const large = "x".repeat(90_000);
const expected: Record<string, string> = { creds: "{}", large, "key 8": "8", "key 9": "9" };

/** A store with a session of records, some of which were put together. */
async function source(): Promise<{ blobs: MemoryBlobs; from: ReturnType<typeof vault> }> {
  const blobs = new MemoryBlobs();
  const from = vault(blobs, {}, 4);
  const records = await take(from);
  await set(records, { creds: "{}", large });
  for (let n = 0; n < 10; n++) {
    await set(records, { [`key ${n}`]: `${n}`, [`key ${n - 2}`]: undefined });
    await setImmediate();
  }
  await records.close();
  return { blobs, from };
}

const target = (): MemoryBlobs => new MemoryBlobs({ maxBlobBytes: 64 * 1024 });

async function entryOf(store: ReturnType<typeof vault>): Promise<number | undefined> {
  return (await store.state({ session }))?.entry;
}

describe("a copy of a session of Baileys", () => {
  it("has all records, and leaves the source alone", async () => {
    const { from } = await source();
    const entry = await entryOf(from);
    const to = vault(target(), { encryption: { key: testKey(1) } });
    const steps: CopyProgress[] = [];
    const report = await copySession({ from, to, session, onProgress: (step) => steps.push(step) });
    expect(report).toEqual({
      session,
      fromSession: session,
      files: 4,
      bytes: large.length + 4,
      unchanged: false,
      skipped: [],
      ms: expect.any(Number),
    });
    expect(steps.map(({ step }) => step)).toEqual(["reading", "checking", "writing", "comparing"]);
    expect(steps[3]).toMatchObject({ session, files: 4, bytes: report.bytes });
    expect(await stored(to)).toEqual(expected);
    expect(await entryOf(from)).toBe(entry);
    const copied = await entryOf(to);
    expect(await copySession({ from, to, session })).toMatchObject({ unchanged: true });
    expect(await entryOf(to)).toBe(copied);
    // It was given back.
    expect(await to.state({ session })).not.toHaveProperty("lease");
  });

  it("can have another name", async () => {
    const { from } = await source();
    const to = vault(target());
    const report = await copySession({ from, to, session: "Baileys-other", fromSession: session });
    expect(report).toMatchObject({ session: "Baileys-other", fromSession: session });
    expect((await to.peekRecords({ session: "Baileys-other" }))?.size).toBe(4);
    expect(await to.state({ session })).toBeUndefined();
  });

  it("of one that somebody holds is refused, and made with `force`", async () => {
    const { blobs, from } = await source();
    const bot = await take(vault(blobs));
    const to = vault(target());
    const owner = expect.stringMatching(/:\d+$/);
    await expect(copySession({ from, to, session })).rejects.toMatchObject({ code: "LEASE_HELD", owner });
    expect(await to.state({ session })).toBeUndefined();
    expect(await copySession({ from, to, session, force: true })).toMatchObject({ heldBy: owner, unchanged: false });
    expect(await stored(to)).toEqual(expected);
    expect(bot.lost.aborted).toBe(false);
    await bot.close();
    expect(await copySession({ from, to, session })).not.toHaveProperty("heldBy");
  });

  it.each<[string, string, boolean]>([
    ["is taken", "LEASE_HELD", false],
    ["is changed, and given back,", "CONFLICT", true],
  ])("of one that %s while it is read is refused", async (_, code, isClosed) => {
    const { blobs, from } = await source();
    const peek = from.peekRecords.bind(from);
    from.peekRecords = async (options) => {
      const found = await peek(options);
      const records = await take(vault(blobs));
      await set(records, { creds: "later" });
      if (isClosed) await records.close();
      return found;
    };
    const to = vault(target());
    await expect(copySession({ from, to, session })).rejects.toMatchObject({ code });
    expect(await to.state({ session })).toBeUndefined();
  });

  it("replaces another version only with `replace`, and it can be looked up again", async () => {
    const { from } = await source();
    const to = vault(target());
    const records = await take(to);
    await set(records, { creds: "other", more: "1" });
    await records.close();
    const conflict = { code: "CONFLICT", message: expect.stringContaining("5 of 5 records differ") };
    await expect(copySession({ from, to, session })).rejects.toMatchObject(conflict);
    expect(await stored(to)).toEqual({ creds: "other", more: "1" });
    await copySession({ from, to, session, replace: true });
    expect(await stored(to)).toEqual(expected);
    const [earlier] = (await to.state({ session }))?.generations ?? [];
    expect(earlier).toMatchObject({ beforeDeletion: true });
    expect(await stored(to, earlier?.generation)).toEqual({ creds: "other", more: "1" });
  });

  it("replaces a damaged version only with `replace`", async () => {
    const { from } = await source();
    const blobs = target();
    const to = vault(blobs);
    const records = await take(to);
    for (const creds of ["1", "2", "3"]) await set(records, { creds });
    await records.close();
    await blobs.delete([`${session}/log/0000000000000003`]);
    await expect(copySession({ from, to, session })).rejects.toMatchObject({ code: "CONFLICT" });
    await copySession({ from, to, session, replace: true });
    expect(await stored(to)).toEqual(expected);
  });

  it("is refused where it does not fit, and nothing is written", async () => {
    const { from } = await source();
    const zips: SessionStore = {
      sessionExists: () => false,
      save: () => Promise.reject(new Error("never")),
      extract: () => Promise.reject(new Error("never")),
      delete: async () => {},
    };
    const invalid = { code: "INVALID", message: expect.stringContaining("cannot keep a session of Baileys") };
    await expect(copySession({ from, to: zips, session })).rejects.toMatchObject(invalid);

    const to = vault(target());
    const lease = await to.acquire({ session });
    const capture = captureOf(profileFiles("one"));
    await to.saveProfile({ session, lease, capture });
    await lease.release();
    await expect(copySession({ from, to, session, replace: true })).rejects.toMatchObject({ code: "INVALID" });
    expect(await to.sessionExists({ session })).toBe(true);
    // Nor the other way round.
    await expect(copySession({ from: to, to: from, session, replace: true })).rejects.toMatchObject({
      code: "INVALID",
    });
    expect(await stored(from)).toEqual(expected);

    await from.delete({ session });
    await expect(copySession({ from, to: vault(target()), session })).rejects.toMatchObject({ code: "ABSENT" });
  });

  it("is refused when a process has the session in the target", async () => {
    const { from } = await source();
    const blobs = target();
    await take(vault(blobs));
    const owner = expect.stringMatching(/:\d+$/);
    const held = { code: "LEASE_HELD", owner, message: expect.stringContaining("write to the target") };
    await expect(copySession({ from, to: vault(blobs), session })).rejects.toMatchObject(held);
  });

  it("ends when the target does not answer, at each request: it is absent there, or whole", async () => {
    const { from } = await source();
    const seen = new Set<string>();
    for (let end = 0, isDone = false; !isDone; end++) {
      const blobs = target();
      const requests = new Requests(blobs);
      let count = 0;
      requests.intercept = (_, __, go) => (count++ < end ? go() : Promise.reject(outage()));
      const copying = copySession({ from, to: vault(requests), session });
      const code = await copying.then(
        () => "done",
        (error) => error.code,
      );
      isDone = code === "done";
      expect(["done", "UNAVAILABLE"], `ended at request ${end}`).toContain(code);
      const found = await stored(vault(blobs));
      if (found) expect(found).toEqual(expected);
      seen.add(found ? "whole" : "absent");
    }
    expect([...seen].sort()).toEqual(["absent", "whole"]);
  });

  it("ends at once when its signal aborts", async () => {
    const { from } = await source();
    const blobs = target();
    const requests = new Requests(blobs);
    const controller = new AbortController();
    requests.intercept = async (call, key, go) => {
      if (call !== "put" || !key.includes("/chunks/")) return await go();
      controller.abort(new Error("enough"));
      return await new Promise(() => {});
    };
    const copying = copySession({ from, to: vault(requests), session, signal: controller.signal });
    await expect(copying).rejects.toThrow("enough");
    expect(await stored(vault(blobs))).toBeUndefined();
  });
});
