import {
  copyFile,
  link,
  mkdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemoryBlobs } from "../../lib/blobs/memory.ts";
import { type Clock, systemClock } from "../../lib/vault/clock.ts";
import { Vault } from "../../lib/vault/vault.ts";
import { assertSameFiles, type Files, filesIn, profileFiles, writeZip } from "../contract/profile.ts";
import { useFolder } from "../support/folder.ts";
import { rightTime } from "../support/monotonic-clock.ts";

const session = "RemoteAuth-bot";
const file = `${session}.zip`;
const HOUR = 60 * 60 * 1000;

const folder = useFolder();
const home = process.cwd();
let directory: string;
let store: Vault;
let warnings: string[];
let restores: number;
beforeEach(async () => {
  directory = await realpath(folder());
  process.chdir(directory);
  warnings = [];
  restores = 0;
  store = open();
});
afterEach(() => process.chdir(home));

/** The clock of the files, also where a run lets `Date` jump. */
const realClock: Clock = { ...systemClock, wallMs: rightTime };

function open(clock: Clock = realClock): Vault {
  return new Vault({ blobs: new MemoryBlobs(), onWarning: (message) => warnings.push(message) }, { clock });
}

/** A clock that a test sets. */
class SetClock implements Clock {
  aheadMs = 0;
  /** Since the store was made. */
  passedMs = 0;
  monotonicMs = (): number => systemClock.monotonicMs() + this.passedMs;
  wallMs = (): number => rightTime() + this.aheadMs + this.passedMs;
  sleep = systemClock.sleep;
  after = systemClock.after;
}

/** Sets the time of a file's content, from now. */
async function date(path: string, ms: number): Promise<void> {
  const at = new Date(rightTime() + ms);
  await utimes(path, at, at);
}

async function stored(from: Vault = store): Promise<Files> {
  const into = `restored-${++restores}`;
  await from.restoreProfile({ session, into });
  return filesIn(into);
}

/** Writes a zip in place: the file stays the same one. */
async function rewrite(files: Files, path: string): Promise<void> {
  await writeZip(files, `${path}.new`);
  await writeFile(path, await readFile(`${path}.new`));
  await rm(`${path}.new`);
}

async function refusal(of: Promise<unknown>): Promise<{ code: string; message: string; hint?: string }> {
  return of.then(
    () => expect.fail("it was saved"),
    (error) => error,
  );
}

describe("a zip that a strategy has written again", () => {
  it.each([-HOUR, -24 * HOUR, 30 * 24 * HOUR])("is saved whatever its time says: %i ms from now", async (ms) => {
    await writeZip(profileFiles("one"), file);
    await store.save({ session });
    await rm(file);
    await writeZip(profileFiles("two"), file);
    await date(file, ms);
    await store.save({ session });
    assertSameFiles(await stored(), profileFiles("two"));
    expect(warnings).toEqual([]);
  });

  it("is saved after a first look that found none, with a time before the store was made", async () => {
    const clock = new SetClock();
    clock.aheadMs = 100 * 24 * HOUR;
    const ahead = open(clock);
    expect(await ahead.sessionExists({ session })).toBe(false);
    clock.aheadMs = 0;
    await writeZip(profileFiles("one"), file);
    await ahead.save({ session });
    assertSameFiles(await stored(ahead), profileFiles("one"));
  });

  it("is saved from a place that no call has seen, although the clock was set since the store was made", async () => {
    for (const aheadMs of [-HOUR, HOUR]) {
      const clock = new SetClock();
      clock.aheadMs = aheadMs;
      const store = open(clock);
      clock.aheadMs = 0;
      const name = join(directory, `data${aheadMs}`, session);
      await writeZip(profileFiles("one"), `${name}.zip`);
      await store.save({ session: name });
      assertSameFiles(await stored(store), profileFiles("one"));
    }
  });

  it("is saved rather than one that was saved before and is still there, whatever their times say", async () => {
    await writeZip(profileFiles("one"), file);
    await store.save({ session });
    await writeZip(profileFiles("two"), join(".wwebjs_auth", file));
    await date(join(".wwebjs_auth", file), -HOUR);
    await store.save({ session });
    assertSameFiles(await stored(), profileFiles("two"));
    expect(warnings).toEqual([]);
  });

  it("is saved as the same file with the same size and the same time", async () => {
    await writeZip(profileFiles("one"), file);
    const { mtime, ino, size } = await stat(file);
    await store.save({ session });
    await rewrite(profileFiles("two"), file);
    await utimes(file, mtime, mtime);
    expect(await stat(file)).toMatchObject({ ino, size });
    await store.save({ session });
    assertSameFiles(await stored(), profileFiles("two"));
  });

  it("is saved when it replaced the one that was there by a rename, with that one's time", async () => {
    await writeZip(profileFiles("one"), file);
    const { mtime } = await stat(file);
    await store.sessionExists({ session });
    await store.save({ session });
    await writeZip(profileFiles("two"), "new.zip");
    await utimes("new.zip", mtime, mtime);
    await rename("new.zip", file);
    await store.save({ session });
    assertSameFiles(await stored(), profileFiles("two"));
  });

  it("is saved again where nothing has changed: one generation, and no error", async () => {
    await writeZip(profileFiles("one"), file);
    const { generation } = await store.save({ session });
    expect(await store.save({ session })).toMatchObject({ generation, unchanged: true });
  });

  it("is still the one after a save that failed", async () => {
    await writeZip(profileFiles("one"), file);
    const lease = await store.acquire({ session });
    await expect(store.save({ session })).rejects.toMatchObject({ code: "LEASE_HELD" });
    await lease.release();
    await store.save({ session });
    assertSameFiles(await stored(), profileFiles("one"));
  });

  it("is saved of each of several sessions", async () => {
    const other = "RemoteAuth-other";
    await writeZip(profileFiles("other"), `${other}.zip`);
    await store.save({ session: other });
    await writeZip(profileFiles("one"), file);
    await date(file, -HOUR);
    await store.save({ session });
    assertSameFiles(await stored(), profileFiles("one"));
  });
});

