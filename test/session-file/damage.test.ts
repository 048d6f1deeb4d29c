import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { zipFiles } from "../../lib/archive/zip.ts";
import { exportSession } from "../../lib/session-file/export-session.ts";
import { encodeHead, MAGIC, MOST_RECORDS } from "../../lib/session-file/format.ts";
import { importSession, readSessionFile } from "../../lib/session-file/import-session.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { testKey } from "../support/keys.ts";
import { isLong } from "../support/length.ts";
import { memory, PROFILE, saveFiles } from "./support/sessions.ts";

const folder = useFolder();
let [path, whole] = ["", Buffer.alloc(0)];

async function exported(encryption?: { key: Buffer }): Promise<void> {
  const from = memory();
  await saveFiles(from, profileFiles("linked"));
  path = join(folder(), "x.wavault");
  await exportSession({ from, session: PROFILE, to: path, encryption });
  whole = await readFile(path);
}

/**
 * Places in so many bytes: in the long run each; else all near the two ends, where the file describes itself, and every
 * seventh between them, which falls on each byte of a record's head.
 */
function places(bytes: number): number[] {
  return [...Array(bytes).keys()].filter((at) => isLong || at < 80 || at >= bytes - 50 || at % 7 === 0);
}

/** What an import of these bytes says; nothing may be stored by it. */
async function importOf(bytes: Buffer): Promise<{ code?: string; message?: string; hint?: string }> {
  await writeFile(path, bytes);
  const to = memory();
  const answer = await importSession({ from: path, to, encryption: { key: testKey(1) } }).catch((error) => error);
  expect(await to.state({ session: PROFILE })).toBeUndefined();
  return answer;
}

/** A session file of these records, as FORMAT.md describes it. */
function fileOf(
  records: readonly (readonly [string, Buffer])[],
  { magic = MAGIC, count = records.length } = {},
): Buffer {
  const parts = records.map(([key, value]) =>
    Buffer.concat([encodeHead(key.length, value.length), Buffer.from(key), value]),
  );
  return sealed(Buffer.concat([magic, ...parts, encodeHead(0, count)]));
}

function sealed(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, createHash("sha256").update(bytes).digest()]);
}

/** The records in a file, read as FORMAT.md says. */
function recordsIn(bytes: Buffer): [string, Buffer][] {
  const records: [string, Buffer][] = [];
  for (let at = 8; ; ) {
    const [keyBytes, second] = [bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2)];
    if (keyBytes === 0) return records;
    const valueAt = at + 6 + keyBytes;
    records.push([bytes.toString("latin1", at + 6, valueAt), bytes.subarray(valueAt, valueAt + second)]);
    at = valueAt + second;
  }
}

describe.each([
  ["an unencrypted", undefined],
  ["an encrypted", { key: testKey(1) }],
])("%s session file", (_, encryption) => {
  beforeEach(() => exported(encryption));

  it("is as FORMAT.md describes it", () => {
    const records = recordsIn(whole);
    expect(records.map(([key]) => key)).toEqual(records.map(([key]) => key).sort());
    expect(records.map(([key]) => key.split("/")[0])).toContain(PROFILE);
    expect(fileOf(records).equals(whole)).toBe(true);
  });

  it("that is cut short anywhere is CORRUPT", async () => {
    for (const length of places(whole.length)) {
      const answer = await importOf(whole.subarray(0, length));
      expect(answer, `${length} bytes`).toMatchObject({ code: "CORRUPT", message: /damaged/ });
    }
  });

  it("with a changed bit anywhere is CORRUPT", async () => {
    for (const at of places(whole.length)) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      expect(await importOf(changed), `byte ${at}`).toMatchObject({ code: "CORRUPT", message: /damaged/ });
    }
    for (let bit = 0; bit < 64; bit++) {
      const changed = Buffer.from(whole);
      const at = bit >> 3;
      changed[at] = (changed[at] ?? 0) ^ (1 << (bit & 7));
      expect(await importOf(changed), `bit ${bit} of the beginning`).toMatchObject({ code: "CORRUPT" });
    }
  });
});

