import { cpSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { LocalAuth } from "../../lib/auth/local-auth.ts";
import { storageForms } from "../support/chromium.ts";
import { type Rig, useRig } from "../support/rig.ts";
import { whatsapp } from "../support/whatsapp.ts";

const rig = useRig();

/** A folder with a linked profile of this form. */
async function linkedFolder(args: readonly string[]): Promise<string> {
  const dataPath = rig.folder();
  const client = rig.open({ authStrategy: new LocalAuth({ dataPath }), puppeteer: { args: [...args] } });
  await client.until("qr");
  await client.phone.pair();
  await client.until("ready");
  await client.close();
  return dataPath;
}

function copyOf(dataPath: string, { folder }: Rig): string {
  const copy = folder();
  cpSync(dataPath, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

/** Switches people have, or come across; each wipes a profile of the one form or the other when nothing is done. */
const usersOwn: Record<string, { args: string[]; refusedFor: string[] }> = {
  "SQLite for new stores": {
    args: [
      "--enable-features=IdbSqliteOnDiskRollout:stage/UseSqliteForNewStores,DomStorageSqliteNewDatabases:DomStorageSqliteNewDatabasesStage/UseSqliteForNewDatabases",
    ],
    refusedFor: [],
  },
  "a feature without its stage": { args: ["--enable-features=IdbSqliteOnDiskRollout"], refusedFor: [] },
  "SQLite only": {
    args: ["--enable-features=IdbSqliteOnDiskRollout:stage/UseSqliteOnly"],
    refusedFor: ["LevelDB"],
  },
  "SQLite only, by another feature": { args: ["--enable-features=DomStorageSqlite"], refusedFor: ["LevelDB"] },
  "LevelDB only": {
    args: ["--disable-features=IdbSqliteOnDiskRollout,DomStorageSqliteNewDatabases"],
    refusedFor: ["SQLite"],
  },
};

describe.each(Object.entries(storageForms))("a profile in %s", (form, formArgs) => {
  it("is opened as it is, or not at all, whatever switches the user has", async () => {
    const dataPath = await linkedFolder(formArgs);
    for (const [name, { args, refusedFor }] of Object.entries(usersOwn)) {
      const copy = copyOf(dataPath, rig);
      const client = rig.open({ authStrategy: new LocalAuth({ dataPath: copy }), puppeteer: { args } });
      if (refusedFor.includes(form)) {
        const { values } = await client.until("initialize_failed");
        expect(values[0], name).toMatchObject({ code: "INVALID" });
      } else {
        await client.until("ready");
        expect(client.count("qr"), name).toBe(0);
      }
      await client.close();
      const after = rig.open({ authStrategy: new LocalAuth({ dataPath: copy }) });
      await after.until("ready");
      expect(after.count("qr"), name).toBe(0);
      await after.close();
    }
  });
});

describe("a profile in SQLite", () => {
  // What all this is for. When this fails, Chromium's default has changed: look at storage-features.ts again.
  it("is wiped by a Chromium that is started without the switches", async () => {
    const dataPath = await linkedFolder(storageForms.SQLite ?? []);
    const shipped = rig.open({ authStrategy: new (whatsapp().LocalAuth)({ dataPath }) });
    await shipped.until("qr");
    expect(shipped.count("ready")).toBe(0);
  });
});
