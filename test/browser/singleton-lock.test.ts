import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { recordBrowser } from "../../lib/browser/pidfile.ts";
import { removeStaleLocks } from "../../lib/browser/singleton-lock.ts";
import { identify } from "../../lib/disk/process-id.ts";
import { chromiumFlags, findChromium } from "../support/chromium.ts";
import { useFolder } from "../support/folder.ts";
import { useRig } from "../support/rig.ts";

const linux = process.platform === "linux";
let profile: string;
let children: ChildProcess[] = [];

const folder = useFolder();
beforeEach(() => {
  profile = folder();
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children = [];
});

/** A look that need not be long, because nobody uses the profile. */
const LOOK = { lockMs: 300 };

function lock(owner: string): void {
  symlinkSync(owner, join(profile, "SingletonLock"));
  symlinkSync("123456789", join(profile, "SingletonCookie"));
  symlinkSync("/tmp/gone/SingletonSocket", join(profile, "SingletonSocket"));
  writeFileSync(join(profile, "Last Version"), "156.0.0.0");
}

/** Calls `work` every so many milliseconds until the test ends. */
function every(ms: number, work: () => unknown): void {
  const timer = setInterval(work, ms);
  onTestFinished(() => clearInterval(timer));
}

/** A process that idles, with these arguments on its command line. @returns its id */
async function idle(...args: string[]): Promise<number> {
  const child = spawn("node", ["-e", "console.log('up'); setInterval(() => {}, 1000)", "--", ...args]);
  children.push(child);
  await once(child.stdout, "data");
  if (child.pid === undefined) throw new Error("no process");
  return child.pid;
}

