import { cpSync } from "node:fs";
import { expect, it } from "vitest";
import { LocalAuth } from "../../../lib/auth/local-auth.ts";
import { storageForms, writesSoon } from "../../support/chromium.ts";
import { onlyLong } from "../../support/length.ts";
import { localStorageOnDisk } from "../../support/local-storage.ts";
import { useRig } from "../../support/rig.ts";
import { scratchFolder } from "../../support/scratch.ts";
import { whatsapp } from "../../support/whatsapp.ts";

const rig = useRig();
type Form = keyof typeof storageForms;
const linked = new Map<Form, string>();

/** A new folder with a linked profile of this form, which is made once. */
async function linkedFolder(form: Form): Promise<string> {
  const original = linked.get(form) ?? (await link(storageForms[form]));
  linked.set(form, original);
  const copy = rig.folder();
  cpSync(original, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

async function link(args: readonly string[]): Promise<string> {
  const dataPath = scratchFolder("form-");
  const client = rig.open({ authStrategy: new LocalAuth({ dataPath }), puppeteer: { args: [...args, ...writesSoon] } });
  await client.until("qr");
  await client.phone.pair();
  await client.until("ready");
  await localStorageOnDisk(dataPath);
  await client.close();
  return dataPath;
}

/** Switches people have, or come across; each wipes a profile of the one form or the other when nothing is done. */
const USERS_OWN = {
  "SQLite for new stores":
    "--enable-features=IdbSqliteOnDiskRollout:stage/UseSqliteForNewStores,DomStorageSqliteNewDatabases:DomStorageSqliteNewDatabasesStage/UseSqliteForNewDatabases",
  "a feature without its stage": "--enable-features=IdbSqliteOnDiskRollout",
  "SQLite only": "--enable-features=IdbSqliteOnDiskRollout:stage/UseSqliteOnly",
  "SQLite only, by another feature": "--enable-features=DomStorageSqlite",
  "LevelDB only": "--disable-features=IdbSqliteOnDiskRollout,DomStorageSqliteNewDatabases",
} as const;

type Row = [form: Form, users: keyof typeof USERS_OWN];
const opened: Row[] = [
  ["LevelDB", "SQLite for new stores"],
  ["SQLite", "SQLite only"],
  ...onlyLong<Row>(
    ["LevelDB", "a feature without its stage"],
    ["LevelDB", "LevelDB only"],
    ["SQLite", "SQLite for new stores"],
    ["SQLite", "a feature without its stage"],
    ["SQLite", "SQLite only, by another feature"],
  ),
];
const refused: Row[] = [
  ["LevelDB", "SQLite only"],
  ["SQLite", "LevelDB only"],
  ...onlyLong<Row>(["LevelDB", "SQLite only, by another feature"]),
];

/** Without switches of the user the profile is as it was. */
async function isWhole(dataPath: string): Promise<void> {
  const client = rig.open({ authStrategy: new LocalAuth({ dataPath }) });
  await client.until("ready");
  expect(client.count("qr")).toBe(0);
  await client.close();
}

it.each(opened)("a profile in %s is opened as it is by a user's switches for %s", async (form, users) => {
  const dataPath = await linkedFolder(form);
  const client = rig.open({ authStrategy: new LocalAuth({ dataPath }), puppeteer: { args: [USERS_OWN[users]] } });
  await client.until("ready");
  expect(client.count("qr")).toBe(0);
  await client.close();
  await isWhole(dataPath);
});

it.each(refused)(
  "a profile in %s is not opened with a user's switches for %s, and stays whole",
  async (form, users) => {
    const dataPath = await linkedFolder(form);
    const client = rig.open({ authStrategy: new LocalAuth({ dataPath }), puppeteer: { args: [USERS_OWN[users]] } });
    const { values } = await client.until("initialize_failed");
    expect(values[0]).toMatchObject({ code: "INVALID" });
    await client.close();
    await isWhole(dataPath);
  },
);

// The reason for the switches. When this fails, Chromium's default has changed: revise storage-features.ts.
it("a profile in SQLite is wiped by a Chromium that is started without the switches", async () => {
  const dataPath = await linkedFolder("SQLite");
  const shipped = rig.open({ authStrategy: new (whatsapp().LocalAuth)({ dataPath }) });
  await shipped.until("qr");
  expect(shipped.count("ready")).toBe(0);
});
