import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HINTS } from "../../lib/archive/errors.ts";
import { unzip } from "../../lib/archive/unzip.ts";
import { zipFiles } from "../../lib/archive/zip.ts";
import { methods, recordBytes, signatures } from "../../lib/archive/zip-format.ts";
import { isVaultError } from "../../lib/errors.ts";
import { canMount, mountMemory } from "../support/mount.ts";
import { scratchFolder } from "../support/scratch.ts";
import { type CraftedEntry, craft, memoryFile, tree, treeOf } from "./support.ts";

const directory = scratchFolder("archive-");

/** Unpacks `bytes` two levels down in a fresh directory. @returns the error's code, or the tree of what is there */
async function attempt(bytes: Buffer): Promise<{ code: string } | { files: Record<string, string> }> {
  const place = mkdtempSync(join(directory, "attempt-"));
  const zip = join(place, "session.zip");
  const into = join(place, "inner", "profile");
  writeFileSync(zip, bytes);
  try {
    await unzip(zip, into);
    return { files: tree(into) };
  } catch (error) {
    if (!isVaultError(error)) throw error;
    expect(error.message).toContain(zip);
    return { code: error.code };
  } finally {
    // Whatever happened: nothing beside the archive and the directory it was to go to.
    expect(readdirSync(place).filter((name) => name !== "inner")).toEqual(["session.zip"]);
    if (readdirSync(place).includes("inner")) expect(readdirSync(join(place, "inner"))).toEqual(["profile"]);
  }
}

const contents: Record<string, Buffer> = {
  "Default/Local Storage/leveldb/CURRENT": Buffer.from("MANIFEST-000001\n"),
  "Default/Local Storage/leveldb/000003.log": randomBytes(300),
  "Default/empty": Buffer.alloc(0),
};

async function smallZip(): Promise<Buffer> {
  const zip = join(mkdtempSync(join(directory, "small-")), "small.zip");
  await zipFiles(
    Object.entries(contents).map(([path, bytes]) => memoryFile(path, bytes)),
    zip,
  );
  return readFileSync(zip);
}

describe("unzip of a damaged archive", () => {
  it("refuses one that is empty", async () => {
    expect(await attempt(Buffer.alloc(0))).toEqual({ code: "CORRUPT" });
  });

  it("refuses something else", async () => {
    expect(await attempt(Buffer.from("<html>502 Bad Gateway</html>"))).toEqual({ code: "CORRUPT" });
  });

  it("refuses one that ends early, at every byte", async () => {
    const whole = await smallZip();
    for (let length = 0; length < whole.length; length++) {
      expect(await attempt(whole.subarray(0, length)), `cut at ${length}`).toEqual({ code: "CORRUPT" });
    }
    expect(await attempt(whole)).toEqual({ files: treeOf(contents) });
  });

  it("refuses a flipped bit in any byte that matters, and unpacks the rest right", async () => {
    const whole = await smallZip();
    let harmless = 0;
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << (at & 7)), at);
      const result = await attempt(flipped);
      if ("code" in result) expect(["CORRUPT", "INVALID"], `byte ${at}`).toContain(result.code);
      else {
        expect(result.files, `byte ${at}`).toEqual(treeOf(contents));
        harmless++;
      }
    }
    // Dates, versions, attributes and the sizes that the directory has too: nothing of the content.
    expect(harmless).toBeLessThan(whole.length / 4);
  });

  it("refuses one whose middle is zeros, as a disk that was full leaves it", async () => {
    const whole = await smallZip();
    for (let at = 0; at + 16 <= whole.length; at += 8) {
      const holed = Buffer.from(whole).fill(0, at, at + 16);
      const result = await attempt(holed);
      if ("files" in result) expect(result.files, `hole at ${at}`).toEqual(treeOf(contents));
      else expect(["CORRUPT", "INVALID"]).toContain(result.code);
    }
  });
});

