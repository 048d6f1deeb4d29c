import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FileBlobs } from "../../adapters/fs/index.ts";
import { readMultiFile } from "../../lib/baileys/multi-file/read-directory.ts";
import { readRecord } from "../../lib/browser/pidfile.ts";
import { lockProfile } from "../../lib/browser/profile-lock.ts";
import { readWholeFile } from "../../lib/disk/read-whole-file.ts";
import { recoverSwap } from "../../lib/profile/swap.ts";
import { useFolder } from "../support/folder.ts";

const folder = useFolder();

function pipe(path: string): void {
  execFileSync("mkfifo", [path]);
}

describe("a whole file", () => {
  it("is read to its end, an empty one too", async () => {
    const place = join(folder(), "file");
    for (const content of ["", "x", "y".repeat(100_000)]) {
      writeFileSync(place, content);
      expect(String(await readWholeFile(place, { most: 100_000 }))).toBe(content);
    }
  });

  // Each file of /proc says that it is empty, as those of some other file systems do.
  it.runIf(process.platform === "linux")("is read to its end where its size is told as 0, and bounded", async () => {
    expect(String(await readWholeFile("/proc/self/status", { most: 100_000 }))).toMatch(/^Name:[\s\S]+\n$/);
    await expect(readWholeFile("/proc/self/status", { most: 3 })).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("has as many bytes as it may have at most: a larger one is not read", async () => {
    const place = join(folder(), "file");
    writeFileSync(place, "");
    truncateSync(place, 40 * 1024 ** 3);
    const read = readWholeFile(place, { most: 1024, name: "s/log/1" });
    await expect(read).rejects.toMatchObject({ code: "CORRUPT", message: expect.stringContaining("s/log/1") });
  });

  it("is no folder, and not absent", async () => {
    const at = folder();
    const place = join(at, "file");
    mkdirSync(place);
    await expect(readWholeFile(place, { most: 10 })).rejects.toMatchObject({ code: "EISDIR" });
    await expect(readWholeFile(join(at, "none"), { most: 10 })).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("is no socket", async () => {
    const place = join(folder(), "file");
    const server = createServer().listen(place);
    await once(server, "listening");
    await expect(readWholeFile(place, { most: 10 })).rejects.toMatchObject({ code: "CORRUPT" });
    server.close();
    await once(server, "close");
  });
});

describe.skipIf(process.platform === "win32")("a pipe that nobody writes to, in the place of", () => {
  it("a blob is damage, and is not waited for", async () => {
    const at = folder();
    const blobs = new FileBlobs({ directory: at });
    await blobs.put("session/log/1", Buffer.from("x"));
    const [name = ""] = readdirSync(join(at, "session/log"));
    rmSync(join(at, "session/log", name));
    pipe(join(at, "session/log", name));
    await expect(blobs.get("session/log/1")).rejects.toMatchObject({ code: "CORRUPT" });
  });

  it("a file of Baileys is damage, and is not waited for", async () => {
    const at = folder();
    pipe(join(at, "creds.json"));
    await expect(readMultiFile(at)).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringContaining("creds.json"),
    });
  });

  it("the record of a browser, or the mark of a swap, is none", async () => {
    const at = folder();
    const place = join(at, "file");
    pipe(join(at, ".wa-vault-browser.json"));
    expect(await readRecord(at)).toBeUndefined();
    pipe(`${place}.swap`);
    expect(await recoverSwap(place)).toBe("none");
  });

  it("a claim on a profile refuses the lock", async () => {
    const place = join(folder(), "file");
    mkdirSync(place);
    pipe(`${place}.claim`);
    await expect(lockProfile(place)).rejects.toMatchObject({ code: "CORRUPT" });
  });
});
