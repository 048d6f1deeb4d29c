import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endOrphanedBrowser, recordBrowser } from "../../lib/browser/pidfile.ts";
import { useFolder } from "../support/folder.ts";

const record = ".wa-vault-browser.json";
let dir: string;
let child: ChildProcess;
let exited: Promise<unknown>;

const folder = useFolder();
beforeEach(async () => {
  dir = folder();
  const profile = `--user-data-dir=${dir}`;
  child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "--", profile], { stdio: "ignore" });
  await once(child, "spawn");
  exited = once(child, "exit");
});

afterEach(async () => {
  child.kill("SIGKILL");
  await exited;
});

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error("not started");
  return pid;
}

/** As if the process that started the browser were another one, by number or by start. */
async function forge(change: (owner: { bot: { pid: number; startedAt: string } }) => void): Promise<void> {
  await recordBrowser(dir, pidOf(child));
  const owner = JSON.parse(await readFile(join(dir, record), "utf8"));
  change(owner);
  await writeFile(join(dir, record), JSON.stringify(owner));
}

describe.runIf(process.platform === "linux")("endOrphanedBrowser", () => {
  it("does not end a browser whose bot runs", async () => {
    await recordBrowser(dir, pidOf(child));
    await endOrphanedBrowser(dir);
    expect(child.exitCode).toBeNull();
    expect(child.signalCode).toBeNull();
    expect(await readdir(dir)).toEqual([record]);
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
      (owner as unknown as { browser: { startedAt: string } }).browser.startedAt = "1";
    });
    await endOrphanedBrowser(dir);
    expect(child.exitCode).toBeNull();
    expect(child.signalCode).toBeNull();
  });

  it.each(["", "{", "null", '{"bot":{"pid":"x"},"browser":{"pid":-1}}'])(
    "ends no process for a record of %j",
    async (text) => {
      await writeFile(join(dir, record), text);
      await endOrphanedBrowser(dir);
      expect(child.exitCode).toBeNull();
      expect(child.signalCode).toBeNull();
    },
  );

  it("ends the browser that the profile's lock names when the bot died before it recorded the number", async () => {
    await forge((owner) => {
      owner.bot.startedAt = "1";
      delete (owner as { browser?: unknown }).browser;
    });
    await symlink(`${hostname()}-${pidOf(child)}`, join(dir, "SingletonLock"));
    await endOrphanedBrowser(dir);
    expect(await exited).toEqual([null, "SIGTERM"]);
  });

  it("resolves without a record, and without a profile", async () => {
    await endOrphanedBrowser(dir);
    await endOrphanedBrowser(join(dir, "missing"));
    expect(await readdir(dir)).toEqual([]);
  });
});
