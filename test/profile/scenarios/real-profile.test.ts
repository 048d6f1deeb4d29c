import { createHash } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { type Credentials, probeCredentials } from "../../../lib/profile/credentials.ts";
import { repairProfile } from "../../../lib/profile/repair.ts";
import { probeProfile } from "../../../lib/profile/storage-layout.ts";
import { verifyProfile } from "../../../lib/profile/verify.ts";
import { isChromiumMissing } from "../../support/chromium.ts";
import { isLong, times } from "../../support/length.ts";
import { processTree } from "../../support/process-tree.ts";
import { scratchFolder } from "../../support/scratch.ts";
import { type Form, openPage } from "../../torture/open-page.ts";
import { writeCapture } from "../../torture/restore.ts";
import { openTwice, untilCredentials } from "../../torture/run.ts";
import { flipped, seeded } from "../support/random.ts";
import { INDEXED_DB, LOCAL_STORAGE } from "../support/small-profile.ts";
import { verifyCapture } from "../support/verify-capture.ts";

// Profiles that a real Chromium has written, and what it does with them.
describe.skipIf(isChromiumMissing()).each<Form>(["leveldb", "sqlite"])("a real profile, its storage in %s", (form) => {
  let root: string;
  /** As it was captured while its browser ran. */
  let captured: string;
  /** Its browser was killed while it wrote. */
  let killed: string;
  let sequence: number;
  /** What `probeCredentials` answered before the credentials were on disk. */
  const early: Credentials[] = [];

  beforeAll(async () => {
    root = scratchFolder("real-");
    [captured, killed] = [join(root, "captured"), join(root, "killed")];
    const page = await openPage(killed, form);
    early.push(await probeCredentials(killed));
    await page.phone.pair();
    const linked = await probeCredentials(killed);
    // Chromium writes Local Storage some five seconds after a page has: on a busy machine that may have been before.
    if (!(await holdsCredentials(killed))) early.push(linked);
    await page.phone.fill(12_000_000, { blobShare: 0.1 });
    await untilCredentials(killed);
    expect(await holdsCredentials(killed)).toBe(true);
    const capture = await captureProfile(killed, { live: true });
    await writeCapture(capture, captured);
    expect((await verifyCapture(capture)).problems).toEqual([]);
    await capture.close();
    await page.phone.startWriter();
    sequence = (await page.phone.write()).sequence;
    await page.kill();
    expect(processTree(page.pid)).toEqual([]);
  }, 600_000);

  /** A copy that may be damaged. */
  async function copyOf(dir: string): Promise<string> {
    const copy = await mkdtemp(join(root, "copy-"));
    await cp(dir, copy, { recursive: true, filter: (path) => !/Singleton/.test(path) });
    return copy;
  }

  it("has credentials only once Local Storage carries them", () => {
    expect(early.length).toBeGreaterThan(0);
    for (const { hasCredentials, reason } of early) {
      expect({ hasCredentials, reason }).toEqual({
        hasCredentials: false,
        reason: expect.stringMatching(/not on disk|no storage of the site yet/),
      });
    }
  });

  it("yields the version of its browser and the form of each storage", async () => {
    const facts = {
      browserVersion: expect.stringMatching(/^\d+\.\d+\.\d+\.\d+$/),
      indexedDb: form,
      localStorage: form,
    };
    expect((await probeProfile(killed)).facts).toEqual(facts);
    expect(await verifyProfile(captured)).toEqual({ problems: [], empty: false, profile: facts });
  });

  it("verifies after its browser was killed, once it is repaired", async () => {
    const copy = await copyOf(killed);
    for (const { from, to } of (await repairProfile(copy)).trimmed) expect(to).toBeLessThan(from);
    expect(await repairProfile(copy)).toEqual({ trimmed: [] });
    expect((await verifyProfile(copy)).problems).toEqual([]);
    // Else only the next test does: what it opens has the same bytes.
    if (isLong) await openTwice(copy, form, sequence);
  }, 600_000);

  it("is repaired after a torn write to its bytes before the write, and then opens twice", async () => {
    const copy = await copyOf(killed);
    await repairProfile(copy);
    const before = await bytesOf(copy);
    const torn = await tear(copy, form);
    expect(torn).not.toEqual([]);
    const { problems } = await verifyProfile(copy);
    expect(problems.map(({ path }) => path).sort()).toEqual(torn.sort());
    const { trimmed } = await repairProfile(copy);
    expect(trimmed.map(({ path }) => path).sort()).toEqual(torn.sort());
    expect(await bytesOf(copy)).toEqual(before);
    expect((await verifyProfile(copy)).problems).toEqual([]);
    await openTwice(copy, form, sequence);
  }, 600_000);

  it("does not verify with a flipped bit in any file that Chromium checks", async () => {
    const random = seeded(6);
    const paths = (await readdir(captured, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => /(?:ldb|log|CURRENT|MANIFEST-\d+|-wal)$/.test(path));
    expect(paths.length).toBeGreaterThan(1);
    for (const path of paths) {
      const whole = await readFile(path);
      for (let i = 0; i < times(1, 3); i++) {
        const [at, bit] = [Math.floor(random() * whole.length), Math.floor(random() * 8)];
        await writeFile(path, flipped(whole, at, bit));
        expect((await verifyProfile(captured)).problems, `${path}: bit ${bit} of ${at}`).not.toEqual([]);
      }
      await writeFile(path, whole);
    }
    expect((await verifyProfile(captured)).problems).toEqual([]);
  }, 600_000);

  if (form === "leveldb") {
    it.each<[string, (dir: string) => Promise<unknown>]>([
      ["a table is missing", async (dir) => rm(join(dir, INDEXED_DB, await some(dir, /ldb$/)))],
      ["a table is cut", async (dir) => truncate(join(dir, INDEXED_DB, await some(dir, /ldb$/)), 1_000)],
      ["CURRENT is missing", (dir) => rm(join(dir, INDEXED_DB, "CURRENT"))],
      ["CURRENT is empty", (dir) => truncate(join(dir, INDEXED_DB, "CURRENT"))],
      ["the manifest is missing", async (dir) => rm(join(dir, INDEXED_DB, await some(dir, /MANIFEST/)))],
      ["the manifest is cut", async (dir) => truncate(join(dir, INDEXED_DB, await some(dir, /MANIFEST/)), 150)],
      ["all logs are missing", async (dir) => rm(join(dir, INDEXED_DB, await some(dir, /log$/)))],
      ["Local Storage has lost its log", async (dir) => rm(join(dir, LOCAL_STORAGE, "000003.log"))],
      ["it is marked as corrupt", (dir) => writeFile(join(dir, INDEXED_DB, "corruption_info.json"), "{}")],
    ])("does not verify when %s", async (_name, damage) => {
      const copy = await copyOf(captured);
      await damage(copy);
      expect((await verifyProfile(copy)).problems).not.toEqual([]);
    });
  }
});

/** The hash of each file below `dir`, by its path. */
async function bytesOf(dir: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile())
      found[path] = createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
  }
  return found;
}

