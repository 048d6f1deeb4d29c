import { realpathSync, rmSync } from "node:fs";
import promises, { open, readdir } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isVaultError } from "../../../lib/errors.ts";
import { type CaptureOptions, captureProfile } from "../../../lib/profile/capture/capture.ts";
import { useFolder } from "../../support/folder.ts";
import { times } from "../../support/length.ts";
import { heldBelow } from "../support/held-below.ts";
import { levelDbProfile, sqliteProfile, writeFiles } from "../support/small-profile.ts";
import { verifyCapture } from "../support/verify-capture.ts";

// A disk that fails, or a volume that disappears, at each of the operations that a capture awaits.

const newFolder = useFolder();
let root: string;
let dir: string;

beforeEach(() => {
  root = realpathSync(newFolder());
  dir = join(root, "profile");
  // A capture that cannot write beside the profile uses the temp directory: files left or open there are found too.
  vi.stubEnv("TMPDIR", root);
});
afterEach(() => void vi.unstubAllEnvs());

/** Runs `action`; calls `before` with the number of each operation of the disk before it is begun. */
async function watching<T>(before: (number: number) => void, action: () => Promise<T>): Promise<T> {
  const handle = await open(import.meta.filename, "r");
  const prototype = Object.getPrototypeOf(handle) as Record<string, (...values: unknown[]) => Promise<unknown>>;
  await handle.close();
  const undo: (() => void)[] = [];
  let number = 0;
  const hook = (target: Record<string, unknown>, name: string): void => {
    const real = target[name] as (...values: unknown[]) => Promise<unknown>;
    target[name] = async function (this: unknown, ...values: unknown[]) {
      before(number++);
      return await real.apply(this, values);
    };
    undo.push(() => {
      target[name] = real;
    });
  };
  for (const name of ["read", "stat", "write"]) hook(prototype, name);
  for (const name of ["open", "readdir", "readFile", "lstat", "unlink"]) {
    hook(promises as unknown as Record<string, unknown>, name);
  }
  syncBuiltinESMExports();
  try {
    return await action();
  } finally {
    for (const each of undo) each();
    syncBuiltinESMExports();
  }
}

/**
 * Takes a capture, reads all of it and closes it.
 * @returns the reasons of its problems, else the code of the error
 */
async function attempt(before: (number: number) => void, options: Partial<CaptureOptions>): Promise<string> {
  try {
    return await watching(before, async () => {
      const capture = await captureProfile(dir, { live: false, ...options });
      try {
        for (const { size, read } of capture.files) await read(0, size);
        return (await verifyCapture(capture)).problems.map(({ reason }) => reason).join();
      } finally {
        await capture.close();
      }
    });
  } catch (error) {
    if (!isVaultError(error)) throw error;
    return error.code;
  }
}

describe.skipIf(process.platform !== "linux").each([
  { form: "LevelDB", profile: levelDbProfile },
  { form: "SQLite", profile: sqliteProfile },
])("a capture of $form on a disk that fails", ({ profile }) => {
  // In `npm test` each way begins with another operation.
  it.each<[Partial<CaptureOptions>, number]>([
    [{ live: false }, 0],
    [{ live: true }, 1],
    [{ live: true, maxOpenFiles: 0 }, 2],
  ])("closes and removes every file of its own, whichever operation fails (%o)", async (options, turn) => {
    await writeFiles(dir, profile());
    let count = 0;
    expect(await attempt(() => count++, options)).toBe("");
    const answers = new Map<string, number>();
    const every = times(5, 1);
    for (let at = turn % every; at < count; at += every) {
      const fail = (number: number): void => {
        if (number === at) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
      };
      const answer = await attempt(fail, options);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
      expect(heldBelow(root), `operation ${at} of ${count}: ${answer}`).toEqual([]);
      expect(await readdir(root)).toEqual(["profile"]);
    }
    for (const answer of answers.keys()) expect(["", "UNAVAILABLE"]).toContain(answer);
    expect(answers.get("UNAVAILABLE")).toBeGreaterThan(count / every / 2);
  });

  it("is whole or UNAVAILABLE, never CORRUPT, when the profile is removed meanwhile", async () => {
    await writeFiles(dir, profile());
    let count = 0;
    await attempt(() => count++, {});
    const form = profile === sqliteProfile ? "sqlite" : "leveldb";
    for (let at = 0; at < count; at += times(7, 3)) {
      await writeFiles(dir, profile());
      const remove = (number: number): void => {
        if (number === at) rmSync(dir, { recursive: true });
      };
      const answer = await attempt(remove, { expected: { indexedDb: form, localStorage: form } });
      expect(["", "UNAVAILABLE"], `operation ${at} of ${count}`).toContain(answer);
      expect(heldBelow(root)).toEqual([]);
    }
    expect(await readdir(root)).toEqual([]);
  });
});
