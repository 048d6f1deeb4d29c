import { beforeEach, describe, expect, it } from "vitest";
import type { Vault } from "../../lib/vault/vault.ts";
import { captureOf, profileFiles } from "../contract/profile.ts";
import { runCli } from "./support/run-cli.ts";
import { saveBrowser, saveRecords, usePlaces } from "./support/sessions.ts";

const places = usePlaces();
const session = "RemoteAuth-support";
const DAY_MS = 86_400_000;

beforeEach(async () => {
  await saveBrowser(places.main.store(), session, [{ value: "1" }]);
});

const cli = (...args: string[]) => runCli([...args, "--store", places.main.address]);

async function exists(name = session): Promise<boolean> {
  return await places.main.store().sessionExists({ session: name });
}

describe("wa-vault delete", () => {
  it("deletes softly for 7 days, and undelete brings it back", async () => {
    const { code, stdout } = await cli("delete", "support", "--yes");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Deleted RemoteAuth-support\. It can be brought back until .* UTC \(7 d\)\.\n$/);
    expect(await exists()).toBe(false);
    const back = await cli("undelete", "support", "--yes");
    expect(back).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Brought RemoteAuth-support \(.*\) back\.\n$/),
    });
    expect(await exists()).toBe(true);
  });

  it("keeps it for as long as --retain says", async () => {
    const { json } = await cli("delete", "support", "--yes", "--json", "--retain", "30d");
    const { deleted } = json<{ deleted: { at: string; until: string } }>();
    expect(Date.parse(deleted.until) - Date.parse(deleted.at)).toBe(30 * DAY_MS);
  });

  it.each([
    ["a version was stored", false, (store: Vault) => saveBrowser(store, session, [{ value: "2" }])],
    ["the session was brought back", true, (store: Vault) => store.undelete({ session })],
  ])("with --now deletes nothing when %s while the person was asked", async (_, isDeleted, change) => {
    if (isDeleted) await cli("delete", "support", "--yes");
    const { code, stderr } = await runCli(["delete", "support", "--now", "--store", places.main.address], {
      columns: 200,
      answer: async () => {
        await change(places.main.store());
        return "y\n";
      },
    });
    expect({ code, stderr }).toEqual({ code: 9, stderr: expect.stringContaining("another one than before") });
    expect(await exists()).toBe(true);
    expect(await cli("delete", "support", "--now", "--yes")).toMatchObject({ code: 0 });
    expect(await exists()).toBe(false);
  });

  it.each(["--now", "--retain=0"])(
    "with %s deletes nothing of a Baileys bot that went on while the person was asked",
    async (option) => {
      const bot = "Baileys-bot";
      await saveRecords(places.main.store(), bot, { creds: "1" });
      const asked = (change: () => Promise<void>) =>
        runCli(["delete", "bot", option, "--store", places.main.address], {
          columns: 200,
          answer: async () => {
            await change();
            return "y\n";
          },
        });
      const refused = await asked(() => saveRecords(places.main.store(), bot, { creds: "2" }));
      expect(refused).toMatchObject({ code: 9, stderr: expect.stringContaining("another one than before") });
      expect((await places.main.store().peekRecords({ session: bot }))?.get("creds")?.toString()).toBe("2");
      // A bot that came and changed nothing is no other session.
      expect(await asked(() => saveRecords(places.main.store(), bot, { creds: "2" }))).toMatchObject({ code: 0 });
      expect(await exists(bot)).toBe(false);
    },
  );

  it.each(["--now", "--retain=0"])(
    "with %s and --wait looks again once the bot has ended, which saves once more",
    async (option) => {
      const store = places.main.store();
      const lease = await store.acquire({ session });
      const deleting = cli("delete", "support", option, "--yes", "--wait", "5min");
      await store.saveProfile({ session, lease, capture: captureOf(profileFiles("2")) });
      await lease.release();
      expect(await deleting).toMatchObject({ code: 0, stdout: expect.stringContaining("Nothing is left") });
      expect(await exists()).toBe(false);
    },
  );

  it("deletes for good with --now, also what is deleted softly", async () => {
    await cli("delete", "support", "--yes");
    const { code, stdout } = await cli("delete", "support", "--now", "--yes");
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Deleted ${session}. Nothing is left of it.\n` });
    const gone = await cli("undelete", "support", "--yes");
    expect(gone).toMatchObject({ code: 3, stderr: expect.stringContaining("deleted for good") });
    const again = await cli("delete", "support", "--now", "--yes");
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining("is deleted already. Nothing is left") });
  });

  it("twice changes nothing, and says that undelete is there", async () => {
    await cli("delete", "support", "--yes");
    const entry = (await places.main.store().state({ session }))?.entry;
    const { code, stdout } = await cli("delete", "support");
    expect(code).toBe(0);
    expect(stdout).toContain("`wa-vault undelete RemoteAuth-support`");
    expect((await places.main.store().state({ session }))?.entry).toBe(entry);
    expect((await cli("delete", "support", "--json")).json()).toMatchObject({ session, unchanged: true });
  });

  it("asks, in words that say what is deleted, and does nothing without a yes", async () => {
    const args = ["delete", "support", "--store", places.main.address];
    const { code, stderr } = await runCli(args, { columns: 80, input: "\n" });
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /Delete RemoteAuth-support \(\d+ B, saved .*\)\? For 7 d `wa-vault undelete` brings it back\. \[y\/N\]/,
    );
    expect(await exists()).toBe(true);
  });

  it("only tells with --dry-run", async () => {
    const { stdout } = await cli("delete", "support", "--dry-run", "--now");
    expect(stdout).toMatch(/^Would delete RemoteAuth-support .*: for good/);
    expect((await cli("delete", "support", "--dry-run", "--json")).json()).toMatchObject({
      dryRun: true,
      retainMs: 7 * DAY_MS,
      facts: { session },
    });
    expect(await exists()).toBe(true);
  });

  it("deletes a session of Baileys, and brings it back", async () => {
    const store = places.main.store();
    await saveRecords(store, "Baileys-bot", { creds: "x", "pre-key-1": "y" });
    expect(await cli("delete", "bot", "--yes")).toMatchObject({ code: 0 });
    expect(await store.peekRecords({ session: "Baileys-bot" })).toBeUndefined();
    expect(await cli("undelete", "bot", "--yes")).toMatchObject({ code: 0 });
    expect((await store.peekRecords({ session: "Baileys-bot" }))?.size).toBe(2);
  });

  it("says who has the session", async () => {
    const lease = await places.main.store().acquire({ session });
    const { code, stderr } = await cli("delete", "support", "--yes");
    await lease.release();
    expect(code).toBe(6);
    expect(stderr).toMatch(/has held it since[\s\S]*--wait/);
    expect(await exists()).toBe(true);
  });

  it.each([
    ["a session that is not there", ["suport"], 3, /The store has RemoteAuth-support/],
    ["--retain and --now", ["support", "--now", "--retain", "1d"], 2, /cannot be used with/],
    ["a duration of another kind", ["support", "--retain", "a week"], 2, /`7d`/],
    ["a name that may be two", ["both"], 2, /RemoteAuth-both or Baileys-both/],
    ["a name that was never saved", ["empty"], 3, /nothing was ever saved/],
  ])("refuses %s", async (_, args, code, message) => {
    const store = places.main.store();
    await saveBrowser(store, "RemoteAuth-both", [{ value: "1" }]);
    await saveRecords(store, "Baileys-both", { creds: "x" });
    await (await store.acquire({ session: "RemoteAuth-empty" })).release();
    const result = await cli("delete", ...args, "--yes");
    expect(result).toMatchObject({ code, stdout: "" });
    expect(result.stderr).toMatch(message);
  });
});

describe("wa-vault undelete", () => {
  it("of a session that is not deleted changes nothing", async () => {
    const entry = (await places.main.store().state({ session }))?.entry;
    const { code, stdout } = await cli("undelete", "support");
    expect(code).toBe(0);
    expect(stdout).toContain("is not deleted");
    expect((await places.main.store().state({ session }))?.entry).toBe(entry);
  });

  it("only tells with --dry-run", async () => {
    await cli("delete", "support", "--yes");
    expect((await cli("undelete", "support", "--dry-run")).stdout).toMatch(
      /^Would bring RemoteAuth-support \(.*deleted/,
    );
    expect(await exists()).toBe(false);
  });

  it.each([
    ["a session that is not there", "suport", /RemoteAuth-support/],
    ["a name that was never saved", "empty", /never saved/],
  ])("of %s is ABSENT", async (_, name, message) => {
    await (await places.main.store().acquire({ session: "RemoteAuth-empty" })).release();
    const { code, stderr } = await cli("undelete", name, "--yes");
    expect(code).toBe(3);
    expect(stderr).toMatch(message);
  });
});
