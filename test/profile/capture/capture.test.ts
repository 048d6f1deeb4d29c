import { renameSync } from "node:fs";
import promises, { appendFile, readdir, rename, rm, stat, symlink, unlink, utimes, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type CaptureOptions, captureProfile } from "../../../lib/profile/capture/capture.ts";
import type { Capture } from "../../../lib/store.ts";
import { useFolder } from "../../support/folder.ts";
import { countReads } from "../../torture/count-reads.ts";
import { stopClock, trustFiles } from "../support/clock.ts";
import { batchBytes, editBytes, logBytes, tableBytes } from "../support/leveldb-bytes.ts";
import {
  BLOBS,
  type Files,
  INDEXED_DB,
  LOCAL_STORAGE,
  levelDbProfile,
  SQLITE_DB,
  sqliteProfile,
  writeFiles,
} from "../support/small-profile.ts";
import { smallSqlite, walBytes } from "../support/sqlite-bytes.ts";
import { verifyCapture } from "../support/verify-capture.ts";

const MINUTE = 60_000;
const newFolder = useFolder();
let root: string;
let dir: string;
let captures: Capture[];

beforeEach(() => {
  root = newFolder();
  dir = join(root, "profile");
  captures = [];
});

afterEach(async () => {
  for (const capture of captures) await capture.close();
});

async function capture(options: Partial<CaptureOptions> = {}): Promise<Capture> {
  const taken = await captureProfile(dir, { live: true, ...options });
  captures.push(taken);
  return taken;
}

/** The captured bytes by path. */
async function contents(taken: Capture): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { path, size, read } of taken.files) found[path] = (await read(0, size)).toString("latin1");
  return found;
}

function text(content: Buffer | string | undefined): string {
  return Buffer.from(content as string).toString("latin1");
}

/** Until the test ends, calls `look` before this process opens the file at `path`. */
function onOpen(path: string, look: () => void): void {
  const { open } = promises;
  promises.open = (async (...values: Parameters<typeof open>) => {
    if (values[0] === path) look();
    return await open(...values);
  }) as typeof open;
  syncBuiltinESMExports();
  onTestFinished(() => {
    promises.open = open;
    syncBuiltinESMExports();
  });
}

/** Read into memory as a whole: its bytes are its identity. */
function isSmall(path: string): boolean {
  return ["CURRENT", "Last Version"].includes(basename(path));
}

/** Modification times in the past: old enough to be trusted. */
async function age(path: string, ms = MINUTE): Promise<void> {
  const at = new Date(Date.now() - ms);
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await utimes(join(entry.parentPath, entry.name), at, at);
  }
}

