import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import type { Lease, SaveReport } from "../../lib/store.ts";
import { entryKey } from "../../lib/vault/layout.ts";
import { Vault, type VaultOptions } from "../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, type Files, filesIn, noise, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { gate } from "../support/gate.ts";
import { passTime } from "../support/monotonic-clock.ts";
import { takeOver } from "../support/take-over.ts";
import { FakeTime } from "./support/fake-time.ts";
import { failAll, holdBack, loseAnswers, outage, Requests } from "./support/requests.ts";

const session = "RemoteAuth-bot";
const DAY = 24 * 60 * 60 * 1000;

const folder = useFolder();
let backend: MemoryBlobs;
let requests: Requests;
let warnings: string[];
let store: Vault;

beforeEach(() => {
  backend = new MemoryBlobs();
  requests = new Requests(backend);
  warnings = [];
  store = open();
});
afterEach(async () => {
  vi.useRealTimers();
});

function open(options: VaultOptions = {}): Vault {
  return new Vault({
    blobs: requests,
    retries: 0,
    retryDelayMs: 0,
    onWarning: (message) => warnings.push(message),
    ...options,
  });
}

function save(lease: Lease, files: Files, in_: Vault = store): Promise<SaveReport> {
  return in_.saveProfile({ session, capture: captureOf(files), lease });
}

async function restored(generation?: number): Promise<Files> {
  const into = folder();
  await store.restoreProfile({ session, into, generation });
  return filesIn(into);
}

const kinds = (log: readonly string[]): string[] =>
  log.map((line) =>
    line.replace(/^(\w+) [^/]+\/?(\w*).*/, (_, call: string, space: string) => `${call} ${space}`.trim()),
  );

