import { mkdtemp, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileBlobs, FileStore } from "../../adapters/fs/index.ts";
import { blobContract } from "../contract/index.ts";
import { countCalls } from "../profile/support/disk-calls.ts";
import { storeSuites } from "../support/store-suites.ts";

const runner = { describe, it };

blobContract(runner, {
  name: "directory",
  open: async () => {
    const { directory, close } = await temporary();
    const file = join(directory, "..", "..", "a file");
    await writeFile(file, "");
    const unreachable = new FileBlobs({ directory: join(file, "x") });
    return { blobs: new FileBlobs({ directory }), again: new FileBlobs({ directory }), unreachable, close };
  },
});

describe("directory", () => {
  it("removes temporary files that are old by the disk's clock, too, and none for a clock of this host that is ahead", async () => {
    const { directory, close } = await temporary();
    const blobs = new FileBlobs({ directory });
    await blobs.put("a/b", Buffer.from("x"));
    const path = join(directory, "a");
    const [name = ""] = (await readdir(path)).filter((one) => one.startsWith("b"));
    const written = join(path, `${name}=0123456789abcdef.tmp`);
    const list = async (): Promise<boolean> => {
      for await (const _ of blobs.list("a/")) void _;
      return (await readdir(path)).includes(`${name}=0123456789abcdef.tmp`);
    };
    await writeFile(written, "y");
    const now = Date.now;
    Date.now = () => now() + 30 * 86_400_000;
    try {
      expect(await list()).toBe(true);
    } finally {
      Date.now = now;
    }
    await utimes(written, 1, 1);
    expect(await list()).toBe(false);
    await close();
  });

  it("takes `maxBlobBytes` of 64 KiB to 16 MiB, says it, and writes nothing larger", async () => {
    const { directory, close } = await temporary();
    for (const maxBlobBytes of [65_535, 16 * 1024 * 1024 + 1]) {
      expect(() => new FileBlobs({ directory, maxBlobBytes })).toThrow("Expected `maxBlobBytes` to be a whole number");
    }
    const blobs = new FileBlobs({ directory, maxBlobBytes: 65_536 });
    expect((await blobs.traits()).maxBlobBytes).toBe(65_536);
    await expect(blobs.put("s/a", Buffer.alloc(65_537))).rejects.toMatchObject({ code: "TOO_LARGE" });
    await close();
  });

  it("is open to its owner only, and holds whole files only", async () => {
    const { directory, close } = await temporary();
    const blobs = new FileBlobs({ directory });
    await Promise.all(["Bot/log/1", "bot/log/1", "bot/con", "bot/LOG"].map((key) => blobs.put(key, Buffer.from(key))));
    const names = await readdir(directory, { recursive: true });
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
    for (const name of names) {
      const info = await stat(join(directory, name));
      if (process.platform !== "win32") expect(info.mode & 0o777).toBe(info.isDirectory() ? 0o700 : 0o600);
      if (info.isFile()) expect(name).toMatch(/=blob$/);
    }
    await close();
  });

  it("lists keys without a look at each file, for a caller who wants nothing else", async () => {
    const { directory, close } = await temporary();
    const blobs = new FileBlobs({ directory });
    const keys = ["bot/chunks/1", "bot/log/1", "bot/log/2"];
    for (const key of keys) await blobs.put(key, Buffer.from(key));
    const list = async (): Promise<string[]> => {
      const found: string[] = [];
      for await (const { key } of blobs.list("bot/", { keysOnly: true })) found.push(key);
      return found.sort();
    };
    const few = await countCalls(list);
    expect(few.result).toEqual(keys);
    for (let n = 3; n < 50; n++) await blobs.put(`bot/log/${n}`, Buffer.from("x"));
    const many = await countCalls(list);
    expect(many.result).toHaveLength(50);
    expect(many.asynchronous).toBe(few.asynchronous);
    await close();
  });

  it("does not take an unmounted volume for an empty store", async () => {
    const { directory, close } = await temporary();
    const blobs = new FileBlobs({ directory });
    await blobs.put("bot/a", Buffer.from("x"));
    await rename(directory, `${directory}-away`);
    await expect(blobs.get("bot/a")).rejects.toMatchObject({ code: "UNAVAILABLE", retryable: true });
    await expect(blobs.list("bot/").next()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await rename(`${directory}-away`, directory);
    expect(String(await blobs.get("bot/a"))).toBe("x");
    await close();
  });
});

storeSuites("directory", async (options) => {
  const { directory, close } = await temporary();
  const again = (): FileStore => new FileStore({ ...options, directory });
  return { blobs: new FileBlobs({ directory }), store: again(), again, close };
});

/** A directory below one that does not exist yet. */
async function temporary(): Promise<{ directory: string; close: () => Promise<void> }> {
  const parent = await mkdtemp(join(tmpdir(), "wa-vault-fs-"));
  return {
    directory: join(parent, "a", "store"),
    close: () => rm(parent, { recursive: true, force: true }),
  };
}
