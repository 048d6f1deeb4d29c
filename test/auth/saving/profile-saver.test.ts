import { appendFile, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ProfileSaver } from "../../../lib/auth/saving/profile-saver.ts";
import type { StoreSession } from "../../../lib/auth/store/store-session.ts";
import { CheckedFiles } from "../../../lib/profile/checked-files.ts";
import type { Capture, SaveReport } from "../../../lib/store.ts";
import { editBytes, logBytes } from "../../profile/support/leveldb-bytes.ts";
import {
  INDEXED_DB,
  levelDbProfile,
  SQLITE_DB,
  sqliteProfile,
  writeFiles,
} from "../../profile/support/small-profile.ts";
import { useFolder } from "../../support/folder.ts";
import { gate } from "../../support/gate.ts";

let dir: string;

const folder = useFolder();
beforeEach(() => {
  dir = folder();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A store that reads all of every capture, as one that keeps zips does; `beforeReading` is what happens before. */
function readingLink(beforeReading: (save: number) => Promise<void>): StoreSession & { read: string[] } {
  const read: string[] = [];
  let saves = 0;
  const save = async (capture: Capture): Promise<SaveReport> => {
    await beforeReading(++saves);
    for (const file of capture.files) read.push(`${saves} ${file.path} ${(await file.read(0, file.size)).length}`);
    const report = { generation: 0, id: "", unchanged: false, files: 0, bytes: 0, bytesSent: 0, chunksSent: 0 };
    return { ...report, id: `save ${saves}`, chunksReused: 0, captureMs: 0, ms: 0 };
  };
  const unused = (): never => {
    throw new Error("Not called in this test.");
  };
  return {
    read,
    lost: new AbortController().signal,
    save,
    open: unused,
    keepLocal: unused,
    canList: false,
    others: unused,
    restore: unused,
    prove: unused,
    reject: unused,
    rollBack: unused,
    delete: unused,
    close: unused,
  };
}

function saverOf(link: StoreSession): ProfileSaver {
  // Linked for so long that a profile without credentials is taken.
  const linkedSince = performance.now() - 3_600_000;
  const nothing = (): void => {};
  return new ProfileSaver({
    store: link,
    session: "RemoteAuth",
    dir,
    linkedSince: () => linkedSince,
    browserRuns: () => true,
    wid: () => undefined,
    onSaved: nothing,
    onError: nothing,
    onWarning: nothing,
  });
}

it("captures again when the browser writes into a stored database before the store has read it", async () => {
  await writeFiles(dir, sqliteProfile());
  // Older than the two seconds within which a time proves nothing.
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_000 });
  // The time of the file is what tells: the bytes stay those of a whole database.
  const touch = async (): Promise<void> => await utimes(join(dir, SQLITE_DB), new Date(), new Date());
  const link = readingLink(async (save) => {
    if (save === 2) await touch();
  });
  const saver = saverOf(link);
  const { signal } = new AbortController();
  await saver.next(signal);
  await saver.next(signal);
  const ofDatabase = link.read.filter((line) => line.includes(`${SQLITE_DB} `)).map((line) => line.split(" ")[0]);
  expect(ofDatabase).toEqual(["1", "3"]);
});

it("captures again when a stored table is deleted before the store has read it", async () => {
  await writeFiles(dir, levelDbProfile());
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_000 });
  const compact = async (): Promise<void> => {
    const manifest = join(dir, INDEXED_DB, "MANIFEST-000001");
    await appendFile(manifest, logBytes([editBytes({ deleted: [[1, 5]] })], (await stat(manifest)).size));
    await rm(join(dir, INDEXED_DB, "000005.ldb"));
  };
  const link = readingLink(async (save) => {
    if (save === 2) await compact();
  });
  const saver = saverOf(link);
  const { signal } = new AbortController();
  await saver.next(signal);
  await saver.next(signal);
  const savesWith = (name: string) => link.read.filter((line) => line.includes(name)).map((line) => line.split(" ")[0]);
  expect(savesWith(`${INDEXED_DB}/000005.ldb `)).toEqual(["1"]);
  expect(savesWith(`${INDEXED_DB}/000008.ldb `)).toEqual(["1", "3"]);
});

it("captures once for a store that fails", async () => {
  await writeFiles(dir, sqliteProfile());
  let saves = 0;
  const link = readingLink(async () => {
    saves++;
    throw new Error("the store is gone");
  });
  await expect(saverOf(link).next(new AbortController().signal)).rejects.toThrow("the store is gone");
  expect(saves).toBe(1);
});

it("makes an older version the current one, unless a save of this run is newer or under way", async () => {
  await writeFiles(dir, sqliteProfile());
  const { signal } = new AbortController();
  const older = { id: "older", generation: 3 };
  const reading = gate();
  const link = readingLink(() => reading.opened);
  const asked: unknown[] = [];
  link.rollBack = async (generations) => {
    asked.push(generations);
    return older;
  };
  const saver = saverOf(link);
  saver.start({ history: [older], profile: {}, checked: new CheckedFiles() });
  expect(await saver.makeCurrent(older, signal)).toBe(true);
  expect(asked).toEqual([[older]]);
  const saving = saver.next(signal);
  const late = saver.makeCurrent(older, signal);
  reading.open();
  await saving;
  expect([await late, await saver.makeCurrent(older, signal)]).toEqual([false, false]);
  expect(asked).toEqual([[older]]);
});
