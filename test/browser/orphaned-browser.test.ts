import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join, relative, sep } from "node:path";
import type { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { browsersOf } from "../../lib/browser/browser-process.ts";
import { endOrphanedBrowser } from "../../lib/browser/orphaned-browser.ts";
import { recordBrowser } from "../../lib/browser/pidfile.ts";
import { isGroupRunning } from "../../lib/disk/process-group.ts";
import { useFolder } from "../support/folder.ts";

const record = ".wa-vault-browser.json";
let dir: string;
let child: ChildProcess;
let exited: Promise<unknown>;

const folder = useFolder();
beforeEach(async () => {
  dir = folder();
  const profile = `--user-data-dir=${dir}`;
  child = await idle("chromium", profile);
  exited = once(child, "exit");
});

afterEach(async () => {
  child.kill("SIGKILL");
  await exited;
});

/** A process that idles, by the name `argv0`. */
async function idle(argv0: string, profile: string, cwd = dir): Promise<ChildProcess> {
  const args = ["-e", "setInterval(() => {}, 1000)", "--", profile];
  const started = spawn(process.execPath, args, { argv0, cwd, stdio: "ignore" });
  onTestFinished(() => void started.kill("SIGKILL"));
  await once(started, "spawn");
  return started;
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error("not started");
  return pid;
}

function expectAlive(): void {
  expect([child.exitCode, child.signalCode]).toEqual([null, null]);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended, as it should.
  }
}

type Id = Record<"startedAt" | "boot" | "pidNamespace", string>;
interface Forged {
  bot: Id;
  browser?: Id;
}

/** As if the process that started the browser were another one, by number or by start. */
async function forge(change: (owner: Forged) => void): Promise<void> {
  await recordBrowser(dir, { browserPid: pidOf(child) });
  const owner = JSON.parse(await readFile(join(dir, record), "utf8"));
  change(owner);
  await writeFile(join(dir, record), JSON.stringify(owner));
}

function killBot({ bot }: Forged): void {
  bot.startedAt = "1";
}

