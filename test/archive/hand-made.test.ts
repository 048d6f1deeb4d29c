import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HOW_TO_ZIP } from "../../lib/archive/errors.ts";
import { unzip } from "../../lib/archive/unzip.ts";
import { methods, recordBytes, signatures } from "../../lib/archive/zip-format.ts";
import { type Files, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { type CraftedEntry, craft, tree, treeOf } from "./support.ts";

const newFolder = useFolder();

const storage = "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb/CURRENT";
const profile: Files = profileFiles("linked", {
  [storage]: Buffer.from("MANIFEST-000001\n"),
  "Default/Preferences": Buffer.from("{}"),
});
const besides = { "Last Version": Buffer.from("156.0.8078.73") };

function entriesOf(files: Files, rename: (path: string) => string = (path) => path): CraftedEntry[] {
  return Object.entries(files).map(([path, content]) => ({ path: rename(path), content }));
}

function folder(path: string): CraftedEntry {
  return { path, content: Buffer.alloc(0), method: methods.stored as number };
}

async function unpacked(bytes: Buffer): Promise<Record<string, string>> {
  const place = newFolder();
  await writeFile(join(place, "session.zip"), bytes);
  const { files } = await unzip(join(place, "session.zip"), join(place, "into"));
  const found = tree(join(place, "into"));
  expect(files.map(({ path }) => path).sort()).toEqual(Object.keys(found).sort());
  return found;
}

async function refusal(bytes: Buffer): Promise<{ code: string; message: string; hint: string }> {
  return await unpacked(bytes).then(
    (files) => expect.fail(`it was unpacked: ${Object.keys(files).join(", ")}`),
    ({ code, message, hint }) => ({ code, message, hint }),
  );
}

const withoutDefault = (path: string): string => path.slice("Default/".length);
const below =
  (above: string) =>
  (path: string): string =>
    `${above}${path}`;
/** The files as those of another folder than `Default`. */
const other = (files: Files, folderName: string): Files =>
  Object.fromEntries(
    Object.entries(files).map(([path, content]) => [`${folderName}/${withoutDefault(path)}`, content]),
  );
const ofApple: readonly CraftedEntry[] = [
  folder("__MACOSX/"),
  { path: "__MACOSX/._RemoteAuth-x" },
  { path: "__MACOSX/RemoteAuth-x/Default/Local Storage/leveldb/._CURRENT" },
  { path: ".DS_Store" },
];

describe("a zip that a person has made is the profile in it", () => {
  const whole = { ...profile, ...besides };
  it.each<[string, readonly CraftedEntry[], Files]>([
    ["of Default", entriesOf(profile), profile],
    ["of a profile", entriesOf(whole), whole],
    ["of the folder of the profile", [folder("RemoteAuth-x/"), ...entriesOf(whole, below("RemoteAuth-x/"))], whole],
    ["of a profile of LocalAuth", entriesOf(whole, below("session-x/")), whole],
    ["of a profile that is called Default", entriesOf(whole, below("Default/")), whole],
    ["of .wwebjs_auth with one session", entriesOf(whole, below(".wwebjs_auth/session/")), whole],
    ["of several folders above", entriesOf(whole, below("home/bot/.wwebjs_auth/session/")), whole],
    ["of what is in Default", entriesOf(profile, withoutDefault), profile],
    ["of Default under another name", entriesOf(profile, (path) => `old/${withoutDefault(path)}`), profile],
    ["of Default in small letters", entriesOf(profile, (path) => `default/${withoutDefault(path)}`), profile],
    ["of a profile in a folder like another profile", entriesOf(whole, below("Profile 1/")), whole],
    [
      "with files of a server and of Windows beside the folder",
      [...entriesOf(whole, below("x/")), { path: "@eaDir/x/Default/LocalStorage" }, { path: "Thumbs.db" }],
      whole,
    ],
    ["with ./ before each name", [folder("./"), ...entriesOf(whole, below("./"))], whole],
    ["with ./ before a folder", [folder("./"), ...entriesOf(whole, below("./RemoteAuth-x/"))], whole],
    ["with macOS's folder beside", [...entriesOf(whole, below("RemoteAuth-x/")), ...ofApple], whole],
    ["with macOS's folder before", [...ofApple, ...entriesOf(whole)], whole],
    [
      "with macOS's files in each folder",
      entriesOf({ ...whole, "Default/.DS_Store": Buffer.of(1), "Default/Local Storage/._leveldb": Buffer.of(1) }),
      whole,
    ],
    ["with another file beside the folder", [{ path: "notes.txt" }, ...entriesOf(whole, below("x/"))], whole],
    ["with an empty folder beside", [folder("cache/"), ...entriesOf(whole, below("x/"))], whole],
    [
      "with the links of a browser that was killed",
      [
        ...entriesOf(whole, below("x/")),
        { path: "x/SingletonLock", content: Buffer.from("host-27"), mode: 0o120777 },
        { path: "x/SingletonCookie", content: Buffer.from("1"), mode: 0o120777 },
        { path: "x/RunningChromeVersion", content: Buffer.from("1"), mode: 0o120777 },
      ],
      whole,
    ],
    [
      "with storage of an extension",
      entriesOf({ ...profile, "Default/Storage/ext/abc/def/Local Storage/leveldb/CURRENT": Buffer.of(1) }, below("x/")),
      { ...profile, "Default/Storage/ext/abc/def/Local Storage/leveldb/CURRENT": Buffer.of(1) },
    ],
    [
      "of SQLite storage in a folder",
      entriesOf({ "Default/LocalStorage": Buffer.of(1) }, below("x/")),
      {
        "Default/LocalStorage": Buffer.of(1),
      },
    ],
  ])("%s", async (_, entries, files) => {
    expect(await unpacked(craft(entries))).toEqual(treeOf(files));
  });

  it("only where it holds storage of the site: nothing else is moved", async () => {
    const others = {
      "x/Default/Preferences": Buffer.from("{}"),
      "x/Default/IndexedDB/https_example.com_0.indexeddb.leveldb/CURRENT": Buffer.from("1"),
      "Default/Storage/ext/abc/def/Local Storage/leveldb/CURRENT": Buffer.from("2"),
      "Snapshots/140/Default/Local Storage/leveldb/CURRENT": Buffer.from("3"),
    };
    expect(await unpacked(craft(entriesOf(others)))).toEqual(treeOf(others));
  });

  it.each([
    ["nothing", []],
    ["folders only", [folder("Default/"), folder("Default/Local Storage/")]],
    ["macOS's files only", ofApple],
  ])("and none where it has %s", async (_, entries) => {
    expect(await unpacked(craft(entries))).toEqual({});
  });

  const noStorage = { "Default/Preferences": Buffer.from("{}"), ...besides };
  const newForm = { "Default/Local Storage/leveldb_v2/CURRENT": Buffer.from("1") };
  it.each<[string, readonly CraftedEntry[]]>([
    ["a copy of Default without storage", [...entriesOf(noStorage), ...entriesOf(profile, below("backup-2024/"))]],
    ["a copy of storage in a form that is not known", [...entriesOf(newForm), ...entriesOf(profile, below("bak/"))]],
    ["a copy in Default", [...entriesOf(noStorage), ...entriesOf(profile, below("Default/"))]],
    ["the profile of a guest", entriesOf({ ...noStorage, ...other(profile, "Guest Profile") })],
    ["another profile", entriesOf({ ...noStorage, ...other(profile, "Profile 1") })],
    ["another profile alone", entriesOf({ ...besides, ...other(profile, "Profile 1") })],
    ["the profile of the system alone", entriesOf(other(profile, "System Profile"))],
    ["another profile in a folder", entriesOf(other(profile, "x/Profile 12"))],
    ["storage of an extension", entriesOf({ ...noStorage, ...other(profile, "Default/Extensions/a") })],
    ["storage of an extension alone", entriesOf(other(profile, "Extensions/a"))],
  ])("and %s never takes its place", async (_, entries) => {
    expect(Object.keys(await unpacked(craft(entries))).sort()).toEqual(entries.map(({ path }) => path).sort());
  });

  it.each<[string, readonly CraftedEntry[], Files]>([
    ["Default", [...entriesOf(noStorage), ...entriesOf(profile, below("backup/"))], noStorage],
    ["storage in a new form", [...entriesOf(newForm), ...entriesOf(profile, below("backup/"))], newForm],
  ])("and is the outermost one below a folder, whatever it holds: %s", async (_, entries, files) => {
    const found = await unpacked(craft(entries.map((entry) => ({ ...entry, path: `x/${entry.path}` }))));
    expect(found).toMatchObject(treeOf(files));
    expect(Object.keys(found)).toHaveLength(entries.length);
  });

  it("and the files beside it are told", async () => {
    const place = newFolder();
    const notes = [{ path: "notes.txt" }, { path: "package.json" }, ...ofApple];
    await writeFile(join(place, "session.zip"), craft([...notes, ...entriesOf(whole, below("x/"))]));
    const { leftOut } = await unzip(join(place, "session.zip"), join(place, "into"));
    expect(leftOut).toEqual(["notes.txt", "package.json"]);
  });

  const copy = entriesOf(profile, below("old/"));
  it.each<[string, readonly CraftedEntry[], string]>([
    ["a file of Local Storage at the top", [{ path: "LocalStorage" }, ...copy], '2 profiles: its top, "old/"'],
    ["a profile without Default", [...entriesOf(besides), ...copy], 'a profile in "old/" beside'],
    ["what was in Default", [{ path: "Preferences" }, ...copy], 'a profile in "old/" beside'],
    ["another folder with a Default", [...entriesOf(noStorage, below("x/")), ...copy], 'a profile in "old/" beside'],
    ["another folder", [{ path: ".wwebjs_cache/2.3000.html" }, ...copy], 'a profile in "old/" beside'],
    [
      "Local Storage that Default lacks",
      [{ path: storage }, ...entriesOf(profileFiles("linked"), withoutDefault)],
      '2 profiles: its top, "Default/"',
    ],
  ])("and is refused where nobody can tell it from %s", async (_, entries, why) => {
    expect(await refusal(craft(entries))).toMatchObject({
      code: "INVALID",
      message: expect.stringContaining(`it holds ${why}`),
      hint: expect.stringContaining(HOW_TO_ZIP),
    });
  });

  it("and is refused with two of them", async () => {
    const entries = [...entriesOf(profile, below("data/session-b/")), ...entriesOf(profile, below("data/session-a/"))];
    expect(await refusal(craft(entries))).toMatchObject({
      code: "INVALID",
      message: expect.stringContaining('it holds 2 profiles: "data/session-a/", "data/session-b/"'),
      hint: expect.stringContaining(HOW_TO_ZIP),
    });
  });

  it.each([
    ["twice in the folder", [...entriesOf(profile, below("x/")), { path: `x/${storage}` }]],
    ["in other letters", [...entriesOf(profile, below("x/")), { path: `x/${storage.toLowerCase()}` }]],
    ["in other letters of the folder", [...entriesOf(profile, below("x/")), { path: `X/${storage}` }]],
    ["as a link", [...entriesOf(profile, below("x/")), { path: "x/Default/link", mode: 0o120777 }]],
    [
      "below a link that is left out",
      [...entriesOf(profile), { path: "SingletonLock", mode: 0o120777 }, { path: "SingletonLock/a" }],
    ],
    ["that leads out of the folder", [...entriesOf(profile, below("x/")), { path: "x/../y/Default/a" }]],
    ["that leads out beside the folder", [...entriesOf(profile, below("x/")), { path: "__MACOSX/../../evil" }]],
    [
      "that is too long within Default",
      [...entriesOf(profile, withoutDefault), { path: `${"a".repeat(100)}/`.repeat(40) + "b".repeat(54) }],
    ],
  ])("and is refused with a name %s", async (_, entries) => {
    expect(await refusal(craft(entries))).toMatchObject({ code: "INVALID", hint: expect.stringContaining(HOW_TO_ZIP) });
  });
});

describe("names with backslashes, as Windows PowerShell 5.1 writes them", () => {
  const windows = (path: string): string => path.replaceAll("/", "\\");

  it.each<[string, readonly CraftedEntry[]]>([
    ["Default", entriesOf(profile, windows)],
    ["a folder", entriesOf(profile, (path) => windows(`RemoteAuth-x/${path}`))],
    ["what is in Default", entriesOf(profile, (path) => windows(withoutDefault(path)))],
    ["Default and empty folders", [folder("Default\\"), folder("Default\\Cache\\"), ...entriesOf(profile, windows)]],
  ])("are read: %s", async (_, entries) => {
    expect(await unpacked(craft(entries))).toEqual(treeOf(profile));
  });

  it.each([
    ["..\\evil", "leads out"],
    ["Default\\..\\..\\evil", "leads out"],
    ["C:\\evil", "is absolute"],
    ["C:evil", "is absolute"],
    ["\\evil", "is absolute"],
    ["\\\\server\\share\\evil", "is absolute"],
    ["\\\\?\\C:\\evil", "is absolute"],
    ["Default\\\\evil", "leads out"],
    ["Default\\nul", "cannot be a name on Windows"],
    ["DEFAULT\\Preferences", "are the same name"],
    ["Default\\Preferences", "occurs twice"],
    ["Default\\Preferences\\a", "is a file and a directory"],
  ])("are refused where they are unsafe: %s", async (path, why) => {
    expect(await refusal(craft([...entriesOf(profile, windows), { path }]))).toMatchObject({
      code: "INVALID",
      message: expect.stringContaining(why),
      hint: expect.stringContaining(HOW_TO_ZIP),
    });
  });

  it.each([
    ["before", [{ path: "a\\b" }, ...entriesOf(profile)]],
    ["behind", [...entriesOf(profile), { path: "Default\\a" }]],
    ["within one name", [{ path: "Default/a\\b" }]],
  ])("are refused %s names with slashes", async (_, entries) => {
    expect(await refusal(craft(entries))).toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("holds a backslash"),
      hint: expect.stringContaining("make the zip anew with one program"),
    });
  });
});

