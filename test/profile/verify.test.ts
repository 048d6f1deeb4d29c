import { execFileSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { captureProfile } from "../../lib/profile/capture/capture.ts";
import { verifyProfile } from "../../lib/profile/verify.ts";
import { useFolder } from "../support/folder.ts";
import {
  INDEXED_DB,
  LOCAL_STORAGE,
  levelDbProfile,
  SQLITE_DB,
  sqliteProfile,
  writeFiles,
  youngLevelDb,
} from "./support/small-profile.ts";

const newFolder = useFolder();
let dir: string;

beforeEach(() => {
  dir = newFolder();
});

const whole = { indexedDb: "leveldb", localStorage: "leveldb", browserVersion: "156.0.8078.79" };

describe("verifyProfile", () => {
  it("finds an absent, empty or unrelated directory empty, without a problem", async () => {
    expect(await verifyProfile(join(dir, "absent"))).toEqual({ problems: [], empty: true, profile: {} });
    expect(await verifyProfile(dir)).toEqual({ problems: [], empty: true, profile: {} });
    await writeFiles(dir, { "Default/Preferences": "{}", "holiday.jpg": "x" });
    expect(await verifyProfile(dir)).toEqual({ problems: [], empty: true, profile: {} });
  });

  it("reports the path and the reason of each problem, in every storage", async () => {
    const files = levelDbProfile();
    delete files[`${INDEXED_DB}/000008.ldb`];
    files[`${LOCAL_STORAGE}/CURRENT`] = "";
    await writeFiles(dir, files);
    expect(await verifyProfile(dir)).toEqual({
      problems: [
        { path: `${INDEXED_DB}/MANIFEST-000001`, reason: "table 000008 is missing" },
        { path: `${LOCAL_STORAGE}/CURRENT`, reason: "it does not name a manifest" },
      ],
      empty: false,
      profile: whole,
    });
  });

  it("reports problems of every SQLite database", async () => {
    const files = sqliteProfile();
    await writeFiles(dir, { ...files, [`${SQLITE_DB}-wal`]: (files[`${SQLITE_DB}-wal`] as Buffer).subarray(0, -1) });
    expect((await verifyProfile(dir)).problems).toEqual([{ path: `${SQLITE_DB}-wal`, reason: "ends inside a frame" }]);
    await writeFiles(dir, { ...files, "Default/LocalStorage": "no database" });
    expect((await verifyProfile(dir)).problems).toEqual([
      { path: "Default/LocalStorage", reason: "it is shorter than its header" },
    ]);
  });

  it("reports a storage layout that is refused as a problem", async () => {
    await writeFiles(dir, { ...levelDbProfile(), [SQLITE_DB]: "x" });
    const { problems, empty } = await verifyProfile(dir);
    expect(problems).toEqual([{ path: "", reason: expect.stringMatching(/IndexedDB in two forms/) }]);
    expect(empty).toBe(false);
  });

  it("finds no storage among LevelDB files that do not lie where a profile has them", async () => {
    await writeFiles(dir, youngLevelDb([]));
    expect(await verifyProfile(dir)).toEqual({ problems: [], empty: true, profile: {} });
    await writeFiles(dir, levelDbProfile());
    expect(await verifyProfile(dir)).toEqual({ problems: [], empty: false, profile: whole });
  });

  it.skipIf(process.platform === "win32")("does not hang on a pipe", async () => {
    await writeFiles(dir, levelDbProfile());
    await rm(join(dir, INDEXED_DB, "CURRENT"));
    execFileSync("mkfifo", [join(dir, INDEXED_DB, "CURRENT")]);
    expect((await verifyProfile(dir)).problems).not.toEqual([]);
    await expect(captureProfile(dir, { live: false })).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("rejects with the reason of an aborted signal", async () => {
    await writeFiles(dir, levelDbProfile());
    const reason = new Error("enough");
    await expect(verifyProfile(dir, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
