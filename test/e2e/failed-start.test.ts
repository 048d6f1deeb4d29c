import { readlinkSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import type { AuthStrategy, Client } from "whatsapp-web.js";
import { LocalAuth } from "../../lib/auth/local-auth.ts";
import { RemoteAuth } from "../../lib/auth/remote-auth.ts";
import { LeasedStore } from "../auth/support/leased-store.ts";
import { clientOptions } from "../support/client.ts";
import { isRunning, killTree } from "../support/process-tree.ts";
import { useRig } from "../support/rig.ts";
import { type WhatsappVersion, whatsapp, whatsappVersionsHere } from "../support/whatsapp.ts";

const rig = useRig();
let launched: number[] = [];
afterEach(() => {
  for (const pid of launched) killTree(pid);
  launched = [];
});

interface Failing {
  readonly profile: string;
  readonly version?: WhatsappVersion;
  /** Called before the start fails. */
  readonly before?: () => void;
}

/** A client whose `initialize()` throws when the browser runs and the strategy does not know of it yet. */
function failing(authStrategy: AuthStrategy, { profile, version, before }: Failing): Client {
  const client = new (whatsapp(version).Client)(clientOptions({ authStrategy }));
  const { options } = client as unknown as { options: object };
  // whatsapp-web.js reads it right after the launch, before it sets `client.pupBrowser`.
  Object.defineProperty(options, "proxyAuthentication", {
    get() {
      launched.push(Number(readlinkSync(join(profile, "SingletonLock")).split("-").at(-1)));
      before?.();
      throw new Error("no page");
    },
  });
  return client;
}

async function startsLeaveNoBrowser(client: Client): Promise<void> {
  for (let start = 1; start <= 2; start++) {
    await expect(client.initialize()).rejects.toThrow("no page");
    expect(launched).toHaveLength(start);
    expect(launched.filter(isRunning)).toEqual([]);
  }
}

it.each(whatsappVersionsHere)(
  "a start that fails right after the launch leaves no browser and no lease (%s)",
  async (version) => {
    const store = new LeasedStore();
    const dataPath = rig.folder();
    const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000 });
    await startsLeaveNoBrowser(failing(strategy, { profile: strategy.userDataDir, version }));
    expect(store.held).toBe(0);
    expect(await readdir(dataPath)).toEqual([strategy.sessionName]);
  },
);

it("a start of LocalAuth that fails right after the launch leaves no browser", async () => {
  const dataPath = rig.folder();
  await startsLeaveNoBrowser(failing(new LocalAuth({ dataPath }), { profile: join(dataPath, "session") }));
  expect(await readdir(dataPath)).toEqual(["session"]);
});

it("a start that fails right after the launch and a destroy() leaves no browser and no lease", async () => {
  const store = new LeasedStore();
  const dataPath = rig.folder();
  const strategy = new RemoteAuth({ store, dataPath, backupSyncIntervalMs: 60_000 });
  const destroyed: Promise<void>[] = [];
  const before = (): void => void destroyed.push(strategy.destroy());
  await startsLeaveNoBrowser(failing(strategy, { profile: strategy.userDataDir, before }));
  await Promise.all(destroyed);
  expect(store.held).toBe(0);
  expect(await readdir(dataPath)).toEqual([strategy.sessionName]);
});
