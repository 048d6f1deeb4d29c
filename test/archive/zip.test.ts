import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { unzip } from "../../lib/archive/unzip.ts";
import { zipFiles } from "../../lib/archive/zip.ts";
import { VaultError } from "../../lib/errors.ts";
import type { CaptureFile } from "../../lib/store.ts";
import { scratchFolder } from "../support/scratch.ts";
import { memoryFile, sizeOf, tree, treeOf } from "./support.ts";

const directory = scratchFolder("archive-");
const contents: Record<string, Buffer> = {
  "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb/000003.log": randomBytes(70_000),
  "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb/CURRENT": Buffer.from("MANIFEST-000001\n"),
  "Default/Local Storage/leveldb/MANIFEST-000001": Buffer.alloc(300_000, "ab"),
  "Default/empty": Buffer.alloc(0),
  "Default/zeros of more than 4 MiB": Buffer.alloc(9 * 1024 * 1024 + 1),
  "Default/noise of more than 4 MiB": randomBytes(5 * 1024 * 1024),
  "Default/Ünïcødé 文字": Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
};
const files = Object.entries(contents).map(([path, bytes]) => memoryFile(path, bytes));

describe("zipFiles", () => {
  it("brings back every byte, and says the size and the hash of what it wrote", async () => {
    const zip = join(directory, "round.zip");
    const report = await zipFiles(files, zip);
    const written = await readFile(zip);
    expect(report).toEqual({ bytes: written.length, sha256: createHash("sha256").update(written).digest("hex") });

    const into = join(directory, "round");
    const unpacked = await unzip(zip, into);
    expect(tree(into)).toEqual(treeOf(contents));
    expect(unpacked.bytes).toBe(files.reduce((sum, file) => sum + file.size, 0));
    for (const file of unpacked.files) {
      expect(contents[file.path]?.equals(await file.read(0, file.size))).toBe(true);
      if (file.size > 10) expect(await file.read(3, 5)).toEqual(contents[file.path]?.subarray(3, 8));
      await expect(file.read(0, file.size + 1)).rejects.toMatchObject({ code: "CORRUPT" });
    }
  });

  it("makes equal zips of equal files", async () => {
    const one = await zipFiles(files, join(directory, "one.zip"));
    const two = await zipFiles(files, join(directory, "two.zip"));
    expect(one).toEqual(two);
  });

  it("makes an empty archive of no files", async () => {
    const zip = join(directory, "none.zip");
    await zipFiles([], zip);
    expect(await unzip(zip, join(directory, "none"))).toEqual({ files: [], bytes: 0, isPlain: true });
  });

  it("reads at most a few megabytes at a time", async () => {
    const asked: number[] = [];
    const size = 64 * 1024 * 1024;
    const file: CaptureFile = {
      path: "large",
      size,
      change: "anywhere",
      async read(_position, length) {
        asked.push(length);
        return Buffer.alloc(length);
      },
    };
    await zipFiles([file], join(directory, "large.zip"));
    expect(asked.reduce((sum, length) => sum + length, 0)).toBe(size);
    expect(Math.max(...asked)).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  it.each(["small", "large"])("leaves the old archive when a %s file breaks, and no parts", async (kind) => {
    const place = join(directory, `broken-${kind}`);
    await mkdir(place);
    const zip = join(place, "session.zip");
    await writeFile(zip, "what was there");
    const broken: CaptureFile = {
      path: "broken",
      size: kind === "small" ? 10 : 10_000_000,
      change: "anywhere",
      read: async (position, length) => {
        if (position === 0 && kind === "large") return Buffer.alloc(length);
        throw new VaultError("CORRUPT", "read broken: gone");
      },
    };
    await expect(zipFiles([...files, broken], zip)).rejects.toMatchObject({ code: "CORRUPT" });
    expect(await readFile(zip, "utf8")).toBe("what was there");
    expect(await readdir(place)).toEqual(["session.zip"]);
  });

  it("refuses a file that gives fewer bytes than it promised", async () => {
    const short: CaptureFile = { path: "short", size: 10, change: "anywhere", read: async () => Buffer.alloc(9) };
    await expect(zipFiles([short], join(directory, "short.zip"))).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it.each(["../up", "/root", "a\\b", "C:/x", "a//b", "a/./b", "", "a\0b", "a/", "a:b", "nul"])(
    "refuses the path %j",
    async (path) => {
      const zip = join(directory, "unsafe.zip");
      const refused = zipFiles([memoryFile(path, Buffer.alloc(1))], zip);
      const message = expect.stringContaining(`Could not zip ${zip}: ${JSON.stringify(path)} `);
      await expect(refused).rejects.toMatchObject({ code: "INVALID", message });
    },
  );

  it("says that the disk is full", async () => {
    const full: CaptureFile = {
      path: "a",
      size: 1,
      change: "anywhere",
      read: async () => {
        throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      },
    };
    const failure = zipFiles([full], join(directory, "full.zip"));
    await expect(failure).rejects.toMatchObject({ code: "UNAVAILABLE", hint: expect.stringContaining("free") });
  });

  it("says where it could not write", async () => {
    const failure = zipFiles(files, join(directory, "no such directory", "a.zip"));
    await expect(failure).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("no such directory"),
    });
  });

  it("stops when told to, with the reason given, and leaves nothing", async () => {
    const place = join(directory, "aborted");
    await mkdir(place);
    const reason = new Error("enough");
    const before = zipFiles(files, join(place, "a.zip"), { signal: AbortSignal.abort(reason) });
    await expect(before).rejects.toBe(reason);

    const controller = new AbortController();
    const aborting: CaptureFile = {
      path: "aborting",
      size: 20_000_000,
      change: "anywhere",
      read: async (position, length) => {
        if (position > 0) controller.abort(reason);
        return Buffer.alloc(length);
      },
    };
    const during = zipFiles([aborting, ...files], join(place, "b.zip"), { signal: controller.signal });
    await expect(during).rejects.toBe(reason);
    expect(await readdir(place)).toEqual([]);
  });

  it("is done when the archive has been renamed into place", async () => {
    const zip = join(directory, "whole.zip");
    const { bytes } = await zipFiles(files, zip);
    expect(sizeOf(zip)).toBe(bytes);
  });
});
