import { rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { prefixIdentity } from "../../../lib/disk/file-identity.ts";
import { StaleRead } from "../../../lib/profile/capture/errors.ts";
import { FilePool } from "../../../lib/profile/capture/file-pool.ts";
import type { PooledFile } from "../../../lib/profile/capture/pooled-file.ts";
import { useFolder } from "../../support/folder.ts";
import { stopClock, trustFiles } from "../support/clock.ts";
import { useSameTimes } from "../support/same-times.ts";

describe("FilePool.hold", () => {
  const newFolder = useFolder();
  let dir: string;
  let path: string;

  beforeEach(async () => {
    dir = newFolder();
    path = join(dir, "blob");
    await writeFile(path, "a blob");
  });

  async function hold(stored?: string): Promise<PooledFile> {
    const pool = new FilePool(join(dir, "profile"), 10);
    onTestFinished(() => pool.close());
    const file = await pool.hold(path, stored);
    if (file === undefined) throw new Error("There is no file.");
    return file;
  }

  /** The identity of the file, as it is stored once its timestamps are trustworthy. */
  async function identityOf(): Promise<string> {
    const { identity } = await hold();
    return prefixIdentity({ ...identity, trustworthy: true }, identity.size) as string;
  }

  async function read(file: PooledFile): Promise<string> {
    return (await file.read(0, file.size)).toString();
  }

  it("opens a file that is stored as it is for each read", async () => {
    const stored = await identityOf();
    await trustFiles(dir);
    const file = await hold(stored);
    expect(await read(file)).toBe("a blob");
    await rm(path);
    await expect(read(file)).rejects.toBeInstanceOf(StaleRead);
  });

  it("holds a file open that is stored as it was before", async () => {
    const stored = await identityOf();
    await writeFile(path, "another blob");
    await trustFiles(dir);
    const file = await hold(stored);
    await rm(path);
    expect(await read(file)).toBe("another blob");
  });

  it("holds a file open that was written just now", async () => {
    const stored = await identityOf();
    stopClock((await stat(path)).ctimeMs);
    const file = await hold(stored);
    await rm(path);
    expect(await read(file)).toBe("a blob");
  });

  it("reads no other file at the path of one that is stored, also one with the same timestamps", async () => {
    await useSameTimes();
    const file = await hold(await identityOf());
    expect(await read(file)).toBe("a blob");
    await writeFile(`${path}.new`, "A BLOB");
    await rename(`${path}.new`, path);
    await expect(read(file)).rejects.toBeInstanceOf(StaleRead);
  });
});
