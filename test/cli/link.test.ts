import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { commandWords, pushWords } from "../../cli/link/copied-calls.ts";
import { findBrowser } from "../../cli/link/find-browser.ts";
import type { HeldSession } from "../../cli/link/link-store.ts";
import { notUndone, undoArguments } from "../../cli/link/undo-link.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, linkedProfileFiles } from "../contract/profile.ts";
import { saveFiles } from "../session-file/support/sessions.ts";
import { useFolder } from "../support/folder.ts";
import { type CliResult, runCli } from "./support/run-cli.ts";

const newFolder = useFolder();
let folder: string;
let directory: string;
/** A program that would be a browser. None of these tests starts one. */
let browser: string;
const newer = { "Default/IndexedDB/x/000005.ldb": Buffer.from("newer") };

afterEach(() => void vi.restoreAllMocks());

beforeEach(() => {
  folder = newFolder();
  directory = join(folder, "sessions");
  browser = program(join(folder, "bin", "some-browser"));
});

function program(path: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, "#!/bin/sh\nexit 1\n");
  chmodSync(path, 0o755);
  return path;
}

async function link(...args: string[]): Promise<CliResult> {
  return await runCli(["link", "--store", `file:${directory}`, "--browser", browser, ...args]);
}

describe("wa-vault link, before anything is opened", () => {
  it.each([
    [[], "No session is named."],
    [["a", "--session", "b"], "Two sessions are named: a and b."],
    [["../x"], "The name of a session has at most 110 letters"],
    [["_x"], "The name of a session has at most 110 letters"],
    [["x", "--pairing-code", "0049 151 1234567"], "a phone number with its country code"],
    [["x", "--pairing-code", "abc"], "a phone number with its country code"],
    [["x", "--timeout", "soon"], "Expected `--timeout` to be a duration"],
    [["x", "--timeout", "0"], "Expected `--timeout` to be a duration"],
    [["x", "--device-name", " "], "Expected `--device-name` to be"],
    [["x", "--headless", "--browser", "/nowhere/chrome"], "`--browser` names /nowhere/chrome, which is no program"],
  ])("refuses %j", async (args, sentence) => {
    const { code, stdout, stderr } = await link(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(sentence);
  });

  it.runIf(process.platform === "linux")("says that there is no screen, and what can be done then", async () => {
    const { code, stderr } = await link("support");
    expect(code).toBe(2);
    expect(stderr).toContain("DISPLAY is not set");
    expect(stderr).toContain("`--headless` shows a QR code in the terminal");
  });

  it("does not take a session from a bot that runs", async () => {
    const store = new FileStore({ directory });
    const lease = await store.acquire({ session: "RemoteAuth-support" });
    const { code, stderr } = await link("support", "--headless");
    expect(code).toBe(6);
    expect(stderr).toContain("LEASE_HELD:");
    expect(lease.lost.aborted).toBe(false);
    await lease.release();
  });

  it("waits for a bot that has the session", async () => {
    const store = new FileStore({ directory });
    const session = "RemoteAuth-support";
    await saveFiles(store, linkedProfileFiles("5511988887777"), session);
    const lease = await store.acquire({ session });
    const acquire = vi.spyOn(Vault.prototype, "acquire");
    const linking = link("support", "--headless", "--replace", "--wait", "10min");
    await vi.waitUntil(() => acquire.mock.calls.length > 0, { timeout: 60_000 });
    // What it saves as it ends is what would be replaced.
    await store.saveProfile({ session, capture: captureOf(linkedProfileFiles("5511988887777", newer)), lease });
    await lease.release();
    const { code, stderr } = await linking;
    expect(stderr).toContain("Waiting up to 600 s for ");
    // The browser of this test is none.
    expect({ code, stderr }).toMatchObject({ code: 4, stderr: expect.stringContaining("The browser did not start") });
    expect(acquire.mock.calls[0]?.[0]).toMatchObject({ session, waitMs: 600_000 });
    expect((await store.state({ session }))?.lease).toBeUndefined();
  }, 90_000);

  it("does not replace what is stored in a script, nor the session of another phone without its own option", async () => {
    const store = new FileStore({ directory });
    await saveFiles(store, linkedProfileFiles("5511988887777"), "RemoteAuth-support");
    const unasked = await link("support", "--headless");
    expect(unasked).toMatchObject({ code: 9, stderr: expect.stringContaining("`--replace` links anew") });
    for (const yes of ["--replace", "--yes"]) {
      const other = await link("support", "--pairing-code", "+4915112345678", yes);
      expect(other).toMatchObject({ code: 9, stderr: expect.stringContaining("`--other-phone` replaces") });
      expect(other.stderr).not.toMatch(/5511988887777|4915112345678/);
    }
    for (const more of [["+5511988887777"], ["+4915112345678", "--other-phone"]]) {
      const own = await link("support", "--replace", "--pairing-code", ...more);
      expect(own).toMatchObject({ code: 4, stderr: expect.stringContaining("The browser did not start") });
    }
  });

  it("tries the store before a person scans anything", async () => {
    writeFileSync(directory, "");
    const { code, stderr } = await link("support", "--headless");
    expect(code).toBe(4);
    expect(stderr).toContain("ENOTDIR");
  });

  it("warns when the other sessions have another key than the one that is set", async () => {
    const store = new FileStore({ directory, encryption: { passphrase: "the passphrase of the bot" } });
    const lease = await store.acquire({ session: "RemoteAuth-other" });
    await lease.release();
    const { code, stderr } = await link("support", "--headless");
    expect(stderr).toContain("give the bot the same key as this command");
    // The browser of this test is none.
    expect(stderr).toContain("The browser did not start");
    expect(code).toBe(4);
    expect((await new FileStore({ directory }).state({ session: "RemoteAuth-support" }))?.lease).toBeUndefined();
  });

  it("has all of it in its help", async () => {
    const { code, stdout } = await runCli(["link", "--help"], { columns: 80 });
    expect(code).toBe(0);
    expect(stdout).toContain("--pairing-code <phone>");
    expect(stdout).toContain("$ wa-vault link support --store redis://10.0.0.5 --headless");
  });
});

describe("the call that stores a link that was kept", () => {
  const nothing = { any: false, otherPhone: false };

  it("is one that a shell takes", () => {
    const address = "s3://bucket/bots?region=eu-1&endpoint=http://host";
    expect(pushWords("/tmp/a b's", "RemoteAuth-x", nothing, { store: address, platform: "linux" })).toBe(
      `wa-vault push '/tmp/a b'\\''s' RemoteAuth-x --store '${address}'`,
    );
    expect(pushWords("C:\\Temp\\a b", "RemoteAuth-x", nothing, { store: "file:./sessions", platform: "win32" })).toBe(
      'wa-vault push "C:\\Temp\\a b" RemoteAuth-x --store file:./sessions',
    );
  });

  it("has no address where that came from the environment, perhaps with a password", () => {
    expect(pushWords("/tmp/x", "RemoteAuth", nothing, { platform: "linux" })).toBe("wa-vault push /tmp/x RemoteAuth");
  });
});

describe("a link that is of no use, and that a store that is away still has", () => {
  const before = (generation?: number) =>
    ({
      session: "RemoteAuth-x",
      before: generation === undefined ? undefined : { current: { generation } },
    }) as HeldSession;

  it.each([
    [12, "brings the earlier link back: wa-vault rollback RemoteAuth-x 12 --store file:./s"],
    [undefined, "takes it out of the store: wa-vault delete RemoteAuth-x --store file:./s"],
  ])("names the call that makes the session what it was (generation %s)", (generation, words) => {
    const held = before(generation);
    const call = commandWords(undoArguments(held), { store: "file:./s", platform: "linux" });
    const error = notUndone(held, new Error("It was refused."), new Error("The disk is away."), call);
    expect(error).toMatchObject({ code: "DENIED", hint: `When the store answers, this ${words}` });
    expect(error.message).toBe("It was refused. It is still the current version of RemoteAuth-x: The disk is away.");
  });
});

describe("the browser of a link", () => {
  const client = import.meta.filename;
  const find = (env: NodeJS.ProcessEnv, named?: string): string =>
    findBrowser({ named, env, client, platform: "linux" });

  it("is the one that is named, then that of the environment, then one on the PATH", () => {
    const bin = join(folder, "path");
    const chromium = program(join(bin, "chromium"));
    expect(find({ PATH: bin, PUPPETEER_EXECUTABLE_PATH: "/usr/bin/false" }, browser)).toBe(browser);
    expect(find({ PATH: bin, PUPPETEER_EXECUTABLE_PATH: browser })).toBe(browser);
    expect(find({ PATH: bin })).toBe(chromium);
    const chrome = program(join(bin, "google-chrome"));
    expect(find({ PATH: bin })).toBe(chrome);
    expect(find({ PATH: bin }, "chromium")).toBe(chromium);
  });

  it("is missing where there is none", () => {
    expect(() => find({ PATH: folder })).toThrow(
      expect.objectContaining({ code: "INVALID", hint: expect.stringContaining("--browser") }),
    );
    expect(() => find({ PUPPETEER_EXECUTABLE_PATH: folder })).toThrow("which is no program that can be run");
  });
});
