import { rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { captureProfile } from "../../lib/profile/capture/capture.ts";
import { CheckedFiles } from "../../lib/profile/checked-files.ts";
import { captureCredentials, capturedPhone, probeCredentials } from "../../lib/profile/credentials.ts";
import { verifyProfile } from "../../lib/profile/verify.ts";
import { useFolder } from "../support/folder.ts";
import { trustFiles } from "./support/clock.ts";
import { bothDatabases, database, VALUE, WID } from "./support/credentials.ts";
import { batchBytes, editBytes, logBytes, type TableRow, tableBytes } from "./support/leveldb-bytes.ts";
import {
  type Files,
  INDEXED_DB,
  LOCAL_STORAGE,
  SIGNAL_STORAGE_DB,
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

describe("probeCredentials", () => {
  async function probe(indexedDb: Files, localStorage: Files): Promise<string | true> {
    await rm(dir, { recursive: true, force: true });
    await writeFiles(dir, indexedDb, INDEXED_DB);
    await writeFiles(dir, localStorage, LOCAL_STORAGE);
    const { hasCredentials, reason } = await probeCredentials(dir);
    return hasCredentials || reason;
  }

  it("finds credentials once the databases and the number of the phone are on disk", async () => {
    expect(await probe(bothDatabases, youngLevelDb([[WID, VALUE]]))).toBe(true);
  });

  it("finds none while the number in Local Storage is absent, empty, deleted, or of another site", async () => {
    const missing = "Local Storage is not on disk";
    expect(await probe(bothDatabases, youngLevelDb([["VERSION", "1"]]))).toBe(missing);
    expect(await probe(bothDatabases, youngLevelDb([[WID, "\u0001"]]))).toBe(missing);
    expect(await probe(bothDatabases, youngLevelDb([[WID, VALUE], [WID]]))).toBe(missing);
    expect(await probe(bothDatabases, youngLevelDb([[WID.replace("web", "faq"), VALUE]]))).toBe(missing);
  });

  it("tells the number of the phone, in the newest value, in Latin-1 and in UTF-16", async () => {
    const phone = async (...entries: [string, string?][]): Promise<string | undefined> => {
      await rm(dir, { recursive: true, force: true });
      await writeFiles(dir, youngLevelDb(entries), LOCAL_STORAGE);
      const capture = await captureProfile(dir, { live: false });
      const found = await capturedPhone(capture);
      await capture.close();
      return found;
    };
    const wid = '"491701234567:12@c.us"';
    expect(await phone([WID, '\u0001"5511988887777@c.us"'], [WID, `\u0001${wid}`])).toBe("491701234567");
    expect(await phone([WID, `\0${Buffer.from(wid, "utf16le").toString("latin1")}`])).toBe("491701234567");
    expect(await phone([WID, "\u0001null"])).toBeUndefined();
    expect(await phone([WID, `\u0001${wid}`], [WID])).toBeUndefined();
  });

  it("finds none while a database is missing, or was deleted", async () => {
    const linked = youngLevelDb([[WID, VALUE]]);
    expect(await probe(youngLevelDb([[database("wawc"), "\u0001"]]), linked)).toBe(
      "IndexedDB signal-storage is not on disk",
    );
    const deleted = youngLevelDb([
      [database("wawc"), "\u0001"],
      [database("signal-storage"), "\u0002"],
      [database("wawc")],
    ]);
    expect(await probe(deleted, linked)).toBe("IndexedDB wawc is not on disk");
  });

  it.each([false, true])("finds credentials in a table (compressed: %s)", async (snappy) => {
    const table = tableBytes([{ key: WID, sequence: 1, value: VALUE }], { snappy });
    const edit = { comparator: "c", log: 3, next: 9, last: 1, added: [[0, 5, table.length]] as const };
    const inTable = { ...youngLevelDb([]), "MANIFEST-000001": logBytes([editBytes(edit)]), "000005.ldb": table };
    expect(await probe(bothDatabases, inTable)).toBe(true);
  });

  describe("in an IndexedDB with many tables", () => {
    /** Each table with its first key; the first one has the names of the databases. */
    const tables = [database("signal-storage"), "key-1", "key-2", "key-3"].map((firstKey, index) => {
      const keys = index === 0 ? [firstKey, database("wawc")] : [firstKey];
      const bytes = tableBytes(keys.map((key) => ({ key, sequence: 1, value: "\u0001" })));
      return { name: `00001${index}.ldb`, firstKey, bytes };
    });

    /** The tables that are read for a look at credentials. @param knowsKeys whether the manifest has their first keys */
    async function tablesRead(knowsKeys: boolean): Promise<string[]> {
      const added = tables.map(({ firstKey, bytes }, index) => {
        const facts = [2, 10 + index, bytes.length] as const;
        return knowsKeys ? ([...facts, firstKey] as const) : facts;
      });
      const edit = editBytes({ comparator: "c", log: 3, next: 20, last: 1, added });
      const files = Object.fromEntries(tables.map(({ name, bytes }) => [name, bytes]));
      await writeFiles(dir, { ...youngLevelDb([]), "MANIFEST-000001": logBytes([edit]), ...files }, INDEXED_DB);
      await writeFiles(dir, youngLevelDb([[WID, VALUE]]), LOCAL_STORAGE);
      await trustFiles(dir);
      const checked = new CheckedFiles();
      const capture = await captureProfile(dir, { live: true, checked });
      const read = new Set<string>();
      const counted = capture.files.map((file) => ({
        ...file,
        read: (position: number, length: number) => {
          read.add(basename(file.path));
          return file.read(position, length);
        },
      }));
      expect(await captureCredentials({ ...capture, files: counted }, checked)).toMatchObject({ hasCredentials: true });
      await capture.close();
      return [...read].filter((name) => name.endsWith(".ldb")).sort();
    }

    it("reads no table that begins behind the names of the databases, by the manifest", async () => {
      expect(await tablesRead(true)).toEqual(["000010.ldb"]);
    });

    it("reads the beginning of every table whose first key is not known", async () => {
      expect(await tablesRead(false)).toEqual(tables.map(({ name }) => name));
    });
  });

  it("finds credentials in tables of many other entries, before and behind", async () => {
    const others = Array.from({ length: 40 }, (_, index) => String(100 + index));
    const profileOf = (keys: readonly (readonly [key: string, value: string])[]): Files => {
      const sorted = [...keys].sort(([a], [b]) => Buffer.compare(Buffer.from(a, "latin1"), Buffer.from(b, "latin1")));
      const table = tableBytes(sorted.map(([key, value]) => ({ key, sequence: 1, value })));
      const edit = {
        comparator: "c",
        log: 3,
        next: 9,
        last: 1,
        added: [[0, 5, table.length, sorted[0]?.[0] ?? ""]] as const,
      };
      return { ...youngLevelDb([]), "MANIFEST-000001": logBytes([editBytes(edit)]), "000005.ldb": table };
    };
    const pairs = (start: string): (readonly [string, string])[] => others.map((other) => [start + other, "\u0001x"]);
    const names = [database("wawc"), database("signal-storage")].map((key) => [key, "\u0001"] as const);
    const indexedDb = profileOf([...pairs("\0\0\0\0\u0032"), ...names, ...pairs("\0\u0001")]);
    const site = WID.slice(0, WID.indexOf("last"));
    const linked = profileOf([...pairs("META:"), ...pairs(`${site}A`), [WID, VALUE], ...pairs(`${site}z`)]);
    expect(await probe(indexedDb, linked)).toBe(true);
    const unlinked = profileOf([...pairs("META:"), ...pairs(`${site}A`), ...pairs(`${site}z`)]);
    expect(await probe(indexedDb, unlinked)).toBe("Local Storage is not on disk");
    const missing = profileOf([...pairs("\0\0\0\0\u0032"), ...names.slice(0, 1), ...pairs("\0\u0001")]);
    expect(await probe(missing, linked)).toBe("IndexedDB signal-storage is not on disk");
  });

  it.each([false, true])(
    "finds the databases in tables among thousands of other keys (verified: %s)",
    async (verified) => {
      const row = (key: string, sequence: number): TableRow => ({ key, sequence, value: "\u0001" });
      const journal = Array.from({ length: 1_000 }, (_, i) =>
        row(`\0\0\0\0\u0003${String(i).padStart(4, "0")}`, i + 1),
      );
      const records = Array.from({ length: 9 }, (_, i) => row(`\0\u0001\u0001\u0001${i}`, 2_000 + i));
      const [wawc, signal] = [row(database("wawc"), 1_500), row(database("signal-storage"), 1_501)];
      const tables = {
        "000005.ldb": [...journal, row(database("0000"), 1_499), wawc, ...records],
        "000006.ldb": [signal, ...records],
        "000007.ldb": records,
        "000008.ldb": journal,
      };
      const bytes = Object.entries(tables).map(([name, rows]) => [name, tableBytes(rows)] as const);
      const added = bytes.map(([name, { length }]) => [2, Number.parseInt(name, 10), length] as const);
      const manifest = editBytes({ comparator: "c", log: 3, next: 9, last: 3_000, added });
      const indexedDb = { ...youngLevelDb([]), ...Object.fromEntries(bytes), "MANIFEST-000001": logBytes([manifest]) };
      await writeFiles(dir, indexedDb, INDEXED_DB);
      await writeFiles(dir, youngLevelDb([[WID, VALUE]]), LOCAL_STORAGE);
      await trustFiles(dir);
      const checked = new CheckedFiles();
      if (verified) expect((await verifyProfile(dir, { checked })).problems).toEqual([]);
      expect(await probeCredentials(dir, { checked })).toMatchObject({ hasCredentials: true });
      // What the check has told leads to the same answer when a database is gone.
      await writeFile(join(dir, INDEXED_DB, "000003.log"), logBytes([batchBytes(3_001, [[database("wawc")]])]));
      const { reason } = await probeCredentials(dir, { checked });
      expect(reason).toBe("IndexedDB wawc is not on disk");
    },
  );

  it("finds none in a profile that does not exist, without an error", async () => {
    expect(await probeCredentials(join(dir, "absent"))).toEqual({
      hasCredentials: false,
      reason: expect.stringMatching(/holds no storage of the site yet/),
    });
  });

  it("finds the databases in SQLite by the names that Chromium gives to their files", async () => {
    const missing = async (): Promise<string> => (await probeCredentials(dir)).reason;
    const bytes = sqliteProfile()[SQLITE_DB] as Buffer;
    await writeFiles(dir, { "Default/LocalStorage": bytes, [`${dirname(SQLITE_DB)}/0`]: bytes });
    expect(await missing()).toBe("IndexedDB wawc is not on disk");
    await writeFiles(dir, { [SQLITE_DB]: bytes });
    expect(await missing()).toBe("IndexedDB signal-storage is not on disk");
    await writeFiles(dir, { [SIGNAL_STORAGE_DB]: bytes });
    expect(await missing()).toBe("Local Storage is not on disk");
  });
});