describe("a zip of an earlier run", () => {
  /** A store that is made an hour after everything that was written by now, and a clock for it. */
  function later(): { store: Vault; clock: SetClock } {
    const clock = new SetClock();
    clock.aheadMs = HOUR;
    return { store: open(clock), clock };
  }

  it("is not saved, and the error says how it is", async () => {
    await writeZip(profileFiles("old"), file);
    const { store } = later();
    const error = await refusal(store.save({ session }));
    expect(error.code).toBe("INVALID");
    expect(error.message).toContain(`Found no new zip of ${session}: ${join(directory, file)} was there before`);
    expect(error.hint).toContain("save({ session, path })");
    expect(await store.state({ session })).toBeUndefined();
    await store.save({ session, path: file });
    assertSameFiles(await stored(store), profileFiles("old"));
  });

  it("is not saved after a look either, also when the clock was set since", async () => {
    await writeZip(profileFiles("old"), file);
    const { store, clock } = later();
    await store.sessionExists({ session });
    clock.aheadMs = -HOUR;
    expect((await refusal(store.save({ session }))).code).toBe("INVALID");
  });

  it("is not saved when the clock of that run was ahead", async () => {
    await writeZip(profileFiles("old"), file);
    const clock = new SetClock();
    clock.aheadMs = -HOUR;
    expect((await refusal(open(clock).save({ session }))).code).toBe("INVALID");
  });

  it("stays behind the new one, however far ahead its time is", async () => {
    await writeZip(profileFiles("old"), file);
    await date(file, 30 * 24 * HOUR);
    await store.sessionExists({ session });
    await writeZip(profileFiles("new"), join(".wwebjs_auth", file));
    await store.save({ session });
    assertSameFiles(await stored(), profileFiles("new"));
    await rm(join(".wwebjs_auth", file));
    expect((await refusal(store.save({ session }))).code).toBe("INVALID");
    expect(warnings).toEqual([]);
  });
});

describe("several new zips", () => {
  it("are one where two paths lead to one file", async () => {
    await writeZip(profileFiles("one"), file);
    await mkdir(".wwebjs_auth");
    await link(file, join(".wwebjs_auth", file));
    await store.save({ session });
    expect(warnings).toEqual([]);
  });

  it("count from where the one before them was, with a warning", async () => {
    const usual = join(".wwebjs_auth", file);
    await writeZip(profileFiles("one"), usual);
    await store.save({ session });
    await rewrite(profileFiles("two"), usual);
    await date(usual, -HOUR);
    await copyFile(usual, file);
    await store.save({ session });
    assertSameFiles(await stored(), profileFiles("two"));
    expect(warnings).toEqual([
      expect.stringContaining(`${join(directory, usual)} is saved, which is where the one before`),
    ]);
    // What was passed over is not new the next time.
    await store.save({ session });
    expect(warnings).toHaveLength(1);
  });
});

describe("the search", () => {
  it("takes no directory for a zip", async () => {
    await mkdir(file);
    expect((await refusal(store.save({ session }))).message).toContain(`Found no zip of ${session}: tried`);
  });

  it("asks for the data path where there is no zip at all", async () => {
    expect((await refusal(store.save({ session }))).hint).toContain("dataPath");
  });

  it("saves what an extract has written only when nothing else is there", async () => {
    await writeZip(profileFiles("one"), "one.zip");
    await store.save({ session, path: "one.zip" });
    await store.extract({ session, path: file });
    await writeZip(profileFiles("two"), join(".wwebjs_auth", file));
    await date(join(".wwebjs_auth", file), -HOUR);
    await store.save({ session });
    assertSameFiles(await stored(), profileFiles("two"));
  });

  it("says which place it could not look at where it has found none, and saves what is elsewhere", async () => {
    await symlink(".wwebjs_auth", ".wwebjs_auth");
    const { code, message } = await refusal(store.save({ session }));
    expect(code).toBe("UNAVAILABLE");
    expect(message).toContain(`Could not look for a zip at ${join(directory, ".wwebjs_auth", file)}`);
    await writeZip(profileFiles("one"), file);
    await store.save({ session });
    assertSameFiles(await stored(), profileFiles("one"));
  });
});