describe.each([
  { form: "LevelDB", profile: levelDbProfile },
  { form: "SQLite", profile: sqliteProfile },
])("a capture of $form", ({ profile }) => {
  it.each([true, false])("holds what carries the session and nothing else (live: %s)", async (live) => {
    await writeFiles(dir, {
      ...profile(),
      "Default/Cookies": "x",
      SingletonLock: "x",
      "Default/Local Storage/x.tmp": "x",
    });
    const taken = await capture({ live });
    const wanted = Object.entries(profile())
      .filter(([path]) => !/Preferences$|\/LO(?:G|CK)$/.test(path))
      .map(([path, content]) => [path, text(content)]);
    expect(await contents(taken)).toEqual(Object.fromEntries(wanted));
    expect(await verifyCapture(taken)).toMatchObject({ problems: [], empty: false, profile: taken.profile });
    expect(taken.live).toBe(live);
    expect(taken.spreadMs).toBe(0);
    expect(taken.files.map(({ path }) => path)).toEqual(taken.files.map(({ path }) => path).sort());
  });

  it("can be read after every file has been removed or written over", async () => {
    await writeFiles(dir, profile());
    const taken = await capture();
    const before = await contents(taken);
    for (const { path, change } of taken.files) {
      if (change === "never") await unlink(join(dir, path));
      else if (change === "append") await appendFile(join(dir, path), "more");
      else await writeFile(join(dir, path), Buffer.alloc((await stat(join(dir, path))).size, 1));
    }
    expect(await contents(taken)).toEqual(before);
  });

  it("leaves nothing beside the profile, neither while it is held nor after", async () => {
    await writeFiles(dir, profile());
    const taken = await capture({ maxOpenFiles: 0 });
    expect(await readdir(root)).toEqual(["profile"]);
    await taken.close();
    await taken.close();
    expect(await readdir(root)).toEqual(["profile"]);
  });

  it("holds the same whether files are held open or copied", async () => {
    await writeFiles(dir, profile());
    const [held, copied] = [await capture(), await capture({ maxOpenFiles: 0 })];
    expect(await contents(copied)).toEqual(await contents(held));
  });

  it("refuses reads past the end, and any after it was closed", async () => {
    await writeFiles(dir, profile());
    const taken = await capture({ live: false });
    const file = taken.files.find(({ path, size }) => size > 20 && !path.endsWith("Version"));
    if (!file) throw new Error("no file");
    await expect(file.read(file.size - 4, 5)).rejects.toMatchObject({ code: "CORRUPT" });
    expect((await file.read(file.size - 4, 4)).length).toBe(4);
    await taken.close();
    await expect(file.read(0, 4)).rejects.toMatchObject({ code: "INVALID" });
  });

  it("gives no identity to a file that was changed less than two seconds ago, whatever its modification time", async () => {
    stopClock(Date.now());
    await writeFiles(dir, profile());
    await age(dir);
    const fresh = await capture();
    expect(fresh.files.filter(({ path, identity }) => identity !== undefined && !isSmall(path))).toEqual([]);
  });

  it("gives a file the same identity as long as it is left alone, and another once its times have changed", async () => {
    await writeFiles(dir, profile());
    await trustFiles(dir);
    const [first, second] = [await capture(), await capture()];
    const identities = (taken: Capture) => taken.files.map(({ path, identity }) => `${path} ${identity}`);
    expect(identities(second)).toEqual(identities(first));
    expect(first.files.filter(({ identity }) => identity === undefined)).toEqual([]);

    const changed = first.files.find(({ change, path }) => change !== "never" && !/CURRENT|Version/.test(path));
    const path = join(dir, changed?.path ?? "");
    await utimes(path, new Date(), new Date(Date.now() - 3 * MINUTE));
    const third = await capture();
    expect(third.files.find((file) => file.path === changed?.path)?.identity).not.toBe(changed?.identity);
  });

  it("knows a file that was replaced or written over, whatever its size and modification time say", async () => {
    await writeFiles(dir, profile());
    await trustFiles(dir);
    const first = await capture({ live: false });
    const files = first.files.filter(({ identity }) => identity !== undefined);
    expect(files.length).toBeGreaterThan(2);
    const before = await contents(first);
    await first.close();
    for (const [index, { path, size }] of files.entries()) {
      const at = join(dir, path);
      const { atime, mtime } = await stat(at);
      // Bytes that verify still: the files themselves, in a file of its own or in place.
      const bytes = Buffer.from(before[path] as string, "latin1");
      if (index % 2 === 0) await rename(at, `${root}/old`);
      await writeFile(at, bytes);
      await utimes(at, atime, mtime);
      expect((await stat(at)).size).toBeGreaterThanOrEqual(size);
    }
    const known = new Set(
      files.filter(({ path }) => !isSmall(path)).map(({ path, identity }) => `${path} ${identity}`),
    );
    const isKnown = (taken: Capture) => taken.files.filter(({ path, identity }) => known.has(`${path} ${identity}`));
    expect(isKnown(await capture())).toEqual([]);
    await trustFiles(dir);
    expect(isKnown(await capture())).toEqual([]);
  });

  it("is taken again without what is stored already being copied or gone through", async () => {
    await writeFiles(dir, profile());
    await trustFiles(dir);
    const first = await countReads(() => capture());
    const second = await countReads(() => capture({ stored: first.result.files }));
    const once = await countReads(() => contents(first.result));
    expect(await contents(second.result)).toEqual(once.result);
    expect(second.bytes).toBeLessThan(first.bytes - 500);
  });
});

