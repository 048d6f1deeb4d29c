import promises, { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { basename, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { isVaultError, VaultError } from "../../lib/errors.ts";
import { discardReplaced, newStagingPath, recoverSwap, swapIn } from "../../lib/profile/swap.ts";
import { useFolder } from "../support/folder.ts";

const newFolder = useFolder();
let root: string;
let to: string;
let from: string;

beforeEach(() => {
  root = newFolder();
  to = join(root, "RemoteAuth");
  from = newStagingPath(to);
});

/** A profile of three files that all say `what`. */
async function write(dir: string, what: string): Promise<void> {
  await mkdir(join(dir, "Default", "Local Storage"), { recursive: true });
  for (const name of ["Last Version", "Default/one", "Default/Local Storage/two"])
    await writeFile(join(dir, name), what);
}

/** What all files of a profile say; `torn` when they do not agree. */
async function read(dir: string): Promise<string> {
  const names = ["Last Version", "Default/one", "Default/Local Storage/two"];
  const said = await Promise.all(names.map((name) => readFile(join(dir, name), "utf8").catch(() => "missing")));
  return new Set(said).size === 1 ? (said[0] as string) : "torn";
}

/** What lies beside the profile, without the numbers. */
async function beside(): Promise<string[]> {
  const names = (await readdir(root)).filter((name) => name !== "RemoteAuth");
  return names.map((name) => name.replace(/^RemoteAuth|-[0-9a-f]+$/g, "")).sort();
}

async function replaced(): Promise<string[]> {
  const names = (await readdir(root)).filter((name) => name.startsWith("RemoteAuth.replaced"));
  return await Promise.all(names.map((name) => read(join(root, name))));
}

/** Lets `allowed` changes of the disk through and dies at the next: it and all that follow have no effect. */
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

describe("swapIn", () => {
  it("puts the staged profile in place and keeps the old one until it is discarded", async () => {
    await write(to, "old");
    await write(from, "new");
    await swapIn({ from, to });
    expect(await read(to)).toBe("new");
    expect(await replaced()).toEqual(["old"]);
    expect(await beside()).toEqual([".replaced"]);
    await discardReplaced(to);
    await discardReplaced(to);
    expect(await readdir(root)).toEqual(["RemoteAuth"]);
    expect(await recoverSwap(to)).toBe("none");
  });

  it("needs no old profile", async () => {
    await write(from, "new");
    await swapIn({ from, to });
    expect(await read(to)).toBe("new");
    expect(await readdir(root)).toEqual(["RemoteAuth"]);
  });

  it("removes what an earlier swap replaced", async () => {
    await write(to, "old");
    await write(`${to}.replaced-0`, "older");
    await write(from, "new");
    await swapIn({ from, to });
    expect(await replaced()).toEqual(["old"]);
  });

  it("refuses a directory that is not a staging one, or not there", async () => {
    await write(to, "old");
    await expect(swapIn({ from: join(root, "else"), to })).rejects.toMatchObject({ code: "INVALID" });
    await expect(swapIn({ from, to })).rejects.toMatchObject({ code: "INVALID" });
    expect(await read(to)).toBe("old");
  });

  it("moves nothing when it is told not to", async () => {
    await write(to, "old");
    await write(from, "new");
    const beforeMove = async (): Promise<void> => {
      expect(await read(to)).toBe("old");
      throw new VaultError("LEASE_HELD", "taken");
    };
    await expect(swapIn({ from, to, beforeMove })).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect(await read(to)).toBe("old");
    expect(await readdir(root)).toEqual(["RemoteAuth"]);
  });

  it("never meets another restore: each has its own place", async () => {
    const other = newStagingPath(to);
    expect(other).not.toBe(from);
    await write(to, "old");
    await write(from, "new");
    await write(other, "newer");
    await swapIn({ from, to });
    await swapIn({ from: other, to });
    expect(await read(to)).toBe("newer");
    expect(await replaced()).toEqual(["new"]);
  });

  it.each(["old", undefined])("leaves one of the two whole, whenever it dies (before: %s)", async (before) => {
    const seen = new Set<string>();
    let steps = 0;
    for (let allowed = 0, isDone = false; !isDone; allowed++, steps++) {
      await rm(root, { recursive: true, force: true });
      if (before) await write(to, before);
      await write(from, "new");
      isDone = await dyingAfter(allowed, () => swapIn({ from, to }));
      const recovered = await recoverSwap(to);
      const found = await read(to);
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
  });

  it("leaves one of the two whole when the recovery dies as well, again and again", async () => {
    for (let first = 0; first < 8; first++) {
      for (let second = 0; second < 8; second++) {
        await rm(root, { recursive: true, force: true });
        await write(to, "old");
        await write(from, "new");
        await dyingAfter(first, () => swapIn({ from, to }));
        await dyingAfter(second, () => recoverSwap(to));
        await recoverSwap(to);
        expect(["old", "new"], `died after ${first} and ${second}`).toContain(await read(to));
      }
    }
  });
});

describe("recoverSwap", () => {
  it("never takes a half-written staging directory for a complete one", async () => {
    await write(to, "old");
    await mkdir(join(from, "Default"), { recursive: true });
    expect(await recoverSwap(to)).toBe("undone");
    expect(await read(to)).toBe("old");
    expect(await readdir(root)).toEqual(["RemoteAuth"]);
  });

  it("does not take a mark that was not finished for one", async () => {
    await write(to, "old");
    await write(from, "new");
    await writeFile(`${to}.swap.new`, basename(from));
    expect(await recoverSwap(to)).toBe("undone");
    expect(await readdir(root)).toEqual(["RemoteAuth"]);
  });

  it("does not bring back a profile that was replaced before the current one went", async () => {
    await write(`${to}.replaced-0`, "logged out since");
    expect(await recoverSwap(to)).toBe("none");
    expect(await read(to)).toBe("missing");
  });

  it("clears up what several starts have left that died, and keeps the profile", async () => {
    await write(to, "old");
    for (let n = 0; n < 3; n++) await write(newStagingPath(to), "half");
    await write(`${to}-b.staged-1`, "of another session");
    expect(await recoverSwap(to)).toBe("undone");
    expect(await read(to)).toBe("old");
    expect((await readdir(root)).sort()).toEqual(["RemoteAuth", "RemoteAuth-b.staged-1"]);
  });

  it("finishes the swap that the mark names, and no other", async () => {
    await write(to, "old");
    await write(newStagingPath(to), "half");
    await write(from, "new");
    await writeFile(`${to}.swap`, `${basename(from)}\n`);
    expect(await recoverSwap(to)).toBe("finished");
    expect(await read(to)).toBe("new");
    expect(await replaced()).toEqual(["old"]);
    expect(await beside()).toEqual([".replaced"]);
  });

  const marks: Record<string, () => Promise<unknown>> = {
    "is empty": () => writeFile(`${to}.swap`, ""),
    "is torn": () => writeFile(`${to}.swap`, "RemoteAuth.sta"),
    "names something else": () => writeFile(`${to}.swap`, ".."),
    "is a directory": () => mkdir(join(`${to}.swap`, "x"), { recursive: true }),
  };
  it.each(Object.entries(marks))("with a mark that %s keeps the profile that stands", async (_what, make) => {
    await write(to, "old");
    await write(from, "new");
    await make();
    expect(await recoverSwap(to)).toBe("undone");
    expect(await read(to)).toBe("old");
    expect(await readdir(root)).toEqual(["RemoteAuth"]);
  });

  it.each([["no mark", async () => {}] as const, ...Object.entries(marks)])(
    "finishes a swap of which the profile was moved away already, although it %s",
    async (_what, make) => {
      await write(`${to}.replaced${from.slice(`${to}.staged`.length)}`, "old");
      await write(from, "new");
      await make();
      expect(await recoverSwap(to)).toBe("finished");
      expect(await read(to)).toBe("new");
      expect(await replaced()).toEqual(["old"]);
    },
  );

  it("finishes a swap although somebody has put a profile there meanwhile, and loses none of the three", async () => {
    await write(`${to}.replaced${from.slice(`${to}.staged`.length)}`, "old");
    await write(from, "new");
    await write(to, "somebody's");
    await writeFile(`${to}.swap`, basename(from));
    expect(await recoverSwap(to)).toBe("finished");
    expect(await read(to)).toBe("new");
    expect((await replaced()).sort()).toEqual(["old", "somebody's"]);
  });

  it("has nothing to do where nothing is", async () => {
    expect(await recoverSwap(join(root, "never"))).toBe("none");
    expect(await recoverSwap(join(root, "no", "folder"))).toBe("none");
  });
});
