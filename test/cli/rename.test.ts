import { beforeEach, describe, expect, it } from "vitest";
import { profileFiles } from "../contract/profile.ts";
import { expectWarning } from "../support/warnings.ts";
import { runCli } from "./support/run-cli.ts";
import { restored, saveBrowser, saveRecords, usePlaces } from "./support/sessions.ts";

const places = usePlaces();
const support = "RemoteAuth-support";
const help = "RemoteAuth-help";

beforeEach(async () => {
  await saveBrowser(places.main.store(), support, [
    { value: "1", as: "proven" },
    { value: "2", as: "proven" },
  ]);
});

const cli = (...args: string[]) => runCli([...args, "--store", places.main.address]);

describe("wa-vault rename", () => {
  it("gives a session another name, as the bot has it or as it is stored", async () => {
    const { code, stdout } = await cli("rename", "support", "help", "--yes");
    expect({ code, stdout: stdout.split(" (")[0] }).toEqual({ code: 0, stdout: `Renamed ${support} to ${help}` });
    const store = places.main.store();
    expect(await restored(store, help, places.folder())).toEqual(profileFiles("2"));
    expect(await store.state({ session: help })).toMatchObject({ current: { proven: true } });
    expect(await store.sessionExists({ session: support })).toBe(false);
    expect(await cli("rename", help, support, "--yes")).toMatchObject({ code: 0 });
  });

  it("tells what it would do, and changes nothing", async () => {
    const { code, stdout } = await cli("rename", "support", "help", "--dry-run");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Would rename RemoteAuth-support \(.* B, saved just now|.*s ago, 2 generations\) to RemoteAuth-help\.\n$/,
    );
    const { json } = await cli("rename", "support", "help", "--dry-run", "--json");
    expect(json()).toMatchObject({ store: places.main.address, session: support, newSession: help, dryRun: true });
    expect(await places.main.store().sessionExists({ session: support })).toBe(true);
  });

  it("asks, and does nothing without a yes", async () => {
    const args = ["rename", "support", "help", "--store", places.main.address];
    const refused = await runCli(args, { columns: 80, input: "n\n" });
    expect(refused).toMatchObject({ code: 130, stdout: "" });
    expect(refused.stderr).toContain("Nothing was changed");
    expect(await runCli(args)).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") });
    expect(await places.main.store().sessionExists({ session: support })).toBe(true);
    expect(await runCli(args, { columns: 80, input: "yes\n" })).toMatchObject({ code: 0 });
  });

  it("is done already when the old name is deleted and the new one has the session", async () => {
    await cli("rename", "support", "help", "--yes");
    const { code, json } = await cli("rename", "support", "help", "--yes", "--json");
    expect({ code, ...json() }).toMatchObject({ code: 0, session: support, newSession: help, unchanged: true });
  });

  it.each([
    ["to a name that another session has", ["support", "sales"], 9, /RemoteAuth-sales \(.*\) has the name/],
    ["to its own name", ["support", "RemoteAuth-support"], 2, /has this name already/],
    ["to a name of another kind", ["support", "Baileys-help"], 2, /would not find it/],
    ["to a name with other letters", ["support", "h/e"], 2, /letters, digits/],
    ["of a session that is not there", ["suport", "help"], 3, /The store has RemoteAuth-support/],
    ["of a deleted session", ["old", "help"], 3, /wa-vault undelete RemoteAuth-old/],
  ])("%s is refused", async (_, [from = "", to = ""], code, message) => {
    const store = places.main.store();
    await saveBrowser(store, "RemoteAuth-sales", [{ value: "another one" }]);
    await saveBrowser(store, "RemoteAuth-old", [{ value: "another one" }]);
    await store.delete({ session: "RemoteAuth-old" });
    const result = await cli("rename", from, to, "--yes");
    expect(result).toMatchObject({ code, stdout: "" });
    expect(result.stderr).toMatch(message);
    expect(await store.sessionExists({ session: support })).toBe(true);
  });

  it("of one whose current generation was refused tells which one to go back to", async () => {
    const store = places.main.store();
    const [rejected] = await saveBrowser(store, support, [{ value: "3", as: "rejected" }]);
    const { code, stderr } = await cli("rename", "support", "help", "--yes");
    expect(code).toBe(2);
    expect(stderr).toContain(`WhatsApp has refused its generation ${rejected}`);
  });

  it("renames a session of Baileys", async () => {
    const store = places.main.store();
    await saveRecords(store, "Baileys-bot", { creds: "x" });
    expect(await cli("rename", "bot", "robot", "--yes")).toMatchObject({ code: 0 });
    expect((await store.peekRecords({ session: "Baileys-robot" }))?.size).toBe(1);
  });

  it("says who has the session, and waits for that bot when it is told to", async () => {
    const lease = await places.main.store().acquire({ session: support });
    const held = await cli("rename", "support", "help", "--yes");
    expect(held).toMatchObject({ code: 6, stdout: "" });
    expect(held.stderr).toMatch(/has held it since[\s\S]*--wait 5min[\s\S]*wa-vault unlock RemoteAuth-support/);
    const waiting = cli("rename", "support", "help", "--yes", "--wait", "5min");
    await lease.release();
    expect(await waiting).toMatchObject({ code: 0 });
  });

  it("refuses a duration without a unit", async () => {
    const { code, stderr } = await cli("rename", "support", "help", "--yes", "--wait", "5");
    expect(code).toBe(2);
    expect(stderr).toContain("`90s`, `5min`");
  });
});

expectWarning(/Waiting up to/);
