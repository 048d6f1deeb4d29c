import { execFileSync } from "node:child_process";
import { mkdir, readdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileBlobs, FileStore } from "../../adapters/fs/index.ts";
import type { Lease } from "../../lib/store.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { assertSameFiles, captureOf, filesIn, profileFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { canMount, mountMemory } from "../support/mount.ts";
import { Requests } from "../vault/support/requests.ts";

/** What the disk refuses, by call: its code. */
const refused = vi.hoisted(() => new Map<string, string>());
/** What a test lets happen beside the requests of the library to the disk. */
const beside = vi.hoisted(
  (): { stat?: (path: string) => Promise<void>; readdir?: (path: string) => Promise<void> } => ({}),
);

vi.mock("node:fs/promises", async (importOriginal) => {
  const fs = await importOriginal<typeof import("node:fs/promises")>();
  const failing = (syscall: string): NodeJS.ErrnoException | undefined => {
    const code = refused.get(syscall);
    return code === undefined ? undefined : Object.assign(new Error(`${code}: ${syscall}`), { code, syscall });
  };
  return {
    ...fs,
    stat: async (...args: Parameters<typeof fs.stat>) => {
      await beside.stat?.(String(args[0]));
      return fs.stat(...args);
    },
    readdir: async (...args: Parameters<typeof fs.readdir>) => {
      const names = await fs.readdir(...args);
      await beside.readdir?.(String(args[0]));
      return names;
    },
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
  delete beside.stat;
  delete beside.readdir;
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
    await store.acquire({ session: "RemoteAuth-other" });
    expect(warnings).toEqual([expect.stringContaining("exclusively: leases are off")]);
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

describe("a listing of a log that goes on meanwhile", () => {
  let blobs: FileBlobs;
  const key = (n: number): string => `${session}/log/${digits(n)}`;
  const digits = (n: number): string => String(n).padStart(16, "0");

  beforeEach(async () => {
    blobs = new FileBlobs({ directory });
  });

  async function numbers(): Promise<number[]> {
    const found: number[] = [];
    for await (const info of blobs.list(`${session}/log/`)) found.push(Number(info.key.split("/").at(-1)));
    return found.sort((a, b) => a - b);
  }

  async function next(n: number): Promise<void> {
    await blobs.put(key(n), Buffer.from("x"));
    await blobs.delete([key(n - 1)]);
  }

  /** Runs once, when the library is about to look at the file of entry `n`. */
  function beforeLookAt(n: number, work: () => Promise<unknown>): void {
    beside.stat = async (path) => {
      if (!path.endsWith(`${digits(n)}=blob`)) return;
      delete beside.stat;
      await work();
    };
  }

  it("shows the newest key that it has seen, also when that is removed for another before its turn", async () => {
    for (const n of [1, 2, 3]) await blobs.put(key(n), Buffer.from("x"));
    beforeLookAt(3, () => next(4));
    expect(await numbers()).toEqual([1, 2, 3]);
    expect(await numbers()).toEqual([1, 2, 4]);
  });

  it("reads the names until two readings agree", async () => {
    for (const n of [1, 2, 3]) await blobs.put(key(n), Buffer.from("x"));
    beside.readdir = async () => {
      delete beside.readdir;
      await next(4);
    };
    expect(await numbers()).toEqual([1, 2, 4]);
  });

  it("ends, and shows all names that it has seen, when they never settle", async () => {
    await blobs.put(key(1), Buffer.from("x"));
    let newest = 1;
    beside.readdir = async () => {
      await next(++newest);
    };
    const seen = await numbers();
    expect(seen.at(-1)).toBe(newest - 1);
    expect(seen.length).toBe(newest - 1);
  });

  describe("of a session", () => {
    let holder: Vault;
    let lease: Lease;
    const save = async (value: string): Promise<number> =>
      (await holder.saveProfile({ session, lease, capture: captureOf(profileFiles(value)) })).generation;

    beforeEach(async () => {
      // The newest generation and the oldest are kept.
      holder = new Vault({ blobs, keep: 1 }, { leases: false });
      lease = await holder.acquire({ session });
      await save("one");
    });

    /** Runs once, when a listing of keys comes to entry `n`. */
    function beforeKey(n: number, work: () => Promise<unknown>): void {
      const list = blobs.list.bind(blobs);
      blobs.list = async function* (prefix, options) {
        for await (const info of list(prefix, options)) {
          if (info.key === key(n)) {
            blobs.list = list;
            await work();
          }
          yield info;
        }
      };
    }

    async function saveAndPrune(...values: string[]): Promise<void> {
      for (const value of values) await save(value);
      await holder.prune({ session, lease });
    }

    it("shows a reader no generation that was current long before", async () => {
      await saveAndPrune("two", "three");
      beforeKey(4, () => saveAndPrune("four"));
      expect((await new Vault({ blobs }).state({ session }))?.current?.generation).toBe(5);
    });

    it("lets no writer take the session whose hold has a number that was free again", async () => {
      const requests = new Requests(blobs);
      requests.intercept = async (call, of, go) => {
        if (call !== "put" || of !== key(3)) return go();
        requests.passAll();
        await saveAndPrune("two", "three");
        // While the other writer lists for the second time.
        beforeKey(4, () => saveAndPrune("four"));
        return go();
      };
      const other = new Vault({ blobs: requests }, { leases: false });
      const taken = await other.acquire({ session });
      expect(await holder.state({ session })).toMatchObject({ entry: 6, epoch: taken.epoch });
      await expect(save("five")).rejects.toMatchObject({ code: "LEASE_LOST" });
    });
  });
});
