import { access, readFile, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { ZipSession } from "../../../lib/auth/store/zip-session.ts";
import { LIMITS } from "../../../lib/auth/store/zip-store-client.ts";
import type { SessionStore } from "../../../lib/store.ts";
import { captureOf } from "../../contract/profile.ts";
import { writeFiles } from "../../profile/support/small-profile.ts";
import { useFolder } from "../../support/folder.ts";
import { gate } from "../../support/gate.ts";
import { times } from "../../support/length.ts";
import { useOwnDirectory } from "../../support/own-directory.ts";
import { linkedProfile } from "../support/linked-profile.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

const signal = new AbortController().signal;
const session = "RemoteAuth";
/** What would go wrong would have by then; nothing that goes well waits for it. */
const LONG_ENOUGH_MS = times(200, 1_000);
let dataPath: string;

useOwnDirectory();
const folder = useFolder();
beforeEach(() => {
  dataPath = folder();
});
/** Opened after each test: the saves of all tests take turns, and one that failed must not hold up the others. */
const closed: (() => void)[] = [];
afterEach(() => {
  for (const open of closed.splice(0)) open();
});

/**
 * Reads the zip at once, and has it when its upload ends: the last one to end is kept. Opens it as published ones do.
 */
class SlowStore implements SessionStore {
  blob: Buffer | undefined;
  /** Uploads that have begun. */
  saves = 0;
  deletes = 0;
  underWay = 0;
  /** How often the zip was gone before the upload had ended. */
  gone = 0;
  /** The uploads and deletes that begin from now on end when it is resolved. */
  gate: Promise<void> = Promise.resolve();

  sessionExists(): boolean {
    return this.blob !== undefined;
  }
  async save(): Promise<void> {
    const { gate } = this;
    const bytes = await readFile(`${session}.zip`);
    this.saves += 1;
    this.underWay += 1;
    await gate;
    // Some open it late.
    await access(`${session}.zip`).catch(() => {
      this.gone += 1;
    });
    this.blob = bytes;
    this.underWay -= 1;
  }
  async extract({ path }: { path: string }): Promise<void> {
    await writeFile(path, this.blob ?? "");
  }
  async delete(): Promise<void> {
    const { gate } = this;
    this.deletes += 1;
    await gate;
    this.blob = undefined;
  }
}

function closedGate(store: SlowStore): () => void {
  const { opened, open } = gate();
  store.gate = opened;
  const end = (): void => {
    store.gate = Promise.resolve();
    open();
  };
  closed.push(end);
  return end;
}

function runOn(store: SessionStore, limits = LIMITS): ZipSession {
  return new ZipSession(store, session, dataPath, true, limits);
}

async function save(run: ZipSession, name: string, stop = signal): Promise<string> {
  const options = { stored: undefined, beforeCommit: () => {}, signal: stop };
  return (await run.save(captureOf(linkedProfile(name)), options)).id;
}

/** A save that its run aborts, while the store continues. @returns a function that ends the store's call */
async function givenUp(store: SlowStore, name: string): Promise<() => void> {
  const open = closedGate(store);
  const stop = new AbortController();
  const saved = save(runOn(store), name, stop.signal);
  await Promise.race([saved, expect.poll(() => store.saves, { timeout: 240_000 }).toBe(1)]);
  stop.abort(new Error("the run ends"));
  await expect(saved).rejects.toThrow("the run ends");
  return open;
}

describe("a save that its run has aborted", () => {
  it("has ended before the next run saves: its zip stays until then, and the last save is kept", async () => {
    const store = new SlowStore();
    const end = await givenUp(store, "old");
    store.gate = Promise.resolve();
    const next = save(runOn(store), "new");
    await Promise.race([next.catch(() => undefined), delay(LONG_ENOUGH_MS)]);
    expect(store.saves).toBe(1);
    end();
    const id = await next;
    expect(store.gone).toBe(0);
    expect(await runOn(store).open(signal)).toEqual({ kind: "current", id });
  });

  it("has ended before the next run reads the stored session", async () => {
    const store = new SlowStore();
    const end = await givenUp(store, "old");
    const opened = runOn(store).open(signal);
    await Promise.race([opened, delay(LONG_ENOUGH_MS)]);
    end();
    expect(await opened).toMatchObject({ kind: "current" });
  });

  it("has ended before the next run deletes", async () => {
    const store = new SlowStore();
    const end = await givenUp(store, "old");
    store.gate = Promise.resolve();
    const deleted = runOn(store).delete();
    await Promise.race([deleted, delay(LONG_ENOUGH_MS)]);
    expect(store.deletes).toBe(0);
    end();
    await deleted;
    expect(store.blob).toBeUndefined();
  });

  it("and its delete do not remove a later save", async () => {
    const store = new SlowStore();
    const end = closedGate(store);
    await expect(runOn(store, { ...LIMITS, deleteMs: 20 }).delete()).rejects.toThrow("did not answer within 0.02 s");
    store.gate = Promise.resolve();
    const saved = save(runOn(store), "new");
    await Promise.race([saved, delay(LONG_ENOUGH_MS)]);
    end();
    await saved;
    await delay(0);
    expect(store.blob).toBeDefined();
  });

  it("is sent again when its result is not known", async () => {
    const store = new SlowStore();
    const stored = await save(runOn(store), "same");
    const { save: whole } = store;
    store.save = async () => {
      throw new Error("connection lost, after all of it was sent");
    };
    await expect(save(runOn(store), "other")).rejects.toThrow("connection lost");
    store.save = whole;
    const options = { stored, beforeCommit: () => {}, signal };
    const again = await runOn(store).save(captureOf(linkedProfile("same")), options);
    expect(again.unchanged).toBe(false);
    const third = await runOn(store).save(captureOf(linkedProfile("same")), options);
    expect(third.unchanged).toBe(true);
  });

  it("and that never ends fails later calls within their time limit, with a hint", async () => {
    const store = new SlowStore();
    const end = await givenUp(store, "old");
    const busy = {
      code: "UNAVAILABLE",
      message: expect.stringContaining("to an earlier call"),
      hint: expect.stringContaining("restart the process"),
    };
    const next = runOn(store, { answerMs: 20, transferMs: 20, deleteMs: 20, shownMs: 20, graceMs: 0 });
    await expect(next.open(signal)).rejects.toMatchObject(busy);
    await expect(save(next, "new")).rejects.toMatchObject(busy);
    await expect(next.delete()).rejects.toMatchObject(busy);
    const stop = new AbortController();
    const opened = runOn(store).open(stop.signal);
    stop.abort(new Error("enough"));
    await expect(opened).rejects.toThrow("enough");
    // A wait that was aborted does not delay later calls.
    end();
    expect(await runOn(store).open(signal)).toMatchObject({ kind: "current" });
  });
});

it("a client that starts again while its last upload continues: the new link is kept in the store", async () => {
  const store = new SlowStore();
  const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000, finalSaveTimeoutMs: 500 });
  const client = new ScriptedClient(strategy);
  await client.initialize("qr");
  await writeFiles(strategy.userDataDir, linkedProfile("old"));
  await client.ready();
  await strategy.backup();
  await writeFiles(strategy.userDataDir, linkedProfile("later"));
  const end = closedGate(store);
  const hanging = strategy.backup().catch(() => undefined);
  await Promise.race([hanging, expect.poll(() => store.saves, { timeout: 240_000 }).toBe(2)]);
  await client.state("CONFLICT");
  await hanging;
  store.gate = Promise.resolve();

  const again = (async () => {
    await client.initialize("linked");
    await writeFiles(strategy.userDataDir, linkedProfile("new"));
    return await strategy.backup();
  })();
  await Promise.race([again, delay(LONG_ENOUGH_MS)]);
  end();
  const { id } = await again;
  await expect.poll(() => store.underWay, { timeout: 240_000 }).toBe(0);
  expect(store.gone).toBe(0);
  expect(await runOn(store).open(signal)).toEqual({ kind: "current", id });
  await client.destroy();
});
