import { describe, expect, it } from "vitest";
import { checkLevelDb } from "../../../lib/profile/leveldb/check.ts";
import { scanLog } from "../../../lib/profile/leveldb/log.ts";
import { bufferSource } from "../../../lib/profile/sources.ts";
import { batchBytes, editBytes, logBytes, smallLevelDb } from "../support/leveldb-bytes.ts";
import { flipped, seeded } from "../support/random.ts";

type Files = Map<string, Buffer>;

async function problems(files: Files): Promise<string[]> {
  const sources = new Map([...files].map(([name, bytes]) => [name, bufferSource(bytes)]));
  return (await checkLevelDb(sources)).map(({ name, reason }) => `${name}: ${reason}`);
}

function changed(change: (files: Files) => unknown): Files {
  const files = smallLevelDb();
  change(files);
  return files;
}

function bytesOf(files: Files, name: string): Buffer {
  return files.get(name) as Buffer;
}

describe("checkLevelDb", () => {
  it("finds nothing wrong with a whole database", async () => {
    expect(await problems(smallLevelDb())).toEqual([]);
  });

  it("reads no manifest that would fill the memory", async () => {
    const manifest = { size: 10 * 1024 ** 3, read: () => Promise.reject(new Error("it was read")) };
    const sources = new Map([
      ["CURRENT", bufferSource(Buffer.from("MANIFEST-000001\n"))],
      ["MANIFEST-000001", manifest],
    ]);
    expect(await checkLevelDb(sources)).toEqual([{ name: "MANIFEST-000001", reason: `it has ${manifest.size} bytes` }]);
  });

  // Each is what Chromium wipes, or opens without what was there.
  it.each<[string, (files: Files) => unknown, RegExp]>([
    ["a table is missing", (f) => f.delete("000005.ldb"), /table 000005 is missing/],
    ["a table is cut", (f) => f.set("000005.ldb", bytesOf(f, "000005.ldb").subarray(0, 100)), /has 100 bytes/],
    ["a table has a flipped bit", (f) => f.set("000008.ldb", flipped(bytesOf(f, "000008.ldb"), 40, 3)), /000008.ldb/],
    ["CURRENT is empty", (f) => f.set("CURRENT", Buffer.alloc(0)), /CURRENT: it does not name a manifest/],
    ["CURRENT is missing", (f) => f.delete("CURRENT"), /CURRENT: it is missing/],
    ["CURRENT names nothing", (f) => f.set("CURRENT", Buffer.from("MANIFEST-1")), /does not name a manifest/],
    ["the manifest is missing", (f) => f.delete("MANIFEST-000001"), /MANIFEST-000001: it is missing/],
    ["the manifest is empty", (f) => f.set("MANIFEST-000001", Buffer.alloc(0)), /holds no record/],
    [
      "the manifest is cut inside a record",
      (f) => f.set("MANIFEST-000001", bytesOf(f, "MANIFEST-000001").subarray(0, -5)),
      /MANIFEST-000001: ends inside a record/,
    ],
    [
      "the manifest has a wrong checksum",
      (f) => f.set("MANIFEST-000001", flipped(bytesOf(f, "MANIFEST-000001"), 20, 0)),
      /MANIFEST-000001: wrong checksum/,
    ],
    [
      "all logs are missing",
      (f) => ["000009.log", "000010.log"].map((name) => f.delete(name)),
      /log 000009 is missing/,
    ],
    ["the older log is missing", (f) => f.delete("000009.log"), /log 000009 is missing/],
    [
      "the newest log ends inside a record",
      (f) => f.set("000010.log", bytesOf(f, "000010.log").subarray(0, -1)),
      /000010.log: ends inside a record/,
    ],
    [
      "an older log ends inside a record",
      (f) => f.set("000009.log", bytesOf(f, "000009.log").subarray(0, -1)),
      /000009.log: ends inside a record/,
    ],
    [
      "a log has a wrong checksum inside",
      (f) => f.set("000009.log", flipped(bytesOf(f, "000009.log"), 25, 0)),
      /000009.log: wrong checksum/,
    ],
    [
      "Chromium has marked it corrupt",
      (f) => f.set("corruption_info.json", Buffer.from("{}")),
      /found this storage corrupt/,
    ],
    [
      "a log leaves sequence numbers out",
      (f) => f.set("000010.log", logBytes([batchBytes(36, [["key", "value"]])])),
      /sequence 36 follows 33/,
    ],
    [
      "the first log begins after what the tables hold",
      (f) => f.set("000009.log", logBytes([batchBytes(33, [["key", "value"]])])),
      /begins at 33, after 30/,
    ],
    [
      "a log holds something else",
      (f) => f.set("000010.log", logBytes([Buffer.from("not a write batch")])),
      /is not a write batch/,
    ],
    [
      "the manifest holds something else",
      (f) => f.set("MANIFEST-000001", logBytes([editBytes({ log: 9, next: 10, last: 30 }), Buffer.from([99])])),
      /is not a version edit/,
    ],
    [
      "the manifest never names a comparator",
      (f) => f.set("MANIFEST-000001", logBytes([editBytes({ log: 9, next: 10, last: 30 })])),
      /names no comparator/,
    ],
  ])("reports that %s", async (_name, change, reason) => {
    expect((await problems(changed(change))).join("\n")).toMatch(reason);
  });

  it("accepts a log and a manifest that were cut after their last whole record", async () => {
    for (const name of ["000010.log", "MANIFEST-000001"]) {
      const files = smallLevelDb();
      const torn = bytesOf(files, name).subarray(0, -3);
      files.set(name, torn.subarray(0, scanLog(torn, () => {}).end));
      // An older state needs the older state's log: the last edit only moved on from it.
      if (name.startsWith("MANIFEST")) files.set("000006.log", logBytes([batchBytes(21, [["key", "value"]])]));
      if (name.startsWith("MANIFEST")) files.set("000009.log", logBytes([batchBytes(22, [["key", "value"]])]));
      if (name.startsWith("MANIFEST")) files.set("000010.log", logBytes([]));
      expect(await problems(files)).toEqual([]);
    }
  });

  it("accepts a sequence number just after one that the manifest has carried", async () => {
    const files = changed((f) => {
      const manifest = bytesOf(f, "MANIFEST-000001");
      f.set("MANIFEST-000001", Buffer.concat([manifest, logBytes([editBytes({ last: 50 })])]));
      f.set("000010.log", logBytes([batchBytes(51, [["key", "value"]])]));
    });
    expect(await problems(files)).toEqual([]);
  });

  it.each(["MANIFEST-000001", "000009.log", "000010.log", "CURRENT", "000005.ldb"])(
    "reports %s when it is cut anywhere but after a record",
    async (name) => {
      const whole = bytesOf(smallLevelDb(), name);
      const ends = new Set([0]);
      if (name !== "CURRENT" && !name.endsWith(".ldb")) scanLog(whole, (_data, end) => ends.add(end));
      let refused = 0;
      for (let length = 0; length < whole.length; length++) {
        const found = await problems(changed((f) => f.set(name, whole.subarray(0, length))));
        if (found.length > 0) refused++;
        else expect(ends).toContain(length);
      }
      expect(refused).toBeGreaterThanOrEqual(whole.length - ends.size);
    },
  );

  it("reports every flipped bit, in every file", async () => {
    const random = seeded(3);
    for (const [name, bytes] of smallLevelDb()) {
      if (name.startsWith("LO")) continue;
      for (let i = 0; i < 400; i++) {
        const [at, bit] = [Math.floor(random() * bytes.length), Math.floor(random() * 8)];
        const found = await problems(changed((f) => f.set(name, flipped(bytes, at, bit))));
        expect(found, `${name}, bit ${bit} of byte ${at}`).not.toEqual([]);
      }
    }
  });

  it("reports random bytes in any file, without throwing", async () => {
    const random = seeded(4);
    for (let i = 0; i < 500; i++) {
      const files = smallLevelDb();
      const names = [...files.keys()].filter((name) => !name.startsWith("LO"));
      const name = names[Math.floor(random() * names.length)] as string;
      const junk = Buffer.from(Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256)));
      files.set(name, junk);
      // An empty last log is a state the database was in.
      if (!name.endsWith(".log") || junk.length > 0) expect(await problems(files)).not.toEqual([]);
    }
  });
});