describe("what is no whole session file", () => {
  beforeEach(() => exported());

  it.each<[string, (records: [string, Buffer][]) => Buffer, RegExp]>([
    ["records in another order", (records) => fileOf([...records].reverse()), /not in order/],
    ["a key that is there twice", ([first, ...rest]) => fileOf(first ? [first, first, ...rest] : []), /twice/],
    ["a key that is none", ([, ...rest]) => fileOf([["../../etc/passwd", Buffer.from("x")], ...rest]), /no right key/],
    ["another count", (records) => fileOf(records, { count: 99 }), /of 99 records/],
    ["no record", () => fileOf([]), /0 sessions/],
    [
      "two sessions",
      (records) => fileOf([...records, ["_sessions/RemoteAuth-z", Buffer.from("x")] as const].sort(byKey)),
      /2 sessions/,
    ],
    ["bytes behind its end", () => Buffer.concat([whole, Buffer.from("\n")]), /./],
    ["a record without its log", (records) => fileOf(records.filter(([key]) => !key.includes("/log/"))), /./],
    ["a missing chunk", (records) => fileOf(records.filter(([key]) => !key.includes("/chunks/"))), /./],
    [
      "line ends that were changed",
      () => Buffer.from(whole.toString("latin1").replaceAll("\n", "\r\n"), "latin1"),
      /damaged/,
    ],
    [
      "a value of 4 GiB",
      () => sealed(Buffer.concat([MAGIC, encodeHead(3, 0xffffffff), Buffer.from("a/b"), encodeHead(0, 1)])),
      /length/,
    ],
  ])("is CORRUPT: %s", async (_, make, message) => {
    expect(await importOf(make(recordsIn(whole)))).toMatchObject({ code: "CORRUPT", message });
  });

  it("is INVALID when a newer version wrote it", async () => {
    const newer = fileOf(recordsIn(whole), { magic: Buffer.from("WAVAULT2") });
    expect(await importOf(newer)).toMatchObject({ code: "INVALID", message: /newer version/, hint: /Update/ });
    const other = sealed(Buffer.from("WAVAULT9 and what nobody knows yet, of a version that has other records"));
    expect(await importOf(other)).toMatchObject({ code: "INVALID", message: /newer version/ });
  });

  it.each<[string, Buffer, RegExp]>([
    ["text", Buffer.from("hello\nworld\n"), /it is text/],
    ["JSON", Buffer.from('{"noiseKey":1}'), /it is text/],
    ["gzip", Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]), /gzip/],
    ["a 7-Zip archive", Buffer.from("7z\xbc\xaf\x27\x1c", "latin1"), /7-Zip/],
    ["a file of age", Buffer.from("age-encryption.org/v1\n"), /age/],
    ["a message of PGP", Buffer.from("-----BEGIN PGP MESSAGE-----\n"), /encrypted or signed/],
    ["a database of SQLite", Buffer.from("SQLite format 3\0 and more"), /SQLite/],
    ["zeros", Buffer.alloc(4096), /not known/],
  ])("is INVALID and named: %s", async (_, bytes, message) => {
    const answer = await importOf(bytes);
    expect(answer).toMatchObject({ code: "INVALID", message, hint: /\./ });
  });

  it("is INVALID and named: a zip, also one that has a session file in it", async () => {
    const zip = join(folder(), "x.zip");
    await zipFiles(captureOf({ "x.wavault": whole }).files, zip);
    expect(await importOf(await readFile(zip))).toMatchObject({ code: "INVALID", message: /a zip/, hint: /unpack/ });
  });

  it("is INVALID and named: a blob of a directory store", async () => {
    const [, value] = recordsIn(whole)[0] ?? ["", Buffer.alloc(0)];
    expect(await importOf(value)).toMatchObject({ code: "INVALID", hint: /export/ });
  });

  it("is CORRUPT: an empty file", async () => {
    expect(await importOf(Buffer.alloc(0))).toMatchObject({ code: "CORRUPT", message: /empty/ });
  });

  it("is told from no file, and from a folder", async () => {
    await expect(readSessionFile({ from: join(folder(), "none") })).rejects.toMatchObject({ code: "ABSENT" });
    const directory = join(folder(), "d");
    await mkdir(directory);
    await expect(readSessionFile({ from: directory })).rejects.toMatchObject({ code: "INVALID", message: /a folder/ });
    await expect(readSessionFile({ from: "" })).rejects.toMatchObject({ code: "INVALID" });
  });
});

it("a session file of more records than any session has is refused before they are read", async () => {
  const records = Array.from({ length: MOST_RECORDS + 1 }, (_, n) => [`s/${n + 100_000}`, Buffer.alloc(0)] as const);
  const most = join(folder(), "x.wavault");
  await writeFile(most, fileOf(records));
  await expect(readSessionFile({ from: most })).rejects.toMatchObject({ code: "CORRUPT", message: /more than 65536/ });
});

describe("the key of a session file", () => {
  beforeEach(() => exported({ key: testKey(1) }));

  it.each([
    ["none", undefined],
    ["another key", { key: testKey(2) }],
    ["a passphrase", { passphrase: "correct horse battery" }],
  ])("is missed as WRONG_KEY, never as ABSENT: %s", async (_, encryption) => {
    const to = memory();
    const failed = { code: "WRONG_KEY", message: /it is encrypted/, hint: /exported with/ };
    await expect(readSessionFile({ from: path, encryption })).rejects.toMatchObject(failed);
    await expect(importSession({ from: path, to, encryption })).rejects.toMatchObject(failed);
    expect(await to.state({ session: PROFILE })).toBeUndefined();
  });

  it("may be given for a file that is not encrypted", async () => {
    await exported();
    expect(await readSessionFile({ from: path, encryption: { key: testKey(2) } })).toMatchObject({ encrypted: false });
  });
});

function byKey([one]: readonly [string, Buffer], [other]: readonly [string, Buffer]): number {
  return one < other ? -1 : 1;
}
