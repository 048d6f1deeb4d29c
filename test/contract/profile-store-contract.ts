import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isVaultError, type VaultErrorCode } from "../../lib/errors.ts";
import type { Lease, ProfileStore, RestoreReport, SaveReport, SessionState } from "../../lib/store.ts";
import { assertSameFiles, captureOf, type Files, filesIn, noise, profileFiles } from "./profile.ts";
import { type Opened, type Runner, type SuiteOptions, suite } from "./runner.ts";

/** A store under test. */
export interface OpenedProfileStore extends Opened {
  /** The store: new and empty. */
  readonly store: ProfileStore;
  /** Another instance on the same backend, as another process would have it; the same one when there is no other way. */
  readonly again?: () => ProfileStore | Promise<ProfileStore>;
}

/** What every store must do that takes profiles file by file. */
export function profileStoreContract(runner: Runner, options: SuiteOptions<OpenedProfileStore>): void {
  suite(runner, "profile store", options, tests);
}

const session = "RemoteAuth-bot";

const tests: Record<string, (opened: OpenedProfileStore) => Promise<void>> = {
  "knows nothing of a session that was never written": async ({ store }) => {
    assert.equal(await store.state({ session }), undefined);
    assert.equal(await store.sessionExists({ session }), false);
    await restoreRejects(store, "ABSENT");
  },

  "has no generation after the session was only taken": async ({ store }) => {
    const { epoch } = await store.acquire({ session });
    const state = await store.state({ session });
    assert.equal(state?.epoch, epoch);
    assert.equal(state?.current, undefined);
    assert.deepEqual(state?.generations, []);
    assert.equal(await store.sessionExists({ session }), false);
    await restoreRejects(store, "ABSENT");
  },

  "tells its history, newest first, when it has one": async ({ store, again }) => {
    const lease = await store.acquire({ session });
    const { generation } = await save(store, lease, profileFiles("one"));
    await store.mark({ session, lease, generation, as: "rejected" });
    const reader = (await again?.()) ?? store;
    if (!reader.history) return;
    const told: unknown[] = [];
    for await (const entry of reader.history({ session })) told.push([entry.kind, entry.generation ?? entry.saved?.id]);
    const { current } = await known(store);
    assert.deepEqual(told, [
      ["rejected", generation],
      ["save", current?.id],
      ["hold", undefined],
    ]);
  },

  "lists its sessions when it can, a deleted one too": async ({ store, again }) => {
    const names = ["RemoteAuth", "RemoteAuth-Bot", session, "x".repeat(128)];
    for (const name of names) {
      const lease = await store.acquire({ session: name });
      await store.saveProfile({ session: name, capture: captureOf(profileFiles("one")), lease });
      await lease.release();
    }
    await store.delete({ session });
    const reader = (await again?.()) ?? store;
    if (!reader.sessions) return;
    const listed: string[] = [];
    for await (const name of reader.sessions({})) listed.push(name);
    assert.deepEqual(listed.sort(), names.sort());
  },

  "restores what was saved": async ({ store, again }) => {
    const files = profileFiles("one", {
      "Default/a/large.ldb": noise(9_000_000),
      "Default/a/000005.log": noise(700_000, 2),
      "Default/b/in place": noise(1_500_000, 3),
      "Default/b/text": Buffer.alloc(2_000_000, "all the same "),
      "Default/empty": Buffer.alloc(0),
      "Default/ä 漢字": Buffer.from("a name"),
    });
    const lease = await store.acquire({ session });
    const saved = await save(store, lease, files);
    assert.equal(saved.unchanged, false);
    assert.equal(saved.files, Object.keys(files).length);
    assert.equal(saved.bytes, bytesOf(files));
    assert.ok(saved.bytesSent > 9_000_000 && saved.bytesSent < bytesOf(files));
    const state = await known(store);
    assert.equal(state.current?.generation, saved.generation);
    assert.equal(state.current?.id, saved.id);
    assert.equal(state.current?.bytes, saved.bytes);
    const other = (await again?.()) ?? store;
    const { report, files: restored } = await restore(other);
    assertSameFiles(restored, files);
    assert.equal(report.generation, saved.generation);
    assert.equal(report.id, saved.id);
    assert.equal(report.files, saved.files);
    assert.equal(report.bytes, saved.bytes);
    assert.deepEqual(report.skipped, []);
    assert.equal(report.profile.browserVersion, "156.0.8078.73");
  },

  "lets only the owner read what it restores": async ({ store }) => {
    const lease = await store.acquire({ session });
    await save(store, lease, profileFiles("one"));
    await inTemporary(async (directory) => {
      await store.restoreProfile({ session, into: join(directory, "new") });
      for (const [path, mode] of [
        ["new", 0o700],
        ["new/Default", 0o700],
        ["new/Default/Local Storage/leveldb/CURRENT", 0o600],
      ] as const) {
        if (process.platform !== "win32") assert.equal((await stat(join(directory, path))).mode & 0o777, mode);
      }
    });
  },

  "writes nothing when nothing changed": async ({ store }) => {
    const lease = await store.acquire({ session });
    const files = profileFiles("one", { "Default/a.ldb": noise(1_000_000) });
    const first = await save(store, lease, files);
    const { entry } = await known(store);
    for (const identity of [true, false]) {
      const again = await store.saveProfile({ session, capture: captureOf(files, { identity }), lease });
      assert.equal(again.unchanged, true);
      assert.equal(again.generation, first.generation);
      assert.equal(again.id, first.id);
      assert.equal(again.bytesSent, 0);
      assert.equal(again.chunksSent, 0);
    }
    assert.equal((await known(store)).entry, entry);
  },

  "knows what did not change also in another process": async ({ store, again }) => {
    const files = profileFiles("one", { "Default/a.ldb": noise(1_000_000) });
    const first = await save(store, await store.acquire({ session }), files);
    const other = (await again?.()) ?? store;
    await other.breakLease?.({ session });
    const second = await save(other, await other.acquire({ session }), files);
    assert.equal(second.unchanged, true);
    assert.equal(second.generation, first.generation);
  },

  "sends only what changed": async ({ store }) => {
    const lease = await store.acquire({ session });
    const large = { "Default/a.ldb": noise(2_000_000, 1), "Default/b.ldb": noise(2_000_000, 2) };
    await save(store, lease, profileFiles("one", large));
    const second = await save(store, lease, profileFiles("two", large));
    assert.equal(second.unchanged, false);
    assert.ok(second.bytesSent < 10_000, `${second.bytesSent} bytes were sent`);
    assert.equal(second.chunksSent, 1);
    assert.ok(second.chunksReused >= 2);
    assertSameFiles((await restore(store)).files, profileFiles("two", large));
  },

  "sends the same bytes once": async ({ store }) => {
    const lease = await store.acquire({ session });
    const same = noise(2_000_000);
    const files = profileFiles("one", { "Default/a.ldb": same, "Default/b.ldb": same, "Default/c.ldb": same });
    assert.ok((await save(store, lease, files)).bytesSent < 2_100_000);
    assertSameFiles((await restore(store)).files, files);
  },

  "takes a thousand small files": async ({ store }) => {
    const lease = await store.acquire({ session });
    const many = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, index) => [
        `Default/blob/${index % 50}/${index}`,
        Buffer.from(`file ${index}`),
      ]),
    );
    const saved = await save(store, lease, profileFiles("one", many));
    assert.ok(saved.chunksSent < 10);
    assertSameFiles((await restore(store)).files, profileFiles("one", many));
  },

  "commits nothing when the caller changes its mind": async ({ store }) => {
    const lease = await store.acquire({ session });
    const first = await save(store, lease, profileFiles("one"));
    const no = new Error("logged out meanwhile");
    let calls = 0;
    const beforeCommit = (): void => {
      calls++;
      throw no;
    };
    const capture = captureOf(profileFiles("two"));
    await assert.rejects(store.saveProfile({ session, capture, lease, beforeCommit }), (error) => error === no);
    assert.equal(calls, 1);
    assert.equal((await known(store)).current?.generation, first.generation);
    assertSameFiles((await restore(store)).files, profileFiles("one"));
  },

  "rejects with the signal's reason, and commits nothing": async ({ store }) => {
    const lease = await store.acquire({ session });
    const first = await save(store, lease, profileFiles("one"));
    const reason = new Error("enough");
    const controller = new AbortController();
    const capture = captureOf(profileFiles("two"));
    const beforeCommit = (): void => controller.abort(reason);
    const { signal } = controller;
    const is = (error: unknown): boolean => error === reason;
    await assert.rejects(store.saveProfile({ session, capture, lease, beforeCommit, signal }), is);
    await assert.rejects(store.state({ session, signal }), is);
    await assert.rejects(store.acquire({ session, signal }), is);
    assert.equal((await known(store)).current?.generation, first.generation);
    // The lease goes on.
    assert.equal((await save(store, lease, profileFiles("two"))).unchanged, false);
  },

  "lets nobody commit who was overtaken": async ({ store, again }) => {
    const first = await store.acquire({ session });
    await save(store, first, profileFiles("one"));
    const other = (await again?.()) ?? store;
    await other.breakLease?.({ session });
    const second = await other.acquire({ session });
    assert.ok(second.epoch > first.epoch);
    await rejects(save(store, first, profileFiles("late")), "LEASE_LOST");
    assert.ok(first.lost.aborted);
    assert.ok(isVaultError(first.lost.reason, "LEASE_LOST"));
    await rejects(store.mark({ session, lease: first, generation: 2, as: "proven" }), "LEASE_LOST");
    await rejects(store.delete({ session, lease: first }), "LEASE_LOST");
    await rejects(store.prune({ session, lease: first }), "LEASE_LOST");
    assertSameFiles((await restore(other)).files, profileFiles("one"));
    await save(other, second, profileFiles("two"));
    assert.ok(!second.lost.aborted);
    assertSameFiles((await restore(store)).files, profileFiles("two"));
  },

  "lets nobody use a lease that was given back": async ({ store }) => {
    const lease = await store.acquire({ session });
    await save(store, lease, profileFiles("one"));
    await lease.release();
    await lease.release();
    await rejects(save(store, lease, profileFiles("two")), "LEASE_LOST");
    const next = await store.acquire({ session });
    assert.ok(next.epoch > lease.epoch);
    await save(store, next, profileFiles("two"));
  },

  "takes a lease for its own session only, and its own": async ({ store, again }) => {
    const other = await again?.();
    if (other) {
      const foreign = await other.acquire({ session: "RemoteAuth-foreign" });
      const capture = captureOf(profileFiles("one"));
      await rejects(store.saveProfile({ session: "RemoteAuth-foreign", capture, lease: foreign }), "INVALID");
    }
    const lease = await store.acquire({ session: "RemoteAuth-other" });
    await rejects(save(store, lease, profileFiles("one")), "INVALID");
    assert.equal(await store.state({ session }), undefined);
  },

  "keeps older generations and brings them back by number": async ({ store }) => {
    const lease = await store.acquire({ session });
    const saved: SaveReport[] = [];
    for (const value of ["one", "two", "three"]) saved.push(await save(store, lease, profileFiles(value)));
    const { generations } = await known(store);
    assert.deepEqual(
      generations.map(({ generation }) => generation),
      saved.map(({ generation }) => generation),
    );
    const { report, files } = await restore(store, saved[0]?.generation);
    assertSameFiles(files, profileFiles("one"));
    assert.equal(report.id, saved[0]?.id);
    await restoreRejects(store, "ABSENT", 4711);
  },

  "rolls back, and saves on from there": async ({ store }) => {
    const lease = await store.acquire({ session });
    const first = await save(store, lease, profileFiles("one"));
    const second = await save(store, lease, profileFiles("two"));
    await store.rollback({ session, lease, generation: first.generation });
    assert.equal((await known(store)).current?.generation, first.generation);
    assertSameFiles((await restore(store)).files, profileFiles("one"));
    assertSameFiles((await restore(store, second.generation)).files, profileFiles("two"));
    const third = await save(store, lease, profileFiles("three"));
    assert.ok(third.generation > second.generation);
    assertSameFiles((await restore(store)).files, profileFiles("three"));
    await rejects(store.rollback({ session, lease, generation: 4711 }), "ABSENT");
  },

  "remembers what was proven and what was rejected": async ({ store }) => {
    const lease = await store.acquire({ session });
    const first = await save(store, lease, profileFiles("one"));
    const second = await save(store, lease, profileFiles("two"));
    await store.mark({ session, lease, generation: first.generation, as: "proven" });
    await store.mark({ session, lease, generation: second.generation, as: "rejected" });
    const { entry, generations } = await known(store);
    assert.deepEqual(
      generations.map(({ proven, rejected }) => [proven, rejected]),
      [
        [true, false],
        [false, true],
      ],
    );
    await store.mark({ session, lease, generation: first.generation, as: "proven" });
    assert.equal((await known(store)).entry, entry, "a mark that is there already writes nothing");
    await rejects(store.mark({ session, lease, generation: 4711, as: "proven" }), "ABSENT");
  },

  "keeps the newest proven generation whatever comes after it": async ({ store }) => {
    const lease = await store.acquire({ session });
    const first = await save(store, lease, profileFiles("proven"));
    await store.mark({ session, lease, generation: first.generation, as: "proven" });
    for (let round = 0; round < 12; round++) await save(store, lease, profileFiles(`round ${round}`));
    await store.prune({ session, lease });
    const { generations } = await known(store);
    assert.ok(generations.length < 12);
    assertSameFiles((await restore(store, first.generation)).files, profileFiles("proven"));
    for (const { generation } of generations) await restore(store, generation);
  },

  "deletes softly": async ({ store }) => {
    const lease = await store.acquire({ session });
    const saved = await save(store, lease, profileFiles("one"));
    await store.delete({ session, lease });
    const state = await known(store);
    assert.ok(state.deleted?.at instanceof Date);
    assert.equal(state.current, undefined);
    assert.equal(await store.sessionExists({ session }), false);
    await restoreRejects(store, "ABSENT");
    await restoreRejects(store, "ABSENT", saved.generation);
    await store.delete({ session, lease });
    await store.undelete({ session, lease });
    assert.equal((await known(store)).deleted, undefined);
    assert.equal(await store.sessionExists({ session }), true);
    assertSameFiles((await restore(store)).files, profileFiles("one"));
    await store.undelete({ session, lease });
  },

  "deletes for good when nothing is to be retained": async ({ store }) => {
    const lease = await store.acquire({ session });
    const saved = await save(store, lease, profileFiles("one"));
    await store.delete({ session, lease, retainMs: 0 });
    await rejects(store.undelete({ session, lease }), "ABSENT");
    const state = await known(store);
    assert.ok(state.entry > saved.generation, "the log goes on: its numbers never restart");
    const next = await save(store, lease, profileFiles("two"));
    assert.ok(next.generation > state.entry);
    assertSameFiles((await restore(store)).files, profileFiles("two"));
  },

  "deletes and undeletes without a lease": async ({ store }) => {
    await store.delete({ session });
    assert.equal(await store.state({ session }), undefined);
    await rejects(store.undelete({ session: "RemoteAuth-none" }), "ABSENT");
    const lease = await store.acquire({ session });
    await save(store, lease, profileFiles("one"));
    await lease.release();
    await store.delete({ session });
    assert.equal(await store.sessionExists({ session }), false);
    await store.undelete({ session });
    assertSameFiles((await restore(store)).files, profileFiles("one"));
  },

  "saves a session again that was deleted": async ({ store }) => {
    const lease = await store.acquire({ session });
    await save(store, lease, profileFiles("one"));
    await store.delete({ session, lease });
    const again = await save(store, lease, profileFiles("one"));
    assert.equal(again.unchanged, false);
    assertSameFiles((await restore(store)).files, profileFiles("one"));
  },

  "restores into an empty directory only": async ({ store }) => {
    await save(store, await store.acquire({ session }), profileFiles("one"));
    await inTemporary(async (directory) => {
      await writeFile(join(directory, "mine"), "mine");
      await rejects(store.restoreProfile({ session, into: directory }), "INVALID");
      assertSameFiles(await filesIn(directory), { mine: Buffer.from("mine") });
    });
  },

  "takes a session by name or by a path that ends in it": async ({ store }) => {
    await save(store, await store.acquire({ session: `/data/.wwebjs_auth/${session}` }), profileFiles("one"));
    for (const shape of [session, `./x/${session}`, `/data/${session}`]) {
      assert.equal(await store.sessionExists({ session: shape }), true);
    }
    for (const wrong of ["", "_sessions", "a b", "a.b", "..", "x".repeat(129)]) {
      await rejects(store.state({ session: wrong }), "INVALID");
    }
  },
};

async function save(store: ProfileStore, lease: Lease, files: Files): Promise<SaveReport> {
  return store.saveProfile({ session, capture: captureOf(files), lease });
}

async function restore(store: ProfileStore, generation?: number): Promise<{ report: RestoreReport; files: Files }> {
  let files: Files = {};
  let report: RestoreReport | undefined;
  await inTemporary(async (directory) => {
    const into = join(directory, "does not", "exist");
    report = await store.restoreProfile({ session, into, generation });
    files = await filesIn(into);
  });
  assert.ok(report);
  return { report, files };
}

async function restoreRejects(store: ProfileStore, code: VaultErrorCode, generation?: number): Promise<void> {
  await rejects(restore(store, generation), code);
}

async function known(store: ProfileStore): Promise<SessionState> {
  const state = await store.state({ session });
  assert.ok(state);
  return state;
}

async function rejects(call: Promise<unknown>, code: VaultErrorCode): Promise<void> {
  await assert.rejects(call, (error) => isVaultError(error, code));
}

function bytesOf(files: Files): number {
  return Object.values(files).reduce((sum, { length }) => sum + length, 0);
}

async function inTemporary(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "wa-vault-contract-"));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
