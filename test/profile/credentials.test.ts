import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { probeCredentials } from "../../lib/profile/credentials.ts";
import { useFolder } from "../support/folder.ts";
import { bothDatabases, database, VALUE, WID } from "./support/credentials.ts";
import { editBytes, logBytes, tableBytes } from "./support/leveldb-bytes.ts";
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
