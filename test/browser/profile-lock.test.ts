import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { lockProfile } from "../../lib/browser/profile-lock.ts";
import { identify } from "../../lib/disk/process-id.ts";
import { useFolder } from "../support/folder.ts";

const HELD = { code: "LEASE_HELD", hint: expect.any(String) };
let root: string;
let dir: string;
let file: string;

const folder = useFolder();
beforeEach(() => {
  root = folder();
  dir = join(root, "data", "RemoteAuth");
  file = `${dir}.claim`;
});

afterEach(() => {
  vi.useRealTimers();
});

/** Writes a lock file as another process leaves it. */
async function leave(lock: object | string, ageMs = 0): Promise<void> {
  await mkdir(join(root, "data"), { recursive: true });
  await writeFile(file, typeof lock === "string" ? lock : JSON.stringify(lock));
  const at = new Date(Date.now() - ageMs);
  await utimes(file, at, at);
}

describe("lockProfile", () => {
  it("locks for one start at a time, also within one process", async () => {
    const first = await lockProfile(dir);
    await expect(lockProfile(dir)).rejects.toMatchObject({ ...HELD, owner: `${hostname()}-${process.pid}` });
    await first.check();
    await first.release();
    await first.release();
    const second = await lockProfile(dir);
    await second.release();
    expect(await readdir(join(root, "data"))).toEqual([]);
  });

  it("gives the lock to one of many starts", async () => {
    const locks = await Promise.allSettled(Array.from({ length: 20 }, () => lockProfile(dir)));
    const won = locks.flatMap((lock) => (lock.status === "fulfilled" ? [lock.value] : []));
    expect(won).toHaveLength(1);
    for (const lock of locks) if (lock.status === "rejected") expect(lock.reason).toMatchObject(HELD);
    await won[0]?.check();
    await won[0]?.release();
  });

  it("gives the lock to a later start of this process when the first start got no browser", async () => {
    const first = await lockProfile(dir);
    first.chosen();
    const second = await lockProfile(dir);
    await expect(first.check()).rejects.toMatchObject(HELD);
    // Only its own.
    await first.release();
    await second.check();
    await second.release();
    expect(await readdir(join(root, "data"))).toEqual([]);
  });

  it("throws from check() when another process has taken the lock over", async () => {
    const first = await lockProfile(dir);
    await rm(file);
    await expect(first.check()).rejects.toMatchObject(HELD);
    await leave({ ...(await identify(process.ppid)), id: "other", host: hostname() });
    await expect(first.check()).rejects.toMatchObject({ ...HELD, owner: `${hostname()}-${process.ppid}` });
    await first.release();
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ id: "other" });
  });

  it("keeps the lock file of a running process at any age", async () => {
    const owner = await identify(process.ppid);
    await leave({ ...owner, id: "a", host: hostname() }, owner.startedAt === undefined ? 0 : 10 ** 9);
    await expect(lockProfile(dir)).rejects.toMatchObject(HELD);
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ id: "a" });
  });

  it("is taken over from a killed process by one of many starts", async () => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    await once(child, "spawn");
    const owner = await identify(child.pid as number);
    await leave({ ...owner, id: "a", host: hostname() });
    await expect(lockProfile(dir)).rejects.toMatchObject(HELD);
    child.kill("SIGKILL");
    await once(child, "exit");
    const locks = await Promise.allSettled(Array.from({ length: 10 }, () => lockProfile(dir)));
    const valid = await Promise.allSettled(
      locks.map(async (lock) => (lock.status === "fulfilled" ? await lock.value.check() : Promise.reject())),
    );
    expect(valid.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(1);
    for (const lock of locks) if (lock.status === "fulfilled") await lock.value.release();
    const next = await lockProfile(dir);
    await next.release();
    expect(await readdir(join(root, "data"))).toEqual([]);
  });

  const free: Record<string, [object | string, number]> = {
    "another machine": [{ pid: process.ppid, id: "a", host: "another" }, 0],
    "a number that belongs to a later process": [{ pid: process.ppid, startedAt: "1", id: "a", host: hostname() }, 0],
    "a number that nothing tells apart, from long ago": [{ pid: process.ppid, id: "a", host: hostname() }, 3_700_000],
    "an unknown process (the file is empty and old)": ["", 11_000],
    "an unknown process (the file is torn and old)": ['{"pid":1,"id":', 11_000],
    "an unknown process (the file has other content and is old)": ["null", 11_000],
  };
  it.each(Object.entries(free))("is taken over from %s", async (_what, [lock, ageMs]) => {
    await leave(lock, ageMs);
    const own = await lockProfile(dir);
    await own.check();
    await own.release();
    expect(await readdir(join(root, "data"))).toEqual([]);
  });

  it("counts as held while a process has created the lock file and not yet written it", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    await leave("");
    await expect(lockProfile(dir)).rejects.toMatchObject(HELD);
  });

  it("throws UNAVAILABLE when the lock file cannot be created", async () => {
    await writeFile(join(root, "data"), "a file");
    await expect(lockProfile(dir)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await rm(join(root, "data"));
    await mkdir(file, { recursive: true });
    await expect(lockProfile(dir)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});
