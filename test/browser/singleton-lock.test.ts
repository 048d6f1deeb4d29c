import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { removeStaleLocks } from "../../lib/browser/singleton-lock.ts";
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

function lock(owner: string): void {
  symlinkSync(owner, join(profile, "SingletonLock"));
  symlinkSync("123456789", join(profile, "SingletonCookie"));
  symlinkSync("/tmp/gone/SingletonSocket", join(profile, "SingletonSocket"));
  writeFileSync(join(profile, "Last Version"), "156.0.0.0");
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
    await removeStaleLocks(profile);
    expect(readdirSync(profile)).toEqual(["Last Version"]);
  });

  it("removes the lock of a process that has ended", async () => {
    const { pid } = spawnSync("node", ["-e", ""]);
    lock(`${hostname()}-${pid}`);
    await removeStaleLocks(profile);
    expect(readdirSync(profile)).toEqual(["Last Version"]);
  });

  it("removes a lock that is no link, as in a copied profile", async () => {
    writeFileSync(join(profile, "SingletonLock"), "");
    await removeStaleLocks(profile);
    expect(readdirSync(profile)).toEqual([]);
  });

  it.runIf(linux)("removes the lock when another program has its number now", async () => {
    lock(`${hostname()}-${process.pid}`);
    await removeStaleLocks(profile);
    expect(readdirSync(profile)).toEqual(["Last Version"]);
  });

  it.runIf(linux)("removes the lock when the browser of another profile has its number now", async () => {
    lock(`${hostname()}-${await idle("--user-data-dir=/elsewhere/session-b")}`);
    await removeStaleLocks(profile);
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
    await removeStaleLocks(profile);
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
    return removeStaleLocks(profile).then(() => {
      const taken = start();
      expect(taken.stdout).toContain("<html>");
      expect(taken.status).toBe(0);
    });
  });
});