describe("a capture of LevelDB", () => {
  const current = `${INDEXED_DB}/MANIFEST-000001`;

  async function changed(change: (files: Files) => void): Promise<void> {
    const files = levelDbProfile();
    change(files);
    await writeFiles(dir, files);
  }

  it("cuts the last log and the manifest at the last whole record", async () => {
    await changed((f) => {
      f[`${INDEXED_DB}/000010.log`] = (f[`${INDEXED_DB}/000010.log`] as Buffer).subarray(0, -3);
      const more = logBytes([editBytes({ log: 11, next: 12, last: 40 })]);
      f[current] = Buffer.concat([f[current] as Buffer, more.subarray(0, -2)]);
    });
    const taken = await capture();
    const found = await contents(taken);
    expect(found[`${INDEXED_DB}/000010.log`]).toBe(logBytes([batchBytes(34, [["key-0041", "y"]])]).toString("latin1"));
    expect(found[current]).toBe(text(levelDbProfile()[current]));
    expect((await verifyCapture(taken)).problems).toEqual([]);
  });

  it("takes the newest state whose tables it holds", async () => {
    const table = tableBytes([{ key: "k", sequence: 33, value: "v" }]);
    await changed((f) => {
      const more = logBytes([editBytes({ log: 10, next: 12, last: 33, added: [[0, 11, table.length]] })]);
      f[current] = Buffer.concat([f[current] as Buffer, more]);
    });
    // Table 11 has been deleted already; the state before it is still whole.
    const taken = await capture();
    expect((await contents(taken))[current]).toBe(text(levelDbProfile()[current]));
    expect((await verifyCapture(taken)).problems).toEqual([]);
  });

  it("ships no table, log or manifest that the state does not need", async () => {
    await changed((f) => {
      f[`${INDEXED_DB}/000004.ldb`] = "an old table";
      f[`${INDEXED_DB}/000002.log`] = "an old log";
      f[`${INDEXED_DB}/MANIFEST-000099`] = "another manifest";
      f[`${INDEXED_DB}/000012.dbtmp`] = "scratch";
    });
    const names = (await capture()).files.map(({ path }) => path).filter((path) => path.startsWith(INDEXED_DB));
    expect(names.map((path) => basename(path))).toEqual([
      ...["000005.ldb", "000008.ldb", "000009.log", "000010.log", "CURRENT", "MANIFEST-000001"],
    ]);
  });

  it.each<[string, (files: Files) => unknown, RegExp]>([
    ["a table is missing", (f) => delete f[`${INDEXED_DB}/000008.ldb`], /table 000008 is missing/],
    ["a log is missing", (f) => delete f[`${INDEXED_DB}/000009.log`], /log 000009 is missing/],
    ["CURRENT is missing", (f) => delete f[`${LOCAL_STORAGE}/CURRENT`], /Local Storage.*CURRENT: it is missing/],
    ["CURRENT is empty", (f) => Object.assign(f, { [`${INDEXED_DB}/CURRENT`]: "" }), /names no manifest/],
    [
      "a table is damaged",
      (f) => (f[`${INDEXED_DB}/000005.ldb`] as Buffer).fill(9, 30, 32),
      /000005.ldb: wrong checksum/,
    ],
    [
      "a log is damaged",
      (f) => (f[`${INDEXED_DB}/000009.log`] as Buffer).fill(9, 30, 32),
      /000009.log: wrong checksum/,
    ],
    ["the manifest is damaged", (f) => (f[current] as Buffer).fill(9, 30, 32), /MANIFEST-000001: wrong checksum/],
    [
      "Chromium has marked it",
      (f) => Object.assign(f, { [`${INDEXED_DB}/corruption_info.json`]: "{}" }),
      /marked it as corrupt/,
    ],
  ])("says that it is damaged when %s", async (_name, change, reason) => {
    await changed(change);
    await expect(capture({ live: false })).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching(reason),
    });
  });

  it("is sure of damage in a live one only after it has looked again", async () => {
    await changed((f) => delete f[`${INDEXED_DB}/000008.ldb`]);
    let looks = 0;
    onOpen(join(dir, `${INDEXED_DB}/CURRENT`), () => looks++);
    await expect(capture({ live: false })).rejects.toMatchObject({ code: "CORRUPT" });
    const atRest = looks;
    looks = 0;
    await expect(capture()).rejects.toMatchObject({ code: "CORRUPT" });
    expect(looks).toBeGreaterThan(2 * atRest);
  });

  it("follows no links", async () => {
    await writeFiles(dir, levelDbProfile());
    await writeFile(join(root, "secret"), "not of this profile");
    await rm(join(dir, `${INDEXED_DB}/000008.ldb`));
    await symlink(join(root, "secret"), join(dir, `${INDEXED_DB}/000008.ldb`));
    await symlink(join(root, "secret"), join(dir, `${BLOBS}/1/00/3`));
    await expect(capture({ live: false })).rejects.toMatchObject({ code: "CORRUPT" });
    await rm(join(dir, `${INDEXED_DB}/000008.ldb`));
    await writeFiles(dir, { [`${INDEXED_DB}/000008.ldb`]: levelDbProfile()[`${INDEXED_DB}/000008.ldb`] as Buffer });
    expect((await capture()).files.some(({ path }) => path.endsWith("/3"))).toBe(false);
  });
});

