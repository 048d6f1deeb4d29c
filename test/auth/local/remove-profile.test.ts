import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useFolder } from "../../support/folder.ts";
import { rightTime } from "../../support/monotonic-clock.ts";

const { failing } = vi.hoisted(() => ({ failing: { rename: 0, rm: 0 } }));
const busy = () => Object.assign(new Error("EBUSY: resource busy or locked"), { code: "EBUSY" });

// Windows refuses to move or delete a file that a process has open; here the mock refuses it.
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  return {
    ...real,
    rename: async (...paths: Parameters<typeof real.rename>) => {
      if (failing.rename-- > 0) throw busy();
      return await real.rename(...paths);
    },
    rm: async (...options: Parameters<typeof real.rm>) => {
      if (failing.rm-- > 0) throw busy();
      return await real.rm(...options);
    },
  };
});

const { removeDeleted, removeLeftovers, removeProfile } = await import("../../../lib/auth/local/remove-profile.ts");

let parent: string;
let profile: string;
const folder = useFolder();
beforeEach(() => {
  parent = folder();
  profile = join(parent, "session");
  mkdirSync(join(profile, "Default"), { recursive: true });
  writeFileSync(join(profile, "Default", "file"), "x");
  failing.rename = 0;
  failing.rm = 0;
});
afterEach(() => {
  failing.rm = 0;
});

describe("removeProfile", () => {
  it("removes the profile, and accepts a missing profile", async () => {
    expect(await removeProfile(profile, 4)).toBe(true);
    expect(readdirSync(parent)).toEqual([]);
    expect(await removeProfile(profile, 4)).toBe(true);
  });

  it("tries again while the profile is busy", async () => {
    failing.rename = 2;
    expect(await removeProfile(profile, 4)).toBe(true);
    expect(readdirSync(parent)).toEqual([]);
  });

  it("renames files that cannot be deleted now, and leaves them to the next start", async () => {
    failing.rm = 1;
    expect(await removeProfile(profile, 0)).toBe(true);
    expect(existsSync(profile)).toBe(false);
    expect(readdirSync(parent)).toHaveLength(1);
    mkdirSync(profile);
    mkdirSync(`${profile}-b.removed-1`);
    await removeLeftovers(profile);
    expect(readdirSync(parent).sort()).toEqual(["session", "session-b.removed-1"]);
  });

  it("empties a directory that cannot be renamed, such as a mount point", async () => {
    failing.rename = Number.POSITIVE_INFINITY;
    expect(await removeProfile(profile, 1)).toBe(true);
    expect(readdirSync(profile)).toEqual([]);
  });

  it("resolves to false when every attempt fails", async () => {
    failing.rename = Number.POSITIVE_INFINITY;
    failing.rm = Number.POSITIVE_INFINITY;
    expect(await removeProfile(profile, 1)).toBe(false);
    expect(existsSync(join(profile, "Default", "file"))).toBe(true);
  });
});

describe("removeDeleted", () => {
  const DAY = 86_400_000;
  // The times of files stay as they are, whatever the clock of the run does.
  const setAhead = (ms: number): unknown => vi.setSystemTime(Math.ceil(rightTime()) + ms);
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["Date"] });
    setAhead(0);
  });
  afterEach(() => void vi.useRealTimers());
  const left = (): string[] => readdirSync(parent).filter((name) => name.startsWith("session.deleted"));

  it("removes nothing at the first start whose clock says that it is time, however far ahead that clock is", async () => {
    mkdirSync(`${profile}.deleted`);
    mkdirSync(`${profile}.deleted-2`);
    await removeDeleted(profile);
    expect(left()).toEqual(["session.deleted", "session.deleted-2"]);
    setAhead(30 * DAY);
    await removeDeleted(profile);
    expect(left()).toHaveLength(2);
    // The clock is right again: the time has begun anew.
    setAhead(0);
    for (let start = 0; start < 3; start++) await removeDeleted(profile);
    expect(left()).toHaveLength(2);
    expect(existsSync(profile)).toBe(true);
  });

  it("removes at a start that finds a second time over", async () => {
    mkdirSync(`${profile}.deleted`);
    setAhead(8 * DAY);
    await removeDeleted(profile);
    expect(left()).toEqual([expect.stringMatching(/^session\.deleted-old-/)]);
    await removeDeleted(profile, 9 * DAY);
    expect(left()).toHaveLength(1);
    await removeDeleted(profile);
    expect(left()).toEqual([]);
  });
});