describe("names that do not say that they are UTF-8", () => {
  /** An archive with `bytes` in the place of the name `Default/xxxx`, without the flag for UTF-8. */
  function named(bytes: Buffer): Buffer {
    const path = `Default/${"x".repeat(bytes.length)}`;
    const zip = craft([{ path, flags: 0 }, ...entriesOf(profile)]);
    for (let at = zip.indexOf(path); at >= 0; at = zip.indexOf(path, at + 1)) bytes.copy(zip, at + "Default/".length);
    return zip;
  }

  it.each([
    ["UTF-8", Buffer.from("Größe 文字"), "Größe 文字"],
    ["code page 437", Buffer.from([0x47, 0x72, 0x94, 0xe1, 0x65]), "Größe"],
  ])("are read as %s", async (_, bytes, name) => {
    const content = Buffer.from("content");
    expect(await unpacked(named(bytes))).toEqual(treeOf({ ...profile, [`Default/${name}`]: content }));
  });

  it("are checked as they are read", async () => {
    expect(await refusal(named(Buffer.from([0x94, 0x2f, 0x2e, 0x2e])))).toMatchObject({ code: "INVALID" });
  });
});

describe("an archive that cannot be read is refused with the way to make one that can", () => {
  it.each<[string, CraftedEntry, string, string]>([
    ["Deflate64", { path: "a", method: 9 }, "method 9 (Deflate64)", "-mm=Deflate"],
    ["bzip2", { path: "a", method: 12 }, "method 12 (bzip2)", "-mm=Deflate"],
    ["LZMA", { path: "a", method: 14 }, "method 14 (LZMA)", "-mm=Deflate"],
    ["zstd", { path: "a", method: 93 }, "method 93 (zstd)", "-mm=Deflate"],
    ["another method", { path: "a", method: 6 }, "method 6", "-mm=Deflate"],
    ["a password", { path: "a", flags: 1 }, "is encrypted", "without a password"],
    ["AES", { path: "a", flags: 1, method: 99 }, "is encrypted", "without a password"],
    ["strong encryption", { path: "a", flags: 0x41 }, "encr", "without a password"],
    ["a link", { path: "a", mode: 0o120777 }, "is a link", "without `-y`"],
    ["an absolute name", { path: "/home/bot/Default/a" }, "is absolute", "begin at the profile"],
    ["a drive", { path: "C:/Default/a" }, "is absolute", "begin at the profile"],
  ])("%s", async (_, entry, why, hint) => {
    const found = await refusal(craft([...entriesOf(profile), entry]));
    expect(found).toMatchObject({ code: "INVALID", message: expect.stringContaining(why) });
    expect(found.hint).toContain(hint);
    expect(found.hint).toContain(HOW_TO_ZIP);
  });

  it.each([
    ["the last part", (zip: Buffer) => zip.writeUInt16LE(2, zip.length - recordBytes.end + 4)],
    [
      "the last part of two, with its directory",
      (zip: Buffer) => zip.writeUInt32LE(0x00010001, zip.length - recordBytes.end + 4),
    ],
  ])("one of several parts: %s", async (_, change) => {
    const zip = craft(entriesOf(profile));
    change(zip);
    expect(await refusal(zip)).toMatchObject({
      code: "INVALID",
      message: expect.stringContaining("one part of several"),
      hint: expect.stringContaining("7z x session.zip"),
    });
  });

  it("one of several parts: the first one", async () => {
    const mark = Buffer.from("PK\x07\x08", "latin1");
    const zip = Buffer.concat([mark, craft(entriesOf(profile)).subarray(0, 200)]);
    expect(await refusal(zip)).toMatchObject({ code: "INVALID", hint: expect.stringContaining("7z x session.zip") });
  });
});

