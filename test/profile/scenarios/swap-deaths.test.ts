import promises, { readdir, rm } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { isVaultError } from "../../../lib/errors.ts";
import { newStagingPath, recoverSwap, swapIn } from "../../../lib/profile/swap.ts";
import { useFolder } from "../../support/folder.ts";
import { readProfile, writeProfile } from "../support/uniform-profile.ts";

const newFolder = useFolder();
let root: string;
let to: string;
let from: string;

beforeEach(() => {
  root = newFolder();
  to = join(root, "RemoteAuth");
  from = newStagingPath(to);
});

/** The names beside the profile, without the profile's own name and without ids. */
async function beside(): Promise<string[]> {
  const names = (await readdir(root)).filter((name) => name !== "RemoteAuth");
  return names.map((name) => name.replace(/^RemoteAuth|-[0-9a-f]+$/g, "")).sort();
}

/**
 * Lets `allowed` changes of the disk through; every later one fails, as if the process had died.
 * @returns whether `action` has finished
 */
async function dyingAfter(allowed: number, action: () => Promise<unknown>): Promise<boolean> {
  const names = ["rename", "rm", "unlink", "open"] as const;
  const real = Object.fromEntries(names.map((name) => [name, promises[name]]));
  let done = 0;
  for (const name of names) {
    Object.assign(promises, {
      [name]: async (...values: unknown[]) => {
        const isRead = name === "open" && (values[1] === "r" || values[1] === "r+");
        if (!isRead && done++ >= allowed) throw Object.assign(new Error("the process is gone"), { code: "KILLED" });
        return await (real[name] as (...values: unknown[]) => Promise<unknown>)(...values);
      },
    });
  }
  syncBuiltinESMExports();
  try {
    await action();
    return true;
  } catch (error) {
    if (isVaultError(error) && (error.cause as NodeJS.ErrnoException).code === "KILLED") return false;
    throw error;
  } finally {
    Object.assign(promises, real);
    syncBuiltinESMExports();
  }
}

describe("a swap of profiles whose process dies", () => {
  it.each(["old", undefined])(
    "leaves one of the two profiles whole after every change of the disk (old profile: %s)",
    async (before) => {
      const seen = new Set<string>();
      let steps = 0;
      for (let allowed = 0, isDone = false; !isDone; allowed++, steps++) {
        await rm(root, { recursive: true, force: true });
        if (before) await writeProfile(to, before);
        await writeProfile(from, "new");
        isDone = await dyingAfter(allowed, () => swapIn({ from, to }));
        const recovered = await recoverSwap(to);
        const found = await readProfile(to);
        seen.add(`${recovered}: ${found}`);
        expect(["new", before ?? "missing"]).toContain(found);
        expect(recovered === "undone").toBe(found !== "new");
        expect(await recoverSwap(to)).toBe("none");
        expect((await beside()).filter((name) => name !== ".replaced")).toEqual([]);
      }
      expect(steps).toBeGreaterThan(4);
      expect(seen).toContain(`undone: ${before ?? "missing"}`);
      expect(seen).toContain("finished: new");
      expect(seen).toContain("none: new");
    },
  );

  it("leaves one of the two profiles whole when the recovery dies as well", async () => {
    for (let first = 0; first < 8; first++) {
      for (let second = 0; second < 8; second++) {
        await rm(root, { recursive: true, force: true });
        await writeProfile(to, "old");
        await writeProfile(from, "new");
        await dyingAfter(first, () => swapIn({ from, to }));
        await dyingAfter(second, () => recoverSwap(to));
        await recoverSwap(to);
        expect(["old", "new"], `died after ${first} and ${second}`).toContain(await readProfile(to));
      }
    }
  });
});
