import { execFileSync } from "node:child_process";
import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { captureProfile } from "../../lib/profile/capture/capture.ts";
import { CheckedFiles } from "../../lib/profile/checked-files.ts";
import { checkTable } from "../../lib/profile/leveldb/table-check.ts";
import { checkSqlite } from "../../lib/profile/sqlite/check.ts";
import { verifyProfile } from "../../lib/profile/verify.ts";
import { useFolder } from "../support/folder.ts";
import { countReads } from "../torture/count-reads.ts";
import { trustFiles } from "./support/clock.ts";
import { writeSqliteProfile } from "./support/large-profile.ts";
import { flipped } from "./support/random.ts";
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

describe("verifyProfile, of a profile that was verified before", () => {
  const profiles = { LevelDB: levelDbProfile(), SQLite: sqliteProfile() };

  it.each(["LevelDB", "SQLite"] as const)("reads no file again that is as it was (%s)", async (form) => {
    await writeFiles(dir, profiles[form]);
    await trustFiles(dir);
    const checked = new CheckedFiles();
    const first = await countReads(() => verifyProfile(dir, { checked }));
    const again = await countReads(() => verifyProfile(dir, { checked }));
    expect(first.result.problems).toEqual([]);
    expect(again.result).toEqual(first.result);
    expect(first.bytes).toBeGreaterThan(1_000);
    // `Last Version`, and with LevelDB two files `CURRENT`.
    expect(again.bytes).toBeLessThan(whole.browserVersion.length + (form === "LevelDB" ? 40 : 1));
  });

  const changes = Object.entries(profiles).flatMap(([form, files]) =>
    Object.keys(files)
      // The check does not look at the others.
      .filter((path) => !/(?:Last Version|Preferences|LOCK|LOG|\/2)$/.test(path))
      .map((path) => [form as keyof typeof profiles, path] as const),
  );
  it.each(changes)("reports what has happened to a file since (%s, %s)", async (form, path) => {
    await writeFiles(dir, profiles[form]);
    await trustFiles(dir);
    const checked = new CheckedFiles();
    expect((await verifyProfile(dir, { checked })).problems).toEqual([]);
    const file = join(dir, path);
    const whole = await readFile(file);
    const damaged: Buffer[] = [flipped(whole, 20 % whole.length, 3), whole.subarray(0, whole.length - 3)];
    for (const bytes of damaged) {
      await writeFile(file, bytes);
      await trustFiles(dir);
      const expected = await verifyProfile(dir);
      expect(expected.problems).not.toEqual([]);
      expect(await verifyProfile(dir, { checked })).toEqual(expected);
    }
    await writeFile(file, whole);
    expect((await verifyProfile(dir, { checked })).problems).toEqual([]);
    await rm(file);
    expect(await verifyProfile(dir, { checked })).toEqual(await verifyProfile(dir));
  });

  it("takes no log for whole because a capture has read it, which cuts its end", async () => {
    await writeFiles(dir, levelDbProfile());
    const log = Object.keys(levelDbProfile()).filter((path) => path.startsWith(INDEXED_DB) && path.endsWith(".log"));
    await appendFile(join(dir, log.at(-1) ?? ""), Buffer.alloc(3, 1));
    await trustFiles(dir);
    const checked = new CheckedFiles();
    await (await captureProfile(dir, { live: false, checked })).close();
    expect((await verifyProfile(dir, { checked })).problems).toMatchObject([{ path: log.at(-1) }]);
  });
});

describe("verifyProfile, of a large SQLite profile", () => {
  it("reads little more once its signal has aborted", async () => {
    await writeSqliteProfile(dir, 32_000);
    const all = await countReads(() => verifyProfile(dir));
    expect(all.result.problems).toEqual([]);
    const stop = new AbortController();
    const { bytes } = await countReads(async (soFar) => {
      const stopped = verifyProfile(dir, { signal: stop.signal }).catch((error: unknown) => error);
      while (soFar() === 0) await setImmediate();
      stop.abort("enough");
      expect(await stopped).toBe("enough");
    });
    expect(bytes).toBeLessThan(all.bytes / 4);
  });
});

describe("a process without memory", () => {
  const failure = new RangeError("Array buffer allocation failed");

  it("finds no damage in a profile", async () => {
    await writeFiles(dir, levelDbProfile());
    const allocate = vi.spyOn(Buffer, "allocUnsafeSlow").mockImplementation(() => {
      throw failure;
    });
    const error = await verifyProfile(dir).catch((reason: unknown) => reason);
    allocate.mockRestore();
    expect(error).toMatchObject({ code: "UNAVAILABLE", cause: failure });
    expect((await verifyProfile(dir)).problems).toEqual([]);
  });

  it("finds none in a table or a database either", async () => {
    const read = (whole: Buffer) => async (position: number, length: number) => {
      // All but the first pages.
      if (position > 0) throw failure;
      return whole.subarray(position, position + length);
    };
    const database = sqliteProfile()[SQLITE_DB] as Buffer;
    await expect(checkSqlite({ size: database.length, read: read(database) }, undefined)).rejects.toBe(failure);
    const refused = { size: 5_000, read: () => Promise.reject(failure) };
    await expect(checkTable(refused)).rejects.toBe(failure);
  });
});

describe("verifyProfile", () => {
  it("finds an absent, empty or unrelated directory empty, without a problem", async () => {
    expect(await verifyProfile(join(dir, "absent"))).toEqual({ problems: [], empty: true, profile: {} });
    expect(await verifyProfile(dir)).toEqual({ problems: [], empty: true, profile: {} });
    await writeFiles(dir, { "Default/Preferences": "{}", "holiday.jpg": "x" });
    expect(await verifyProfile(dir)).toEqual({ problems: [], empty: true, profile: {} });
  });

  it("finds a profile empty whose browser was killed while it made its first storage", async () => {
    const made = {
      LOCK: Buffer.alloc(0),
      LOG: Buffer.from("x"),
      "MANIFEST-000001": Buffer.from("half"),
      "000001.dbtmp": Buffer.from("M"),
    };
    await writeFiles(dir, { "Last Version": "156.0.8078.79" });
    for (const [name, bytes] of Object.entries(made)) {
      await writeFiles(dir, { [name]: bytes }, LOCAL_STORAGE);
      const report = { problems: [], empty: true, profile: { browserVersion: "156.0.8078.79" } };
      expect(await verifyProfile(dir), name).toEqual(report);
    }
  });

  it.each(["CURRENT", "000003.log", "000005.ldb", "MANIFEST-000002", "corruption_info.json"])(
    "takes what was written for damaged when only %s is left",
    async (name) => {
      await writeFiles(
        dir,
        { LOCK: Buffer.alloc(0), "MANIFEST-000001": Buffer.from("half"), [name]: Buffer.from("x") },
        LOCAL_STORAGE,
      );
      const { problems, empty } = await verifyProfile(dir);
      expect(empty).toBe(false);
      expect(problems).not.toEqual([]);
    },
  );

  it("takes a storage for damaged that was only begun beside one that was written", async () => {
    await writeFiles(dir, levelDbProfile());
    const folder = join(dir, LOCAL_STORAGE);
    await rm(folder, { recursive: true });
    await writeFiles(dir, { LOCK: Buffer.alloc(0), "MANIFEST-000001": Buffer.from("half") }, LOCAL_STORAGE);
    const { problems, empty } = await verifyProfile(dir);
    expect(empty).toBe(false);
    expect(problems).toEqual([{ path: `${LOCAL_STORAGE}/CURRENT`, reason: "it is missing" }]);
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
