import { mkdir, open, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { fileSource, fileSources, readExactly, readPart } from "../../lib/disk/file-source.ts";
import { useFolder } from "../support/folder.ts";

const newFolder = useFolder();
let folder: string;
let path: string;

beforeEach(async () => {
  folder = newFolder();
  path = join(folder, "file");
  await writeFile(path, "0123456789");
});

describe("a file source", () => {
  it("reads exactly the bytes that were asked for", async () => {
    const { size, read } = fileSource(path, 10);
    expect(size).toBe(10);
    expect(String(await read(3, 4))).toBe("3456");
    expect(String(await read(0, 10))).toBe("0123456789");
    expect(await read(10, 0)).toHaveLength(0);
  });

  it("is CORRUPT when the file has fewer bytes", async () => {
    const { read } = fileSource(path, 10);
    await truncate(path, 5);
    await expect(read(3, 4)).rejects.toMatchObject({ code: "CORRUPT", message: expect.stringContaining("file") });
  });

  it("is UNAVAILABLE when the file is gone", async () => {
    const { read } = fileSource(join(folder, "gone"), 10);
    await expect(read(0, 1)).rejects.toMatchObject({ code: "UNAVAILABLE", message: "Could not read gone: ENOENT." });
  });
});

describe("fileSources", () => {
  it("answers every file below a directory by its relative path, and no links", async () => {
    await mkdir(join(folder, "a", "b"), { recursive: true });
    await writeFile(join(folder, "a", "b", "c"), "xyz");
    await symlink(path, join(folder, "link"));
    const files = await fileSources(folder);
    expect(files.map((file) => [file.path, file.size]).sort()).toEqual([
      ["a/b/c", 3],
      ["file", 10],
    ]);
    for (const file of files) expect(await file.read(0, file.size)).toHaveLength(file.size);
  });
});

describe("readExactly", () => {
  it("goes on when the system gives fewer bytes at once, and is CORRUPT at the end of the file", async () => {
    const handle = await open(path, "r");
    try {
      const asked: number[] = [];
      const read = handle.read.bind(handle);
      const oneByOne = Object.assign(Object.create(handle) as typeof handle, {
        read: (bytes: Buffer, at: number, length: number, position: number) => {
          asked.push(length);
          return read(bytes, at, 1, position);
        },
      });
      expect(String(await readExactly(oneByOne, 2, 4))).toBe("2345");
      expect(asked).toEqual([4, 3, 2, 1]);
      await expect(readExactly(oneByOne, 8, 4, "it")).rejects.toMatchObject({ code: "CORRUPT" });
    } finally {
      await handle.close();
    }
  });
});

describe("readPart", () => {
  it("is CORRUPT when a reader gives fewer or more bytes than were asked for", async () => {
    for (const given of [3, 5]) {
      const file = { path: "a/b", size: 10, read: async () => Buffer.alloc(given) };
      const message = `Could not read a/b: ${given} of 4 bytes at 2.`;
      await expect(readPart(file, 2, 4)).rejects.toMatchObject({ code: "CORRUPT", message });
    }
    const file = { path: "a/b", ...fileSource(path, 10) };
    expect(String(await readPart(file, 2, 4))).toBe("2345");
  });
});
