import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFile,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { recordBrowser } from "../../lib/browser/pidfile.ts";
import { lockProfile } from "../../lib/browser/profile-lock.ts";
import { identify, type ProcessId } from "../../lib/disk/process-id.ts";
import { writeFiles } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { onlyLong } from "../support/length.ts";
import { holdTime, passTime } from "../support/monotonic-clock.ts";

const HELD = { code: "LEASE_HELD", hint: expect.any(String) };
const linux = process.platform === "linux";
/** A look that need not be long, because nobody uses the profile; and one that only a change ends. */
const LOOK = { claimMs: 300 };
const QUICK = { touchMs: 100 };
const LONG_LOOK = { claimMs: 250_000 };
const AT_ONCE = { heldMs: 0 };
let root: string;
let dir: string;
let file: string;

const folder = useFolder();
beforeEach(() => {
  root = folder();
  dir = join(root, "data", "RemoteAuth");
  file = `${dir}.claim`;
});

/** Calls `work` every so many milliseconds until the test ends. */
function every(ms: number, work: () => Promise<unknown>): void {
  const timer = setInterval(() => void work().catch(() => undefined), ms);
  onTestFinished(() => clearInterval(timer));
}

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
    await expect(lockProfile(dir, AT_ONCE)).rejects.toMatchObject({ ...HELD, owner: `${hostname()}-${process.pid}` });
    await first.check();
    await first.release();
    await first.release();
    const second = await lockProfile(dir);
    await second.release();
    expect(await readdir(join(root, "data"))).toEqual([]);
  });

  it.runIf(linux)(
    "takes a copy of the claim of a running process over, when nobody uses the copied folder",
    async () => {
      const first = await lockProfile(dir);
      const copy = join(root, "copy");
      await cp(join(root, "data"), copy, { recursive: true });
      const second = await lockProfile(join(copy, "RemoteAuth"), { ...LOOK, ...AT_ONCE });
      expect(second.hasLooked).toBe(true);
      await first.check();
      await second.check();
      await second.release();
      await first.release();
      expect([await readdir(join(root, "data")), await readdir(copy)]).toEqual([[], []]);
    },
  );

  it("waits for a run that is just ending, until its signal", async () => {
    const first = await lockProfile(dir);
    setTimeout(() => void first.release(), 300);
    const second = await lockProfile(dir, { heldMs: 250_000 });
    const signal = AbortSignal.timeout(100);
    await expect(lockProfile(dir, { heldMs: 250_000, signal })).rejects.toMatchObject({ name: "TimeoutError" });
    await second.release();
  });

  it("gives the lock to one of many starts", async () => {
    const locks = await Promise.allSettled(Array.from({ length: 20 }, () => lockProfile(dir, AT_ONCE)));
    const won = locks.flatMap((lock) => (lock.status === "fulfilled" ? [lock.value] : []));
    expect(won).toHaveLength(1);
    for (const lock of locks) if (lock.status === "rejected") expect(lock.reason).toMatchObject(HELD);
    await won[0]?.check();
    await won[0]?.release();
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

  it.runIf(linux)("keeps the lock file of a running process at any age", async () => {
    const owner = await identify(process.ppid);
    // A look would find it free.
    await leave({ ...owner, id: "a", host: hostname() }, 10 ** 9);
    await expect(lockProfile(dir, { ...LOOK, ...AT_ONCE })).rejects.toMatchObject(HELD);
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ id: "a" });
  });

  it("is taken over from a killed process by one of many starts", async () => {
    const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
    await once(child, "spawn");
    const owner = await identify(child.pid as number);
    await leave({ ...owner, id: "a", host: hostname() });
    await expect(lockProfile(dir, AT_ONCE)).rejects.toMatchObject(HELD);
    child.kill("SIGKILL");
    await once(child, "exit");
    const locks = await Promise.allSettled(Array.from({ length: 10 }, () => lockProfile(dir, AT_ONCE)));
    const valid = await Promise.allSettled(
      locks.map(async (lock) => (lock.status === "fulfilled" ? await lock.value.check() : Promise.reject())),
    );
    expect(valid.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(1);
    for (const lock of locks) if (lock.status === "fulfilled") await lock.value.release();
    const next = await lockProfile(dir);
    await next.release();
    expect(await readdir(join(root, "data"))).toEqual([]);
  });

  const { ppid } = process;
  const host = hostname();
  const free: Record<string, (owner: ProcessId) => object | string> = {
    "another machine": (owner) => ({ ...owner, boot: "another", id: "a", host: "another" }),
    "another boot": (owner) => ({ ...owner, boot: "another", id: "a", host }),
    "another container with the name of this one": (owner) => ({ ...owner, pidNamespace: "pid:[1]", id: "a", host }),
    "another machine, by an earlier version": ({ pid, startedAt }) => ({ pid, startedAt, id: "a", host: "another" }),
    "a process that has ended, by an earlier version": () => ({ pid: ppid, startedAt: "1", id: "a", host }),
    "another container whose boot is not known": ({ pid, startedAt }) => {
      return { pid, startedAt, pidNamespace: "pid:[1]", id: "a", host };
    },
    "a number that nothing tells apart": () => ({ pid: ppid, id: "a", host }),
    "this process, by no run of it": () => ({ ...own, id: "a", host }),
    "an unknown process (the file is empty)": () => "",
    "an unknown process (the file is torn)": () => '{"pid":1,"id":',
    "an unknown process (the file has other content)": () => "null",
  };
  const someOf = (all: typeof free): [string, (typeof free)[string]][] => {
    const entries = Object.entries(all);
    return [...entries.slice(0, 1), ...onlyLong(...entries.slice(1))];
  };
  let own: ProcessId;
  beforeEach(async () => {
    own = await identify(process.pid);
  });

  it.each(Object.entries(free))("is taken over from %s when nobody uses the profile", async (_what, made) => {
    await writeFiles({ "Default/file": Buffer.from("x") }, dir);
    await leave(made(await identify(ppid)));
    const lock = await lockProfile(dir, LOOK);
    expect(lock.hasLooked).toBe(true);
    await lock.check();
    await lock.release();
    expect(await readdir(join(root, "data"))).toEqual(["RemoteAuth"]);
  });

  it.each(someOf(free))("is not taken over from %s whose claim is touched", async (_what, made) => {
    await leave(made(await identify(ppid)));
    every(200, () => utimes(file, new Date(), new Date()));
    await expect(lockProfile(dir, LONG_LOOK)).rejects.toMatchObject(HELD);
    expect(await readdir(join(root, "data"))).toEqual(["RemoteAuth.claim"]);
  });

  it.each(someOf(free))("is not taken over from %s who writes into the profile", async (_what, made) => {
    await writeFiles({ "Default/file": Buffer.from("x") }, dir);
    await leave(made(await identify(ppid)));
    every(200, () => appendFile(join(dir, "Default", "file"), "x"));
    await expect(lockProfile(dir, LONG_LOOK)).rejects.toMatchObject(HELD);
  });

  it("names the host and the process of the claim", async () => {
    await leave({ ...(await identify(27)), boot: "another", id: "a", host: "other-container" });
    every(200, () => utimes(file, new Date(), new Date()));
    await expect(lockProfile(dir, LONG_LOOK)).rejects.toMatchObject({
      ...HELD,
      owner: "other-container-27",
      message: expect.stringContaining("process 27 of other-container"),
    });
  });

  it("looks for ten seconds, unless it is told another time, and believes no clock", async () => {
    await leave({ ...(await identify(ppid)), boot: "another", id: "a", host: "another" }, -(10 ** 9));
    const before = performance.now();
    await (await lockProfile(dir)).release();
    expect(performance.now() - before).toBeGreaterThanOrEqual(10_000);
  });

  it("says that it looks, once it has looked for a moment", async () => {
    await leave({ ...(await identify(ppid)), boot: "another", id: "a", host: "another" });
    const ending = new AbortController();
    const warnings: string[] = [];
    const onWarning = (message: string): void => {
      warnings.push(message);
      ending.abort(new Error("heard"));
    };
    await expect(lockProfile(dir, { ...LONG_LOOK, signal: ending.signal, onWarning })).rejects.toThrow("heard");
    expect(warnings).toEqual([`Looking for up to 250 s whether another machine or container uses the profile ${dir}.`]);
  });

  it("looks no longer than five seconds at a claim that stays torn", async () => {
    await leave("");
    const lock = await lockProfile(dir, LONG_LOOK);
    expect(lock.hasLooked).toBe(true);
    await lock.release();
  });

  it("ends the look with its signal, and leaves the claim", async () => {
    const claim = { ...(await identify(ppid)), boot: "another", id: "a", host: "another" };
    await leave(claim);
    const ending = new AbortController();
    const locked = lockProfile(dir, { ...LONG_LOOK, signal: ending.signal });
    const reason = new Error("destroyed");
    setTimeout(() => ending.abort(reason), 100);
    await expect(locked).rejects.toBe(reason);
    expect(await readFile(file, "utf8")).toBe(JSON.stringify(claim));
  });

  it("is given at once when the claim is released during the look", async () => {
    await leave({ ...(await identify(ppid)), boot: "another", id: "a", host: "another" });
    setTimeout(() => rm(file), 500);
    await (await lockProfile(dir, LONG_LOOK)).release();
  });

  it("is judged anew when the owner of a torn claim has written it", async () => {
    await leave("");
    const whole = JSON.stringify({ ...(await identify(ppid)), id: "b", host });
    setTimeout(() => writeFile(file, whole), 500);
    const locked = lockProfile(dir, LONG_LOOK);
    await expect(locked).rejects.toMatchObject({ ...HELD, owner: `${host}-${ppid}` });
  });

  it.runIf(linux)("is taken over at once, without a look, when a later process has the owner's number", async () => {
    await leave({ ...(await identify(ppid)), startedAt: "1", id: "a", host: "a name of before" });
    const lock = await lockProfile(dir, LONG_LOOK);
    expect(lock.hasLooked).toBe(false);
    await lock.release();
  });

  it("throws UNAVAILABLE when a link that leads nowhere has the name of the lock file", async () => {
    await mkdir(join(root, "data"), { recursive: true });
    await symlink(join(root, "nowhere", "x"), file);
    await expect(lockProfile(dir, LONG_LOOK)).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining(file),
      hint: expect.stringContaining("link"),
    });
  });

  it.runIf(linux)(
    "throws DENIED, and names the folder above, when that takes no file: a volume is mounted at the profile",
    async () => {
      // Nobody can make a file there.
      await expect(lockProfile("/sys/kernel/RemoteAuth")).rejects.toMatchObject({
        code: "DENIED",
        hint: expect.stringMatching(/let this user write into \/sys\/kernel\. .*mount it at `dataPath`/),
      });
    },
  );

  it("throws UNAVAILABLE when the lock file cannot be created", async () => {
    await writeFile(join(root, "data"), "a file");
    await expect(lockProfile(dir)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await rm(join(root, "data"));
    await mkdir(file, { recursive: true });
    await expect(lockProfile(dir)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe("lockProfile where only the profile is shared (a volume that is mounted at it)", () => {
  const record = (): string => join(dir, ".wa-vault-browser.json");
  beforeEach(async () => {
    await mkdir(dir, { recursive: true });
    const bot = { ...(await identify(27)), boot: "another" };
    await writeFile(record(), JSON.stringify({ bot, claim: "a", host: "other-container" }));
  });

  it("throws LEASE_HELD while the record of a run elsewhere is touched, and leaves no claim", async () => {
    every(200, () => utimes(record(), new Date(), new Date()));
    await expect(lockProfile(dir, LONG_LOOK)).rejects.toMatchObject({ ...HELD, owner: "other-container-27" });
    expect(await readdir(join(root, "data"))).toEqual(["RemoteAuth"]);
  });

  it("is given after a look when nobody uses the profile", async () => {
    const lock = await lockProfile(dir, LOOK);
    expect(lock.hasLooked).toBe(true);
    await lock.release();
  });

  it("ends the look with its signal, and leaves no claim", async () => {
    await expect(lockProfile(dir, { ...LONG_LOOK, signal: AbortSignal.timeout(100) })).rejects.toThrow();
    expect(await readdir(join(root, "data"))).toEqual(["RemoteAuth"]);
  });

  it("does not look after a run that ended in order: its record is removed", async () => {
    const first = await lockProfile(dir, LOOK);
    await recordBrowser(dir, { claim: first.id });
    await first.release();
    expect(await readdir(dir)).toEqual([]);
    const second = await lockProfile(dir, LONG_LOOK);
    expect(second.hasLooked).toBe(false);
    await second.release();
  });

  it("touches the record with the claim, and is lost when another run has recorded itself", async () => {
    const lock = await lockProfile(dir, { ...LOOK, ...QUICK });
    await recordBrowser(dir, { claim: lock.id });
    lock.opened();
    const before = (await stat(record())).mtimeMs;
    await expect.poll(async () => (await stat(record())).mtimeMs, { timeout: 120_000 }).toBeGreaterThan(before);
    expect(lock.lost.aborted).toBe(false);
    const other = JSON.stringify({ bot: await identify(27), claim: "b", host: "other-container" });
    await writeFile(record(), other);
    await expect.poll(() => lock.lost.aborted, { timeout: 120_000 }).toBe(true);
    expect(lock.lost.reason).toMatchObject({ code: "LEASE_LOST", owner: "other-container-27" });
    await lock.release();
    expect(await readFile(record(), "utf8")).toBe(other);
  });
});

describe("a lock that is held", () => {
  it("is touched every two seconds", async () => {
    const lock = await lockProfile(dir);
    const before = (await stat(file)).mtimeMs;
    const text = await readFile(file, "utf8");
    await expect.poll(async () => (await stat(file)).mtimeMs, { timeout: 120_000 }).toBeGreaterThan(before);
    expect(await readFile(file, "utf8")).toBe(text);
    await lock.release();
  });

  it("is checked, and released, when its file has no name for a moment: another start judges it", async () => {
    const lock = await lockProfile(dir);
    const aside = `${file}.aside`;
    await rename(file, aside);
    setTimeout(() => rename(aside, file), 200);
    await lock.check();
    await rename(file, aside);
    await lock.release();
    await rename(aside, file);
    await expect.poll(() => readdir(join(root, "data")), { timeout: 120_000 }).toEqual([]);
  });

  it("removes, when it is released, the claims that starts have set aside and left because they were killed", async () => {
    const [killed, other] = [`${file}.0123456789ab`, `${file}.txt`];
    await mkdir(join(root, "data"));
    for (const path of [killed, other]) await writeFile(path, "");
    holdTime();
    const brief = await lockProfile(dir);
    await brief.release();
    expect(await readdir(join(root, "data"))).toContain(basename(killed));
    const lock = await lockProfile(dir);
    passTime(1_001);
    await lock.release();
    expect(await readdir(join(root, "data"))).toEqual([basename(other)]);
  });

  it("is made again when its file vanishes or is torn while the profile is open", async () => {
    const lock = await lockProfile(dir, QUICK);
    await mkdir(dir);
    await recordBrowser(dir, { claim: lock.id });
    lock.opened();
    const text = await readFile(file, "utf8");
    for (const hurt of [() => rm(file), () => writeFile(file, "")]) {
      await hurt();
      const read = async (): Promise<unknown> => JSON.parse((await readFile(file, "utf8").catch(() => "")) || "{}");
      await expect.poll(read, { timeout: 120_000 }).toMatchObject({ ...JSON.parse(text), file: expect.any(String) });
    }
    expect(lock.lost.aborted).toBe(false);
    await lock.release();
  });

  it("is not made again while the profile is being chosen: its start must notice", async () => {
    const lock = await lockProfile(dir, QUICK);
    await rm(file);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await expect(lock.check()).rejects.toMatchObject(HELD);
    await lock.release();
  });

  it("is lost when its file vanishes and another run has had the profile", async () => {
    const lock = await lockProfile(dir, QUICK);
    await mkdir(dir);
    lock.opened();
    await recordBrowser(dir, { claim: "of another run" });
    await rm(file);
    await expect.poll(() => lock.lost.aborted, { timeout: 120_000 }).toBe(true);
    expect(lock.lost.reason).toMatchObject({ code: "LEASE_LOST", hint: expect.any(String) });
    await lock.release();
    expect(await readdir(join(root, "data"))).toEqual(["RemoteAuth"]);
  });

  it("is lost when the claim is somebody else's, which stays untouched", async () => {
    const lock = await lockProfile(dir, QUICK);
    lock.opened();
    await leave({ ...(await identify(27)), id: "other", host: "other-container" }, 10 ** 9);
    const before = (await stat(file)).mtimeMs;
    await expect.poll(() => lock.lost.aborted, { timeout: 120_000 }).toBe(true);
    expect(lock.lost.reason).toMatchObject({
      code: "LEASE_LOST",
      owner: "other-container-27",
      message: expect.stringContaining("process 27 of other-container"),
    });
    await lock.release();
    expect((await stat(file)).mtimeMs).toBe(before);
  });

  it("is not lost by an error of the disk, of which it warns once", async () => {
    const warnings: string[] = [];
    const lock = await lockProfile(dir, { ...QUICK, onWarning: (message) => void warnings.push(message) });
    lock.opened();
    await rm(file);
    await mkdir(file);
    await expect.poll(() => warnings.length, { timeout: 120_000 }).toBe(1);
    expect(warnings[0]).toMatch(/RemoteAuth\.claim cannot be touched \(EISDIR\)/);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(warnings).toHaveLength(1);
    expect(lock.lost.aborted).toBe(false);
    await lock.release();
  });
});
