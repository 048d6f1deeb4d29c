import fs, { mkdirSync, writeFileSync } from "node:fs";
import promises, { realpath } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { captureProfile } from "../../../lib/profile/capture/capture.ts";
import { useFolder } from "../../support/folder.ts";
import { heldBelow } from "../support/held-below.ts";
import { interleave } from "../support/interleave.ts";
import { levelDbProfile, SQLITE_DB, sqliteProfile, writeFiles } from "../support/small-profile.ts";

const newFolder = useFolder();
let root: string;

beforeEach(() => {
  root = newFolder();
});

async function pathsOf(dir: string): Promise<string[]> {
  const capture = await captureProfile(dir, { live: true });
  await capture.close();
  return capture.files.map(({ path }) => path);
}

describe("a capture", () => {
  it("holds the blob files of a directory that is created meanwhile", async () => {
    const blob = `${SQLITE_DB}_/2`;
    let met = 0;
    for (let at = 0; at < 80; at++) {
      const dir = join(root, `profile-${at}`);
      const { [blob]: bytes, ...files } = sqliteProfile();
      await writeFiles(dir, files);
      let step = 0;
      const capture = await interleave(
        () => {
          if (step++ !== at) return;
          mkdirSync(join(dir, `${SQLITE_DB}_`));
          writeFileSync(join(dir, blob), bytes as string);
        },
        () => captureProfile(dir, { live: true }),
      );
      // The last listing has been made by then: what comes after it belongs to the next capture.
      const isLate = at >= step - 10;
      await capture.close();
      if (isLate) break;
      met++;
      expect(
        capture.files.map(({ path }) => path),
        `created before step ${at} of ${step}`,
      ).toContain(blob);
    }
    expect(met).toBeGreaterThan(20);
  });

  it("waits while the process has no free descriptors", async () => {
    await writeFiles(root, levelDbProfile(), "profile");
    const dir = join(root, "profile");
    const whole = await pathsOf(dir);
    const { readdir } = promises;
    let failures = 5;
    promises.readdir = (async (...values: Parameters<typeof readdir>) => {
      if (failures-- > 0) throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
      return await readdir(...values);
    }) as typeof readdir;
    syncBuiltinESMExports();
    try {
      expect(await pathsOf(dir)).toEqual(whole);
      expect(failures).toBeLessThanOrEqual(0);
    } finally {
      promises.readdir = readdir;
      syncBuiltinESMExports();
    }
  });

  it.each(["profile", "sqlite"])(
    "lists a directory again when an entry is deleted meanwhile, on a disk without entry types (%s)",
    async (kind) => {
      const dir = join(root, "profile");
      await writeFiles(dir, kind === "sqlite" ? sqliteProfile() : levelDbProfile());
      const whole = await pathsOf(dir);
      const [{ readdir }, { readdirSync }] = [promises, fs];
      const gone = (): Error =>
        Object.assign(new Error("ENOENT: no such file or directory, lstat"), { code: "ENOENT" });
      let listings = 0;
      /** Every second listing that asks for types meets an entry that has just gone. */
      const isHit = (options: unknown): boolean => typeof options === "object" && ++listings % 2 === 1;
      promises.readdir = (async (path: string, options?: object) => {
        if (isHit(options)) throw gone();
        return await readdir(path, options as never);
      }) as typeof readdir;
      fs.readdirSync = ((path: string, options?: object) => {
        if (isHit(options)) throw gone();
        return readdirSync(path, options as never);
      }) as typeof readdirSync;
      syncBuiltinESMExports();
      try {
        expect(await pathsOf(dir)).toEqual(whole);
        expect(listings).toBeGreaterThan(2);
      } finally {
        promises.readdir = readdir;
        fs.readdirSync = readdirSync;
        syncBuiltinESMExports();
      }
    },
  );

  it("rejects with the signal's reason within one piece of a large database", async () => {
    const dir = join(root, "profile");
    const files = sqliteProfile();
    await writeFiles(dir, {
      ...files,
      [SQLITE_DB]: Buffer.concat([files[SQLITE_DB] as Buffer, Buffer.alloc(40 << 20)]),
    });
    const handle = await promises.open(join(dir, "Last Version"));
    const prototype = Object.getPrototypeOf(handle) as { read: (...values: unknown[]) => Promise<unknown> };
    await handle.close();
    const { read } = prototype;
    const controller = new AbortController();
    const reason = new Error("enough");
    let large = 0;
    prototype.read = async function (this: unknown, ...values: unknown[]) {
      if ((values[2] as number) > 1 << 20 && ++large === 2) controller.abort(reason);
      return await read.apply(this, values);
    };
    try {
      await expect(captureProfile(dir, { live: true, signal: controller.signal })).rejects.toBe(reason);
    } finally {
      prototype.read = read;
    }
    expect(large).toBe(2);
  });
});

it.runIf(process.platform === "linux")("closes every descriptor", async () => {
  const dir = join(await realpath(root), "profile");
  await writeFiles(dir, levelDbProfile());
  const capture = await captureProfile(dir, { live: true });
  expect(heldBelow(dir)).not.toEqual([]);
  await capture.close();
  for (let i = 0; i < 20; i++) await pathsOf(dir);
  expect(heldBelow(dirname(dir))).toEqual([]);
});
