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
import { type Gate, gate } from "../support/gate.ts";

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

describe("syncDirectory", () => {
  /** The syncs that have begun; each ends when its gate is opened, and fails when it is told to. */
  async function gatedSyncs(): Promise<{ gate: Gate; fails?: Error }[]> {
    const handle = await open(path, "r");
    await handle.close();
    const begun: { gate: Gate; fails?: Error }[] = [];
    vi.spyOn(Object.getPrototypeOf(handle) as typeof handle, "sync").mockImplementation(async () => {
      const sync: (typeof begun)[number] = { gate: gate() };
      begun.push(sync);
      await sync.gate.opened;
      if (sync.fails) throw sync.fails;
    });
    return begun;
  }

  it("is shared by those who come while another one is under way, and never joins one that has begun", async () => {
    const begun = await gatedSyncs();
    const ended: string[] = [];
    const sync = (name: string): Promise<number> => syncDirectory(folder).then(() => ended.push(name));
    const first = sync("first");
    await expect.poll(() => begun.length).toBe(1);
    const second = ["a", "b", "c"].map(sync);
    begun[0]?.gate.open();
    await first;
    await expect.poll(() => begun.length).toBe(2);
    expect(ended).toEqual(["first"]);
    const third = sync("third");
    begun[1]?.gate.open();
    await Promise.all(second);
    await expect.poll(() => begun.length).toBe(3);
    expect(ended).toEqual(["first", "a", "b", "c"]);
    begun[2]?.gate.open();
    await third;
    const alone = sync("alone");
    await expect.poll(() => begun.length).toBe(4);
    begun[3]?.gate.open();
    await alone;
  });

  it("fails for all who share it, and for nobody else", async () => {
    const begun = await gatedSyncs();
    const error = Object.assign(new Error("EIO"), { code: "EIO", syscall: "fsync" });
    const results = ["first", "a", "b"].map(() => syncDirectory(folder).then(() => "synced", Object));
    await expect.poll(() => begun.length).toBe(1);
    begun[0]?.gate.open();
    await expect.poll(() => begun.length).toBe(2);
    Object.assign(begun[1] as object, { fails: error });
    begun[1]?.gate.open();
    expect(await Promise.all(results)).toEqual(["synced", error, error]);
    const next = syncDirectory(folder);
    await expect.poll(() => begun.length).toBe(3);
    begun[2]?.gate.open();
    await next;
  });
});

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
    expect(seen).toEqual(["old", "old"]);
    expect(await readdir(folder)).toEqual([]);
  });

  it("gives back what is not what was judged", async () => {
    expect(await removeJudged(path, async () => false)).toBe("given back");
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("gives back what was replaced before its rename, unless there is a newer one", async () => {
    for (const newer of ["newer", undefined]) {
      const judge = async (at: string): Promise<boolean> => {
        if (at === path) return true;
        if (newer !== undefined) await writeFile(path, newer);
        return false;
      };
      expect(await removeJudged(path, judge)).toBe("given back");
      expect(await readFile(path, "utf8")).toBe("newer");
      expect(await readdir(folder)).toEqual(["file"]);
    }
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