/** Whether Local Storage, as it lies there, has what WhatsApp Web writes last when an account is linked. */
async function holdsCredentials(dir: string): Promise<boolean> {
  const folder = join(dir, "Default");
  const names = (await readdir(folder, { recursive: true })).filter((name) =>
    /^Local ?Storage.*(?:\d\.log|\.ldb|-wal|Storage)$/.test(name),
  );
  const files = await Promise.all(names.map((name) => readFile(join(folder, name)).catch(() => Buffer.alloc(0))));
  return files.some((bytes) => bytes.includes("last-wid-md"));
}

async function some(dir: string, pattern: RegExp): Promise<string> {
  const name = (await readdir(join(dir, INDEXED_DB))).find((each) => pattern.test(each));
  if (name === undefined) throw new Error(`there is no ${pattern} in ${INDEXED_DB}`);
  return name;
}

/** Adds the beginning of a write that never got whole to every file that may end with one. Answers their paths. */
async function tear(dir: string, form: Form): Promise<string[]> {
  const torn: string[] = [];
  const add = async (path: string, bytes: (whole: Buffer) => Buffer): Promise<void> => {
    const whole = await readFile(join(dir, path));
    await writeFile(join(dir, path), Buffer.concat([whole, bytes(whole)]));
    torn.push(path);
  };
  if (form === "leveldb") {
    for (const store of [INDEXED_DB, LOCAL_STORAGE]) {
      const names = (await readdir(join(dir, store))).sort();
      const log = names.filter((name) => name.endsWith(".log")).at(-1);
      for (const name of [log, names.find((each) => each.startsWith("MANIFEST"))]) {
        await add(`${store}/${name}`, () => Buffer.from([1, 2, 3, 4, 100, 0, 1, 9, 9]));
      }
    }
    return torn;
  }
  const site = "Default/IndexedDB/https_web.whatsapp.com_0";
  for (const name of await readdir(join(dir, site))) {
    // A frame of the log's own round, cut in its page.
    if (name.endsWith("-wal")) {
      await add(`${site}/${name}`, (whole) =>
        Buffer.concat([Buffer.alloc(8), whole.subarray(16, 24), Buffer.alloc(90)]),
      );
    }
  }
  return torn;
}