describe("an archive of another format is refused with what it is", () => {
  it.each([
    ["an archive of 7-Zip", "377abcaf271c0004"],
    ["an archive of RAR", "526172211a0701"],
    ["compressed by gzip", "1f8b080000000000"],
    ["compressed by xz", "fd377a585a000004"],
  ])("%s", async (what, start) => {
    const bytes = Buffer.concat([Buffer.from(start, "hex"), Buffer.alloc(5000, "more")]);
    expect(await refusal(bytes)).toMatchObject({
      code: "INVALID",
      message: expect.stringContaining(`it is no zip, but ${what}`),
      hint: expect.stringContaining(HOW_TO_ZIP),
    });
  });
});

describe("bytes that belong to no entry", () => {
  const zip = craft(entriesOf(profile));
  const commented = Buffer.concat([zip, Buffer.from("made by hand")]);
  commented.writeUInt16LE(12, zip.length - 2);

  it.each([
    ["a line end", Buffer.from("\n")],
    ["a line end of Windows", Buffer.from("\r\n")],
    ["one zero", Buffer.alloc(1)],
    ["zeros up to a block", Buffer.alloc(4096)],
    ["zeros up to a megabyte", Buffer.alloc(1024 * 1024)],
    ["the end of a form", Buffer.from("\r\n------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n")],
    ["bytes of no meaning", Buffer.alloc(100_000, "PK\x05junk")],
  ])("are passed over behind an archive: %s", async (_, tail) => {
    expect(await unpacked(Buffer.concat([zip, tail]))).toEqual(treeOf(profile));
    expect(await unpacked(Buffer.concat([commented, tail]))).toEqual(treeOf(profile));
  });

  it.each([
    ["a byte order mark", Buffer.from("\ufeff")],
    ["a line end", Buffer.from("\r\n")],
    ["a program", Buffer.concat([Buffer.from("MZ"), Buffer.alloc(70_000, "program")])],
  ])("are passed over before an archive: %s", async (_, head) => {
    expect(await unpacked(Buffer.concat([head, zip]))).toEqual(treeOf(profile));
    expect(await unpacked(Buffer.concat([head, commented, Buffer.from("\r\n")]))).toEqual(treeOf(profile));
  });

  it("are passed over before an archive whose positions count them", async () => {
    const head = Buffer.alloc(500, "program");
    const end = zip.length - recordBytes.end;
    const moved = Buffer.concat([head, zip]);
    moved.writeUInt32LE(zip.readUInt32LE(end + 16) + head.length, head.length + end + 16);
    for (
      let at = moved.indexOf("PK\x01\x02", 0, "latin1");
      at >= 0;
      at = moved.indexOf("PK\x01\x02", at + 4, "latin1")
    ) {
      moved.writeUInt32LE(moved.readUInt32LE(at + 42) + head.length, at + 42);
    }
    expect(await unpacked(moved)).toEqual(treeOf(profile));
  });

  it.each([
    ["before", Buffer.from("MZ program"), Buffer.alloc(0)],
    ["behind", Buffer.alloc(0), Buffer.from("\r\n")],
  ])("are passed over %s an archive with zip64 records", async (_, head, tail) => {
    expect(await unpacked(Buffer.concat([head, wide(zip), tail]))).toEqual(treeOf(profile));
  });

  it("are too many behind an archive at more than a megabyte", async () => {
    expect(await refusal(Buffer.concat([zip, Buffer.alloc(1024 * 1024 + 70_000)]))).toMatchObject({ code: "CORRUPT" });
  });

  it("are no archive that is cut short: a zip within one is not taken for it", async () => {
    const inner = craft(entriesOf(profileFiles("of somebody else")));
    const outer = craft([
      { path: "Default/blob", content: inner, method: methods.stored as number },
      ...entriesOf(profile),
    ]);
    const endOfInner = outer.indexOf(inner) + inner.length;
    for (let length = endOfInner; length < outer.length; length++) {
      expect(await refusal(outer.subarray(0, length)), `cut at ${length}`).toMatchObject({ code: "CORRUPT" });
    }
  });

  it("are no archive of before: one that was added to, and cut short, is not taken for the older one", async () => {
    const added = Buffer.concat([zip, craft(entriesOf(profileFiles("newer")))]);
    for (let length = zip.length + 4; length < added.length; length++) {
      expect(await refusal(added.subarray(0, length)), `cut at ${length}`).toMatchObject({ code: "CORRUPT" });
    }
  });

  it.each([1, 5, 11])("are no comment that is cut short by %i bytes", async (missing) => {
    expect(await refusal(commented.subarray(0, commented.length - missing))).toMatchObject({ code: "CORRUPT" });
  });
});

/** The archive with the zip64 records that large ones have. */
function wide(zip: Buffer): Buffer {
  const end = zip.length - recordBytes.end;
  const record = Buffer.alloc(recordBytes.end64);
  record.writeUInt32LE(signatures.end64, 0);
  record.writeBigUInt64LE(BigInt(recordBytes.end64 - 12), 4);
  const entries = BigInt(zip.readUInt16LE(end + 8));
  record.writeBigUInt64LE(entries, 24);
  record.writeBigUInt64LE(entries, 32);
  record.writeBigUInt64LE(BigInt(zip.readUInt32LE(end + 12)), 40);
  record.writeBigUInt64LE(BigInt(zip.readUInt32LE(end + 16)), 48);
  const locator = Buffer.alloc(recordBytes.locator64);
  locator.writeUInt32LE(signatures.locator64, 0);
  locator.writeBigUInt64LE(BigInt(end), 8);
  locator.writeUInt32LE(1, 16);
  const last = Buffer.from(zip.subarray(end));
  last.fill(0xff, 4, 20);
  return Buffer.concat([zip.subarray(0, end), record, locator, last]);
}