describe("removeStaleLocks", () => {
  it("resolves without a lock, and without a profile", async () => {
    await removeStaleLocks(profile);
    await removeStaleLocks(join(profile, "not there"));
    expect(readdirSync(profile)).toEqual([]);
  });

  it.each(["another-host", "a-b-c", `${hostname()}x`])("removes the lock of %s, and no other file", async (host) => {
    lock(`${host}-${process.pid}`);
    await removeStaleLocks(profile, LOOK);
    expect(readdirSync(profile)).toEqual(["Last Version"]);
  });

  it("removes the lock of a process that has ended", async () => {
    const { pid } = spawnSync("node", ["-e", ""]);
    lock(`${hostname()}-${pid}`);
    await removeStaleLocks(profile, LOOK);
    expect(readdirSync(profile)).toEqual(["Last Version"]);
  });

  it("removes a lock that is no link, as in a copied profile", async () => {
    writeFileSync(join(profile, "SingletonLock"), "");
    await removeStaleLocks(profile);
    expect(readdirSync(profile)).toEqual([]);
  });

  it.runIf(linux)("removes the lock when another program has its number now", async () => {
    lock(`${hostname()}-${process.pid}`);
    await removeStaleLocks(profile, LOOK);
    expect(readdirSync(profile)).toEqual(["Last Version"]);
  });

  it.runIf(linux)("removes the lock when the browser of another profile has its number now", async () => {
    lock(`${hostname()}-${await idle("--user-data-dir=/elsewhere/session-b")}`);
    await removeStaleLocks(profile, LOOK);
    expect(readdirSync(profile)).toEqual(["Last Version"]);
  });

  it.runIf(linux)("removes the lock of a browser that is a zombie", async () => {
    // It ends when its parent has become a program that waits for no child.
    const parent = spawn("sh", ["-c", "exec 3<&0; head -c 1 <&3 >&2 & echo $!; exec sleep 600"]);
    children.push(parent);
    const [said] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(String(said));
    const timeout = 120_000;
    await expect.poll(() => readFileSync(`/proc/${parent.pid}/cmdline`, "utf8"), { timeout }).toMatch(/^sleep/);
    parent.stdin.write("x");
    await expect.poll(() => readFileSync(`/proc/${pid}/stat`, "utf8"), { timeout }).toContain(") Z ");
    lock(`${hostname()}-${pid}`);
    await removeStaleLocks(profile, LOOK);
    expect(readdirSync(profile)).toEqual(["Last Version"]);
  });

  it("keeps the lock of a running browser, and throws LEASE_HELD with its owner", async () => {
    const pid = await idle(`--user-data-dir=${profile}`);
    lock(`${hostname()}-${pid}`);
    const before = readdirSync(profile);
    await expect(removeStaleLocks(profile)).rejects.toMatchObject({
      code: "LEASE_HELD",
      message: expect.stringContaining(`process ${pid}`),
      owner: `${hostname()}-${pid}`,
      hint: expect.any(String),
    });
    expect(readdirSync(profile)).toEqual(before);
  });

  it("looks at the lock of another machine for five seconds, unless it is told another time", async () => {
    lock("another-host-27");
    const before = performance.now();
    await removeStaleLocks(profile);
    expect(performance.now() - before).toBeGreaterThanOrEqual(5_000);
    expect(readdirSync(profile)).toEqual(["Last Version"]);
  });

  /** Each may be made again and again: a busy machine takes its first look late. */
  const changes: Record<string, (file: string, n: number) => unknown> = {
    "grows in a folder below": (file) => appendFileSync(file, "x"),
    "is written anew": (file) => writeFileSync(file, "yy"),
    "is replaced": (file) => {
      writeFileSync(`${file}.new`, "xx");
      renameSync(`${file}.new`, file);
    },
    "is removed": (file, n) => rmSync(`${file}.${n}`, { force: true }),
    "comes into being": (file, n) => writeFileSync(`${file}.new.${n}`, ""),
  };
  it.each(Object.entries(changes))(
    "throws LEASE_HELD with the other machine's lock when a file %s",
    async (_, change) => {
      const file = join(profile, "Default", "leveldb", "000003.log");
      mkdirSync(join(profile, "Default", "leveldb"), { recursive: true });
      const many = Array.from({ length: 100 }, (_, each) => `${file}.${each}`);
      for (const path of [file, ...many]) writeFileSync(path, "xx");
      lock("other-container-27");
      const before = readdirSync(profile);
      const removed = removeStaleLocks(profile, { lockMs: 250_000 });
      let n = 0;
      every(500, () => change(file, n++));
      await expect(removed).rejects.toMatchObject({
        code: "LEASE_HELD",
        message: expect.stringContaining("process 27 of other-container"),
        owner: "other-container-27",
        hint: expect.any(String),
      });
      expect(readdirSync(profile)).toEqual(before);
    },
  );

  it("ends the look with its signal", async () => {
    lock("other-container-27");
    const ending = new AbortController();
    const removed = removeStaleLocks(profile, { lockMs: 250_000, signal: ending.signal });
    const reason = new Error("destroyed");
    setTimeout(() => ending.abort(reason), 100);
    await expect(removed).rejects.toBe(reason);
    expect(readdirSync(profile)).toContain("SingletonLock");
  });

  const noLook = { lockMs: 250_000 };
  it.runIf(linux)("does not look for a browser that this machine has recorded and that has ended", async () => {
    const pid = await idle(`--user-data-dir=${profile}`);
    await recordBrowser(profile, { browserPid: pid });
    const [child] = children as [ChildProcess];
    child.kill("SIGKILL");
    await once(child, "exit");
    // Also when the machine has another name since.
    for (const host of [hostname(), "name-of-before"]) {
      lock(`${host}-${pid}`);
      await removeStaleLocks(profile, noLook);
      rmSync(join(profile, "Last Version"));
    }
    lock(`${hostname()}-${pid}`);
    await recordBrowser(profile);
    await removeStaleLocks(profile, noLook);
  });

  it.runIf(linux)("does not believe the number of another container with the name of this one", async () => {
    const { pid = 0 } = spawnSync("node", ["-e", ""]);
    lock(`${hostname()}-${pid}`);
    const elsewhere = { ...(await identify(pid)), pidNamespace: "pid:[1]" };
    writeFileSync(join(profile, ".wa-vault-browser.json"), JSON.stringify({ bot: elsewhere, browser: elsewhere }));
    const removed = removeStaleLocks(profile, noLook);
    every(500, () => writeFileSync(join(profile, "Last Version"), "157.0.0.0"));
    await expect(removed).rejects.toMatchObject({ code: "LEASE_HELD", owner: `${hostname()}-${pid}` });
  });

  it("recognises the profile by another path", async () => {
    const other = `${profile}-link`;
    symlinkSync(profile, other);
    try {
      lock(`${hostname()}-${await idle(`--user-data-dir=${other}`)}`);
      await expect(removeStaleLocks(profile)).rejects.toMatchObject({ code: "LEASE_HELD" });
    } finally {
      rmSync(other);
    }
  });
});

describe("a real Chromium", () => {
  useRig();

  function start(): { status: number | null; stdout: string; stderr: string } {
    const args = [...chromiumFlags(), "--headless=new", `--user-data-dir=${profile}`, "--dump-dom", "about:blank"];
    return spawnSync(findChromium().executablePath, args, { encoding: "utf8", timeout: 250_000 });
  }

  it("refuses a profile with another machine's lock, and opens it once the lock is removed", () => {
    symlinkSync("another-host-7", join(profile, "SingletonLock"));
    const refused = start();
    expect(refused.stdout).not.toContain("<html>");
    expect(refused.status).not.toBe(0);
    expect(readlinkSync(join(profile, "SingletonLock"))).toBe("another-host-7");
    return removeStaleLocks(profile, LOOK).then(() => {
      const taken = start();
      expect(taken.stdout).toContain("<html>");
      expect(taken.status).toBe(0);
    });
  });
});