describe.runIf(process.platform === "linux")("endOrphanedBrowser", () => {
  it("does not end a browser whose bot runs, and throws LEASE_HELD, also without a lock in the profile", async () => {
    await recordBrowser(dir, { browserPid: pidOf(child) });
    await expect(endOrphanedBrowser(dir)).rejects.toMatchObject({
      code: "LEASE_HELD",
      owner: `${hostname()}-${child.pid}`,
      hint: expect.any(String),
    });
    expectAlive();
    expect(await readdir(dir)).toEqual([record]);
  });

  it.each(["boot", "pidNamespace"] as const)("ends no process for the record of another %s", async (place) => {
    await forge((owner) => {
      for (const id of [owner.bot, owner.browser]) if (id) id[place] = "another";
      // The same numbers may start at the same ticks in every machine that is made from one image.
      owner.bot.startedAt = "1";
    });
    await expect(endOrphanedBrowser(dir)).rejects.toMatchObject({ code: "LEASE_HELD" });
    expectAlive();
  });

  it("does not end the browser of the profile that this one was copied from", async () => {
    await forge(({ bot }) => {
      bot.startedAt = "1";
    });
    const copy = folder();
    await cp(dir, copy, { recursive: true });
    await endOrphanedBrowser(copy);
    expectAlive();
  });

  it("finds a browser that keeps no lock when the bot died before it recorded the number", async () => {
    await forge((owner) => {
      owner.bot.startedAt = "1";
      delete owner.browser;
    });
    await endOrphanedBrowser(dir);
    expect(await exited).toEqual([null, "SIGTERM"]);
    expect(await readdir(dir)).toEqual([]);
  });

  it("ends no other program that has the option on its command line, when the bot died before it recorded a number", async () => {
    await forge((owner) => {
      owner.bot.startedAt = "1";
      delete owner.browser;
    });
    const other = await idle("node", `--user-data-dir=${dir}`);
    await expect(endOrphanedBrowser(dir)).rejects.toMatchObject({
      code: "LEASE_HELD",
      owner: `${hostname()}-${other.pid}`,
    });
    expect([other.exitCode, other.signalCode]).toEqual([null, null]);
    expect(await exited).toEqual([null, "SIGTERM"]);
  });

  it("takes a relative path as the process that has it takes it", async () => {
    const here = relative("", dir);
    // From there the path leads to no folder.
    const deep = join(folder(), ...here.split(sep).map(() => "a"));
    await mkdir(deep, { recursive: true });
    const elsewhere = await idle("chromium", `--user-data-dir=${here}`, deep);
    expect(await browsersOf(dir)).toEqual([child.pid]);
    const same = await idle("chromium", `--user-data-dir=${basename(dir)}`, dirname(dir));
    expect((await browsersOf(dir)).sort()).toEqual([child.pid, same.pid].sort());
    expect([elsewhere.exitCode, elsewhere.signalCode]).toEqual([null, null]);
  });

  it("ends a browser when a later process has its bot's number", async () => {
    await forge(({ bot }) => {
      bot.startedAt = "1";
    });
    await endOrphanedBrowser(dir);
    expect(await exited).toEqual([null, "SIGTERM"]);
    expect(await readdir(dir)).toEqual([]);
  });

  it("does not end a later process that has the browser's number", async () => {
    await forge((owner) => {
      owner.bot.startedAt = "1";
      if (owner.browser) owner.browser.startedAt = "1";
    });
    await expect(endOrphanedBrowser(dir)).rejects.toMatchObject({ code: "LEASE_HELD" });
    expectAlive();
  });

  it.each(["", "{", "null", '{"bot":{"pid":"x"},"browser":{"pid":-1}}'])(
    "ends no process for a record of %j, and throws LEASE_HELD while one has the profile open",
    async (text) => {
      await writeFile(join(dir, record), text);
      await expect(endOrphanedBrowser(dir)).rejects.toMatchObject({ code: "LEASE_HELD" });
      expectAlive();
    },
  );

  it("ends the browser that a script has started, also when the script has ended", async () => {
    const script = spawn(
      "sh",
      ["-c", '"$0" -e "setInterval(() => {}, 1000)" -- "$1" & wait', process.execPath, `--user-data-dir=${dir}`],
      { stdio: "ignore", detached: true },
    );
    const end = once(script, "exit");
    child.kill("SIGKILL");
    await exited;
    await expect.poll(() => browsersOf(dir), { timeout: 120_000 }).toHaveLength(2);
    const browser = (await browsersOf(dir)).find((pid) => pid !== script.pid) as number;
    onTestFinished(() => killQuietly(browser));
    await recordBrowser(dir, { browserPid: pidOf(script) });
    const text = await readFile(join(dir, record), "utf8");
    await writeFile(join(dir, record), text.replace(/"startedAt":"\d+"/, '"startedAt":"1"'));
    script.kill("SIGKILL");
    await end;
    await endOrphanedBrowser(dir);
    expect(await browsersOf(dir)).toEqual([]);
  });

  it("ends the browser that the profile's lock names when the bot died before it recorded the number", async () => {
    await forge((owner) => {
      owner.bot.startedAt = "1";
      delete owner.browser;
    });
    await symlink(`${hostname()}-${pidOf(child)}`, join(dir, "SingletonLock"));
    await endOrphanedBrowser(dir);
    expect(await exited).toEqual([null, "SIGTERM"]);
  });

  /** Something goes on writing to the profile, as a process of the browser that ends last. */
  function writeOn(): void {
    let n = 0;
    const timer = setInterval(() => void writeFile(join(dir, "Cookies"), `${n++}`).catch(() => undefined), 20);
    onTestFinished(() => clearInterval(timer));
  }

  const ways: Record<string, () => Promise<void>> = {
    "that it ends": () => forge(killBot),
    "that it ends, and whose number its bot had not recorded": () =>
      forge((owner) => {
        killBot(owner);
        delete owner.browser;
      }),
    "that has ended with its bot": async () => {
      await forge(killBot);
      child.kill("SIGKILL");
      await exited;
    },
  };
  it.each(Object.entries(ways))("removes the lock of a browser %s, and never looks who writes", async (_, prepare) => {
    await prepare();
    await symlink(`${hostname()}-${pidOf(child)}`, join(dir, "SingletonLock"));
    writeOn();
    await endOrphanedBrowser(dir, { lockMs: 250_000 });
    expect(await readdir(dir)).not.toContain("SingletonLock");
    expect(await readdir(dir)).not.toContain(record);
  });

  it("waits for the other processes of the browser, which end later", async () => {
    child.kill("SIGKILL");
    await exited;
    const script = '"$0" -e "process.stdin.on(\'close\', process.exit).resume()" <&3 & exec "$0" -e "$1" -- "$2"';
    const idles = "setInterval(() => {}, 1000); console.log(1)";
    const args = ["-c", script, process.execPath, idles, `--user-data-dir=${dir}`];
    // Node closes the standard input of a process that has ended, and no other pipe to it.
    const browser = spawn("sh", args, { detached: true, stdio: ["ignore", "pipe", "inherit", "pipe"] });
    onTestFinished(() => killQuietly(-pidOf(browser)));
    const end = once(browser, "exit");
    await once(browser.stdout as Readable, "data");
    await recordBrowser(dir, { browserPid: pidOf(browser) });
    const text = await readFile(join(dir, record), "utf8");
    await writeFile(join(dir, record), text.replace(/"startedAt":"\d+"/, '"startedAt":"1"'));
    let isDone = false;
    const ending = endOrphanedBrowser(dir).finally(() => {
      isDone = true;
    });
    await end;
    // Each of these turns is long enough for a call that does not wait.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isDone).toBe(false);
    browser.stdio[3]?.destroy();
    await ending;
    expect(isGroupRunning(pidOf(browser))).toBe(false);
  });

  it("ends its wait for them with the reason of the signal", async () => {
    child.kill("SIGKILL");
    await exited;
    const script = 'sleep 600 & exec "$0" -e "setInterval(() => {}, 1000); console.log(1)" -- "$1"';
    const browser = spawn("sh", ["-c", script, process.execPath, `--user-data-dir=${dir}`], { detached: true });
    onTestFinished(() => killQuietly(-pidOf(browser)));
    const end = once(browser, "exit");
    await once(browser.stdout, "data");
    await recordBrowser(dir, { browserPid: pidOf(browser) });
    const text = await readFile(join(dir, record), "utf8");
    await writeFile(join(dir, record), text.replace(/"startedAt":"\d+"/, '"startedAt":"1"'));
    const stop = new AbortController();
    const ending = expect(endOrphanedBrowser(dir, { signal: stop.signal })).rejects.toBe("stop");
    await end;
    stop.abort("stop");
    await ending;
    // The next start goes on.
    expect(await readdir(dir)).toContain(record);
  });

  it("resolves without a record, and without a profile", async () => {
    const other = folder();
    await endOrphanedBrowser(other);
    await endOrphanedBrowser(join(other, "missing"));
    expect(await readdir(other)).toEqual([]);
    expectAlive();
  });
});
