import { execFileSync } from "node:child_process";
import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileBlobs, FileStore } from "../../adapters/fs/index.ts";
import { assertSameFiles, captureOf, filesIn, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { canMount, mountMemory } from "../support/mount.ts";

/** What the disk refuses, by call: its code. */
const refused = vi.hoisted(() => new Map<string, string>());

vi.mock("node:fs/promises", async (importOriginal) => {
  const fs = await importOriginal<typeof import("node:fs/promises")>();
  const failing = (syscall: string): NodeJS.ErrnoException | undefined => {
    const code = refused.get(syscall);
    return code === undefined ? undefined : Object.assign(new Error(`${code}: ${syscall}`), { code, syscall });
  };
  return {
    ...fs,
    link: async (...args: Parameters<typeof fs.link>) => {
      const error = failing("link");
      if (error) throw error;
      return fs.link(...args);
    },
    open: async (...args: Parameters<typeof fs.open>) => {
      const handle = await fs.open(...args);
      const error = failing("fsync of a directory");
      if (error && (await handle.stat()).isDirectory()) handle.sync = () => Promise.reject(error);
      return handle;
    },
  };
});

const session = "RemoteAuth-bot";
const newFolder = useFolder();
let parent: string;
let directory: string;

beforeEach(async () => {
  parent = newFolder();
  directory = join(parent, "store");
});
afterEach(async () => {
  refused.clear();
});

describe("a disk without hard links", () => {
  it.each(["EPERM", "ENOTSUP", "ENOSYS", "EMLINK"])("(%s) is warned of, and works for one writer", async (code) => {
    refused.set("link", code);
    const warnings: string[] = [];
    const store = new FileStore({ directory, onWarning: (message) => warnings.push(message) });
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    const into = join(parent, "into");
    await new FileStore({ directory }).restoreProfile({ session, into });
    assertSameFiles(await filesIn(into), profileFiles("one"));
    expect(warnings).toEqual([expect.stringContaining("exclusively")]);
  });

  it("still refuses to create a key that exists", async () => {
    refused.set("link", "EPERM");
    const blobs = new FileBlobs({ directory });
    await blobs.put("s/a", Buffer.from("first"), { ifAbsent: true });
    const again = blobs.put("s/a", Buffer.from("second"), { ifAbsent: true });
    await expect(again).rejects.toMatchObject({ code: "CONFLICT" });
    expect(String(await blobs.get("s/a"))).toBe("first");
  });

  it("is told from a disk that has hard links and refuses one", async () => {
    const blobs = new FileBlobs({ directory });
    expect(await blobs.traits()).toMatchObject({ exclusiveCreate: true });
    refused.set("link", "EPERM");
    const put = blobs.put("s/a", Buffer.from("first"), { ifAbsent: true });
    await expect(put).rejects.toMatchObject({ code: "DENIED" });
    expect(await blobs.get("s/a")).toBeUndefined();
  });
});

describe("a disk that cannot sync a directory", () => {
  it.each(["EINVAL", "EBADF", "ENOTSUP"])("(%s) is used as it is", async (code) => {
    refused.set("fsync of a directory", code);
    const blobs = new FileBlobs({ directory });
    await blobs.put("s/a", Buffer.from("x"));
    expect(String(await blobs.get("s/a"))).toBe("x");
    await blobs.delete(["s/a"]);
    expect(await blobs.get("s/a")).toBeUndefined();
    const store = new FileStore({ directory });
    const lease = await store.acquire({ session });
    await store.saveProfile({ session, lease, capture: captureOf(profileFiles("one")) });
    const into = join(parent, "into");
    await store.restoreProfile({ session, into });
    assertSameFiles(await filesIn(into), profileFiles("one"));
  });

  it("fails a put whose name may be lost: the disk became read-only meanwhile", async () => {
    const blobs = new FileBlobs({ directory });
    await blobs.put("s/a", Buffer.from("x"));
    refused.set("fsync of a directory", "EROFS");
    await expect(blobs.put("s/b", Buffer.from("x"))).rejects.toMatchObject({ code: "DENIED" });
  });

  it.each([false, true])("is an outage when it fails (ifAbsent: %s)", async (ifAbsent) => {
    const blobs = new FileBlobs({ directory });
    await blobs.put("s/a", Buffer.from("x"));
    refused.set("fsync of a directory", "EIO");
    await expect(blobs.put("s/b", Buffer.from("x"), { ifAbsent })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe("a volume that was unmounted", () => {
  it("gets no new directory in its place", async () => {
    const blobs = new FileBlobs({ directory });
    await blobs.put("s/a", Buffer.from("x"));
    await rename(directory, `${directory}-away`);
    for (const ifAbsent of [true, false]) {
      const put = blobs.put("s/b", Buffer.from("x"), { ifAbsent });
      await expect(put).rejects.toMatchObject({ code: "UNAVAILABLE", retryable: true });
    }
    await expect(blobs.delete(["s/a"])).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(await readdir(parent)).toEqual(["store-away"]);
  });

  it.skipIf(!canMount())("is not taken for an empty one when its mount point stays", async () => {
    await mkdir(directory);
    mountMemory(directory, "1m");
    try {
      const blobs = new FileBlobs({ directory });
      await blobs.put("s/a", Buffer.from("x"));
      execFileSync("umount", [directory]);
      const gone = { code: "UNAVAILABLE", hint: expect.stringContaining("mounted") };
      await expect(blobs.get("s/a")).rejects.toMatchObject(gone);
      await expect(blobs.list("s/").next()).rejects.toMatchObject(gone);
      await expect(blobs.put("s/b", Buffer.from("x"))).rejects.toMatchObject(gone);
      await expect(blobs.delete(["s/a"])).rejects.toMatchObject(gone);
      expect(await readdir(directory)).toEqual([]);
      // Back on another device, as network volumes are: what is in it counts.
      mountMemory(directory, "1m");
      await new FileBlobs({ directory }).put("s/c", Buffer.from("y"));
      expect(await blobs.get("s/a")).toBeUndefined();
      expect(String(await blobs.get("s/c"))).toBe("y");
    } finally {
      try {
        execFileSync("umount", ["--lazy", directory], { stdio: "ignore" });
      } catch {
        // It is not mounted any more.
      }
    }
  });
});

describe("a directory that was replaced by a file", () => {
  it("is an outage, whatever is asked", async () => {
    await writeFile(directory, "a file");
    const blobs = new FileBlobs({ directory });
    const outage = { code: "UNAVAILABLE", retryable: true };
    await expect(blobs.traits()).rejects.toMatchObject(outage);
    await expect(blobs.get("s/a")).rejects.toMatchObject(outage);
    await expect(blobs.list("s/").next()).rejects.toMatchObject(outage);
    await expect(blobs.put("s/a", Buffer.from("x"))).rejects.toMatchObject(outage);
  });
});