const hostile: Record<string, readonly CraftedEntry[]> = {
  "a path that leads out": [{ path: "../evil" }],
  "a path that leads out further down": [{ path: "Default/../../evil" }],
  "an absolute path": [{ path: "/tmp/evil" }],
  "a drive letter": [{ path: "C:/evil" }],
  "a backslash": [{ path: "..\\evil" }],
  "a NUL": [{ path: "evil\0.ldb" }],
  "an empty name": [{ path: "" }],
  "a dot further down": [{ path: "a/./evil" }],
  "a dot alone": [{ path: "." }],
  "a path that leads out behind a dot": [{ path: "./../evil" }],
  "an absolute path behind a dot": [{ path: ".//tmp/evil" }],
  "an empty segment": [{ path: "a//b" }],
  "a link": [{ path: "link", content: Buffer.from("/etc/passwd"), mode: 0o120777 }],
  "a link and a file behind it": [
    { path: "link", content: Buffer.from("/tmp"), mode: 0o120777 },
    { path: "link/evil" },
  ],
  "a device": [{ path: "device", mode: 0o020666 }],
  "a name twice": [{ path: "a" }, { path: "a" }],
  "names that differ by case": [{ path: "Default/CURRENT" }, { path: "Default/current" }],
  "directories that differ by case": [{ path: "Default/a" }, { path: "default/b" }],
  "names that differ by composition": [{ path: "\u00e9" }, { path: "e\u0301" }],
  "a file that is a directory too": [{ path: "a" }, { path: "a/b" }],
  "a directory that is a file too": [{ path: "a/b" }, { path: "a" }],
  "a directory with content": [{ path: "a/" }],
  "a directory twice": [
    { path: "a/", content: Buffer.alloc(0) },
    { path: "a/", content: Buffer.alloc(0) },
  ],
  "a name that Windows does not take": [{ path: "a/b:c" }],
  "a name that ends with a dot": [{ path: "a./b" }],
  "a device of Windows": [{ path: "a/nul.txt" }],
  "names that are one in capital letters": [{ path: "straße" }, { path: "STRASSE" }],
  "a name that is not UTF-8": [{ path: "a\ufffd" }],
  "a name no disk takes": [{ path: "a".repeat(256) }],
  "a name no disk takes, in other letters": [{ path: `${"é".repeat(128)}/b` }],
  "a path no disk takes": [{ path: `${"a".repeat(200)}/`.repeat(21) }],
  "a path of very many directories": [{ path: `${"a/".repeat(64)}b` }],
  "paths of tens of thousands of directories": Array.from({ length: 20 }, (_, index) => ({
    path: `${index}/${"a/".repeat(32_000)}b`,
  })),
  "an encrypted entry": [{ path: "a", flags: 1 }],
  "a strongly encrypted entry": [{ path: "a", flags: 0x41 }],
  "another compression": [{ path: "a", method: 12 }],
  "a size of a terabyte": [{ path: "a", size: 2 ** 40, compressedSize: 7 }],
};

const lying: Record<string, readonly CraftedEntry[]> = {
  "a wrong checksum": [{ path: "a", crc: 1 }],
  "a wrong checksum of nothing": [{ path: "a", content: Buffer.alloc(0), crc: 1 }],
  "more bytes than it says": [{ path: "a", content: Buffer.alloc(1_000_000), size: 10 }],
  "59 MiB more than it says": [{ path: "a", content: Buffer.alloc(64 * 1024 * 1024), size: 5 * 1024 * 1024 }],
  "fewer bytes than it says": [{ path: "a", content: Buffer.alloc(10), size: 11 }],
  "many fewer bytes than it says": [{ path: "a", content: Buffer.alloc(10), size: 50_000_000 }],
  "a stored entry of two sizes": [{ path: "a", method: methods.stored ?? 0, size: 3 }],
  "a place outside": [{ path: "a", offset: 1_000_000 }],
  "a place behind 4 GiB": [{ path: "a", offset: 2 ** 40 }],
  "two entries in one place": [
    { path: "a", offset: 0 },
    { path: "b", offset: 0 },
  ],
  "an entry whose data is in the next one": [{ path: "a", localExtraBytes: 5 }, { path: "b" }],
  "an entry whose data is in the directory": [{ path: "a", localExtraBytes: 5 }],
  "data that is no deflate stream": [{ path: "a", content: Buffer.from("abc"), compressedSize: 2 }],
  "another name in its header": [{ path: "a", localPath: "b" }],
};

