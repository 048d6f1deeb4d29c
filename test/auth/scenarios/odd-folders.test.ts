import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Client } from "whatsapp-web.js";
import { MemoryStore } from "../../../adapters/memory.ts";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { RemoteAuth } from "../../../lib/auth/remote-auth.ts";
import type { StrategyOptions } from "../../../lib/auth/strategy-options.ts";
import { writeFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";
import { linkedProfile } from "../support/linked-profile.ts";
import { ScriptedClient } from "../support/scripted-client.ts";

// Folders and names that people give to `dataPath` and `clientId`, and browsers that cannot use the folder.

const newFolder = useFolder();
let folder: string;
let told: string[];
const begun: (LocalAuth | RemoteAuth)[] = [];
const here = process.cwd();

beforeEach(() => {
  folder = newFolder();
  told = [];
});
afterEach(async () => {
  process.chdir(here);
  for (const auth of begun.splice(0)) await auth.destroy();
});

const STRATEGIES = {
  LocalAuth: (options: StrategyOptions) => new LocalAuth({ onWarning: (text) => told.push(text), ...options }),
  RemoteAuth: (options: StrategyOptions) =>
    new RemoteAuth({
      store: new MemoryStore(),
      backupSyncIntervalMs: 60_000,
      onWarning: (text) => told.push(text),
      ...options,
    }),
} as const;

/** @returns the profile that puppeteer is told to open */
async function begin(auth: LocalAuth | RemoteAuth): Promise<string | undefined> {
  begun.push(auth);
  const client = new ScriptedClient(auth);
  await auth.beforeBrowserInitialized();
  return client.options.puppeteer.userDataDir;
}

describe.each(Object.entries(STRATEGIES))("%s", (name, make) => {
  const prefix = name === "LocalAuth" ? "session" : "RemoteAuth";

  it.each([
    ["with spaces and accents", "dàta päth/日本"],
    ["with a trailing slash", "data/"],
    ["with a trailing dot", "data."],
    ["with a quote", 'it\'s "data"'],
  ])("opens a profile in a folder %s", async (_name, dataPath) => {
    const dir = await begin(make({ dataPath: join(folder, dataPath), clientId: "x" }));
    expect(dir).toBe(join(resolve(folder, dataPath), `${prefix}-x`));
    expect(existsSync(dir ?? "")).toBe(true);
  });

  it.each([
    [12345, "12345"],
    [0, "0"],
    [7n, "7"],
    ["CON", "CON"],
    ["nul", "nul"],
  ])("opens the profile of the client %s", async (clientId, text) => {
    expect(await begin(make({ dataPath: folder, clientId }))).toBe(join(folder, `${prefix}-${text}`));
  });

  it("goes on in its folder after a chdir", async () => {
    process.chdir(folder);
    const auth = make({ dataPath: "data", clientId: "x" });
    mkdirSync("elsewhere");
    process.chdir("elsewhere");
    expect(await begin(auth)).toBe(join(folder, "data", `${prefix}-x`));
    expect(readdirSync(".")).toEqual([]);
  });

  it("follows a link to the folder, and a link to the profile", async () => {
    await writeFiles(linkedProfile("x"), join(folder, "real", `${prefix}-x`));
    symlinkSync(join(folder, "real"), join(folder, "link"));
    expect(await begin(make({ dataPath: join(folder, "link"), clientId: "x" }))).toBe(
      join(folder, "link", `${prefix}-x`),
    );
    symlinkSync(join(folder, "real", `${prefix}-x`), join(folder, `${prefix}-y`));
    await begun.pop()?.destroy();
    await begin(make({ dataPath: folder, clientId: "y" }));
    expect(existsSync(join(folder, `${prefix}-y`, "Default"))).toBe(true);
  });

  it.each<[string, () => StrategyOptions, object]>([
    [
      "a file in the place of the folder",
      () => {
        writeFileSync(join(folder, "data"), "x");
        return { dataPath: join(folder, "data") };
      },
      { code: "UNAVAILABLE", hint: expect.stringMatching(/in the place of a folder/) },
    ],
    [
      "a file in the place of the profile",
      () => {
        mkdirSync(join(folder, "data"));
        writeFileSync(join(folder, "data", `${prefix}-x`), "x");
        return { dataPath: join(folder, "data") };
      },
      { code: "UNAVAILABLE", hint: expect.stringMatching(/in the place of a folder/) },
    ],
    [
      "a link in a circle",
      () => {
        symlinkSync(join(folder, "data"), join(folder, "data"));
        return { dataPath: join(folder, "data") };
      },
      { code: "UNAVAILABLE", hint: expect.stringMatching(/in the place of a folder/) },
    ],
    [
      "a name that is longer than the disk takes",
      () => ({ dataPath: join(folder, "d".repeat(300)) }),
      { code: "INVALID", hint: expect.stringMatching(/longer than the disk takes/) },
    ],
  ])("says what is wrong with %s", async (_name, given, error) => {
    await expect(begin(make({ clientId: "x", ...given() }))).rejects.toMatchObject({
      message: expect.stringMatching(folder),
      ...error,
    });
  });

  it("says that a client id is longer than the disk takes", async () => {
    await expect(begin(make({ dataPath: folder, clientId: "x".repeat(300) }))).rejects.toMatchObject({
      code: "INVALID",
    });
  });

  it("says before the launch that a snap may not see the profile", async () => {
    await begin(makeWithBrowser(make, "/snap/bin/chromium"));
    expect(told).toEqual([expect.stringMatching(/is a snap, and the profile .* lies outside of the home folder/)]);
  });

  it("says that no browser runs, where puppeteer says that one does", async () => {
    const program = join(folder, "browser");
    writeFileSync(
      program,
      "#!/bin/sh\necho 'Failed to create a ProcessSingleton for your profile directory' >&2\nexit 21\n",
    );
    chmodSync(program, 0o755);
    const authStrategy = make({ dataPath: folder, clientId: "x" });
    begun.push(authStrategy);
    const client = new Client({ authStrategy, puppeteer: { executablePath: program } });
    await expect(client.initialize()).rejects.toThrow(/The browser is already running for/);
    expect(told).toEqual([
      expect.stringMatching(`No browser of this machine has the profile ${join(folder, `${prefix}-x`)} open`),
    ]);
  });
});

function makeWithBrowser(
  make: (options: StrategyOptions) => LocalAuth | RemoteAuth,
  executablePath: string,
): LocalAuth | RemoteAuth {
  const auth = make({ dataPath: folder, clientId: "x" });
  const { setup } = auth;
  auth.setup = (client) => {
    (client as unknown as ScriptedClient).options.puppeteer.executablePath = executablePath;
    setup.call(auth, client);
  };
  return auth;
}
