import { rmSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { profileFiles } from "../contract/profile.ts";
import { keyIdOf, testKey } from "../support/keys.ts";
import { runCli } from "./support/run-cli.ts";
import { restored, saveBrowser, saveRecords, usePlaces } from "./support/sessions.ts";

const places = usePlaces();
const session = "RemoteAuth-support";
const [key, older] = [testKey(1), testKey(2)];
const WA_VAULT_KEY = `${key.toString("hex")},${older.toString("hex")}`;

beforeEach(async () => {
  await saveBrowser(places.main.store(), session, [{ value: "1" }, { value: "2" }]);
  await saveRecords(places.main.store(), "Baileys-bot", { creds: "x" });
});

const cli = (args: string[], env: NodeJS.ProcessEnv = {}) => runCli([...args, "--store", places.main.address], { env });

describe("wa-vault prune", () => {
  it("prunes one session, and all of them", async () => {
    expect(await cli(["prune", "support", "--yes"])).toMatchObject({ code: 0, stdout: `Pruned ${session}.\n` });
    expect((await cli(["prune", "--yes", "--json"])).json()).toEqual({
      store: places.main.address,
      sessions: [
        { session: "Baileys-bot", pruned: true },
        { session, pruned: true },
      ],
    });
    expect(await restored(places.main.store(), session, places.folder())).toEqual(profileFiles("2"));
  });

  it("of all goes on after one that a bot has, or that cannot be read", async () => {
    const lease = await places.main.store().acquire({ session: "Baileys-bot" });
    const { code, stdout } = await cli(["prune", "--yes"]);
    await lease.release();
    expect(code).toBe(6);
    expect(stdout).toMatch(/Baileys-bot: LEASE_HELD: .*\nPruned RemoteAuth-support\.\n/);
  });

  it("leaves every version that the bots of the store keep, however many they are told to", async () => {
    const store = places.main.store({ keep: 20 });
    await saveBrowser(
      store,
      session,
      Array.from({ length: 10 }, (_, index) => ({ value: `more ${index}` })),
    );
    const before = (await store.state({ session }))?.generations;
    expect(before).toHaveLength(12);
    expect(await cli(["prune", "support", "--yes"])).toMatchObject({ code: 0 });
    expect((await places.main.store().state({ session }))?.generations).toEqual(before);
    const older = before?.[3]?.generation;
    expect(await cli(["rollback", "support", `${older}`, "--yes"])).toMatchObject({ code: 0 });
    expect(await restored(places.main.store(), session, places.folder())).toEqual(profileFiles("more 1"));
  });

  it("leaves those of another phone to the bots too, which may keep them for longer than the command would", async () => {
    const store = places.main.store({ retainDeletedMs: 30 * 86_400_000 });
    const [first] = await saveBrowser(store, "RemoteAuth-two", [
      { value: "a", wid: "491700000000@c.us" },
      { value: "b", wid: "491701111111@c.us" },
      { value: "c", wid: "491701111111@c.us" },
    ]);
    const before = (await store.state({ session: "RemoteAuth-two" }))?.generations;
    const back = await cli(["rollback", "two", `${first}`, "--other-phone", "--yes"]);
    expect(back).toMatchObject({ code: 0 });
    expect(await cli(["prune", "two", "--yes"])).toMatchObject({ code: 0 });
    expect((await store.state({ session: "RemoteAuth-two" }))?.generations).toEqual(before);
  });

  it("only tells with --dry-run, and asks", async () => {
    expect(await cli(["prune", "--dry-run"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Would remove/),
    });
    expect(await cli(["prune"])).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
  });

  it("says when the store has no sessions", async () => {
    const other = places.other();
    const { code, stderr } = await runCli(["prune", "--store", other.address, "--yes"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: `${other.address} has no sessions.\n` });
  });
});

describe("wa-vault rekey", () => {
  it("encrypts anew what was stored without a key, or with an older one", async () => {
    const { code, json } = await cli(["rekey", "--all", "--yes", "--json"], { WA_VAULT_KEY });
    expect(code).toBe(0);
    expect(json()).toMatchObject({
      sessions: [
        { session: "Baileys-bot", unchanged: false, keyId: keyIdOf(key) },
        { session, unchanged: false, keyId: keyIdOf(key) },
      ],
    });
    const store = places.main.store({ encryption: { key } });
    expect(await restored(store, session, places.folder())).toEqual(profileFiles("2"));
    const again = await cli(["rekey", "support", "--yes"], { WA_VAULT_KEY });
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining(`with key ${keyIdOf(key)} already`) });
  });

  it("without a key is INVALID, and changes nothing", async () => {
    const { code, stderr } = await cli(["rekey", "support", "--yes"]);
    expect(code).toBe(2);
    expect(stderr).toContain("the store has no key");
    expect(stderr).toContain("Set WA_VAULT_KEY.");
  });

  it("with another key is WRONG_KEY, and changes nothing", async () => {
    await cli(["rekey", "support", "--yes"], { WA_VAULT_KEY: older.toString("hex") });
    const { code } = await cli(["rekey", "support", "--yes"], { WA_VAULT_KEY: key.toString("hex") });
    expect(code).toBe(7);
    const store = places.main.store({ encryption: { key: older } });
    expect(await restored(store, session, places.folder())).toEqual(profileFiles("2"));
  });

  it("wants a session or --all, asks, and only tells with --dry-run", async () => {
    expect(await cli(["rekey"])).toMatchObject({ code: 2 });
    expect(await cli(["rekey", "support"], { WA_VAULT_KEY })).toMatchObject({ code: 2 });
    expect((await cli(["rekey", "--all", "--dry-run"], { WA_VAULT_KEY })).stdout).toMatch(/^Would encrypt 2 sessions/);
  });
});