describe("unzip of a hostile archive", () => {
  it.each(Object.keys(hostile))("refuses %s", async (name) => {
    expect(await attempt(craft(hostile[name] ?? []))).toEqual({ code: "INVALID" });
  });

  it.each(Object.keys(lying))("finds %s damaged", async (name) => {
    expect(await attempt(craft(lying[name] ?? []))).toEqual({ code: "CORRUPT" });
  });

  it.each([
    { field: "entries on this disk and in all", change: (end: Buffer) => end.writeUInt32LE(0x00010001, 8) },
    { field: "entries in all", change: (end: Buffer) => end.writeUInt16LE(1, 10) },
    { field: "bytes of the directory", change: (end: Buffer) => end.writeUInt32LE(end.readUInt32LE(12) - 1, 12) },
    { field: "offset of the directory", change: (end: Buffer) => end.writeUInt32LE(end.readUInt32LE(16) + 1, 16) },
    { field: "disk of the directory", change: (end: Buffer) => end.writeUInt16LE(1, 6) },
    { field: "length of the comment", change: (end: Buffer) => end.writeUInt16LE(1, 20) },
  ])("finds an end record damaged that has another value for: $field", async ({ change }) => {
    const bytes = craft([{ path: "a" }, { path: "b" }]);
    change(bytes.subarray(bytes.length - recordBytes.end));
    expect(await attempt(bytes)).toEqual({ code: "CORRUPT" });
  });

  it.each([0n, 1n, 10_000n, 2n ** 53n, 2n ** 64n - 1n])(
    "finds a zip64 locator damaged that leads to no record, at byte %i",
    async (position) => {
      const bytes = craft([{ path: "a" }]);
      const end = bytes.length - recordBytes.end;
      const locator = Buffer.alloc(recordBytes.locator64);
      locator.writeUInt32LE(signatures.locator64, 0);
      locator.writeBigUInt64LE(position, 8);
      const zip = Buffer.concat([bytes.subarray(0, end), locator, bytes.subarray(end)]);
      expect(await attempt(zip)).toEqual({ code: "CORRUPT" });
    },
  );

  it.each([2 ** 53, 2 ** 63])("finds an entry damaged whose offset is %i", async (offset) => {
    expect(await attempt(craft([{ path: "a", offset }]))).toEqual({ code: "CORRUPT" });
  });

  it.each<[string, readonly CraftedEntry[], string, string | undefined]>([
    [
      "damage",
      [{ path: "a", crc: 1 }],
      'the zip is damaged: "a": its checksum is wrong.',
      "Restore an older copy of the session.",
    ],
    ["a name", [{ path: "../a" }], 'the zip is refused: "../a" leads out of its directory.', HINTS.name],
    ["two names", [{ path: "a" }, { path: "A" }], 'the zip is refused: "a" and "A" are the same name.', HINTS.twice],
    ["a link", [{ path: "a", mode: 0o120777 }], 'the zip is refused: "a" is a link or a device.', HINTS.link],
    [
      "an entry that overlaps the next one",
      [{ path: "a", localExtraBytes: 5 }, { path: "b" }],
      'the zip is damaged: "a" overlaps what comes after it.',
      "Restore an older copy of the session.",
    ],
  ])("says why, and what can be done: %s", async (_name, entries, why, hint) => {
    const place = mkdtempSync(join(directory, "why-"));
    const zip = join(place, "a.zip");
    writeFileSync(zip, craft(entries));
    await expect(unzip(zip, join(place, "into"))).rejects.toMatchObject({
      message: `Could not unzip ${zip}: ${why}`,
      hint,
    });
  });

  it("stops at the size an entry says, however much is in it", async () => {
    const place = mkdtempSync(join(directory, "bomb-"));
    const zip = join(place, "bomb.zip");
    const bomb = craft([{ path: "a", content: Buffer.alloc(64 * 1024 * 1024), size: 5 * 1024 * 1024 }]);
    writeFileSync(zip, bomb);
    await expect(unzip(zip, join(place, "into"))).rejects.toMatchObject({ code: "CORRUPT" });
    expect(readFileSync(join(place, "into", "a")).length).toBeLessThanOrEqual(5 * 1024 * 1024);
  });

  it("does not write through a link that is in the way", async () => {
    const place = mkdtempSync(join(directory, "link-"));
    const outside = join(place, "outside");
    writeFileSync(outside, "mine");
    mkdirSync(join(place, "into"));
    symlinkSync(outside, join(place, "into", "a"));
    writeFileSync(join(place, "a.zip"), craft([{ path: "a" }]));
    await expect(unzip(join(place, "a.zip"), join(place, "into"))).rejects.toMatchObject({ code: "INVALID" });
    expect(readFileSync(outside, "utf8")).toBe("mine");
  });
});