describe("requests to the backend", () => {
  it("are a listing, a read, an entry, a second listing and a lease when a session is taken", async () => {
    const first = await store.acquire({ session });
    const look = ["list log", "get RemoteAuth"];
    expect(kinds(requests.take())).toEqual([...look, "put log", "list log", "put RemoteAuth", "put lease"]);
    await first.release();
    expect(kinds(requests.take())).toEqual(["put lease"]);
    // Said again until something is saved: whoever took it first may have died before.
    const second = await store.acquire({ session });
    const watched = ["list log", "get log", "list lease"];
    const took = ["put log", "list log", "put RemoteAuth", "delete lease", "put lease"];
    expect(kinds(requests.take())).toEqual([...watched, ...took]);
    await save(second, profileFiles("one"));
    await second.release();
    requests.take();
    await store.acquire({ session });
    expect(kinds(requests.take())).not.toContain("put RemoteAuth");
  });

  it("are no lease where the hold comes without one", async () => {
    await (await store.acquire({ session })).release();
    await store.breakLease({ session });
    requests.take();
    await store.delete({ session: "RemoteAuth-none" });
    await store.undelete({ session }).catch(() => {});
    expect(kinds(requests.take()).filter((kind) => kind.includes("lease"))).toEqual([]);
  });

  it("that find no log entry of a known session report a loss, never an absence", async () => {
    await save(await store.acquire({ session }), profileFiles("one"));
    const entries: string[] = [];
    for await (const { key } of backend.list(`${session}/log/`)) entries.push(key);
    await backend.delete(entries);
    const attempts = [
      () => store.state({ session }),
      () => store.sessionExists({ session }),
      () => store.acquire({ session }),
    ];
    for (const attempt of attempts) {
      await expect(attempt()).rejects.toMatchObject({ code: "CORRUPT", hint: expect.stringContaining("_sessions/") });
    }
  });

  it("are one look when nothing has changed, and never a listing to save", async () => {
    const lease = await store.acquire({ session });
    requests.take();
    await save(lease, profileFiles("one", { "Default/a.ldb": noise(2_000_000) }));
    expect(kinds(requests.take())).toEqual(["put chunks", "put chunks", "put log"]);
    await save(lease, profileFiles("one", { "Default/a.ldb": noise(2_000_000) }));
    expect(kinds(requests.take())).toEqual(["get log"]);
    await save(lease, profileFiles("two", { "Default/a.ldb": noise(2_000_000) }));
    expect(kinds(requests.take())).toEqual(["put chunks", "put log"]);
  });

  it("follow a read of every file but those whose identity is known", async () => {
    const lease = await store.acquire({ session });
    const read: string[] = [];
    const capture = (files: Files): ReturnType<typeof captureOf> => {
      const whole = captureOf(files);
      const spy = whole.files.map((file) => ({
        ...file,
        read: (position: number, length: number) => {
          read.push(file.path);
          return file.read(position, length);
        },
      }));
      return { ...whole, files: spy };
    };
    const files = profileFiles("one", { "Default/a.ldb": noise(700_000) });
    await store.saveProfile({ session, lease, capture: capture(files) });
    expect(new Set(read)).toEqual(new Set(Object.keys(files)));
    read.length = 0;
    await store.saveProfile({
      session,
      lease,
      capture: capture(profileFiles("two", { "Default/a.ldb": noise(700_000) })),
    });
    expect(read).toEqual(["Default/Local Storage/leveldb/000003.log"]);
    read.length = 0;
    // Identities are of one lease: another one reads everything again.
    const next = await takeOver(store, session);
    await store.saveProfile({
      session,
      lease: next,
      capture: capture(profileFiles("two", { "Default/a.ldb": noise(700_000) })),
    });
    expect(new Set(read)).toEqual(new Set(Object.keys(files)));
  });

  it("carry at most `concurrency` chunks at once", async () => {
    const small = open({ concurrency: 2 });
    const lease = await small.acquire({ session });
    const many = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`Default/${n}.ldb`, noise(600_000, n + 1)]));
    requests.intercept = async (_call, _key, go) => {
      // The first ones wait for one another, however long it takes to compress them.
      for (let turn = 0; turn < 20 || requests.most < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
      return go();
    };
    await save(lease, many, small);
    expect(requests.most).toBe(2);
  });

  it("for entries do not wait for those for chunks", async () => {
    const tight = open({ concurrency: 1 });
    const lease = await tight.acquire({ session });
    const held = gate();
    requests.intercept = async (_call, key, go) => {
      if (key.includes("/chunks/")) await held.opened;
      return go();
    };
    const saving = save(lease, profileFiles("one"), tight);
    expect((await tight.state({ session }))?.entry).toBe(1);
    await tight.acquire({ session: "RemoteAuth-other" });
    held.open();
    await saving;
  });
});

