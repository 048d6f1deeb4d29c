import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import { cp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { VaultError } from "../../../lib/errors.ts";
import type { SessionStore } from "../../../lib/store.ts";
import { assertSameFiles, type Files, filesIn, writeFiles } from "../../contract/profile.ts";
import { INDEXED_DB } from "../../profile/support/small-profile.ts";
import { compiled } from "../../support/compiled.ts";
import { useFolder } from "../../support/folder.ts";
import { onlyLong, times } from "../../support/length.ts";
import { useLookTimes } from "../../support/look-times.ts";
import { scratchFolder } from "../../support/scratch.ts";
import { linkedProfile, olderProfile, sessionOf, storeProfile } from "../support/linked-profile.ts";

// Who goes on while it is looked at has the profile, however short the look.
useLookTimes({ heldMs: 100 });

const session = "RemoteAuth";
const local = olderProfile("local", session);
const stored = linkedProfile("stored");

let seed: string;
let root: string;
let dataPath: string;
let directory: string;
let children: ChildProcess[] = [];

beforeAll(async () => {
  seed = scratchFolder("seed-");
  await storeProfile(seed, session, stored);
});

const folder = useFolder();
beforeEach(async () => {
  root = folder();
  dataPath = join(root, "data");
  directory = join(root, "store");
  await cp(seed, directory, { recursive: true });
  await writeFiles(local, join(dataPath, session));
});
afterEach(async () => {
  for (const child of children) {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  children = [];
});

/** Starts another process, which stops before its `stopAt`-th change beside the profile. */
async function start(stopAt: number): Promise<{ child: ChildProcess; said: string; next: () => Promise<string> }> {
  const script = compiled(join(import.meta.dirname, "../support/stopped-start.ts"));
  const args = [script, directory, dataPath, String(stopAt)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const lines = createInterface({ input: child.stdout as NonNullable<ChildProcess["stdout"]> })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String((await lines.next()).value);
  const said = await next();
  // It says so first: a SIGCONT that comes before it has stopped would be lost.
  if (said === "stopped") while (!isStopped(child.pid)) await delay(10);
  return { child, said, next };
}

function isStopped(pid: number | undefined): boolean {
  if (process.platform !== "linux") {
    return spawnSync("ps", ["-o", "state=", "-p", String(pid)], { encoding: "utf8" })
      .stdout.trim()
      .startsWith("T");
  }
  return / T /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

async function startHere(store: SessionStore = new FileStore({ directory })): Promise<void> {
  const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000 });
  strategy.setup(Object.assign(new EventEmitter(), { options: { puppeteer: {} } }) as never);
  try {
    await strategy.beforeBrowserInitialized();
  } finally {
    await strategy.destroy();
  }
}

async function profile(): Promise<Files> {
  return sessionOf(await filesIn(join(dataPath, session)));
}

async function beside(): Promise<string[]> {
  return (await readdir(dataPath)).map((name) => name.replace(/-[0-9a-f]+$/, "")).sort();
}

const down = (): never => {
  throw new VaultError("UNAVAILABLE", "The store is down.");
};
const downStore: SessionStore = { sessionExists: down, save: down, extract: down, delete: down };

describe.skipIf(process.platform === "win32")("two processes that start on one profile", () => {
  it("do not disturb each other at any step of the first, and a kill of the first keeps the session", async () => {
    const seen = new Set<string>();
    let stopAt = 1;
    for (; ; stopAt += times(2, 1)) {
      await rm(dataPath, { recursive: true, force: true });
      await writeFiles(local, join(dataPath, session));
      const { child, said } = await start(stopAt);
      if (said === "chosen") break;
      const claimed = (await readdir(dataPath)).includes(`${session}.claim`);
      if (claimed) {
        // The store has lost nothing by it either: the holder still holds it.
        const before = await filesIn(dataPath);
        await expect(startHere(), `stopped at ${stopAt}`).rejects.toMatchObject({ code: "LEASE_HELD" });
        assertSameFiles(await filesIn(dataPath), before);
      }
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
      // Before a store has said anything, one of the two stands whole.
      await expect(startHere(downStore)).rejects.toMatchObject({ code: "UNAVAILABLE" });
      const found = await profile();
      const isStored = found[`${INDEXED_DB}/000003.log`]?.includes("stored") === true;
      assertSameFiles(found, isStored ? stored : sessionOf(local));
      seen.add(isStored ? "stored" : "local");
      expect((await beside()).filter((name) => !name.endsWith(".replaced"))).toEqual([session]);
      await startHere();
      assertSameFiles(await profile(), stored);
    }
    expect(stopAt).toBeGreaterThan(5);
    expect([...seen].sort()).toEqual(["local", "stored"]);
  });

  it("the first one continues with its lock", async () => {
    for (const stopAt of [3, ...onlyLong(5)]) {
      await rm(dataPath, { recursive: true, force: true });
      await writeFiles(local, join(dataPath, session));
      const { child, said, next } = await start(stopAt);
      expect(said).toBe("stopped");
      await expect(startHere()).rejects.toMatchObject({ code: "LEASE_HELD" });
      child.kill("SIGCONT");
      expect(await next()).toBe("chosen");
      if (child.exitCode === null) await once(child, "exit");
      assertSameFiles(await profile(), stored);
      expect(await beside()).toEqual([session, `${session}.replaced`]);
    }
  });

  it.each([2, 3])("one that lost its lock to another machine (at change %i) changes nothing any more", async (at) => {
    const { child, said, next } = await start(at);
    expect(said).toBe("stopped");
    // To another machine this one's process looks dead.
    await rm(join(dataPath, `${session}.claim`));
    await new FileStore({ directory }).breakLease({ session });
    await startHere();
    const before = await filesIn(dataPath);
    child.kill("SIGCONT");
    // The lost lock is noticed, or the lost session, or files that are not as they were: whichever it meets first.
    expect(await next()).toMatch(/^failed (LEASE_HELD|LEASE_LOST|UNAVAILABLE)$/);
    assertSameFiles(await filesIn(dataPath), before);
    assertSameFiles(await profile(), stored);
  });
});
