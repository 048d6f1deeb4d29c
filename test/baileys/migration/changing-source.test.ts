import { rmSync, writeFileSync } from "node:fs";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as baileys from "baileys";
import { describe, expect, it } from "vitest";
import {
  type AuthPlace,
  type MigrationProgress,
  migrateAuthState,
  type StatePlace,
} from "../../../lib/baileys/index.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { useFolder } from "../../support/folder.ts";
import { multiFileOf } from "../support/multi-file.ts";
import { bytesOf, expectedOf, fill, readAll, sampleState } from "../support/sample-state.ts";
import { open, storeOn } from "../support/states.ts";

const newFolder = useFolder();
const session = "Baileys-bot";

/** Runs `change` while the target is written. @returns a target that counts how often credentials were saved in it */
async function targetDuring(change: () => Promise<unknown>): Promise<StatePlace & { saves: () => number }> {
  const { keys } = (await open(storeOn(new MemoryBlobs()), { session: "target" })).state;
  let changing: Promise<unknown> | undefined;
  let saves = 0;
  const set = async (data: object): Promise<void> => {
    await keys.set(data as never);
    changing ??= change();
    await changing;
  };
  const get = (type: string, ids: string[]): Promise<object> => keys.get(type, ids);
  const state = { creds: baileys.initAuthCreds(), keys: { get, set } };
  return { state, saveCreds: () => void saves++, saves: () => saves };
}

async function expectRefusal(from: AuthPlace, change: () => Promise<unknown>, code: string): Promise<void> {
  const to = await targetDuring(change);
  await expect(migrateAuthState({ from, to })).rejects.toMatchObject({ code });
  expect(to.saves()).toBe(0);
}

describe("a source that changes meanwhile is refused, and the target gets no session", () => {
  it.each<[string, (directory: string) => Promise<unknown>]>([
    [
      "a record is written anew",
      (directory) => writeFile(join(directory, "session-5511888.0.json"), '{"version":"v2"}'),
    ],
    ["a record comes", (directory) => writeFile(join(directory, "session-1.0.json"), "{}")],
    ["a record goes", (directory) => rm(join(directory, "pre-key-1.json"))],
    [
      "the credentials are saved",
      async (directory) => {
        const { state, saveCreds } = await baileys.useMultiFileAuthState(directory);
        state.creds.accountSyncCounter++;
        await saveCreds();
      },
    ],
  ])("in files: %s", async (_, change) => {
    const directory = await multiFileOf(sampleState(3), join(newFolder(), "from"));
    await expectRefusal({ multiFile: directory }, () => change(directory), "CONFLICT");
  });

  it("in files, before they appear in another directory or in a store", async () => {
    const directory = await multiFileOf(sampleState(3), join(newFolder(), "from"));
    const from = { multiFile: directory };
    const folder = newFolder();
    const store = storeOn(new MemoryBlobs());
    let count = 0;
    const onProgress = (): void => {
      writeFileSync(join(directory, "session-5511888.0.json"), `{"version":"v${count++}"}`);
    };
    const conflict = { code: "CONFLICT", hint: expect.stringContaining("End the bot") };
    await expect(migrateAuthState({ from, to: { multiFile: join(folder, "to") }, onProgress })).rejects.toMatchObject(
      conflict,
    );
    expect(await readdir(folder)).toEqual([]);
    await expect(migrateAuthState({ from, to: { store, session: "bot" }, onProgress })).rejects.toMatchObject(conflict);
    expect(await store.peekRecords({ session })).toBeUndefined();
  });

  it("in files whose records go while they are read", async () => {
    const directory = await multiFileOf(sampleState(200), join(newFolder(), "from"));
    const onProgress = (): void => rmSync(join(directory, "session-7788_1.3.json"), { force: true });
    const to = { multiFile: join(newFolder(), "to") };
    await expect(migrateAuthState({ from: { multiFile: directory }, to, onProgress })).rejects.toMatchObject({
      code: "CONFLICT",
    });
  });

  it("in a state that a bot runs on", async () => {
    const bot = await open(storeOn(new MemoryBlobs()));
    await fill(bot, sampleState(3));
    await expectRefusal(bot, () => bot.state.keys.set({ session: { x: bytesOf("x") } }), "CONFLICT");
    const change = async (): Promise<void> => void bot.state.creds.accountSyncCounter++;
    await expectRefusal({ creds: bot.state.creds, keys: bot.state.keys }, change, "CONFLICT");
  });

  it("in a store: another process, or a bot of this one, has taken it", async () => {
    const blobs = new MemoryBlobs();
    const store = storeOn(blobs);
    const bot = await open(store);
    await fill(bot, sampleState(3));
    await bot.close();
    const from = { store, session: "bot" };
    await expectRefusal(from, async () => void (await storeOn(blobs).breakLease({ session })), "LEASE_LOST");
    await store.breakLease({ session });
    await expectRefusal(from, async () => await open(store), "LEASE_LOST");
  });
});

describe("a target that somebody takes meanwhile", () => {
  it("in a store gets nothing", async () => {
    const from = { multiFile: await multiFileOf(sampleState(3), join(newFolder(), "from")) };
    const store = storeOn(new MemoryBlobs());
    const bots: ReturnType<typeof open>[] = [];
    const onProgress = ({ step }: MigrationProgress): void => {
      if (step === "writing" && bots.length === 0) bots.push(open(store));
    };
    const migrating = migrateAuthState({ from, to: { store, session: "bot" }, onProgress }).catch((error) => error);
    const result = await migrating;
    const bot = await bots[0];
    // The bot has come before the set or after it: it has nothing or everything.
    const { records } = sampleState(3);
    const has = bot?.state.creds.me === undefined ? 0 : Object.keys(records).length;
    const found = await Promise.all(
      Object.entries(records).map(async ([type, values = {}]) => {
        const ids = Object.keys(values);
        return Object.keys((await bot?.state.keys.get(type, ids)) ?? {}).length === ids.length;
      }),
    );
    expect(found.filter(Boolean)).toHaveLength(has);
    if (has === 0) expect(result).toMatchObject({ code: "LEASE_LOST" });
  });

  it("on disk is left as it is", async () => {
    const from = { multiFile: await multiFileOf(sampleState(3), join(newFolder(), "from")) };
    const to = join(newFolder(), "to");
    const other = sampleState(1);
    let making: Promise<unknown> | undefined;
    const migrating = migrateAuthState({
      from,
      to: { multiFile: to },
      onProgress: ({ step }) => {
        if (step === "verifying") making ??= multiFileOf(other, to);
      },
    });
    const result = await migrating.catch((error) => error);
    await making;
    // Whoever came first has the place, and the other one has changed nothing in it.
    const { state } = await baileys.useMultiFileAuthState(to);
    if (result.code === undefined) expect(result.creds.copied).toBe(true);
    else {
      expect(result).toMatchObject({ code: "CONFLICT" });
      expect(await readAll(state, other)).toEqual(expectedOf(other));
    }
  });
});
