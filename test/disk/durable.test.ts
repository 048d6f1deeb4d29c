import { mkdir, open, readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  exists,
  removeJudged,
  renameBusy,
  replaceFile,
  syncDirectory,
  syncTree,
  syncWritten,
  syncWrittenNames,
  uniqueName,
  writeFully,
} from "../../lib/disk/durable.ts";
import { useFolder } from "../support/folder.ts";

const newFolder = useFolder();
let folder: string;
let path: string;

beforeEach(async () => {
  folder = newFolder();
  path = join(folder, "file");
  await writeFile(path, "old");
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Makes each `sync` of a file handle fail with `code`. */
async function failSyncs(code: string): Promise<void> {
  const handle = await open(path, "r");
  await handle.close();
  const error = Object.assign(new Error(code), { code, syscall: "fsync" });
  vi.spyOn(Object.getPrototypeOf(handle) as typeof handle, "sync").mockRejectedValue(error);
}

describe("replaceFile", () => {
  it("replaces the file, readable by its owner alone, and answers what the writer answered", async () => {
    expect(await replaceFile(path, (file) => file.writeFile("new").then(() => "answer"))).toBe("answer");
    expect(await readFile(path, "utf8")).toBe("new");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("leaves the old file and no temporary one when the writer fails", async () => {
    const reason = new Error("failed");
    const replaced = replaceFile(path, async (file) => {
      await file.writeFile("half");
      throw reason;
    });
    await expect(replaced).rejects.toBe(reason);
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("leaves the old file and no temporary one when the bytes cannot be synced", async () => {
    await failSyncs("EIO");
    await expect(replaceFile(path, (file) => file.writeFile("new"))).rejects.toMatchObject({ code: "EIO" });
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("leaves what is there and no temporary file when the rename fails", async () => {
    const taken = join(folder, "taken");
    await mkdir(join(taken, "inside"), { recursive: true });
    await expect(replaceFile(taken, (file) => file.writeFile("new"))).rejects.toMatchObject({ syscall: "rename" });
    expect(await readdir(taken)).toEqual(["inside"]);
    expect((await readdir(folder)).sort()).toEqual(["file", "taken"]);
  });
});

describe("removeJudged", () => {
  it("removes what is judged", async () => {
    const seen: string[] = [];
    const judge = async (aside: string): Promise<boolean> => seen.push(await readFile(aside, "utf8")) > 0;
    expect(await removeJudged(path, judge)).toBe("removed");
    expect(seen).toEqual(["old"]);
    expect(await readdir(folder)).toEqual([]);
  });

  it("gives back what is not what was judged", async () => {
    expect(await removeJudged(path, async () => false)).toBe("given back");
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("finds what is not there gone, and judges nothing", async () => {
    const judge = vi.fn(async () => true);
    expect(await removeJudged(join(folder, "absent"), judge)).toBe("gone");
    expect(await removeJudged(join(path, "below a file"), judge)).toBe("gone");
    expect(judge).not.toHaveBeenCalled();
  });
});

describe("a directory's sync", () => {
  it.each(["EINVAL", "EBADF", "ENOTSUP"])("is no failure where the disk answers %s", async (code) => {
    await failSyncs(code);
    await syncDirectory(folder);
    await syncWritten(path);
  });

  it("is a failure on a disk that became read-only, unless another process wrote there", async () => {
    await failSyncs("EROFS");
    await expect(syncDirectory(folder)).rejects.toMatchObject({ code: "EROFS" });
    await syncWrittenNames(folder);
    await syncWritten(path);
  });

  it("is a failure where the disk answers anything else", async () => {
    await failSyncs("EIO");
    await expect(syncDirectory(folder)).rejects.toMatchObject({ code: "EIO" });
    await expect(syncWritten(path)).rejects.toMatchObject({ code: "EIO" });
    await expect(syncTree(folder)).rejects.toMatchObject({ code: "EIO" });
  });

  it("is not needed where the directory is gone", async () => {
    await syncDirectory(join(folder, "gone"));
    await syncWritten(join(path, "below a file"));
  });

  it("of a whole tree syncs each file and each directory, the outermost last", async () => {
    await mkdir(join(folder, "a", "b"), { recursive: true });
    await writeFile(join(folder, "a", "b", "c"), "x");
    const handle = await open(path, "r");
    await handle.close();
    const sync = vi.spyOn(Object.getPrototypeOf(handle) as typeof handle, "sync");
    await syncTree(folder);
    expect(sync).toHaveBeenCalledTimes(5);
  });
});

describe("the other calls", () => {
  it("writeFully goes on when the system takes fewer bytes at once", async () => {
    const file = await open(path, "r+");
    try {
      const write = file.write.bind(file);
      const oneByOne = Object.assign(Object.create(file) as typeof file, {
        write: (bytes: Buffer, at: number, _length: number, position: number) => write(bytes, at, 1, position),
      });
      await writeFully(oneByOne, Buffer.from("abc"), 2);
    } finally {
      await file.close();
    }
    expect(await readFile(path, "utf8")).toBe("olabc");
  });

  it("uniqueName answers another name each time", () => {
    expect(uniqueName("a.")).toMatch(/^a\.[0-9a-f]{12}$/);
    expect(uniqueName("a.")).not.toBe(uniqueName("a."));
  });

  it("exists sees a link that leads nowhere, and throws what is not an absence", async () => {
    await symlink("nowhere", join(folder, "link"));
    expect(await exists(join(folder, "link"))).toBe(true);
    expect(await exists(join(folder, "absent"))).toBe(false);
    await expect(exists(join(path, "below a file"))).rejects.toMatchObject({ code: "ENOTDIR" });
  });

  it("renameBusy renames, and fails at once where no browser can be in the way", async () => {
    await renameBusy(path, join(folder, "renamed"));
    expect(await readdir(folder)).toEqual(["renamed"]);
    await expect(renameBusy(path, join(folder, "again"))).rejects.toMatchObject({ code: "ENOENT" });
    await rename(join(folder, "renamed"), path);
  });
});
