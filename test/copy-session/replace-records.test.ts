import { describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { copySession } from "../../lib/copy-session.ts";
import { session, set, stored, take, vault } from "../vault/support/records.ts";
import { outage, Requests } from "../vault/support/requests.ts";

const small = { creds: "{}", "key 1": "1" };
const large = { ...small, large: "x".repeat(90_000) };
const before = { creds: "other", "key 2": "2", "key 3": "3" };

const target = (): MemoryBlobs => new MemoryBlobs({ maxBlobBytes: 64 * 1024 });

async function having(blobs: MemoryBlobs, ...sets: Record<string, string | undefined>[]): Promise<void> {
  const records = await take(vault(blobs));
  for (const values of sets) await set(records, values);
  await records.close();
}

async function source(values: Record<string, string>): Promise<ReturnType<typeof vault>> {
  const blobs = new MemoryBlobs();
  await having(blobs, values);
  return vault(blobs);
}

/** What a target has before. */
const targets: [string, (blobs: MemoryBlobs) => Promise<void>][] = [
  ["one set", (blobs) => having(blobs, before)],
  ["several sets", (blobs) => having(blobs, { creds: "1", gone: "x" }, { gone: undefined }, before)],
  [
    "a large set",
    async (blobs) => {
      await having(blobs, { creds: "1", gone: "y".repeat(90_000) });
      await having(blobs, { gone: undefined }, before);
    },
  ],
  [
    "a link after one that was deleted",
    async (blobs) => {
      await having(blobs, { creds: "earlier" });
      await vault(blobs).delete({ session });
      await having(blobs, before);
    },
  ],
  [
    "what an undelete has brought back",
    async (blobs) => {
      await having(blobs, before);
      await vault(blobs).delete({ session });
      await vault(blobs).undelete({ session });
    },
  ],
];

describe.each(targets)("a copy that replaces %s", (_, fill) => {
  it.each<[string, string, Record<string, string>]>([
    ["dies at each request", "before", small],
    ["dies at each request", "after", small],
    ["of more than an entry takes dies at each request", "after", large],
  ])(
    "and %s, %s it is done: the target has all of the old session, or all of the new one",
    async (_, moment, values) => {
      const from = await source(values);
      const seen = new Set<string>();
      for (let end = 0, isDone = false; !isDone; end++) {
        const blobs = target();
        await fill(blobs);
        const requests = new Requests(blobs);
        let count = 0;
        requests.intercept = async (__, ___, go) => {
          if (count++ < end) return await go();
          // The process dies with the request under way; nothing comes after it.
          if (moment === "after" && count === end + 1) await go();
          throw outage();
        };
        const code = await copySession({ from, to: vault(requests), session, replace: true }).then(
          () => "done",
          (error) => error.code,
        );
        isDone = code === "done";
        const found = await stored(vault(blobs));
        expect([before, values], `ended at request ${end}`).toContainEqual(found);
        const { deleted } = (await vault(blobs).state({ session })) ?? {};
        expect(deleted).toBeUndefined();
        seen.add(found?.creds === before.creds ? "old" : "new");
        // Whoever comes next can use it, and the copy can be made again.
        const next = await vault(blobs).breakLease({ session });
        expect(next).toBeDefined();
        await copySession({ from, to: vault(blobs), session, replace: true });
        expect(await stored(vault(blobs))).toEqual(values);
      }
      expect([...seen].sort()).toEqual(["new", "old"]);
    },
  );

  it("keeps the old session as one generation of an earlier link, and the new one is used as any other", async () => {
    const blobs = target();
    await fill(blobs);
    await copySession({ from: await source(large), to: vault(blobs), session, replace: true });
    const state = await vault(blobs).state({ session });
    const earlier = state?.generations.filter(({ beforeDeletion }) => beforeDeletion) ?? [];
    expect(await stored(vault(blobs), earlier.at(-1)?.generation)).toEqual(before);
    // Later sets, folds, prunes and deletions leave both whole.
    const records = await take(vault(blobs, {}, 4));
    for (let n = 0; n < 12; n++) await set(records, { creds: `${n}`, large: undefined });
    await records.close();
    const lease = await vault(blobs).acquire({ session });
    await lease.release();
    expect(await stored(vault(blobs))).toEqual({ creds: "11", "key 1": "1" });
    expect(await stored(vault(blobs), earlier.at(-1)?.generation)).toEqual(before);
    await vault(blobs).delete({ session });
    await vault(blobs).undelete({ session });
    expect(await stored(vault(blobs))).toEqual({ creds: "11", "key 1": "1" });
    const problems: unknown[] = [];
    for await (const { problem } of vault(blobs).verifySession({ session, all: true })) problems.push(problem);
    expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
    expect(problems.length).toBeGreaterThan(1);
  });
});

describe("a copy that replaces records which nobody can read", () => {
  it("and dies at each request: the target stays damaged, or has all of the new session", async () => {
    const from = await source(small);
    const seen = new Set<string>();
    for (let end = 0, isDone = false; !isDone; end++) {
      const blobs = target();
      await having(blobs, { creds: "1" }, { creds: "2" }, { creds: "3" });
      await blobs.delete([`${session}/log/0000000000000003`]);
      const requests = new Requests(blobs);
      let count = 0;
      requests.intercept = (_, __, go) => (count++ < end ? go() : Promise.reject(outage()));
      const copy = copySession({ from, to: vault(requests), session, replace: true });
      isDone = await copy.then(
        () => true,
        () => false,
      );
      const found = await stored(vault(blobs)).catch((error) => error.code);
      expect(["CORRUPT", small], `ended at request ${end}`).toContainEqual(found);
      seen.add(typeof found);
    }
    expect([...seen].sort()).toEqual(["object", "string"]);
  });
});