describe("a capture of SQLite", () => {
  function withEmptyPage(): Buffer {
    const [schema, , free] = smallSqlite() as [Buffer, Buffer, Buffer];
    return Buffer.concat([schema, Buffer.alloc(schema.length), free]);
  }

  it("cuts a log at its last commit", async () => {
    const [schema, table] = smallSqlite(["new"]) as [Buffer, Buffer];
    const frames = [
      { page: 2, commit: 3, data: table },
      { page: 1, commit: 0, data: schema },
    ];
    await writeFiles(dir, { ...sqliteProfile(), [`${SQLITE_DB}-wal`]: walBytes(frames) });
    const taken = await capture();
    expect((await contents(taken))[`${SQLITE_DB}-wal`]).toBe(walBytes(frames.slice(0, 1)).toString("latin1"));
    expect((await verifyCapture(taken)).problems).toEqual([]);
  });

  it("leaves out a log without a commit", async () => {
    for (const wal of [Buffer.alloc(0), walBytes([])]) {
      await writeFiles(dir, { ...sqliteProfile(), [`${SQLITE_DB}-wal`]: wal });
      expect((await capture()).files.map(({ path }) => path)).not.toContain(`${SQLITE_DB}-wal`);
    }
  });

  it.each<[string, Files, RegExp]>([
    ["it is cut", { [SQLITE_DB]: Buffer.concat(smallSqlite()).subarray(0, 1_024) }, /page 3 of 3 is missing/],
    ["it is none", { [SQLITE_DB]: "x".repeat(600) }, /magic/],
    ["a page of one is empty", { "Default/LocalStorage": withEmptyPage() }, /is no tree page/],
    ["a rollback journal is left", { [`${SQLITE_DB}-journal`]: "x".repeat(600) }, /journal/],
  ])("says that it is damaged when %s", async (_name, more, reason) => {
    await writeFiles(dir, { ...sqliteProfile(), ...more });
    await expect(capture({ live: false })).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching(reason),
    });
  });

  it("at rest refuses to be read once it has changed", async () => {
    await writeFiles(dir, sqliteProfile());
    const taken = await capture({ live: false });
    const file = taken.files.find(({ path }) => path === SQLITE_DB);
    await writeFile(join(dir, SQLITE_DB), Buffer.alloc(1_536, 1));
    await expect(file?.read(0, 10)).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe("captureProfile", () => {
  it("has nothing to give of a profile without storage: that is not an empty session", async () => {
    await expect(captureProfile(join(root, "absent"), { live: true })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await writeFiles(dir, { "Default/Preferences": "{}" });
    await expect(capture()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it.each(["indexedDb", "localStorage"] as const)("refuses a profile that has lost its %s", async (store) => {
    await writeFiles(dir, levelDbProfile());
    await rm(join(dir, dirname(store === "indexedDb" ? INDEXED_DB : LOCAL_STORAGE)), { recursive: true });
    const expected = { indexedDb: "leveldb", localStorage: "leveldb" } as const;
    await expect(capture({ live: false, expected })).rejects.toMatchObject({
      code: "CORRUPT",
      message: expect.stringMatching(/has no .* any more/),
    });
    expect((await capture({ expected: {} })).files.length).toBeGreaterThan(0);
  });

  it("takes a store that has moved to the other form since the last generation", async () => {
    await writeFiles(dir, sqliteProfile());
    const taken = await capture({ expected: { indexedDb: "leveldb", localStorage: "leveldb" } });
    expect(taken.profile).toMatchObject({ indexedDb: "sqlite", localStorage: "sqlite" });
  });

  it("takes a live profile whose missing table comes back while it looks again", async () => {
    await writeFiles(dir, levelDbProfile());
    const late = join(dir, `${INDEXED_DB}/000008.ldb`);
    await rename(late, join(root, "late"));
    let looks = 0;
    onOpen(join(dir, `${INDEXED_DB}/CURRENT`), () => ++looks === 5 && renameSync(join(root, "late"), late));
    expect((await verifyCapture(await capture())).problems).toEqual([]);
    expect(looks).toBeGreaterThanOrEqual(5);
  });

  it("rejects with the signal's reason, aborted before it begins or while it looks again", async () => {
    await writeFiles(dir, levelDbProfile());
    const reason = new Error("enough");
    await expect(capture({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await rm(join(dir, `${INDEXED_DB}/CURRENT`));
    const controller = new AbortController();
    let looks = 0;
    onOpen(join(dir, `${INDEXED_DB}/CURRENT`), () => ++looks === 3 && controller.abort(reason));
    await expect(capture({ signal: controller.signal })).rejects.toBe(reason);
    expect(looks).toBe(3);
  });
});
