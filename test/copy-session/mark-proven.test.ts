import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { markProven } from "../../lib/copy-session/mark-proven.ts";
import { renameSession } from "../../lib/rename-session.ts";
import { exportSession } from "../../lib/session-file/export-session.ts";
import { importSession } from "../../lib/session-file/import-session.ts";
import type { Vault } from "../../lib/vault/vault.ts";
import { profileFiles } from "../contract/profile.ts";
import { memory, onlyFourMethods, PROFILE, saveFiles } from "../session-file/support/sessions.ts";
import { useFolder } from "../support/folder.ts";

const folder = useFolder();

/** A store with a session that a browser was ready with. */
async function proven(files = profileFiles("proven")): Promise<Vault> {
  const store = memory();
  const generation = await saveFiles(store, files);
  const lease = await store.acquire({ session: PROFILE });
  await store.mark({ session: PROFILE, lease, generation, as: "proven" });
  await lease.release();
  return store;
}

/** Saves another version once a copy was written and compared, before the next call of `method`. */
function savingBefore(method: "state" | "acquire", store: Vault, session: string): void {
  const [call, save] = [store[method].bind(store) as (options: { session: string }) => unknown, store.save.bind(store)];
  let isDue = false;
  store.save = async (options) => {
    isDue = options.session === session;
    return await save(options);
  };
  Object.assign(store, {
    [method]: async (options: { session: string }) => {
      if (isDue) {
        isDue = false;
        await saveFiles(store, profileFiles("meanwhile"), session);
      }
      return await call(options);
    },
  });
}

async function marks(store: Vault, session: string): Promise<boolean[]> {
  return ((await store.state({ session }))?.generations ?? []).map((one) => one.proven);
}

describe("the mark of a proven session", () => {
  it.each<[string, (to: Vault, from: Vault) => Promise<unknown>, string]>([
    [
      "an import",
      async (to, from) => {
        const path = join(folder(), "x.wavault");
        await exportSession({ from, session: PROFILE, to: path });
        await importSession({ from: path, to, session: "RemoteAuth-copy" });
      },
      "the store",
    ],
    [
      "a rename",
      (to) => renameSession({ store: to, session: PROFILE, newSession: "RemoteAuth-copy" }),
      "its own store",
    ],
  ])("comes with %s, on the generation that it wrote", async (_, copy, where) => {
    const from = await proven();
    const to = where === "its own store" ? from : memory();
    await copy(to, from);
    expect(await marks(to, "RemoteAuth-copy")).toEqual([true]);
  });

  it.each([
    ["`extract`", ["extract"]],
    ["`extract` and `save`", ["extract", "save"]],
  ] as const)(
    "comes also where a store around another one does not hand on what its %s reports",
    async (_, methods) => {
      const path = join(folder(), "x.wavault");
      await exportSession({ from: await proven(), session: PROFILE, to: path });
      const to = memory();
      for (const method of methods) {
        const call = to[method].bind(to) as (options: object) => Promise<unknown>;
        Object.assign(to, { [method]: async (options: object) => void (await call(options)) });
      }
      await importSession({ from: path, to });
      expect(await marks(to, PROFILE)).toEqual([true]);
      await renameSession({ store: to, session: PROFILE, newSession: "RemoteAuth-copy" });
      expect(await marks(to, "RemoteAuth-copy")).toEqual([true]);
    },
  );

  it.each(["state", "acquire"] as const)("is not put on what somebody has saved before `%s`", async (method) => {
    const path = join(folder(), "x.wavault");
    await exportSession({ from: await proven(), session: PROFILE, to: path });
    const to = memory();
    savingBefore(method, to, PROFILE);
    await importSession({ from: path, to });
    expect(await marks(to, PROFILE)).toEqual([false, false]);
    // A rename goes by the same.
    const store = await proven();
    savingBefore(method, store, "RemoteAuth-copy");
    await renameSession({ store, session: PROFILE, newSession: "RemoteAuth-copy" });
    expect(await marks(store, "RemoteAuth-copy")).toEqual([false, false]);
  });

  it("is put by the next import, where one ended before it", async () => {
    const path = join(folder(), "x.wavault");
    await exportSession({ from: await proven(), session: PROFILE, to: path });
    const to = memory();
    const mark = to.mark.bind(to);
    to.mark = () => Promise.reject(new Error("dead"));
    await expect(importSession({ from: path, to })).rejects.toThrow("dead");
    expect(await marks(to, PROFILE)).toEqual([false]);
    to.mark = mark;
    expect(await importSession({ from: path, to })).toMatchObject({ unchanged: true });
    expect(await marks(to, PROFILE)).toEqual([true]);
  });

  it("is left to a bot that has the session, or takes it meanwhile; and where the store does not have as much as was written", async () => {
    const store = memory();
    const generation = await saveFiles(store, profileFiles("one"));
    const { id = "", files = 0, bytes = 0 } = (await store.state({ session: PROFILE }))?.current ?? {};
    const copy = { generation: { generation, id }, report: { files, bytes } };
    const bot = await store.acquire({ session: PROFILE });
    await markProven(store, PROFILE, copy, undefined);
    await bot.release();
    const mark = store.mark.bind(store);
    store.mark = async (options) => {
      await store.breakLease({ session: PROFILE });
      await mark(options);
    };
    await markProven(store, PROFILE, copy, undefined);
    store.mark = mark;
    for (const other of [
      { files: files + 1, bytes },
      { files, bytes: bytes + 1 },
    ]) {
      await markProven(store, PROFILE, { report: other }, undefined);
    }
    expect(await marks(store, PROFILE)).toEqual([false]);

    const path = join(folder(), "x.wavault");
    await exportSession({ from: await proven(), session: PROFILE, to: path });
    const other = memory();
    await importSession({ from: path, to: onlyFourMethods(other) });
    expect(await marks(other, PROFILE)).toEqual([false]);
  });
});