describe("a commit whose answer was lost", () => {
  it("is read back and counts", async () => {
    const lease = await store.acquire({ session });
    loseAnswers(requests);
    const saved = await save(lease, profileFiles("one"));
    requests.passAll();
    expect((await store.state({ session }))?.current?.id).toBe(saved.id);
  });

  it("is adopted by the next save when it arrives after it was reported as failed", async () => {
    const lease = await store.acquire({ session });
    const late = holdBack(requests);
    await expect(save(lease, profileFiles("one"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
    requests.passAll();
    await late.arrive();
    assertSameFiles(await restored(), profileFiles("one"));
    const next = await save(lease, profileFiles("two"));
    expect(next.generation).toBe(3);
    expect((await store.state({ session }))?.generations.map(({ generation }) => generation)).toEqual([2, 3]);
    expect(lease.lost.aborted).toBe(false);
    assertSameFiles(await restored(), profileFiles("two"));
    assertSameFiles(await restored(2), profileFiles("one"));
  });

  it("loses nothing when it arrives after a prune that did not know of it", async () => {
    const lease = await store.acquire({ session });
    await save(lease, profileFiles("one"));
    const late = holdBack(requests);
    await expect(save(lease, profileFiles("late"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
    requests.passAll();
    await store.prune({ session, lease });
    await late.arrive();
    assertSameFiles(await restored(), profileFiles("late"));
  });

  it("costs nothing when another process takes the number first", async () => {
    const lease = await store.acquire({ session });
    await save(lease, profileFiles("one"));
    const late = holdBack(requests);
    await expect(save(lease, profileFiles("late"))).rejects.toMatchObject({ code: "UNAVAILABLE" });
    requests.passAll();
    await open().breakLease({ session });
    await expect(late.arrive()).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(save(lease, profileFiles("late"))).rejects.toMatchObject({ code: "LEASE_LOST" });
    assertSameFiles(await restored(), profileFiles("one"));
  });
});

describe("a delete that arrives late", () => {
  it("deletes no chunk that was uploaded again", async () => {
    store = open({ keep: 1 });
    const lease = await store.acquire({ session });
    // So large that it is a chunk by itself.
    const large = { "Default/a.ldb": noise(2_500_000) };
    vi.useFakeTimers({ toFake: ["Date"] });
    await save(lease, profileFiles("base"));
    vi.setSystemTime(Date.now() + 2 * DAY);
    await save(lease, profileFiles("with", large));
    vi.setSystemTime(Date.now() + 2 * DAY);
    await save(lease, profileFiles("without"));
    vi.setSystemTime(Date.now() + 2 * DAY);
    await save(lease, profileFiles("without, again"));
    const late: (() => Promise<unknown>)[] = [];
    requests.intercept = async (call, key, go) => {
      if (call !== "delete" || !key.includes("/chunks/")) return go();
      late.push(go);
      throw outage();
    };
    await expect(store.prune({ session, lease })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(late.length).toBe(1);
    requests.passAll();
    await save(lease, profileFiles("with, again", large));
    for (const go of late) await go();
    assertSameFiles(await restored(), profileFiles("with, again", large));
  });
});

describe("pruning", () => {
  it("keeps the number of blobs bounded, and deletes in batches", async () => {
    const lease = await store.acquire({ session });
    let deletes = 0;
    for (let round = 0; round < 40; round++) {
      await save(lease, profileFiles(`round ${round}`, { [`Default/${round}.ldb`]: noise(600_000, round) }));
      deletes += requests.take().filter((line) => line.startsWith("delete")).length > 0 ? 1 : 0;
      let blobs = 0;
      for await (const { key } of backend.list(`${session}/`)) blobs += key === "" ? 0 : 1;
      expect(blobs).toBeLessThan(60);
    }
    expect(deletes).toBeGreaterThan(2);
    expect(deletes).toBeLessThan(10);
    expect(warnings).toEqual([]);
  });

  it("removes the chunks of a failed save of an earlier holder", async () => {
    let lease = await store.acquire({ session });
    await save(lease, profileFiles("one"));
    const no = new Error("no");
    const beforeCommit = (): never => {
      throw no;
    };
    const capture = captureOf({ "Default/a.ldb": noise(600_000) });
    await expect(store.saveProfile({ session, capture, lease, beforeCommit })).rejects.toBe(no);
    await lease.release();
    lease = await store.acquire({ session });
    await store.prune({ session, lease });
    const left: string[] = [];
    for await (const { key } of backend.list(`${session}/`)) left.push(key);
    expect(left.filter((key) => key.includes("/chunks/")).length).toBe(1);
    assertSameFiles(await restored(), profileFiles("one"));
  });

  it("removes no chunk of a generation whose entry cannot be read meanwhile", async () => {
    const files = profileFiles("one", { "Default/a.ldb": noise(600_000) });
    let lease = await store.acquire({ session });
    const { generation } = await save(lease, files);
    await save(lease, profileFiles("two"));
    await lease.release();
    const key = entryKey(session, generation);
    const whole = await backend.get(key);
    if (!whole) throw new Error("it is not stored");
    await backend.put(key, whole.subarray(1));
    lease = await store.acquire({ session });
    await store.prune({ session, lease });
    expect(warnings).toEqual([expect.stringContaining("Left old data")]);
    await backend.put(key, whole);
    assertSameFiles(await restored(generation), files);
  });

  it("does not fail the save that was committed before it", async () => {
    const lease = await store.acquire({ session });
    failAll(requests, "delete");
    for (let round = 0; round < 20; round++) await save(lease, profileFiles(`round ${round}`));
    expect(warnings.length).toBeGreaterThan(0);
    assertSameFiles(await restored(), profileFiles("round 19"));
    requests.passAll();
    await store.prune({ session, lease });
    const { generations = [] } = (await store.state({ session })) ?? {};
    for (const { generation } of generations) await restored(generation);
  });

  it("removes all chunks of a session that is deleted for good, also when the first attempt fails", async () => {
    const lease = await store.acquire({ session });
    await save(lease, profileFiles("one"));
    await lease.release();
    failAll(requests, "delete");
    await expect(store.delete({ session, retainMs: 0 })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    requests.passAll();
    await store.delete({ session, retainMs: 0 });
    const left: string[] = [];
    for await (const { key } of backend.list(`${session}/chunks/`)) left.push(key);
    expect(left).toEqual([]);
    expect(await store.sessionExists({ session })).toBe(false);
  });

  it("removes a deleted session once it cannot be undeleted any more", async () => {
    const time = new FakeTime();
    store = new Vault({ blobs: requests, leaseTtlMs: DAY }, { clock: time.clock() });
    const lease = await store.acquire({ session });
    await save(lease, profileFiles("one"));
    await store.delete({ session, lease });
    await store.prune({ session, lease });
    await time.advance(6 * DAY);
    await store.prune({ session, lease });
    await store.undelete({ session, lease });
    assertSameFiles(await restored(), profileFiles("one"));
    await store.delete({ session, lease });
    await time.advance(8 * DAY);
    await expect(store.undelete({ session, lease })).rejects.toMatchObject({
      code: "ABSENT",
      message: `Could not undelete ${session}: its deletion could be taken back until 2026-12-11T10:00:00.000Z.`,
    });
    await store.prune({ session, lease });
    const left: string[] = [];
    for await (const { key } of backend.list(`${session}/chunks/`)) left.push(key);
    expect(left).toEqual([]);
  });
});

describe("a large profile", () => {
  it("has its manifest in chunks, and reads it back", async () => {
    const many = Object.fromEntries(
      Array.from({ length: 3_000 }, (_, n) => [`Default/IndexedDB/blob/${n}/a long name of a file ${n}`, noise(40, n)]),
    );
    const lease = await store.acquire({ session });
    await save(lease, profileFiles("one", many));
    const entry = await backend.get(`${session}/log/0000000000000002`);
    expect(entry?.length).toBeLessThan(5_000);
    const again = open();
    const next = await takeOver(again, session);
    expect(await save(next, profileFiles("one", many), again)).toMatchObject({ unchanged: true });
    const changed = await save(next, profileFiles("two", many), again);
    expect(changed.chunksReused).toBeGreaterThan(0);
    await again.prune({ session, lease: next });
    const state = await again.state({ session });
    expect(state?.current?.files).toBe(3_003);
  });

  it("keeps small blobs where a backend takes no larger ones", async () => {
    const small = new Requests(new MemoryBlobs({ maxBlobBytes: 64 * 1024 }));
    const tight = new Vault({ blobs: small });
    const lease = await tight.acquire({ session });
    const files = profileFiles("one", { "Default/a.ldb": noise(1_000_000), "Default/b": noise(300_000, 2) });
    await save(lease, files, tight);
    const into = folder();
    await tight.restoreProfile({ session, into });
    assertSameFiles(await filesIn(into), files);
  });

  it("repacks reused chunks that are mostly unused", async () => {
    const lease = await store.acquire({ session });
    const least = profileFiles("one");
    const files: Record<string, Buffer> = { ...least };
    // Of what each save sends one file stays.
    for (let round = 0; round < 12; round++) {
      for (let n = round; n < 20; n++) files[`Default/${n}.ldb`] = noise(100_000, 1000 * round + n);
      await save(lease, files);
    }
    // What a restore has to fetch is at most half as much again as what it writes, and the headers of frames.
    const into = folder();
    const { bytes, bytesReceived } = await store.restoreProfile({ session, into });
    expect(bytes).toBe(2_000_000 + Object.values(least).reduce((sum, { length }) => sum + length, 0));
    expect(bytesReceived).toBeLessThan(bytes * 1.5 + 10_000);
  });
});

describe("restoring while the holder goes on", () => {
  it("starts over when its generation was pruned meanwhile", async () => {
    const writer = open({ keep: 1 });
    const lease = await writer.acquire({ session });
    vi.useFakeTimers({ toFake: ["Date"] });
    const step = async (value: string): Promise<void> => {
      passTime(2 * DAY);
      vi.setSystemTime(Date.now() + 2 * DAY);
      await save(lease, profileFiles(value, { "Default/own.ldb": noise(600_000, value.length) }), writer);
    };
    await step("1");
    let others: Promise<void> | undefined;
    requests.intercept = async (call, key, go) => {
      if (call === "get" && key.includes("/chunks/")) {
        others ??= (async () => {
          for (const value of ["22", "333", "4444"]) await step(value);
          await writer.prune({ session, lease });
        })();
        await others;
      }
      return go();
    };
    await step("1");
    const into = folder();
    const report = await store.restoreProfile({ session, into });
    expect(report.skipped).toEqual([]);
    assertSameFiles(await filesIn(into), profileFiles("4444", { "Default/own.ldb": noise(600_000, 4) }));
  });
});

describe("a signal", () => {
  it("ends a call that waits for others at once, and none of those others", async () => {
    const lease = await store.acquire({ session });
    const held = gate();
    requests.intercept = async (_call, _key, go) => {
      await held.opened;
      return go();
    };
    const first = save(lease, profileFiles("one"));
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error("enough");
    const capture = captureOf(profileFiles("two"));
    const second = store.saveProfile({ session, lease, capture, signal });
    const third = save(lease, profileFiles("three"));
    controller.abort(reason);
    await expect(second).rejects.toBe(reason);
    held.open();
    await first;
    await third;
    assertSameFiles(await restored(), profileFiles("three"));
  });

  it("may be listened to by any number of chunks under way", async () => {
    const wide = open({ concurrency: 64 });
    const lease = await wide.acquire({ session });
    const tables = Array.from({ length: 40 }, (_, n) => [`Default/${n}.ldb`, noise(520_000, n + 1)] as const);
    const many = profileFiles("one", Object.fromEntries(tables));
    const { signal } = new AbortController();
    requests.intercept = async (_call, _key, go) => {
      await new Promise((resolve) => setImmediate(resolve));
      return go();
    };
    await wide.saveProfile({ session, lease, capture: captureOf(many), signal });
    const into = folder();
    await wide.restoreProfile({ session, into, signal });
    expect(Object.keys(await filesIn(into)).length).toBe(Object.keys(many).length);
  });
});

describe("a capture with names that could not be restored", () => {
  it("is refused", async () => {
    const lease = await store.acquire({ session });
    for (const path of ["../x", "/x", "a//b", "NUL", "a:b"]) {
      await expect(save(lease, { [path]: Buffer.from("x") })).rejects.toMatchObject({ code: "INVALID" });
    }
    await expect(save(lease, { a: Buffer.from("x"), A: Buffer.from("x") })).rejects.toMatchObject({ code: "INVALID" });
  });
});

describe("sessions", () => {
  it("are listed, each once", async () => {
    for (const name of ["RemoteAuth", "RemoteAuth-b", "RemoteAuth-a"]) {
      const lease = await store.acquire({ session: name });
      await store.saveProfile({ session: name, capture: captureOf(profileFiles("one")), lease });
    }
    const names: string[] = [];
    for await (const name of store.sessions()) names.push(name);
    expect(names.sort()).toEqual(["RemoteAuth", "RemoteAuth-a", "RemoteAuth-b"]);
  });
});

describe("an outage", () => {
  it("is neither an absence nor damage, whichever method is called", async () => {
    const lease = await store.acquire({ session });
    const { generation } = await save(lease, profileFiles("one"));
    failAll(requests);
    const into = folder();
    for (const call of [
      () => store.state({ session }),
      () => store.sessionExists({ session }),
      () => store.acquire({ session }),
      () => store.restoreProfile({ session, into }),
      () => store.extract({ session, path: join(folder(), "x.zip") }),
      () => save(lease, profileFiles("two")),
      () => store.mark({ session, lease, generation, as: "proven" }),
      () => store.delete({ session }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "UNAVAILABLE", retryable: true });
    }
    requests.passAll();
    assertSameFiles(await restored(), profileFiles("one"));
    expect(lease.lost.aborted).toBe(false);
    await save(lease, profileFiles("two"));
  });
});

describe("a backend without exclusive create", () => {
  it("causes one warning, and works for one writer", async () => {
    const loose = new Vault({
      blobs: new MemoryBlobs({ exclusiveCreate: false }),
      onWarning: (message) => warnings.push(message),
    });
    const lease = await loose.acquire({ session });
    await save(lease, profileFiles("one"), loose);
    const next = await loose.acquire({ session });
    await expect(save(lease, profileFiles("late"), loose)).rejects.toMatchObject({ code: "LEASE_LOST" });
    await save(next, profileFiles("two"), loose);
    expect(warnings.filter((message) => message.includes("exclusively")).length).toBe(1);
  });

  it("has no leases, and says so once, whatever the number of sessions and calls", async () => {
    const blobs = new MemoryBlobs({ exclusiveCreate: false });
    const open = (): Vault => new Vault({ blobs, onWarning: (message) => warnings.push(message) });
    const [one, two] = [open(), open()];
    for (const name of ["RemoteAuth-1", "RemoteAuth-2"]) {
      await Promise.all([one.state({ session: name }), one.acquire({ session: name })]);
      await one.acquire({ session: name });
      expect(await one.state({ session: name })).not.toHaveProperty("lease");
    }
    const off = expect.stringMatching(/^This store cannot create a key exclusively: leases are off, .*\.$/);
    expect(warnings).toEqual([off]);
    // Another process does not wait, and is told as well.
    expect((await two.acquire({ session: "RemoteAuth-1", waitMs: 0 })).epoch).toBe(3);
    expect(warnings).toEqual([off, off]);
  });
});

describe("options", () => {
  it.each([
    ["blobs", { blobs: undefined }],
    ["keep", { keep: 0 }],
    ["keep", { keep: 1.5 }],
    ["keepForMs", { keepForMs: 367 * 86_400_000 }],
    ["keepForMs", { keepForMs: 3 * 86_400_000, maxAgeMs: 2 * 86_400_000 }],
    ["maxAgeMs", { maxAgeMs: 3_600_000 }],
    ["retainDeletedMs", { retainDeletedMs: -1 }],
    ["concurrency", { concurrency: Number.NaN }],
    ["attemptTimeoutMs", { attemptTimeoutMs: Number.POSITIVE_INFINITY }],
    ["retries", { retries: -1 }],
    ["retryDelayMs", { retryDelayMs: "1" }],
    ["leaseTtlMs", { leaseTtlMs: 999 }],
    ["leaseTtlMs", { leaseTtlMs: Number.POSITIVE_INFINITY }],
    ["dataPath", { dataPath: "" }],
    ["onWarning", { onWarning: 1 }],
  ])("names %s when it is wrong", (name, wrong) => {
    const options = { blobs: backend, ...wrong } as unknown as ConstructorParameters<typeof Vault>[0];
    expect(() => new Vault(options)).toThrow(new RegExp(`^Expected \`${name}\` to be .*, got .*\\.$`));
  });
});
