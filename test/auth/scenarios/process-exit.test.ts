import { spawn } from "node:child_process";
import { once } from "node:events";
import { symlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { FileStore } from "../../../adapters/fs/index.ts";
import { MemoryStore } from "../../../adapters/memory.ts";
import type { BaseAuth } from "../../../lib/auth/base-auth.ts";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import { writeFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { gate } from "../../support/gate.ts";
import { linkedProfile } from "../support/linked-profile.ts";
import { ScriptedBrowser, ScriptedClient } from "../support/scripted-client.ts";

const session = "RemoteAuth";
let root: string;

const folder = useFolder();
beforeEach(() => {
  root = folder();
});

function signalHandlers(): number {
  return process.listenerCount("SIGTERM");
}

it("an idle process saves the profile of its dead browser before it ends", async () => {
  const [directory, dataPath] = [join(root, "store"), join(root, "data")];
  const script = join(import.meta.dirname, "../../browser/fixtures/dying-browser.ts");
  const args = ["--import", "tsx", script, directory, dataPath];
  const [code] = await once(spawn(process.execPath, args, { stdio: "inherit" }), "exit");
  expect(code).toBe(0);
  const store = new FileStore({ directory });
  expect((await store.state({ session }))?.current?.files).toBeGreaterThan(0);
});

describe("a logout whose browser was closed before its page navigated", () => {
  it.each<[string, () => BaseAuth]>([
    ["RemoteAuth", () => remoteAuth(new MemoryStore())],
    ["LocalAuth", () => new LocalAuth({ dataPath: root })],
  ])("is over for %s when the client is started again", async (_name, make) => {
    const client = new ScriptedClient(make());
    await client.initialize("qr");
    await client.ready();
    client.lastLoggedOut = true;
    await client.logout();
    await client.initialize("qr");
    // Else the next navigation, an update's or a frame's, counts as a logout and deletes the new session.
    expect(client.lastLoggedOut).toBe(false);
    await client.destroy();
  });

  function remoteAuth(store: MemoryStore): RemoteAuth {
    return new RemoteAuth({ store, dataPath: root, backupSyncIntervalMs: 60_000 });
  }
});

describe("LocalAuth", () => {
  it("keeps the signal handlers of a browser that is being started when a second start is refused", async () => {
    const dir = join(root, "session");
    await writeFiles(linkedProfile("local"), dir);
    const client = new ScriptedClient(new LocalAuth({ dataPath: root }));
    const before = signalHandlers();
    let launched = (_browser: ScriptedBrowser): void => {};
    const launching = gate();
    const first = client.initialize("linked", () => {
      launching.open();
      return new Promise((resolve) => {
        launched = resolve;
      });
    });
    await launching.opened;
    const browser = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "--", `--user-data-dir=${dir}`]);
    try {
      await once(browser, "spawn");
      await symlink(`${hostname()}-${browser.pid}`, join(dir, "SingletonLock"));
      await expect(client.initialize("linked")).rejects.toMatchObject({ code: "LEASE_HELD" });
      expect(signalHandlers()).toBe(before + 1);
    } finally {
      browser.kill("SIGKILL");
    }
    launched(new ScriptedBrowser());
    await first;
    await client.destroy();
    expect(signalHandlers()).toBe(before);
  });

  it("starts no browser after a destroy() that came before the launch", async () => {
    const client = new ScriptedClient(new LocalAuth({ dataPath: root }));
    const before = signalHandlers();
    const starting = client.initialize("linked");
    await client.destroy();
    await expect(starting).rejects.toMatchObject({ code: "CANCELLED" });
    expect(client.pupBrowser).toBeNull();
    expect(signalHandlers()).toBe(before);
  });
});
