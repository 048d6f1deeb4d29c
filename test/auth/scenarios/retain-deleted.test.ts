import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { captureOf } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { passTime } from "../../support/monotonic-clock.ts";
import { linkedProfile } from "../support/linked-profile.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

const session = "RemoteAuth";
const DAY = 86_400_000;

let dataPath: string;
let blobs: MemoryBlobs;
const folder = useFolder();
beforeEach(() => {
  dataPath = folder();
  blobs = new MemoryBlobs();
});
afterEach(async () => {
  vi.useRealTimers();
});

/** Days, where they are given: the store's and the strategy's. */
interface Days {
  ofStore?: number | undefined;
  ofStrategy?: number | undefined;
}

function ms(days: number | undefined): number | undefined {
  return days === undefined ? undefined : days * DAY;
}

/** Stores a session, starts on it and logs out. */
async function loggedOut({ ofStore, ofStrategy }: Days, options: { archive?: "zip" } = {}): Promise<Vault> {
  const store = new Vault({ blobs, retainDeletedMs: ms(ofStore), onWarning: () => {} });
  const lease = await store.acquire({ session });
  await store.saveProfile({ session, lease, capture: captureOf(linkedProfile("stored")) });
  await lease.release();
  const retainDeletedMs = ms(ofStrategy);
  const client = new ScriptedClient(
    new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000, retainDeletedMs, ...options }),
  );
  await client.initialize("linked");
  await client.logout();
  await client.destroy();
  expect(client.seen).toContain("deleted");
  expect(await store.sessionExists({ session })).toBe(false);
  return store;
}

/** Whether the session can be brought back once somebody has had it for so many days. */
async function undeleted(store: Vault, daysLater: number): Promise<"back" | "gone"> {
  if (daysLater > 0) {
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(Date.now() + daysLater * DAY);
  }
  const lease = await store.acquire({ session });
  passTime(daysLater * DAY);
  const code = await store.undelete({ session, lease }).then(
    () => undefined,
    (error: { code: string }) => error.code,
  );
  await lease.release();
  if (code === undefined) {
    await store.restoreProfile({ session, into: join(dataPath, "back") });
    return "back";
  }
  expect(code).toBe("ABSENT");
  return "gone";
}

async function chunks(): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of blobs.list(`${session}/chunks/`)) keys.push(key);
  return keys;
}

describe("a logout can be taken back", () => {
  it.each<[string, Days, number, "back" | "gone"]>([
    ["for a week by itself", {}, 6, "back"],
    ["no longer than a week by itself", {}, 8, "gone"],
    ["as long as the store says", { ofStore: 30 }, 10, "back"],
    ["no longer than the store says", { ofStore: 30 }, 31, "gone"],
    ["as long as the strategy says, where both do", { ofStore: 1, ofStrategy: 30 }, 10, "back"],
    ["no longer than the strategy says, where both do", { ofStore: 30, ofStrategy: 1 }, 10, "gone"],
    ["as long as the strategy says, to the nearest millisecond", { ofStrategy: 100 / 7 }, 10, "back"],
  ])("%s", async (_, days, later, expected) => {
    expect(await undeleted(await loggedOut(days), later)).toBe(expected);
  });

  it.each<[string, Days]>([
    ["the store says so", { ofStore: 0 }],
    ["the strategy says so", { ofStore: 30, ofStrategy: 0 }],
  ])("never when %s: the profile is removed", async (_, days) => {
    const store = await loggedOut(days);
    expect(await chunks()).toEqual([]);
    expect(await undeleted(store, 0)).toBe("gone");
    expect(await readdir(dataPath)).toEqual([]);
  });

  it.each<[string, Days, "back" | "gone"]>([
    ["the store", { ofStore: 30 }, "back"],
    ["the strategy", { ofStore: 30, ofStrategy: 1 }, "gone"],
  ])("as long as %s says, in whole zips too", async (_, days, expected) => {
    expect(await undeleted(await loggedOut(days, { archive: "zip" }), 10)).toBe(expected);
  });
});