it("a dry run of one session names it as the command does that has done it, one of all sessions lists them", async () => {
  for (const name of ["prune", "rekey"]) {
    const one = await cli([name, "support", "--dry-run", "--json"], { WA_VAULT_KEY });
    expect(one.json()).toEqual({ store: places.main.address, session, dryRun: true });
    const all = await cli([name, ...(name === "rekey" ? ["--all"] : []), "--dry-run", "--json"], { WA_VAULT_KEY });
    expect(all.json()).toEqual({
      store: places.main.address,
      sessions: [{ session: "Baileys-bot" }, { session }],
      dryRun: true,
    });
  }
});

describe("a session that cannot be read", () => {
  const commands = [
    ["rename", "support", "help"],
    ["rollback", "support", "1"],
    ["delete", "support"],
    ["delete", "support", "--now"],
    ["undelete", "support"],
    ["prune", "support"],
    ["unlock", "support"],
    ["copy", "support", "--as", "other"],
  ];

  it.each(commands.map((args) => [args.join(" "), args] as const))(
    "is left alone without its key by %s",
    async (_, args) => {
      await cli(["rekey", "support", "--yes"], { WA_VAULT_KEY });
      const env = { WA_VAULT_TO_STORE: places.main.address };
      for (const WA_VAULT_KEY of [undefined, testKey(9).toString("hex")]) {
        const given = WA_VAULT_KEY === undefined ? env : { ...env, WA_VAULT_KEY };
        const { code, stdout, stderr } = await cli([...args, "--yes"], given);
        expect({ code, stdout }).toEqual({ code: 7, stdout: "" });
        expect(stderr).toContain("WRONG_KEY");
        expect(stderr).toContain("WA_VAULT_KEY");
      }
      const store = places.main.store({ encryption: { key } });
      expect(await restored(store, session, places.folder())).toEqual(profileFiles("2"));
    },
  );

  it.each(commands.map((args) => [args.join(" "), args] as const))(
    "is CORRUPT without its log, and left alone, by %s",
    async (_, args) => {
      rmSync(join(places.main.directory, "+remote+auth-support/log"), { recursive: true });
      const { code, stdout, stderr } = await cli([...args, "--yes"], { WA_VAULT_TO_STORE: places.main.address });
      expect({ code, stdout }).toEqual({ code: 5, stdout: "" });
      expect(stderr).toContain("has lost all its log entries");
    },
  );
});
