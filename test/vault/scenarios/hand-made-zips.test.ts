import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { HOW_TO_ZIP } from "../../../lib/archive/errors.ts";
import { MemoryBlobs } from "../../../lib/blobs/memory.ts";
import { Vault } from "../../../lib/vault/vault.ts";
import { craft } from "../../archive/support.ts";
import { assertSameFiles, captureOf, type Files, filesIn, profileFiles } from "../../contract/profile.ts";
import { useFolder } from "../../support/folder.ts";

const session = "RemoteAuth-bot";
const good = profileFiles("good");

const folder = useFolder();
let store: Vault;
let warnings: string[];

beforeEach(() => {
  warnings = [];
  store = new Vault({ blobs: new MemoryBlobs(), onWarning: (message) => warnings.push(message) });
});

/** Saves an archive of these files, and of the folders whose names end with `/`. */
async function save(files: Files): Promise<void> {
  const path = join(folder(), "session.zip");
  await writeFile(path, craft(Object.entries(files).map(([name, content]) => ({ path: name, content }))));
  await store.save({ session, path });
}

async function restored(generation?: number): Promise<Files> {
  const into = folder();
  await store.restoreProfile({ session, into, ...(generation === undefined ? {} : { generation }) });
  return filesIn(into);
}

function renamed(files: Files, rename: (path: string) => string): Files {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [rename(path), content]));
}

describe("a zip that a person has made", () => {
  it.each([
    ["with a folder on top", renamed(good, (path) => `RemoteAuth-x/${path}`)],
    ["of what is in Default", renamed(good, (path) => path.replace("Default/", ""))],
    ["by Windows PowerShell 5.1", renamed(good, (path) => path.replaceAll("/", "\\"))],
  ])("%s is saved as the profile in it", async (_, files) => {
    await save(files);
    expect(warnings).toEqual([]);
    expect((await store.state({ session }))?.current?.suspect).toBe(false);
    assertSameFiles(await restored(), good);
    // The same files are no new generation.
    await save(good);
    expect((await store.state({ session }))?.generations).toHaveLength(1);
  });

  it("with a note beside the folder is saved without it, with a warning", async () => {
    await save({
      ...renamed(good, (path) => `RemoteAuth-x/${path}`),
      "notes.txt": Buffer.from("x"),
      a: Buffer.from("y"),
    });
    expect(warnings).toEqual([`The zip of ${session} holds notes.txt and 1 more beside the profile: left out.`]);
    assertSameFiles(await restored(), good);
  });

  const preferences = { "Default/Preferences": Buffer.from("{}"), "Last Version": Buffer.from("156.0.8078.73") };
  const old = profileFiles("old");
  it.each<[string, Files]>([
    ["Default without storage", { ...preferences, ...renamed(old, (path) => `backup-2024/${path}`) }],
    [
      "storage in a form that is not known",
      {
        ...renamed(good, (path) => path.replace("leveldb", "leveldb_v2")),
        ...renamed(old, (path) => `bak/${path}`),
      },
    ],
    ["a guest's profile", { ...preferences, ...renamed(old, (path) => path.replace("Default", "Guest Profile")) }],
  ])("with %s beside an older copy takes the place of nothing", async (_, files) => {
    await save(good);
    await save(files);
    expect(warnings).toEqual([expect.stringMatching(/does not verify .*stays the current one/)]);
    assertSameFiles(await restored(), good);
  });

  it("of two sessions is refused, and leaves what is stored", async () => {
    await save(good);
    const [a, b] = ["a", "b"].map((name) => renamed(profileFiles(name), (path) => `session-${name}/${path}`));
    await expect(save({ ...a, ...b })).rejects.toMatchObject({
      code: "INVALID",
      hint: expect.stringContaining(HOW_TO_ZIP),
    });
    assertSameFiles(await restored(), good);
  });
});

describe.each<[string, Files]>([
  ["no file", {}],
  ["folders only", { "Default/": Buffer.alloc(0), "Default/Local Storage/leveldb/": Buffer.alloc(0) }],
  ["no storage", { "Default/Preferences": Buffer.from("{}") }],
  ["storage of another site", { "Default/IndexedDB/https_example.com_0.indexeddb.leveldb/CURRENT": Buffer.from("1") }],
  ["the files of a storage without their folders", renamed(good, (path) => path.split("/").at(-1) ?? "")],
  ["another zip", { "session.zip": craft([{ path: "Default/a" }]) }],
])("a zip with %s", (_, files) => {
  it("is kept as suspect, with a warning, and no start restores it", async () => {
    await save(files);
    expect(warnings).toEqual([expect.stringContaining("carries no session")]);
    expect(warnings[0]).toContain(HOW_TO_ZIP);
    const { current } = (await store.state({ session })) ?? {};
    expect(current?.suspect).toBe(true);
    expect(await store.sessionExists({ session })).toBe(true);
    const refused = { code: "CORRUPT", hint: expect.stringContaining(HOW_TO_ZIP) };
    await expect(restored()).rejects.toMatchObject(refused);
    await expect(store.extract({ session, path: join(folder(), "out.zip") })).rejects.toMatchObject(refused);
    // A person can have it as it is, by its number.
    await restored(current?.generation);
    await save(good);
    assertSameFiles(await restored(), good);
  });

  it("takes the place of nothing", async () => {
    await save(good);
    await save(files);
    expect(warnings).toEqual([expect.stringMatching(/carries no session.*generation \d+ stays the current one/)]);
    assertSameFiles(await restored(), good);
  });
});

it("a generation without storage is passed over for the one before it, and the report says so", async () => {
  const lease = await store.acquire({ session });
  const { generation } = await store.saveProfile({ session, lease, capture: captureOf(good) });
  // As a zip without storage was saved by earlier versions.
  const none = captureOf({ "Default/Preferences": Buffer.from("{}") });
  const { generation: empty } = await store.saveProfile({ session, lease, capture: none });
  const into = folder();
  const report = await store.restoreProfile({ session, into });
  expect(report).toMatchObject({ generation, skipped: [{ generation: empty, code: "CORRUPT" }] });
  assertSameFiles(await filesIn(into), good);
  await expect(restored(empty)).rejects.toMatchObject({ code: "CORRUPT", hint: expect.stringContaining(HOW_TO_ZIP) });
});
