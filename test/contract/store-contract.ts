import assert from "node:assert/strict";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unzip } from "../../lib/archive/unzip.ts";
import type { SessionStore } from "../../lib/store.ts";
import { assertSameFiles, type Files, filesIn, noise, profileFiles, writeZip } from "./profile.ts";
import { type Opened, type Runner, type SuiteOptions, suite } from "./runner.ts";

/** A store under test. */
export interface OpenedStore extends Opened {
  /** The store: new and empty. */
  readonly store: SessionStore;
}

/** What every store of whatsapp-web.js must do, by the four methods it has. */
export function storeContract(runner: Runner, options: SuiteOptions<OpenedStore>): void {
  suite(runner, "store", options, tests);
}

const SESSION = "RemoteAuth-bot";

const tests: Record<string, (opened: OpenedStore) => Promise<void>> = {
  "knows no session at first": async ({ store }) => {
    assert.equal(await store.sessionExists({ session: SESSION }), false);
  },

  "gives back the profile it was given": ({ store }) =>
    inTemporary(async (directory) => {
      const files = profileFiles("one", { "Default/large.ldb": noise(3_000_000), "Default/empty": Buffer.alloc(0) });
      await save(store, directory, files);
      assert.equal(await store.sessionExists({ session: SESSION }), true);
      assertSameFiles(await extract(store, directory), files);
      // And again: reading takes nothing away.
      assertSameFiles(await extract(store, directory), files);
    }),

  "gives back the newest": ({ store }) =>
    inTemporary(async (directory) => {
      for (const value of ["one", "two", "three"]) await save(store, directory, profileFiles(value));
      assertSameFiles(await extract(store, directory), profileFiles("three"));
    }),

  "keeps sessions apart": ({ store }) =>
    inTemporary(async (directory) => {
      const sessions = ["RemoteAuth", "RemoteAuth-a", "RemoteAuth-a-b", "RemoteAuth-A"];
      for (const session of sessions) await save(store, directory, profileFiles(session), session);
      await store.delete({ session: "RemoteAuth-a" });
      assert.equal(await store.sessionExists({ session: "RemoteAuth-a" }), false);
      for (const session of sessions.filter((name) => name !== "RemoteAuth-a")) {
        assert.equal(await store.sessionExists({ session }), true);
        assertSameFiles(await extract(store, directory, session), profileFiles(session));
      }
    }),

  "deletes, also twice, also what is absent": ({ store }) =>
    inTemporary(async (directory) => {
      await store.delete({ session: SESSION });
      await save(store, directory, profileFiles("one"));
      await store.delete({ session: SESSION });
      assert.equal(await store.sessionExists({ session: SESSION }), false);
      await store.delete({ session: SESSION });
      assert.equal(await store.sessionExists({ session: SESSION }), false);
    }),

  "takes a session again that was deleted": ({ store }) =>
    inTemporary(async (directory) => {
      await save(store, directory, profileFiles("one"));
      await store.delete({ session: SESSION });
      await save(store, directory, profileFiles("two"));
      assert.equal(await store.sessionExists({ session: SESSION }), true);
      assertSameFiles(await extract(store, directory), profileFiles("two"));
    }),

  "extracts nothing of an absent session": ({ store }) =>
    inTemporary(async (directory) => {
      const path = join(directory, "out.zip");
      await assert.rejects(async () => store.extract({ session: SESSION, path }));
      await assert.rejects(access(path));
    }),

  "rejects a save without a zip, and keeps what it has": ({ store }) =>
    inTemporary(async (directory) => {
      await save(store, directory, profileFiles("one"));
      const path = join(directory, "nothing.zip");
      await assert.rejects(async () => store.save({ session: join(directory, SESSION), path }));
      assertSameFiles(await extract(store, directory), profileFiles("one"));
    }),
};

async function save(store: SessionStore, directory: string, files: Files, session = SESSION): Promise<void> {
  const path = join(directory, `${session}.zip`);
  await writeZip(files, path);
  await store.save({ session, path });
  await rm(path);
}

async function extract(store: SessionStore, directory: string, session = SESSION): Promise<Files> {
  const path = join(directory, "out.zip");
  const into = join(directory, "out");
  await store.extract({ session, path });
  await unzip(path, into);
  const files = await filesIn(into);
  await rm(path);
  await rm(into, { recursive: true });
  return files;
}

async function inTemporary(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "wa-vault-contract-"));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
