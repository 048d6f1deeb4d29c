import { beforeEach, describe, expect, it } from "vitest";
import { profileFiles } from "../contract/profile.ts";
import { runCli } from "./support/run-cli.ts";
import { restored, saveBrowser, saveRecords, usePlaces } from "./support/sessions.ts";

const places = usePlaces();
const session = "RemoteAuth-support";
const wid = "491701234567@c.us";
let numbers: number[];

beforeEach(async () => {
  numbers = await saveBrowser(places.main.store(), session, [
    { value: "1", as: "proven", wid: "491700000000@c.us" },
    { value: "2", as: "proven", wid },
    { value: "3", as: "rejected", wid },
    { value: "4", wid },
  ]);
});

const cli = (...args: string[]) => runCli(["rollback", ...args, "--store", places.main.address]);

async function current(): Promise<number | undefined> {
  return (await places.main.store().state({ session }))?.current?.generation;
}

describe("wa-vault rollback", () => {
  it("makes an older generation the current one", async () => {
    const { code, stdout } = await cli("support", String(numbers[1]), "--yes");
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `Generation ${numbers[1]} of ${session} is the current one now; ${numbers[3]} is kept.\n`,
    });
    expect(await restored(places.main.store(), session, places.folder())).toEqual(profileFiles("2"));
  });

  it("goes to the newest proven one, and by steps", async () => {
    expect((await cli("support", "--proven", "--yes", "--json")).json()).toMatchObject({
      generation: numbers[1],
      before: numbers[3],
      unchanged: false,
    });
    // From there the only older one is of another phone.
    const { code, stderr } = await cli("support", "--steps", "1", "--yes");
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("--other-phone") });
    expect(await current()).toBe(numbers[1]);
  });

  it("lists what is kept and asks, in a terminal", async () => {
    const args = ["rollback", "support", "--store", places.main.address];
    const { code, stderr } = await runCli(args, { columns: 80, input: `${numbers[1]}\ny\n` });
    expect(stderr).toMatch(/GENERATION +SAVED +SIZE +FILES +MARKS/);
    expect(stderr).toMatch(/rejected by WhatsApp[\s\S]*proven[\s\S]*of another phone/);
    expect(code).toBe(0);
    expect(await current()).toBe(numbers[1]);
  });

  it("asks without a table over the width of 40 columns", async () => {
    const args = ["rollback", "support", "--store", places.main.address];
    const { code, stderr } = await runCli(args, { columns: 40, input: "\n" });
    expect(code).toBe(130);
    expect(stderr).toContain("marks: proven, of another phone");
  });

  it("without a number and a terminal names the kept ones", async () => {
    const { code, stderr } = await cli("support", "--yes");
    expect(code).toBe(2);
    expect(stderr).toContain(`Name one of ${numbers.join(", ")}`);
  });

  it("to the current one changes nothing", async () => {
    const { code, json } = await cli("support", String(numbers[3]), "--yes", "--json");
    expect({ code, ...json() }).toMatchObject({ code: 0, unchanged: true });
    const before = (await places.main.store().state({ session }))?.entry;
    await cli("support", String(numbers[3]), "--yes");
    expect((await places.main.store().state({ session }))?.entry).toBe(before);
  });

  it("to a refused one, or one of another phone, needs an option of its own or a person", async () => {
    const [other, , rejected] = numbers.map(String);
    for (const [number = "", option = ""] of [
      [rejected, "--rejected"],
      [other, "--other-phone"],
    ]) {
      const refused = await cli("support", number, "--yes");
      expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(option) });
      expect(await cli("support", number, "--yes", option)).toMatchObject({ code: 0 });
      expect(await cli("support", String(numbers[3]), "--yes", "--other-phone")).toMatchObject({ code: 0 });
    }
    const asked = await runCli(["rollback", "support", other ?? "", "--store", places.main.address], {
      columns: 80,
      input: "y\n",
    });
    expect(asked.stderr).toContain("of another phone");
    expect(asked.code).toBe(0);
  });

  it("only tells with --dry-run", async () => {
    const { code, stdout } = await cli("support", "--steps", "2", "--dry-run");
    expect(code).toBe(0);
    expect(stdout).toContain(`Would roll ${session} back: generation ${numbers[1]}`);
    expect(await current()).toBe(numbers[3]);
  });

  it.each([
    ["one that is not kept", ["support", "999"], 3, /Kept are/],
    ["no number", ["support", "yesterday"], 2, /Expected the number/],
    ["too many steps", ["support", "--steps", "9"], 3, /none 9 back/],
    ["no steps", ["support", "--steps", "0"], 2, /whole number/],
    ["a number and an option", ["support", "1", "--proven"], 2, /not by two/],
    ["a session that is not there", ["suport", "1"], 3, /RemoteAuth-support/],
    ["a deleted session", ["old", "1"], 3, /wa-vault undelete RemoteAuth-old/],
    ["a session of Baileys", ["bot", "1"], 2, /sending counters/],
    ["a name that was never saved", ["empty", "1"], 3, /nothing was ever saved/],
  ])("to %s is refused", async (_, args, code, message) => {
    const store = places.main.store();
    await saveBrowser(store, "RemoteAuth-old", [{ value: "another one" }]);
    await store.delete({ session: "RemoteAuth-old" });
    await saveRecords(store, "Baileys-bot", { creds: "x" });
    await (await store.acquire({ session: "RemoteAuth-empty" })).release();
    const result = await cli(...args, "--yes");
    expect(result).toMatchObject({ code, stdout: "" });
    expect(result.stderr).toMatch(message);
    expect(await current()).toBe(numbers[3]);
  });
});
