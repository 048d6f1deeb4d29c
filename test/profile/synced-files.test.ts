import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { beforeEach, expect, it, vi } from "vitest";
import { SyncedFiles } from "../../lib/profile/synced-files.ts";
import { useFolder } from "../support/folder.ts";
import { gate } from "../support/gate.ts";

/** Error codes by call and file name, the paths that were synced, and what happens before a sync. */
const disk = vi.hoisted(() => ({
  fails: {} as Record<string, string>,
  synced: [] as string[],
  beforeSync: async (_path: string): Promise<void> => {},
}));

vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  const fail = (syscall: string, path: string): void => {
    const code = disk.fails[`${syscall} ${path.slice(path.lastIndexOf("/") + 1)}`];
    if (code !== undefined) throw Object.assign(new Error(code), { code, syscall });
  };
  const open = async (path: string, ...rest: [string]): Promise<unknown> => {
    fail("open", path);
    const handle = await fs.open(path, ...rest);
    const sync = handle.sync.bind(handle);
    handle.sync = async () => {
      fail("fsync", path);
      await disk.beforeSync(path);
      await sync();
      disk.synced.push(path);
    };
    return handle;
  };
  return { ...fs, open };
});

const { signal } = new AbortController();
const files = [
  { path: "Default/a/log", identity: "1" },
  { path: "Default/a/table", identity: "1" },
  { path: "Default/b", identity: "1" },
];
const newFolder = useFolder();
let dir: string;
let profile: SyncedFiles;

beforeEach(async () => {
  dir = newFolder();
  await mkdir(join(dir, "Default", "a"), { recursive: true });
  for (const { path } of files) await writeFile(join(dir, path), path);
  profile = new SyncedFiles(dir);
  disk.fails = {};
  disk.synced = [];
  disk.beforeSync = async () => {};
});

function synced(): string[] {
  const found = disk.synced.map((path) => relative(dir, path) || ".");
  disk.synced = [];
  return found.sort();
}

it("syncs new and changed files, with the directories above them", async () => {
  await profile.sync(files, signal);
  expect(synced()).toEqual([".", "Default", "Default/a", "Default/a/log", "Default/a/table", "Default/b"]);
  await profile.sync(files, signal);
  expect(synced()).toEqual([]);
  await profile.sync([{ path: "Default/b", identity: "2" }, ...files.slice(0, 2)], signal);
  expect(synced()).toEqual([".", "Default", "Default/b"]);
  await profile.sync([{ path: "Default/b" }, ...files.slice(0, 2)], signal);
  await profile.sync([{ path: "Default/b" }, ...files.slice(0, 2)], signal);
  expect(synced()).toEqual([".", ".", "Default", "Default", "Default/b", "Default/b"]);
});

it("syncs files and directories at once", async () => {
  const syncing: string[] = [];
  const held = gate();
  disk.beforeSync = async (path) => {
    syncing.push(relative(dir, path) || ".");
    await held.opened;
  };
  const done = profile.sync(files, signal);
  await expect.poll(() => syncing.length).toBe(6);
  held.open();
  await done;
});

it("ignores deleted files, and a disk that does not sync", async () => {
  await rm(join(dir, "Default", "a"), { recursive: true });
  disk.fails = { "fsync b": "EINVAL", "fsync Default": "EINVAL" };
  await profile.sync(files, signal);
  expect(synced()).toEqual(["."]);
});

it("rejects again for a file that the disk has refused once", async () => {
  disk.fails = { "fsync log": "EIO" };
  await expect(profile.sync(files, signal)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  disk.fails = {};
  await expect(profile.sync(files, signal)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await profile.sync(files.slice(1), signal);
});

it("tries a file again that it could not open", async () => {
  disk.fails = { "open log": "EMFILE" };
  await expect(profile.sync(files, signal)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  disk.fails = {};
  await profile.sync(files, signal);
  expect(synced()).toContain("Default/a/log");
});

it("rejects with the reason of an aborted signal", async () => {
  const reason = new Error("enough");
  await expect(profile.sync(files, AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(synced()).toEqual([]);
});
