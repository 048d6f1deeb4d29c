import type { ChildProcess } from "node:child_process";
import { describe, expect, it } from "vitest";
import type { BrowserLike, PuppeteerOptions } from "../../lib/browser/client.ts";
import { checkLaunchable, checkLaunched, downgradeWarning, launchOptions } from "../../lib/browser/launch-options.ts";
import { usersOwnSignals } from "../../lib/browser/signals.ts";

const userDataDir = "/data/session";

describe("checkLaunchable", () => {
  it("accepts options that name no profile, or the strategy's own profile", () => {
    for (const options of [undefined, {}, { userDataDir }, { args: ["--no-sandbox"] }]) {
      expect(checkLaunchable(options, "LocalAuth", userDataDir)).toBeUndefined();
    }
  });

  it.each(["LocalAuth", "RemoteAuth"])("refuses another userDataDir in whatsapp-web.js's words: %s", (strategy) => {
    expect(() => checkLaunchable({ userDataDir: "/elsewhere" }, strategy, userDataDir)).toThrow(
      expect.objectContaining({
        code: "INVALID",
        message: `${strategy} is not compatible with a user-supplied userDataDir.`,
      }),
    );
  });

  it.each<PuppeteerOptions>([
    { browserWSEndpoint: "ws://127.0.0.1:1/secret" },
    { browserURL: "http://user:secret@127.0.0.1:1" },
    { args: ["--no-sandbox", "--user-data-dir=/elsewhere"] },
    { args: ["--user-data-dir"] },
    { args: ["--profile-directory=Profile 1"] },
    { args: ["--incognito"] },
  ])("refuses a browser with another profile: %j", (options) => {
    expect(() => checkLaunchable(options, "RemoteAuth", userDataDir)).toThrow(
      expect.objectContaining({
        code: "INVALID",
        hint: expect.any(String),
        message: expect.not.stringContaining("secret"),
      }),
    );
  });
});

describe("launchOptions", () => {
  const profile = { indexedDb: "sqlite", localStorage: "sqlite" } as const;

  it("leaves the user's object and its array as they are", () => {
    const users = Object.freeze({ headless: true, args: Object.freeze(["--a"]) as unknown as string[] });
    const launch = launchOptions(users, { userDataDir, profile });
    expect(launch).toMatchObject({ headless: true, userDataDir });
    expect(launch.args?.[0]).toBe("--a");
    expect(launch.args).not.toBe(users.args);
  });

  it("uses the user's own options again for a second launch", () => {
    const users: PuppeteerOptions = { args: ["--a"] };
    const first = launchOptions(users, { userDataDir, profile, handleSignals: true });
    // As puppeteer does with every array.
    first.args?.splice(0);
    expect(usersOwnSignals(first)).toBe(false);
    checkLaunchable(first, "LocalAuth", userDataDir);
    const second = launchOptions(first, { userDataDir, profile: {}, handleSignals: true });
    expect(second.args).toEqual(["--a"]);
    const third = launchOptions(second, { userDataDir, profile });
    expect(third.args?.[1]).toContain("IdbSqliteOnDiskRollout");
    expect(third.handleSIGTERM).toBeUndefined();
  });

  it("turns puppeteer's signal handlers off only with handleSignals", () => {
    const taken = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
    expect(launchOptions({}, { userDataDir, profile: {}, handleSignals: true })).toMatchObject(taken);
    expect(launchOptions({}, { userDataDir, profile: {} })).toEqual({ userDataDir, args: [] });
    expect(usersOwnSignals({ handleSIGTERM: true })).toBe(true);
    expect(usersOwnSignals({})).toBe(false);
    expect(usersOwnSignals(undefined)).toBe(false);
  });

  it("adds the argument for the profile when puppeteer does not", () => {
    const launch = launchOptions({ ignoreDefaultArgs: true }, { userDataDir, profile: {} });
    expect(launch.args).toEqual([`--user-data-dir=${userDataDir}`]);
    expect(checkLaunchable(launch, "LocalAuth", userDataDir)).toBeUndefined();
  });
});

describe("checkLaunched", () => {
  const profile = { indexedDb: "sqlite" } as const;
  const started = (...spawnargs: string[]): BrowserLike => ({
    isConnected: () => true,
    process: () => ({ spawnargs }) as unknown as ChildProcess,
    version: async () => "HeadlessChrome/156.0.0.0",
    once: () => undefined,
  });

  it("throws INVALID when a switch is missing", () => {
    const launch = launchOptions({}, { userDataDir, profile });
    expect(() => checkLaunched(started("chromium", "--enable-features=PdfOopif"), launch)).toThrow(
      expect.objectContaining({ code: "INVALID" }),
    );
    const arrived = `--enable-features=PdfOopif,${launch.args?.[0]?.split("=").slice(1).join("=")}`;
    expect(checkLaunched(started("chromium", arrived), launch)).toBeUndefined();
  });
});

describe("versions", () => {
  it("are compared by number", () => {
    expect(downgradeWarning("99.0.1", "Chrome/156.0.0")).toBeUndefined();
    expect(downgradeWarning("156.0.0", "Chrome/99.0.1")).toBeDefined();
    expect(downgradeWarning("156.0.8078.73", "Chrome/156.0.8078.9")).toBeDefined();
    expect(downgradeWarning("156.0.8078.9", "Chrome/156.0.8078.73")).toBeUndefined();
    expect(downgradeWarning("156.0", "Chrome/156.0.0")).toBeUndefined();
    expect(downgradeWarning("156.0.0", "Chrome/156.0")).toBeUndefined();
  });

  it("lead to a warning when the browser is older than the profile", () => {
    expect(downgradeWarning("156.0.8078.73", "HeadlessChrome/149.0.1.2")).toMatch(/156\.0\.8078\.73.*149\.0\.1\.2/);
    expect(downgradeWarning("156.0.8078.73", "Chrome/156.0.8078.73")).toBeUndefined();
    expect(downgradeWarning("149.0.0.1", "Chrome/156.0.8078.73")).toBeUndefined();
    expect(downgradeWarning(undefined, "Chrome/1.0")).toBeUndefined();
    expect(downgradeWarning("1.0", "unknown")).toBeUndefined();
  });
});