describe("unzip of an honest archive", () => {
  it.each([1, 200, 65_535])("reads one with a comment of %i bytes", async (length) => {
    const bytes = craft([{ path: "a" }]);
    bytes.writeUInt16LE(length, bytes.length - 2);
    const commented = Buffer.concat([bytes, Buffer.alloc(length, "comment")]);
    expect(await attempt(commented)).toEqual({ files: treeOf({ a: Buffer.from("content") }) });
  });

  it("makes the directories it lists, and those it does not", async () => {
    const entries = [
      { path: "listed/", content: Buffer.alloc(0) },
      { path: "listed/a" },
      { path: "not/listed/b", method: methods.stored ?? 0 },
      { path: "empty/", content: Buffer.alloc(0) },
    ];
    const result = await attempt(craft(entries));
    expect(result).toEqual({
      files: treeOf({ "listed/a": Buffer.from("content"), "not/listed/b": Buffer.from("content") }),
    });
  });

  it("says what kind of file each is", async () => {
    const place = mkdtempSync(join(directory, "kinds-"));
    const paths = ["L/000005.ldb", "L/000006.log", "L/MANIFEST-000001", "L/CURRENT", "x.indexeddb.blob/1/00/3"];
    writeFileSync(join(place, "a.zip"), craft(paths.map((path) => ({ path }))));
    const { files } = await unzip(join(place, "a.zip"), join(place, "into"));
    expect(files.map((file) => file.change)).toEqual(["never", "append", "append", "anywhere", "never"]);
  });

  it("stops when told to, with the reason given", async () => {
    const place = mkdtempSync(join(directory, "abort-"));
    writeFileSync(join(place, "a.zip"), await smallZip());
    const reason = new Error("enough");
    const stopped = unzip(join(place, "a.zip"), join(place, "into"), { signal: AbortSignal.abort(reason) });
    await expect(stopped).rejects.toBe(reason);
  });

  it.skipIf(!canMount())("says which file the disk has no room for", async () => {
    const place = mkdtempSync(join(directory, "full-"));
    const [zip, into] = [join(place, "a.zip"), join(place, "into")];
    writeFileSync(zip, craft([{ path: "a", content: randomBytes(2 * 1024 * 1024) }]));
    mkdirSync(into);
    mountMemory(into, "1m");
    try {
      await expect(unzip(zip, into)).rejects.toMatchObject({
        code: "UNAVAILABLE",
        message: `Could not unzip ${zip} to ${join(into, "a")}: ENOSPC.`,
        hint: expect.stringContaining("full"),
      });
    } finally {
      execFileSync("umount", [into]);
    }
  });

  it("does not call a missing archive an absent session", async () => {
    const missing = unzip(join(directory, "missing.zip"), join(directory, "missing"));
    const message = `Could not unzip ${join(directory, "missing.zip")} into ${join(directory, "missing")}: ENOENT.`;
    await expect(missing).rejects.toMatchObject({ code: "UNAVAILABLE", message });
  });
});
