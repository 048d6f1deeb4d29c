import { describe, expect, it } from "vitest";
import { storageFeatures } from "../../lib/browser/storage-features.ts";
import type { ProfileFacts } from "../../lib/store.ts";

const idb = "IdbSqliteOnDiskRollout:stage/UseSqliteForNewStores";
const local = "DomStorageSqliteNewDatabases:DomStorageSqliteNewDatabasesStage/UseSqliteForNewDatabases";
const leveldb: ProfileFacts = { indexedDb: "leveldb", localStorage: "leveldb" };
const sqlite: ProfileFacts = { indexedDb: "sqlite", localStorage: "sqlite" };
const invalid = expect.objectContaining({ code: "INVALID", hint: expect.any(String) });

function features(args: readonly string[], flag: "enable" | "disable" = "enable"): string[] {
  const found = args.filter((argument) => argument.startsWith(`--${flag}-features=`));
  expect(found.length).toBeLessThanOrEqual(1);
  return found[0]?.slice(`--${flag}-features=`.length).split(",") ?? [];
}

describe("the switches for a site's storage", () => {
  it("leave an empty profile to the browser", () => {
    expect(storageFeatures(["--no-sandbox"], {})).toEqual(["--no-sandbox"]);
    expect(storageFeatures([], { browserVersion: "156.0.0.0" })).toEqual([]);
  });

  it("pin each existing store, in either form", () => {
    for (const profile of [leveldb, sqlite])
      expect(features(storageFeatures([], profile)).sort()).toEqual([local, idb]);
    expect(features(storageFeatures([], { indexedDb: "sqlite" }))).toEqual([idb]);
    expect(features(storageFeatures([], { localStorage: "leveldb" }))).toEqual([local]);
  });

  it("become one switch, before the user's own features, in a new array", () => {
    const args = Object.freeze(["--enable-features=A,B", "--x", "--disable-features=C", "--enable-features= D"]);
    const merged = storageFeatures(args, sqlite);
    expect(merged.filter((argument) => !argument.includes("-features="))).toEqual(["--x"]);
    expect(features(merged).slice(2)).toEqual(["A", "B", "D"]);
    expect(features(merged, "disable")).toEqual(["C"]);
    expect(storageFeatures(merged, sqlite).toSorted()).toEqual(merged.toSorted());
  });

  it("take the place of a setting of the same feature that would wipe a SQLite store", () => {
    const merged = features(storageFeatures(["--enable-features=IdbSqliteOnDiskRollout,X"], sqlite));
    expect(merged.filter((feature) => feature.startsWith("IdbSqliteOnDiskRollout"))).toEqual([idb]);
  });

  it("keep a migration that the user has enabled", () => {
    const migrate = "IdbSqliteOnDiskRollout:stage/MigrateDataToSqliteGentle";
    for (const profile of [leveldb, sqlite]) {
      const merged = features(storageFeatures([`--enable-features=${migrate}`], profile));
      expect(merged).toContain(migrate);
      expect(merged).not.toContain(idb);
    }
  });

  it.each([
    ["--disable-features=IdbSqliteOnDiskRollout", sqlite],
    ["--disable-features=A,DomStorageSqliteNewDatabases", sqlite],
    ["--enable-features=IdbSqliteOnDiskRollout:stage/UseSqliteOnly", leveldb],
    ["--enable-features=A,DomStorageSqliteNewDatabases:DomStorageSqliteNewDatabasesStage/UseSqliteOnly", leveldb],
    ["--enable-features=IdbSqliteBackingStore", leveldb],
    ["--enable-features=DomStorageSqlite<Trial.Group", leveldb],
  ])("are refused when they would wipe the profile: %s", (argument, profile) => {
    expect(() => storageFeatures([argument], profile)).toThrow(invalid);
    // On a profile of the other form they harm nothing.
    expect(storageFeatures([argument], profile === sqlite ? leveldb : sqlite)).toBeInstanceOf(Array);
  });

  it("count a feature that is both enabled and disabled as disabled", () => {
    const both = ["--enable-features=IdbSqliteBackingStore", "--disable-features=IdbSqliteBackingStore"];
    expect(features(storageFeatures(both, leveldb))).toContain(idb);
  });
});
