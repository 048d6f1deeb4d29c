import { mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { VaultError } from "../../lib/errors.ts";
import { discardReplaced, newStagingPath, recoverSwap, swapIn } from "../../lib/profile/swap.ts";
import { useFolder } from "../support/folder.ts";
import { readProfile, writeProfile } from "./support/uniform-profile.ts";

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

async function replaced(): Promise<string[]> {
  const names = (await readdir(root)).filter((name) => name.startsWith("RemoteAuth.replaced"));
  return await Promise.all(names.map((name) => readProfile(join(root, name))));
}

describe("swapIn", () => {
  it("puts the staged profile in place and keeps the old one until it is discarded", async () => {
    await writeProfile(to, "old");
    await writeProfile(from, "new");
    await swapIn({ from, to });
    expect(await readProfile(to)).toBe("new");
    expect(await replaced()).toEqual(["old"]);
    expect(await beside()).toEqual([".replaced"]);
    await discardReplaced(to);
    await discardReplaced(to);
    expect(await readdir(root)).toEqual(["RemoteAuth"]);
    expect(await recoverSwap(to)).toBe("none");
  });

  it("needs no old profile", async () => {
    await writeProfile(from, "new");
    await swapIn({ from, to });
    expect(await readProfile(to)).toBe("new");
    expect(await readdir(root)).toEqual(["RemoteAuth"]);
  });

  it("removes what an earlier swap replaced", async () => {
    await writeProfile(to, "old");
    await writeProfile(`${to}.replaced-0`, "older");
    await writeProfile(from, "new");
    await swapIn({ from, to });
    expect(await replaced()).toEqual(["old"]);
  });

  it("rejects a staged directory that has no staging path, or does not exist", async () => {
    await writeProfile(to, "old");
    await expect(swapIn({ from: join(root, "else"), to })).rejects.toMatchObject({ code: "INVALID" });
    await expect(swapIn({ from, to })).rejects.toMatchObject({ code: "INVALID" });
    expect(await readProfile(to)).toBe("old");
  });

  it("moves nothing when `beforeMove` rejects", async () => {
    await writeProfile(to, "old");
    await writeProfile(from, "new");
    const beforeMove = async (): Promise<void> => {
      expect(await readProfile(to)).toBe("old");
      throw new VaultError("LEASE_HELD", "taken");
    };
    await expect(swapIn({ from, to, beforeMove })).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect(await readProfile(to)).toBe("old");
    expect(await readdir(root)).toEqual(["RemoteAuth"]);
  });

  it("works beside the staged directory of another restore", async () => {
    const other = newStagingPath(to);
    expect(other).not.toBe(from);
    await writeProfile(to, "old");
    await writeProfile(from, "new");
    await writeProfile(other, "newer");
    await swapIn({ from, to });
    await swapIn({ from: other, to });
    expect(await readProfile(to)).toBe("newer");
    expect(await replaced()).toEqual(["new"]);
  });
});

describe("recoverSwap", () => {
  it("undoes a swap whose staged profile is half-written", async () => {
    await writeProfile(to, "old");
    await mkdir(join(from, "Default"), { recursive: true });
    expect(await recoverSwap(to)).toBe("undone");
    expect(await readProfile(to)).toBe("old");
    expect(await readdir(root)).toEqual(["RemoteAuth"]);
  });

  it("undoes a swap whose mark was not completely written", async () => {
    await writeProfile(to, "old");
    await writeProfile(from, "new");
    await writeFile(`${to}.swap.new`, basename(from));
    expect(await recoverSwap(to)).toBe("undone");
    expect(await readdir(root)).toEqual(["RemoteAuth"]);
  });

  it("does not put back a profile that was replaced before the current one disappeared", async () => {
    await writeProfile(`${to}.replaced-0`, "logged out since");
    expect(await recoverSwap(to)).toBe("none");
    expect(await readProfile(to)).toBe("missing");
  });

  it("removes the staged profiles of several starts that died, and keeps the profile", async () => {
    await writeProfile(to, "old");
    for (let n = 0; n < 3; n++) await writeProfile(newStagingPath(to), "half");
    await writeProfile(`${to}-b.staged-1`, "of another session");
    expect(await recoverSwap(to)).toBe("undone");
    expect(await readProfile(to)).toBe("old");
    expect((await readdir(root)).sort()).toEqual(["RemoteAuth", "RemoteAuth-b.staged-1"]);
  });

  it("finishes the swap that the mark names, and removes other staged profiles", async () => {
    await writeProfile(to, "old");
    await writeProfile(newStagingPath(to), "half");
    await writeProfile(from, "new");
    await writeFile(`${to}.swap`, `${basename(from)}\n`);
    expect(await recoverSwap(to)).toBe("finished");
    expect(await readProfile(to)).toBe("new");
    expect(await replaced()).toEqual(["old"]);
    expect(await beside()).toEqual([".replaced"]);
  });

  const marks: Record<string, () => Promise<unknown>> = {
    "is empty": () => writeFile(`${to}.swap`, ""),
    "is torn": () => writeFile(`${to}.swap`, "RemoteAuth.sta"),
    "names something else": () => writeFile(`${to}.swap`, ".."),
    "is a directory": () => mkdir(join(`${to}.swap`, "x"), { recursive: true }),
  };
  it.each(Object.entries(marks))("keeps the profile in place when the mark %s", async (_what, make) => {
    await writeProfile(to, "old");
    await writeProfile(from, "new");
    await make();
    expect(await recoverSwap(to)).toBe("undone");
    expect(await readProfile(to)).toBe("old");
    expect(await readdir(root)).toEqual(["RemoteAuth"]);
  });

  it.each([["does not exist", async () => {}] as const, ...Object.entries(marks)])(
    "finishes a swap whose old profile was moved away already, although the mark %s",
    async (_what, make) => {
      await writeProfile(`${to}.replaced${from.slice(`${to}.staged`.length)}`, "old");
      await writeProfile(from, "new");
      await make();
      expect(await recoverSwap(to)).toBe("finished");
      expect(await readProfile(to)).toBe("new");
      expect(await replaced()).toEqual(["old"]);
    },
  );

  it("finishes a swap although another profile was put in place meanwhile, and loses none of the three", async () => {
    await writeProfile(`${to}.replaced${from.slice(`${to}.staged`.length)}`, "old");
    await writeProfile(from, "new");
    await writeProfile(to, "another");
    await writeFile(`${to}.swap`, basename(from));
    expect(await recoverSwap(to)).toBe("finished");
    expect(await readProfile(to)).toBe("new");
    expect((await replaced()).sort()).toEqual(["another", "old"]);
  });

  it("changes nothing without a profile, nor without its directory", async () => {
    expect(await recoverSwap(join(root, "never"))).toBe("none");
    expect(await recoverSwap(join(root, "no", "folder"))).toBe("none");
  });
});
