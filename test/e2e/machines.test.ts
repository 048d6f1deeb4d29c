import { readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { isVaultError } from "../../lib/errors.ts";
import { writesSoon } from "../support/chromium.ts";
import { inTime } from "../support/in-time.ts";
import { isLong } from "../support/length.ts";
import { localStorageOnDisk } from "../support/local-storage.ts";
import { openRemote, remoteBot, savedSession } from "../support/remote.ts";
import { useRig } from "../support/rig.ts";
import { wholeVerdict } from "../support/whole-verdict.ts";

const rig = useRig();

/** Damage by a disk, an unfinished copy or a person who deletes files. */
type Damage = (levelDb: string, storage: string) => Promise<void>;
const damages: Record<string, Damage> = {
  "no Local Storage": (_levelDb, storage) => rm(join(storage, "Local Storage"), { recursive: true }),
  "no IndexedDB": (_levelDb, storage) => rm(join(storage, "IndexedDB"), { recursive: true }),
  "no IndexedDB of the site": (levelDb) => rm(levelDb, { recursive: true }),
  "an empty CURRENT": (levelDb) => truncate(join(levelDb, "CURRENT")),
  "a table that is missing": async (levelDb) => await rm(await largest(levelDb, /\.ldb$/)),
  "a table with a flipped bit": async (levelDb) => {
    const path = await largest(levelDb, /\.ldb$/);
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    await writeFile(path, bytes);
  },
};

async function largest(folder: string, names: RegExp): Promise<string> {
  const paths = (await readdir(folder)).filter((name) => names.test(name)).map((name) => join(folder, name));
  const sized = await Promise.all(paths.map(async (path) => ({ path, size: (await stat(path)).size })));
  const [first] = sized.sort((a, b) => b.size - a.size);
  if (!first) throw new Error(`${folder} has no ${names}`);
  return first.path;
}

describe("machines", () => {
  it("a local profile that is older than another machine's save is replaced", async () => {
    const folder = rig.folder();
    const { dataPath } = await savedSession(rig, folder);
    const other = openRemote(rig, { store: folder, dataPath: rig.folder() });
    await other.until("ready");
    const { sequence, hash } = await other.phone.write();
    await other.close();
    const client = openRemote(rig, { store: folder, dataPath });
    await client.until("ready");
    expect(client.count("remote_session_restored")).toBe(1);
    expect(await client.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence, lastHash: hash });
  });

  // The others: test/profile/scenarios/real-profile.test.ts.
  const shown = ["no Local Storage", "a table with a flipped bit"];
  const some = Object.entries(damages).filter(([name]) => isLong || shown.includes(name));
  it.each(some)("a local profile with %s is replaced by the stored session", async (_what, damage) => {
    const folder = rig.folder();
    const { dataPath, profile, sequence } = await savedSession(rig, folder, { fillBytes: 14_000_000 });
    const storage = join(profile, "Default");
    await damage(join(storage, "IndexedDB", "https_web.whatsapp.com_0.indexeddb.leveldb"), storage);
    const client = openRemote(rig, { store: folder, dataPath });
    const { name } = await Promise.race([client.until("ready"), client.until("qr")]);
    expect(name).toBe("ready");
    expect(await client.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  });

  it("a local profile whose page asked to link again is replaced by the stored session at the next start", async () => {
    const folder = rig.folder();
    const { dataPath, sequence } = await savedSession(rig, folder);
    const client = openRemote(rig, { store: folder, dataPath });
    await client.until("ready");
    // The loop does not come in between: its next save is a minute away.
    await client.until("remote_session_saved");
    // As Chromium leaves it when it finds a database damaged: empty, and whole.
    await client.phone.unlink({ how: "storage" });
    await client.until("qr");
    await client.until("injected", undefined, 2);
    await client.close();
    const again = openRemote(rig, { store: folder, dataPath });
    const { name } = await Promise.race([again.until("ready"), again.until("qr")]);
    expect(name).toBe("ready");
    expect(await again.phone.verdict()).toMatchObject({ ...wholeVerdict, lastSequence: sequence });
  });

  it("a save of a page that had lost its databases, and not yet asked to link, is not restored", async () => {
    const { folder, sequence, generation, unchanged } = await inTime(async () => {
      const folder = rig.folder();
      const { sequence } = await savedSession(rig, folder);
      const client = openRemote(rig, { store: folder, dataPath: rig.folder() });
      await client.until("ready");
      await client.until("remote_session_saved");
      await client.client.pupPage?.evaluate("window.parts.wipe()");
      const { unchanged, generation } = await client.strategy.backup();
      const saved = Date.now();
      await client.client.pupPage?.evaluate("void setTimeout(() => location.reload(), 50)");
      const { at } = await client.until("qr");
      client.killBrowser();
      // Saves are doubted for a minute; going back from them is given up after 30 s; and one of the loop may be first.
      const wentBack = !client.events.some(({ values: [error] }) => isVaultError(error, "UNAVAILABLE"));
      return { folder, sequence, generation, unchanged, inTime: !unchanged && wentBack && at - saved < 50_000 };
    });
    expect(unchanged).toBe(false);
    const fresh = openRemote(rig, { store: folder, dataPath: rig.folder() });
    const { name } = await Promise.race([fresh.until("ready"), fresh.until("qr")]);
    expect(name).toBe("ready");
    expect((await fresh.phone.verdict()).lastSequence).toBeGreaterThanOrEqual(sequence);
    const { values } = await fresh.until("remote_session_restored");
    expect((values[0] as { generation: number }).generation).toBeLessThan(generation);
  });

  it("a new link that was never saved is kept at the next start, instead of the stored link that has ended", async () => {
    const folder = rig.folder();
    const { dataPath } = await savedSession(rig, folder);
    const bot = rig.start({ ...remoteBot(folder, dataPath), args: writesSoon });
    await bot.until("ready");
    await bot.until("remote_session_saved");
    await bot.phone.unlink({ how: "storage" });
    await bot.until("qr");
    await bot.until("injected", undefined, 2);
    await bot.phone.pair({ wid: "15550008888@c.us" });
    await bot.until("ready", undefined, 2);
    await localStorageOnDisk(dataPath, "15550008888");
    await bot.vanish();
    const client = openRemote(rig, { store: folder, dataPath });
    await client.until("ready");
    expect(client.client.info.wid._serialized).toBe("15550008888@c.us");
  });
});
