import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Vault } from "../../lib/vault/vault.ts";
import { multiFileOf } from "../baileys/support/multi-file.ts";
import { sampleState } from "../baileys/support/sample-state.ts";
import { recordsOf } from "../session-file/support/sessions.ts";
import { runCli } from "./support/run-cli.ts";
import { saveRecords, usePlaces } from "./support/sessions.ts";

const places = usePlaces();
const session = "Baileys-sales";
let folder = "";
const cli = (...args: string[]) => runCli([...args, "--store", places.main.address], { columns: 1_000, input: "" });

/** Saves a session, and makes files of another one, of the same phone. @returns their place */
async function givenTwo(): Promise<string> {
  const [one, two] = [sampleState(3), sampleState(5)];
  two.creds.registrationId = (one.creds.registrationId ?? 0) + 1;
  const first = await multiFileOf(one, join(places.folder(), "sales"));
  expect(await cli("import", first, "sales")).toMatchObject({ code: 0 });
  return await multiFileOf(two, join(places.folder(), "sales"));
}

/** Brings the earlier session back by the commands that `rollback` names. */
async function bringBack(): Promise<void> {
  const { code, stderr } = await cli("rollback", "sales", "--yes");
  expect(code).toBe(2);
  const calls = [...stderr.matchAll(/`wa-vault ((?:export|import) [^`]+)`/g)].map(([, call = ""]) => call.split(" "));
  expect(calls.map(([name]) => name)).toEqual(["export", "import"]);
  for (const [name = "", file = "", ...more] of calls) {
    // The files of a test do not lie in the working directory.
    const args =
      name === "export" ? [file, join(folder, more.shift() ?? ""), ...more, "--plain"] : [join(folder, file), ...more];
    expect(await cli(name, ...args)).toMatchObject({ code: 0 });
  }
}

describe("a session of Baileys that was replaced comes back by the commands that rollback names", () => {
  const ways: [string, (other: string, store: Vault) => Promise<unknown>][] = [
    ["import", (other) => cli("import", other, "sales", "--replace")],
    ["push", (other) => cli("push", other, "sales", "--replace")],
    ["migrate", (other) => cli("migrate", other, "--replace")],
    [
      "copy",
      async (other) => {
        const { address } = places.other();
        await runCli(["import", other, "sales", "--store", address]);
        return await runCli(["copy", "sales", "--store", address, "--to", places.main.address, "--replace"]);
      },
    ],
    [
      "a new link",
      async (_, store) => {
        const records = await store.openRecords({ session });
        await records.set([["loose", Buffer.from("x")]]);
        await records.set([["loose", undefined]]);
        await records.clear();
        await records.set([["creds", Buffer.from("of another link")]]);
        await records.close();
      },
    ],
  ];

  it.each(ways)("%s", async (_, replace) => {
    folder = places.folder();
    const store = places.main.store();
    const other = await givenTwo();
    const before = await recordsOf(store, session);
    await replace(other, store);
    const replaced = await recordsOf(places.main.store(), session);
    expect(replaced).not.toEqual(before);
    await bringBack();
    expect(await recordsOf(places.main.store(), session)).toEqual(before);
    // What took its place is kept in turn.
    await cli("delete", "sales", "--yes");
    await cli("undelete", "sales", "--yes");
    expect(await recordsOf(places.main.store(), session)).toEqual(before);
  });

  it("and pull writes it for another bot", async () => {
    const other = await givenTwo();
    const before = (await places.main.store().state({ session }))?.current?.files;
    const { stdout } = await cli("import", other, "sales", "--replace");
    const number = /kept as generation (\d+)/.exec(stdout)?.[1] ?? "";
    const into = join(places.folder(), "back");
    expect((await cli("pull", "sales", into, "--generation", number, "--json")).json()).toMatchObject({
      files: before,
    });
    expect(await cli("import", into, "other")).toMatchObject({ code: 0 });
  });
});

describe("import, where it replaces a session of Baileys", () => {
  it("names the generation that has what was there", async () => {
    const store = places.main.store();
    await saveRecords(store, session, { creds: "1" });
    await saveRecords(store, session, { creds: "2" });
    const before = await recordsOf(store, session);
    const other = await multiFileOf(sampleState(2), join(places.folder(), "sales"));
    const { code, stdout } = await cli("import", other, "sales", "--replace");
    expect(code).toBe(0);
    const [, number, call = ""] = /kept as generation (\d+): `wa-vault (.+)` writes it/.exec(stdout) ?? [];
    expect(call).toBe(`export ${session} --generation ${number}`);
    const kept = await places.main.store().peekRecords({ session, generation: Number(number) });
    expect(Object.fromEntries(kept ?? [])).toEqual(before);
  });
});
