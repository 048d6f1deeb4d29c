import { cp } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { LocalAuth } from "../../lib/auth/local-auth.ts";
import { obtainNamespaces } from "../support/containers.ts";
import { type HeadlessShell, obtainHeadlessShell } from "../support/headless-shell.ts";
import { onlyLong } from "../support/length.ts";
import { identify, isAlive } from "../support/process-tree.ts";
import { remoteBot, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { suiteWith } from "../support/services/suite.ts";
import type { BotSpec } from "../support/start-bot.ts";

const rig = useRig();

type Strategy = "LocalAuth" | "RemoteAuth";
type Browser = "Chromium" | "chrome-headless-shell";

/** A bot on a linked profile that other bots may share: the session of all tests here, copied. */
async function linkedBot(strategy: Strategy, puppeteer: BotSpec["puppeteer"]): Promise<BotSpec> {
  const store = rig.folder();
  const { dataPath, profile } = await savedSession(rig, store);
  const more = puppeteer === undefined ? {} : { puppeteer };
  if (strategy === "LocalAuth") {
    await cp(profile, join(dataPath, "session"), { recursive: true, preserveTimestamps: true });
    return { strategy: "local", dataPath, ...more };
  }
  const spec = remoteBot(store, dataPath);
  // A killed bot has the stored session for so long.
  return { ...spec, ...more, store: { kind: "file", directory: store, leaseTtlMs: 10_000 } };
}

async function startShell() {
  return { ...(await obtainHeadlessShell()), stop: async () => {} };
}

async function startBoth() {
  const [{ way }, shell] = [await obtainNamespaces(), await obtainHeadlessShell()];
  return { way: `${way}, ${shell.way}`, shell, stop: async () => {} };
}

function optionsOf(browser: Browser, shell: HeadlessShell): BotSpec["puppeteer"] {
  return browser === "Chromium" ? undefined : { headless: "shell", executablePath: shell.executablePath };
}

await suiteWith("two containers on one profile", startBoth, ({ shell }) => {
  it.each<[Strategy, Browser]>([
    ["RemoteAuth", "Chromium"],
    // In `npm test` the other strategy and the other browser are shown below, and in test/auth/scenarios/shared-profile.test.ts.
    ...onlyLong<[Strategy, Browser]>(
      ["LocalAuth", "chrome-headless-shell"],
      ["LocalAuth", "Chromium"],
      ["RemoteAuth", "chrome-headless-shell"],
    ),
  ])("%s, %s: the second one gets LEASE_HELD, and is linked once the first was killed", async (strategy, browser) => {
    const spec = await linkedBot(strategy, optionsOf(browser, shell));
    const first = rig.start({ ...spec, container: "container-a" });
    await first.until("ready");
    const { sequence } = await first.phone.write();

    const second = rig.start({ ...spec, container: "container-b" });
    const failed = await second.until("initialize_failed");
    expect(failed.values[0]).toMatchObject({ code: "LEASE_HELD", message: expect.stringContaining("container-a") });
    expect(second.count("qr")).toBe(0);
    expect(second.count("browser_started")).toBe(0);
    expect((await first.phone.write()).sequence).toBe(sequence + 1);
    await second.vanish();

    await first.vanish();
    const third = rig.start({ ...spec, container: "container-c" });
    await third.until("ready");
    expect(third.count("qr")).toBe(0);
    expect(await third.phone.verdict()).toMatchObject({ linked: true, chain: "ok", missingBlobs: 0 });
    await third.close();
  });
});

await suiteWith("a browser that keeps no lock in its profile", startShell, (shell) => {
  it("is not opened twice, and is ended by the next start when its bot was killed", async () => {
    const spec = await linkedBot("LocalAuth", optionsOf("chrome-headless-shell", shell));
    const first = rig.start(spec);
    await first.until("ready");
    const second = rig.open({ authStrategy: new LocalAuth(spec), ...(spec as { puppeteer: object }) });
    const failed = await second.until("initialize_failed");
    expect(failed.values[0]).toMatchObject({ code: "LEASE_HELD", owner: expect.stringContaining(`-${first.pid}`) });
    expect(second.count("qr")).toBe(0);

    const orphan = identify(first.browserPid());
    first.signal("SIGKILL");
    await first.until("exit");
    expect(isAlive(orphan)).toBe(true);
    const third = rig.open({ authStrategy: new LocalAuth(spec), ...(spec as { puppeteer: object }) });
    await third.until("ready");
    expect(isAlive(orphan)).toBe(false);
    expect(third.count("qr")).toBe(0);
    expect(await third.phone.verdict()).toMatchObject({ linked: true });
  });
});
