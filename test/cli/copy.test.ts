import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { FileStore } from "../../adapters/fs/index.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { captureOf, linkedProfileFiles, profileFiles } from "../contract/profile.ts";
import { saveFiles } from "../session-file/support/sessions.ts";
import { testKey } from "../support/keys.ts";
import { expectWarning } from "../support/warnings.ts";
import { runCli } from "./support/run-cli.ts";
import { type Place, restored, saveBrowser, saveRecords, usePlaces } from "./support/sessions.ts";

const places = usePlaces();
const session = "RemoteAuth-support";
let target: Place;

beforeEach(async () => {
  target = places.other();
  await saveBrowser(places.main.store(), session, [{ value: "1" }, { value: "2" }]);
});

const cli = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  runCli(["copy", ...args, "--store", places.main.address], { env: { WA_VAULT_TO_STORE: target.address, ...env } });

describe("wa-vault copy", () => {
  it("copies a session to another store, and compares", async () => {
    const { code, json } = await runCli(
      ["copy", "support", "--store", places.main.address, "--to", target.address, "--json"],
      {},
    );
    expect({ code, ...json() }).toMatchObject({
      code: 0,
      store: places.main.address,
      session,
      to: target.address,
      unchanged: false,
    });
    expect(await restored(target.store(), session, places.folder())).toEqual(profileFiles("2"));
    expect(await cli(["support"])).toMatchObject({ code: 0, stdout: expect.stringContaining("exactly this already") });
  });

  it("copies under another name, in one store as well", async () => {
    const as = ["support", "--as", "help", "--to", places.main.address, "--json"];
    const named = { store: places.main.address, session, to: places.main.address, newSession: "RemoteAuth-help" };
    expect((await cli([...as, "--dry-run"])).json()).toMatchObject(named);
    expect((await cli(as)).json()).toMatchObject(named);
    expect(await places.main.store().sessionExists({ session: "RemoteAuth-help" })).toBe(true);
    const same = await cli(["support", "--to", places.main.address]);
    expect(same).toMatchObject({ code: 2, stderr: expect.stringContaining("onto itself") });
  });

  describe("where the target has another version", () => {
    const there = () => restored(target.store(), session, places.folder());
    beforeEach(async () => {
      await saveBrowser(target.store(), session, [{ value: "another" }]);
    });

    it("refuses without a person, and names --replace", async () => {
      const { code, stderr } = await cli(["support", "--json"]);
      expect(code).toBe(9);
      const { error } = JSON.parse(stderr);
      expect(error).toMatchObject({ code: "CONFLICT", hint: expect.stringContaining("`--replace`") });
      expect(await there()).toEqual(profileFiles("another"));
    });

    it.each([["--replace"], ["--yes"], ["-y"]])("replaces it with %s, without a question", async (option) => {
      expect(await cli(["support", option])).toMatchObject({ code: 0, stderr: expect.not.stringContaining("[y/N]") });
      expect(await there()).toEqual(profileFiles("2"));
    });

    it("asks at a terminal, with --replace not", async () => {
      const ask = (input: string, ...args: string[]) =>
        runCli(["copy", "support", "--to", target.address, "--store", places.main.address, ...args], {
          columns: 200,
          input,
        });
      expect(await ask("n\n")).toMatchObject({ code: 130, stderr: expect.stringContaining("[y/N]") });
      expect(await there()).toEqual(profileFiles("another"));
      expect(await ask("", "--replace")).toMatchObject({ code: 0, stderr: expect.not.stringContaining("[y/N]") });
      expect(await there()).toEqual(profileFiles("2"));
      await saveBrowser(target.store(), session, [{ value: "third" }]);
      expect(await ask("y\n")).toMatchObject({ code: 0 });
      expect(await there()).toEqual(profileFiles("2"));
    });

    it("replaces nothing that was saved while the person was asked", async () => {
      await saveRecords(places.main.store(), "Baileys-bot", { creds: "new" });
      await saveRecords(target.store(), "Baileys-bot", { creds: "old" });
      const ask = (name: string, meanwhile: () => Promise<unknown>) =>
        runCli(["copy", name, "--to", target.address, "--store", places.main.address], {
          columns: 200,
          answer: async () => {
            await meanwhile();
            return "y\n";
          },
        });
      const save = () => saveBrowser(target.store(), session, [{ value: "meanwhile" }]);
      expect(await ask("support", save)).toMatchObject({ code: 9, stderr: expect.stringContaining("CONFLICT") });
      expect(await there()).toEqual(profileFiles("meanwhile"));
      const set = () => saveRecords(target.store(), "Baileys-bot", { "pre-key-1": "meanwhile" });
      expect(await ask("bot", set)).toMatchObject({ code: 9, stderr: expect.stringContaining("since you were asked") });
      const records = await target.store().peekRecords({ session: "Baileys-bot" });
      expect([...(records ?? [])].map(([key, value]) => [key, value.toString()])).toEqual([
        ["creds", "old"],
        ["pre-key-1", "meanwhile"],
      ]);
      expect(await ask("bot", async () => {})).toMatchObject({ code: 0 });
    });

    it("asks about what a bot that was waited for has saved", async () => {
      const store = target.store();
      const lease = await store.acquire({ session });
      const acquire = vi.spyOn(Vault.prototype, "acquire");
      const args = ["copy", "support", "--wait", "10min", "--to", target.address, "--store", places.main.address];
      const asking = runCli(args, { columns: 200, input: "n\n" });
      await vi.waitUntil(() => acquire.mock.calls.length > 0, { timeout: 60_000 });
      await store.saveProfile({ session, lease, capture: captureOf(profileFiles("last")) });
      await lease.release();
      const { code, stderr } = await asking;
      acquire.mockRestore();
      expect({ code, stderr }).toMatchObject({
        code: 130,
        stderr: expect.stringMatching(/2 generations\) of .* \[y\/N\]/),
      });
    });

    it("of one of all sessions refuses that one, also with --yes, unless with --replace", async () => {
      await saveBrowser(places.main.store(), "RemoteAuth-a", [{ value: "a" }]);
      for (const args of [["--all"], ["--all", "--yes"], ["-a", "-y"]]) {
        const { code, json } = await cli([...args, "--json"]);
        expect(code).toBe(9);
        expect(json()).toMatchObject({
          sessions: [
            { session: "RemoteAuth-a" },
            { session, error: { code: "CONFLICT", hint: expect.stringContaining("`--replace`") } },
          ],
        });
        expect(await there()).toEqual(profileFiles("another"));
      }
      expect(await cli(["--all", "--replace"])).toMatchObject({ code: 0 });
      expect(await there()).toEqual(profileFiles("2"));
    });

    it("says with --dry-run whether it would be replaced or refused", async () => {
      await saveBrowser(places.main.store(), "RemoteAuth-a", [{ value: "a" }]);
      expect((await cli(["support", "--dry-run"])).stdout).toMatch(/another version: it would be refused without/);
      expect((await cli(["support", "--dry-run", "-y"])).stdout).toMatch(/another version: it would be replaced/);
      expect((await cli(["-a", "--dry-run", "-y"])).stdout).toMatch(/another version: it would be refused without/);
      expect((await cli(["-a", "--dry-run", "--replace"])).stdout).toMatch(/another version: it would be replaced/);
      expect((await cli(["support", "--dry-run", "--json"])).json()).toMatchObject({
        store: places.main.address,
        session,
        to: target.address,
        dryRun: true,
        unchanged: false,
        there: { session, saved: { generation: expect.any(Number) } },
        replaces: false,
      });
      expect((await cli(["--all", "--dry-run", "--json", "--replace"])).json()).toMatchObject({
        sessions: [
          { session: "RemoteAuth-a", unchanged: false, there: null, replaces: false },
          { session, unchanged: false, there: { session }, replaces: true },
        ],
      });
      expect(await there()).toEqual(profileFiles("another"));
      await cli(["support", "--replace"]);
      const same = await cli(["support", "--dry-run", "--replace", "--json"]);
      expect(same.json()).toMatchObject({ unchanged: true, replaces: false });
      expect((await cli(["support", "--dry-run"])).stdout).toContain("exactly this already");
    });
  });

  it("replaces the session of another phone only when that is said, one or all", async () => {
    const store = places.main.store();
    const [anna, bert] = ["5511988887777", "491701234567"];
    await saveFiles(store, linkedProfileFiles(anna), session);
    await saveFiles(target.store(), linkedProfileFiles(bert), session);
    for (const which of ["support", "--all"]) {
      const dry = await cli([which, "--replace", "--dry-run"]);
      expect(dry.stdout).toContain("the session of another phone: it would be refused without `--other-phone`");
      const refused = await cli([which, "--replace", "--yes"]);
      expect(refused.code).toBe(9);
      expect(refused.stdout + refused.stderr).toMatch(/RemoteAuth-support of another phone/);
      expect(refused.stdout + refused.stderr).not.toMatch(new RegExp(`${anna}|${bert}`));
      if (which === "support") expect(refused.stderr).toContain("--other-phone");
    }
    expect(await restored(target.store(), session, places.folder())).toEqual(linkedProfileFiles(bert));
    const dryRun = ["support", "--replace", "--dry-run", "--json"];
    expect(JSON.parse((await cli(dryRun)).stdout)).toMatchObject({ otherPhone: true, replaces: false });
    expect(JSON.parse((await cli([...dryRun, "--other-phone"])).stdout)).toMatchObject({
      otherPhone: true,
      replaces: true,
    });
    expect(await cli(["support", "--replace", "--yes", "--other-phone"])).toMatchObject({ code: 0 });
    expect(await restored(target.store(), session, places.folder())).toEqual(linkedProfileFiles(anna));
  });

  it("encrypts with the key of the target, with that of the source where it has none, or not at all when told", async () => {
    const [own, other] = [testKey(1).toString("hex"), testKey(2).toString("hex")];
    const keyOf = async () => {
      const found = await target.store({ encryption: { keys: [own, other] } }).facts({ session });
      return found?.saved?.keyId;
    };
    await cli(["support", "--yes"], { WA_VAULT_KEY: own, WA_VAULT_TO_KEY: other });
    const withOther = await keyOf();
    expect(withOther).toMatch(/^[0-9a-f]{16}$/);
    rmSync(target.directory, { recursive: true });
    await cli(["support", "--yes"], { WA_VAULT_KEY: own });
    expect(await keyOf()).toMatch(/^[0-9a-f]{16}$/);
    expect(await keyOf()).not.toBe(withOther);
    rmSync(target.directory, { recursive: true });
    await cli(["support", "--yes", "--to-unencrypted"], { WA_VAULT_KEY: own });
    expect(await keyOf()).toBeUndefined();
    const both = await cli(["support", "--to-unencrypted"], { WA_VAULT_TO_KEY: other });
    expect(both).toMatchObject({ code: 2 });
    const torn = await cli(["support"], { WA_VAULT_TO_KEY: "short" });
    expect(torn).toMatchObject({ code: 2, stderr: expect.stringContaining("WA_VAULT_TO_KEY") });
  });

  it("only tells with --dry-run", async () => {
    const { code, stdout } = await cli(["support", "--dry-run"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Would copy RemoteAuth-support \(.*\) to file:/);
    expect(await target.store().state({ session })).toBeUndefined();
    expect(existsSync(target.directory)).toBe(false);
  });

  it("reads with --dry-run what would be copied, also where the target has nothing", async () => {
    const store = places.main.store();
    await saveRecords(store, "Baileys-bot", { creds: "x" });
    expect(await cli(["bot", "--dry-run"])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Would copy /) });
    const lease = await store.acquire({ session: "Baileys-bot" });
    expect(await cli(["bot", "--dry-run"])).toMatchObject({ code: 6, stdout: "" });
    expect((await cli(["bot", "--dry-run", "--force"])).code).toBe(0);
    await lease.release();
    rmSync(join(places.main.directory, "+remote+auth-support/chunks"), { recursive: true });
    expect(await cli(["support", "--dry-run"])).toMatchObject({ code: 5, stdout: "" });
  });

  it("copies a session of Baileys once no bot has it", async () => {
    const store = places.main.store();
    await saveRecords(store, "Baileys-bot", { creds: "x", "pre-key-1": "y" });
    const lease = await places.main.store().acquire({ session: "Baileys-bot" });
    expect(await cli(["bot"])).toMatchObject({ code: 6, stderr: expect.stringContaining("--wait") });
    const waiting = cli(["bot", "--wait", "5min"]);
    await lease.release();
    expect(await waiting).toMatchObject({ code: 0 });
    expect((await target.store().peekRecords({ session: "Baileys-bot" }))?.size).toBe(2);
  });

  it("names the session and the store that a bot has, be it the source or the target", async () => {
    await saveRecords(places.main.store(), "Baileys-bot", { creds: "x" });
    const source = await places.main.store().acquire({ session: "Baileys-bot" });
    const there = await target.store().acquire({ session: "RemoteAuth-help" });
    const unlock = (name: string, { address }: Place) => `\`wa-vault unlock ${name} --store ${address}\``;
    const hint = async (...args: string[]) => JSON.parse((await cli([...args, "--json"])).stderr).error.hint;
    for (const more of [[], ["--dry-run"]]) {
      expect(await hint("bot", "--as", "robot", ...more)).toContain(unlock("Baileys-bot", places.main));
    }
    expect(await hint("support", "--as", "help")).toContain(unlock("RemoteAuth-help", target));
    await source.release();
    await there.release();
  });

  it("copies all sessions, a bad one stopping no other, and says which are left out", async () => {
    const store = places.main.store();
    for (const name of ["RemoteAuth-a", "RemoteAuth-broken", "RemoteAuth-z", "RemoteAuth-old"]) {
      await saveBrowser(store, name, [{ value: name }]);
    }
    await store.delete({ session: "RemoteAuth-old" });
    rmSync(join(places.main.directory, "+remote+auth-broken/chunks"), { recursive: true });
    const { code, json, stderr } = await cli(["--all", "--json"]);
    expect(code).toBe(5);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "CORRUPT" } });
    expect(json()).toMatchObject({
      sessions: [
        { session: "RemoteAuth-a", unchanged: false },
        { session: "RemoteAuth-broken", error: { code: "CORRUPT" } },
        { session, unchanged: false },
        { session: "RemoteAuth-z", unchanged: false },
      ],
      left: [{ session: "RemoteAuth-old", reason: "deleted" }],
    });
    const again = await cli(["--all"]);
    expect(again.stdout).toMatch(/RemoteAuth-a was there already\.\nRemoteAuth-broken: CORRUPT: /);
    expect(again.stderr).toContain("1 of 4 sessions could not be copied: RemoteAuth-broken");
    const told = await cli(["--all", "--dry-run"]);
    expect(told).toMatchObject({
      code: 5,
      stdout: expect.stringContaining("RemoteAuth-broken: CORRUPT: "),
      stderr: expect.stringContaining("RemoteAuth-old would be left out: deleted"),
    });
  });

  it.each([
    ["neither a session nor --all", [], 2, /Name a session, or say `--all`/],
    ["a session and --all", ["support", "--all"], 2, /Name a session, or say `--all`/],
    ["--as with --all", ["--all", "--as", "x"], 2, /cannot be used with/],
    ["a name of another kind", ["support", "--as", "Baileys-x"], 2, /would not find it/],
    ["a session that is not there", ["suport"], 3, /RemoteAuth-support/],
    ["a target with a password in its address", ["support", "--to", "redis://u:secret@h"], 2, /WA_VAULT_TO_STORE/],
  ])("refuses %s", async (_, args, code, message) => {
    const result = await cli(args);
    expect(result).toMatchObject({ code, stdout: "" });
    expect(result.stderr).toMatch(message);
    expect(result.stderr).not.toContain("secret");
  });

  it("says when no target is named", async () => {
    const { code, stderr } = await runCli(["copy", "support", "--store", places.main.address]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/No target is named[\s\S]*WA_VAULT_TO_STORE/);
  });

  it("says what a source without its newest version can still give", async () => {
    const directory = places.main.directory;
    const store = new FileStore({ directory });
    await saveBrowser(store, "RemoteAuth-torn", [{ value: "1", as: "proven" }]);
    const chunks = join(directory, "+remote+auth-torn/chunks");
    const { readdirSync } = await import("node:fs");
    const before = readdirSync(chunks, { recursive: true }).map(String);
    await saveBrowser(store, "RemoteAuth-torn", [{ value: "2" }]);
    for (const name of readdirSync(chunks, { recursive: true }).map(String)) {
      if (!before.includes(name)) rmSync(join(chunks, name), { recursive: true, force: true });
    }
    for (const dry of [[], ["--dry-run"]]) {
      expect(await cli(["torn", ...dry])).toMatchObject({ code: 5, stderr: expect.stringContaining("--allow-older") });
    }
    expect(await cli(["torn", "--allow-older"])).toMatchObject({ code: 0 });
    expect(await restored(target.store(), "RemoteAuth-torn", places.folder())).toEqual(profileFiles("1"));
  });
});

expectWarning(/Waiting up to|without encryption/);
